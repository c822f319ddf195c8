"""The workers of a siege: started, killed, stopped for a while, listened to."""

import os
import re
import signal
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

from tests.cli.cli_process import COMMAND
from tests.processes.programs import Program, wait_for
from tests.processes.test_metrics import get, value

STARTED_S_MAX = 180.0
EVENT = re.compile(r'"event":"([a-z_.]+)"')


@dataclass(slots=True)
class Worker:
    number: int
    program: Program
    read: int = 0


@dataclass(slots=True)
class Workers:
    """`ports`: of each worker, for webhooks, metrics and the HTTP API."""

    place: Path
    environ: Mapping[str, str]
    ports: Sequence[tuple[int, int, int]]
    stack: ExitStack
    events: Counter[str] = field(default_factory=Counter)
    """Log lines of all of them so far, by event."""
    alive: dict[int, Worker] = field(default_factory=dict)

    def start(self, number: int) -> None:
        webhooks, metrics, api = self.ports[number]
        listen = {
            "DIALER_WEBHOOKS__LISTEN": f"127.0.0.1:{webhooks}",
            "DIALER_METRICS__LISTEN": f"127.0.0.1:{metrics}",
            "DIALER_API__LISTEN": f"127.0.0.1:{api}",
        }
        argv = (*COMMAND, "serve", "--config", "dialer.toml", "--worker", f"w{number}")
        program = Program(argv, cwd=self.place, env={**self.environ, **listen})
        self.alive[number] = Worker(number, self.stack.enter_context(program))

    def wait(self) -> None:
        """Until all of them work."""
        for worker in self.alive.values():
            worker.program.until("service.started", within_s=STARTED_S_MAX)

    def kill(self, number: int) -> None:
        worker = self.alive.pop(number)
        done = worker.program.killed()
        self._hear(worker)
        assert done.code == -signal.SIGKILL, f"worker {number} ended: {done.code} {done.err[-3000:]}"

    def signal(self, what: signal.Signals, number: int | None = None) -> None:
        for worker in self.alive.values():
            if number in (None, worker.number):
                worker.program.signal(what)

    def look(self) -> None:
        """None ended but by a kill."""
        for worker in self.alive.values():
            self._hear(worker)
            if not worker.program.is_running:
                done = worker.program.ended(1.0)
                raise AssertionError(f"worker {worker.number} ended: {done.code} {done.err[-3000:]}")

    def _hear(self, worker: Worker) -> None:
        lines = worker.program.err[worker.read :]
        worker.read += len(lines)
        for line in lines:
            found = EVENT.search(line)
            if found is not None:
                self.events[found[1]] += 1

    def metric(self, name: str, **labels: str) -> list[float]:
        """As each worker that answers shows it."""
        return [value(text, name, **labels) for text in (self.scrape(each) for each in self.alive) if text]

    def scrape(self, number: int, path: str = "/metrics", status: int = 200) -> str:
        """What is answered with that status; else nothing."""
        try:
            code, _, text = get(self.ports[number][1], path, timeout_s=5.0)
        except (OSError, HTTPException):
            return ""
        return text if code == status else ""

    def not_ready(self) -> list[str]:
        """What each worker that is not ready says of it."""
        return [said for each in self.alive if (said := self.scrape(each, "/readyz", 503))]

    def told(self, what: str, seen: Callable[[], object], within_s: float) -> None:
        """Wait until `seen` gives something true; none may end meanwhile."""

        def look() -> object:
            self.look()
            return seen()

        wait_for(look, what, within_s)

    def end(self) -> None:
        for worker in self.alive.values():
            os.kill(worker.program.pid, signal.SIGTERM)
        for worker in self.alive.values():
            done = worker.program.ended(60.0)
            self._hear(worker)
            assert done.code == 0, f"worker {worker.number}: {done.code} {done.err[-3000:]}"
            assert "Traceback" not in done.err, done.err[-3000:]
