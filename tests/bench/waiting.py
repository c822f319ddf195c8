"""What campaigns cost that wait for tomorrow, beside one at work: two `dialer serve` on one PostgreSQL."""

import signal
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from dialer.adapters.ledger.postgres import open_shared_postgres
from dialer.adapters.system.clock import SystemClock
from dialer.domain.calls import CallJob
from dialer.engine.submissions import Submissions
from tests.bench.report import Report
from tests.bench.serving import Server
from tests.bench.spending import processor_s_of
from tests.cli.cli_process import COMMAND
from tests.processes.places import FROM, Place, SimulatedAccount, numbers
from tests.processes.programs import Program, wait_for
from tests.support.postgres import a_schema, sql

WAITING = (0, 100, 300)
CPS = 20
PEOPLE = 600
SPEED = 40.0
SETTLED_S = 8.0
"""All campaigns are at hand by then."""
LOOK_S = 8.0
DONE_S_MAX = 300.0
DAY_S = 86_400.0
SLOTS = 100
SETTINGS = f'from_numbers = ["{FROM}"]\npace.cps = {CPS}\npace.slots = {SLOTS}\n'


@dataclass(frozen=True, slots=True)
class Took:
    """Of one of the two workers, and of both."""

    idle: float
    """Part of a core while nobody is called."""
    busy: float
    """The same while one campaign is at work."""
    seconds: float
    """For all calls of that campaign."""


def measure_waiting(report: Report, server: Server, quick: bool) -> None:
    """The bare server is not needed: the account is the simulator's."""
    del server
    people, waiting = (100, WAITING[:2]) if quick else (PEOPLE, WAITING)
    report.begin("waiting", f"campaigns that wait, beside {people} calls at {CPS} a second: two workers")
    found = {many: _beside(many, people) for many in waiting}
    rows = [
        (str(many), f"{took.idle:.1%}", f"{took.busy:.1%}", f"{took.seconds:.1f} s")
        for many, took in found.items()
    ]
    report.table(("waiting", "of a core, nobody is called", "of a core, calling", "all called"), rows)
    report.figures["waiting"] = {
        str(many): {"idle": took.idle, "busy": took.busy, "seconds": took.seconds}
        for many, took in found.items()
    }


def _beside(waiting: int, people: int) -> Took:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="dialer-bench-")))
        url = stack.enter_context(a_schema())
        slots = ("--concurrency", str(SLOTS))
        account = stack.enter_context(SimulatedAccount(folder / "account", *slots, speed=SPEED))
        place = Place(folder / "place", account.url, SPEED, {"DIALER_LEDGER__URL": url})
        place.root.mkdir()
        (place.root / "dialer.toml").write_text(SETTINGS)
        anyio.run(_fill, url, [f"waiting-{n}" for n in range(waiting)], 3, DAY_S)
        workers = [stack.enter_context(_serve(place, name)) for name in "ab"]
        for each in workers:
            each.until("service.started")
        time.sleep(SETTLED_S)
        began, spent = time.perf_counter(), _spent(workers)
        time.sleep(LOOK_S)
        idle = (_spent(workers) - spent) / (time.perf_counter() - began)
        began, spent = time.perf_counter(), _spent(workers)
        anyio.run(_fill, url, ["busy"], people, 0.0)
        wait_for(lambda: _called(url) >= people, "all are called", DONE_S_MAX)
        seconds = time.perf_counter() - began
        busy = (_spent(workers) - spent) / seconds
        for each in workers:
            each.signal(signal.SIGTERM)
        for each in workers:
            each.ended()
    return Took(idle, busy, seconds)


def _serve(place: Place, worker: str) -> Program:
    argv = (*COMMAND, "serve", "--worker", worker, "--log-format", "json", "--config", "dialer.toml")
    environ = {name: value for name, value in place.environment().items() if "PACE" not in name}
    return Program(argv, cwd=place.root, env=environ)


def _spent(workers: list[Program]) -> float:
    """Processor time of one of them, on average."""
    return sum(processor_s_of(each.pid) for each in workers) / len(workers)


def _called(url: str) -> int:
    return int(sql(url, "SELECT count(*) FROM job WHERE state = 'done'")[0][0])


async def _fill(url: str, names: list[str], people: int, later_s: float) -> None:
    not_before = SystemClock().now() + later_s if later_s else None
    async with open_shared_postgres(url, lambda _: None) as ledger:
        submissions = Submissions(ledger, ledger, SystemClock(), "bench")
        for name in names:
            jobs = [CallJob(each, each, job_id=each, not_before=not_before) for each in numbers(people)]
            await submissions.submit(name, jobs)
