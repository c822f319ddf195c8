"""Big lists: memory that does not grow with them, rows checked per second, the first call after a restart."""

import shutil
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from tests.bench.leads import write_phone_leads
from tests.bench.report import Report, shown
from tests.bench.serving import Server, measure, start_worker

MEMORY_RATIO_WANTED = 1.3
FEW_ROWS = 10_000
MANY_ROWS = 1_000_000
MANY_ROWS_QUICK = 50_000
FIRST_CALL_S_MAX = 120.0
ASK_EVERY_S = 0.01
HARDLY_A_CALL_CPS = 0.001


def measure_volume(report: Report, server: Server, quick: bool) -> None:
    """Sections 3 and 5: the ledger that the memory of an intake is measured with is then restarted on."""
    many = MANY_ROWS_QUICK if quick else MANY_ROWS
    report.begin("volume", f"3. Peak memory for {FEW_ROWS:,} and {many:,} rows")
    with TemporaryDirectory(prefix="dialer-bench-") as name:
        folder = Path(name)
        few = write_phone_leads(folder / "few.csv", FEW_ROWS)
        leads = write_phone_leads(folder / "many.csv", many)
        _memory(report, server, folder, few, leads, many)
        _restart(report, server, folder, leads, many, rounds=1 if quick else 3)


def measure_check(report: Report, server: Server, quick: bool) -> None:
    """Section 4."""
    rows, rounds = (20_000, 1) if quick else (100_000, 5)
    report.begin("check", f"4. Rows per second: `check` and csv.DictReader over the same {rows:,} rows")
    took: dict[str, list[float]] = {"check": [], "dict_reader": []}
    with TemporaryDirectory(prefix="dialer-bench-") as folder:
        leads = write_phone_leads(Path(folder) / "leads.csv", rows)
        for _ in range(rounds):
            for what, rates in took.items():
                measured = measure(what, leads=str(leads), folder=folder)
                if measured["rows"] != rows:
                    raise RuntimeError(f"{what} saw {measured['rows']} of {rows} rows")
                rates.append(rows / measured["seconds"])
                report.spin()
    ratios = [ours / theirs for ours, theirs in zip(*took.values(), strict=True)]
    report.table(
        ["", "rows/s"],
        [
            ["dialer check (numbers, duplicates, content)", shown(took["check"])],
            ["csv.DictReader (nothing)", shown(took["dict_reader"])],
            ["ratio", shown(ratios, 3)],
        ],
    )
    report.figures["4"] = {**took, "ratio": median(ratios)}


def _memory(report: Report, server: Server, folder: Path, few: Path, many: Path, rows: int) -> None:
    table: list[list[str]] = []
    figures: dict[str, dict[str, Any]] = {}
    for what in ("check", "intake"):
        peaks: list[float] = []
        seconds = 0.0
        for leads, expected in ((few, FEW_ROWS), (many, rows)):
            place = folder / f"{what}-{leads.stem}"
            place.mkdir()
            given: dict[str, Any] = {"leads": str(leads), "folder": str(place)}
            if what == "intake":
                given |= {"url": server.url, "cps": HARDLY_A_CALL_CPS, "only_reads": True}
            measured = measure("check" if what == "check" else "ours", **given)
            if measured["rows"] != expected:
                raise RuntimeError(f"{what} took {measured['rows']} of {expected} rows")
            peaks.append(measured["peak_mib"])
            seconds = measured["seconds"]
            report.spin()
        ratio = peaks[1] / peaks[0]
        table.append(
            [what, f"{peaks[0]:.0f} MiB", f"{peaks[1]:.0f} MiB", f"{ratio:.2f}", f"{rows / seconds:,.0f}"]
        )
        figures[what] = {"peak_mib": peaks, "ratio": ratio, "rows_per_second": rows / seconds}
    report.table(["", f"{FEW_ROWS:,} rows", f"{rows:,} rows", "ratio", "rows/s"], table)
    report.note("the whole process, at its peak. intake: `run` with next to no pace, file to ledger on disk")
    report.figures["3"] = figures
    for what, figure in figures.items():
        name, bound = f"memory_{what}", MEMORY_RATIO_WANTED
        report.target(name, f"memory of {what}, many rows to few", figure["ratio"], bound, at_most=True)


def _restart(report: Report, server: Server, folder: Path, leads: Path, rows: int, rounds: int) -> None:
    report.begin("volume", f"5. First call after a restart on a ledger of {rows:,} open jobs")
    took = []
    for at in range(rounds):
        place = folder / f"restart-{at}"
        shutil.copytree(folder / f"intake-{leads.stem}", place)
        took.append(_first_call_s(server, leads, place))
        shutil.rmtree(place)
        report.spin()
    report.table(["", "seconds"], [["from the start of the process to the first create", shown(took, 2)]])
    report.note("the process starts cold, reads the same file again beside it, and is killed after the call")
    report.figures["5"] = {"first_call_s": took}


def _first_call_s(server: Server, leads: Path, folder: Path) -> float:
    server.reset()
    began = time.perf_counter()
    process = start_worker("ours", url=server.url, leads=str(leads), folder=str(folder), cps=20.0)
    try:
        while time.perf_counter() - began < FIRST_CALL_S_MAX and process.poll() is None:
            if created_at := server.stats()["created_at"]:
                return float(created_at[0] - began)
            time.sleep(ASK_EVERY_S)
        raise RuntimeError("no call was made after the restart")
    finally:
        process.kill()
        process.communicate()
