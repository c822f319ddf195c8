"""Jobs per second and processor time per job, ours beside the bare loop and the SDK, in turn."""

from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from tests.bench.leads import write_bodies, write_phone_leads, write_web_leads
from tests.bench.report import Report, shown
from tests.bench.serving import Server, measure

OF_BARE_WANTED = 0.35
OF_SDK_WANTED = 4.0
SLOW_LATENCY_S = 0.2
SLOW_SYNC_S = 0.010
SLOW_IN_FLIGHT = 256
BARE = "bare aiohttp loop"
SDK_BEST = "SDK, aiohttp transport"
SDK_DEFAULT = "SDK, its default"
PHONE = "dialer, phone calls"
WEB = "dialer, web calls"
SLOW_DISK = "dialer, phone, slow disk"


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to make calls. `share`: of the round's jobs, for what is slow or takes long to be steady."""

    name: str
    what: str
    kind: str = "phone_call"
    share: float = 1.0
    sync_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run in turn, round after round."""

    section: str
    title: str
    variants: tuple[Variant, ...]
    jobs: int
    rounds: int
    in_flight: int
    latency_s: float


@dataclass(frozen=True, slots=True)
class Took:
    """One variant in one round."""

    per_second: float
    cpu_us: float
    creates_per_second: float
    """As the server saw them come, from the first to the last: without start, tracking and end."""


def fast(quick: bool) -> Plan:
    """The API answers at once: only our own work counts.

    The rounds are long enough that the start, and the last poll's wait for the last end, do not.
    """
    return Plan(
        "throughput",
        "1, 2. Jobs per second, processor time per job: 64 requests in flight, the server answers at once",
        (
            Variant(PHONE, "ours"),
            Variant(WEB, "ours", kind="web_call"),
            Variant(BARE, "bare"),
            Variant(SDK_BEST, "sdk_best", share=0.4 if quick else 0.15),
            Variant(SDK_DEFAULT, "sdk_default", share=0.2 if quick else 0.05),
        ),
        jobs=1_500 if quick else 40_000,
        rounds=2 if quick else 5,
        in_flight=64,
        latency_s=0.0,
    )


def slow(quick: bool) -> Plan:
    """What users have: an API that takes its time, and a disk that does."""
    return Plan(
        "slow",
        "8. Jobs per second: 256 requests in flight, answers after 200 ms; slow disk: 10 ms more per commit",
        (
            Variant(PHONE, "ours"),
            Variant(WEB, "ours", kind="web_call"),
            Variant(SLOW_DISK, "ours", sync_s=SLOW_SYNC_S),
            Variant("dialer, web, slow disk", "ours", kind="web_call", sync_s=SLOW_SYNC_S),
            Variant(BARE, "bare"),
            Variant(SDK_BEST, "sdk_best", share=0.5),
            Variant(SDK_DEFAULT, "sdk_default", share=0.1),
        ),
        jobs=1_500 if quick else 6_000,
        rounds=1 if quick else 3,
        in_flight=SLOW_IN_FLIGHT,
        latency_s=SLOW_LATENCY_S,
    )


def slow_disk_alone(quick: bool) -> Plan:
    """The zero-latency server once more, with the slow disk."""
    return Plan(
        "slow",
        "8b. The same with 64 in flight and a server that answers at once",
        (
            Variant(SLOW_DISK, "ours", sync_s=SLOW_SYNC_S),
            Variant(BARE, "bare"),
            Variant(SDK_BEST, "sdk_best", share=0.4),
        ),
        jobs=1_500 if quick else 6_000,
        rounds=1 if quick else 3,
        in_flight=64,
        latency_s=0.0,
    )


def compare(report: Report, server: Server, plan: Plan) -> None:
    """Run the plan and print its table."""
    report.begin(plan.section, plan.title)
    took: dict[str, list[Took]] = {variant.name: [] for variant in plan.variants}
    with TemporaryDirectory(prefix="dialer-bench-") as folder:
        phone = write_phone_leads(Path(folder) / "phone.csv", plan.jobs)
        web = write_web_leads(Path(folder) / "web.csv", plan.jobs)
        bodies = write_bodies(Path(folder) / "bodies", plan.jobs)
        files = {"phone_call": str(phone), "web_call": str(web), "bodies": str(bodies)}
        for at in range(plan.rounds):
            # another one goes first each time, so that none always has the warm or the tired machine
            turn = at % len(plan.variants)
            for variant in (*plan.variants[turn:], *plan.variants[:turn]):
                took[variant.name].append(_once(server, plan, variant, files))
                report.spin()
    _print(report, plan, took)


def _once(server: Server, plan: Plan, variant: Variant, files: dict[str, str]) -> Took:
    server.reset(plan.latency_s)
    given: dict[str, Any] = {"url": server.url, "in_flight": plan.in_flight}
    jobs = plan.jobs
    if variant.what == "ours":
        with TemporaryDirectory(prefix="dialer-bench-") as folder:
            given |= {"leads": files[variant.kind], "folder": folder, "kind": variant.kind}
            measured = measure("ours", **given, sync_s=variant.sync_s)
    else:
        jobs = int(plan.jobs * variant.share)
        measured = measure(variant.what, **given, bodies=files["bodies"], jobs=jobs)
    created = server.stats()["created_at"]
    if not measured["jobs"] == len(created) == jobs:
        raise RuntimeError(f"{variant.name}: {jobs} jobs, {measured['jobs']} done, {len(created)} created")
    creates = (jobs - 1) / (max(created) - min(created))
    return Took(jobs / measured["seconds"], measured["cpu_s"] / jobs * 1e6, creates)


def _print(report: Report, plan: Plan, took: dict[str, list[Took]]) -> None:
    rows: list[list[str]] = []
    figures: dict[str, dict[str, Any]] = {}
    for name, rounds in took.items():
        rates = [each.per_second for each in rounds]
        cpu_us = [each.cpu_us for each in rounds]
        of = {rival: _ratios(rounds, took[rival]) for rival in (BARE, SDK_BEST, SDK_DEFAULT) if rival in took}
        creates = median(each.creates_per_second for each in rounds)
        ratios = (shown(ratio, 2) for ratio in of.values())
        rows.append([name, shown(rates), f"{creates:,.0f}", shown(cpu_us), *ratios])
        figures[name] = {
            "per_second": rates,
            "creates_per_second": creates,
            "cpu_us_per_job": cpu_us,
            **{f"of {rival}": median(ratio) for rival, ratio in of.items()},
        }
    titles = {BARE: "of bare", SDK_BEST: "of SDK aiohttp", SDK_DEFAULT: "of SDK default"}
    rivals = [title for rival, title in titles.items() if rival in took]
    report.table(["", "jobs/s", "creates/s", "CPU us/job", *rivals], rows)
    report.note(
        f"medians (lowest to highest) of {plan.rounds} rounds of {plan.jobs:,} jobs (SDK: fewer), in turn;"
    )
    report.note(
        "ratios are of the same round. dialer: CSV row to durable result (SQLite, FULL) and results log"
    )
    report.figures[plan.title.partition(".")[0]] = figures
    if plan.latency_s == 0 and PHONE in took:
        report.target(
            "of_bare", "phone calls, of the bare loop", figures[PHONE][f"of {BARE}"], OF_BARE_WANTED
        )
        report.target(
            "of_sdk",
            "phone calls, times the SDK's default",
            figures[PHONE][f"of {SDK_DEFAULT}"],
            OF_SDK_WANTED,
        )


def _ratios(ours: list[Took], theirs: list[Took]) -> list[float]:
    return [one.per_second / other.per_second for one, other in zip(ours, theirs, strict=True)]
