"""The pace that is kept on the real clock: never over the rate in any sliding second, and close to it."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.bench.leads import write_phone_leads
from tests.bench.report import Report
from tests.bench.serving import Server, measure

RATES = (5, 50, 500)
RUN_S = 10
RUN_S_QUICK = 3
SERVER_WINDOW_S = 0.99
"""Counted at the server, where the way there has jittered."""


def most_in(times: Sequence[float], window_s: float) -> int:
    """The largest number of times in any window, its end left out."""
    ordered, first, most = sorted(times), 0, 0
    for last, at in enumerate(ordered):
        while ordered[first] <= at - window_s:
            first += 1
        most = max(most, last - first + 1)
    return most


def share_used(times: Sequence[float], rate: float) -> float:
    """The rate from the first to the last, as a part of the allowed one."""
    return (len(times) - 1) / (max(times) - min(times)) / rate


def measure_pace(report: Report, server: Server, quick: bool) -> None:
    """Section 6."""
    run_s = RUN_S_QUICK if quick else RUN_S
    report.begin("pace", f"6. Pace kept: {run_s} s each on the real clock")
    rows, figures = [], {}
    for rate in RATES:
        figure = _one(server, rate, run_s)
        report.spin()
        figures[str(rate)] = figure
        rows.append(
            [
                f"{rate} a second",
                str(figure["sent_in_1s"]),
                str(figure["arrived_in_0.99s"]),
                str(figure["arrived_in_1s"]),
                f"{figure['share']:.1%}",
            ]
        )
    sent, arrived = "most sent in 1 s", "most arrived in"
    report.table(["allowed", sent, f"{arrived} 0.99 s", f"{arrived} 1 s", "of the rate used"], rows)
    report.note("largest count in any sliding window; sent: when the request is handed to the HTTP client")
    report.figures["6"] = figures
    over_sent = max(figure["sent_in_1s"] / int(rate) for rate, figure in figures.items())
    over_arrived = max(figure["arrived_in_0.99s"] / int(rate) for rate, figure in figures.items())
    report.target("pace_sent", "most sent in a second, of the rate", over_sent, 1.0, at_most=True)
    report.target("pace_arrived", "most arrived in 0.99 s, of the rate", over_arrived, 1.0, at_most=True)


def _one(server: Server, rate: int, run_s: int) -> dict[str, Any]:
    server.reset()
    jobs = rate * run_s
    with TemporaryDirectory(prefix="dialer-bench-") as folder:
        leads = write_phone_leads(Path(folder) / "leads.csv", jobs)
        given = {"url": server.url, "leads": str(leads), "folder": folder}
        sends = measure("ours", **given, cps=float(rate), notes_sends=True)["sends"]
    arrived = server.stats()["created_at"]
    if not len(sends) == len(arrived) == jobs:
        raise RuntimeError(f"{jobs} jobs, {len(sends)} sent, {len(arrived)} arrived")
    return {
        "sent_in_1s": most_in(sends, 1.0),
        "arrived_in_1s": most_in(arrived, 1.0),
        f"arrived_in_{SERVER_WINDOW_S}s": most_in(arrived, SERVER_WINDOW_S),
        "share": share_used(sends, rate),
    }
