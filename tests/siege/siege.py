"""One round of a siege: three workers on one PostgreSQL and one broker, and all that can happen."""

import json
import os
import signal
import socket
import sys
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from threading import Event
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from dialer.adapters.system.clock import SystemClock
from dialer.app.worker_status import worker_document
from dialer.commands.inspect import worker_status
from dialer.settings import load
from dialer.web.tokens import fingerprint, new_token
from tests.cli.cli_process import dialer
from tests.processes.crews import CPS, SLOTS, _environ, fictitious, free_ports
from tests.processes.places import FROM
from tests.processes.programs import Program
from tests.siege.causes import CAUSES, in_turn
from tests.siege.crew import Workers
from tests.siege.wires import Wires
from tests.support.postgres import a_database, sql
from tests.support.services import url_of

WORKERS = 3
PEOPLE_MAX = 9000
FEED = 60
"""Jobs at a time."""
SLEEPERS, SLEEPERS_MAX = 100, 1000
"""Campaigns whose one job is due in years: so many at a time, and in all."""
LAST_S_MAX = 300.0
TOMORROW = "2036-01-01T10:00:00Z"
NAMES = ("spring", "été", "漢" * 60, "a b", "x'y", "--help", "név", "🙂")
HOSTILE = ("../up", "a/b", "漢" * 90, "\u202eevil", "nul\0", "cr\rlf\n", "\x1b[2J", "..")
"""Names that no campaign may have."""


@dataclass(slots=True)
class Siege:
    """One round."""

    folder: Path
    kind: str
    seconds: float
    seed: int
    events: Sequence[str]
    """What happens, each at least once."""
    say: Callable[[str], None]
    dice: Random = field(init=False)
    seen: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    sleeping: int = 0
    place: Path = field(init=False)
    queue: dict[str, Any] = field(init=False)
    workers: Workers = field(init=False)
    wires: Wires = field(init=False)
    _people: Iterator[str] = field(init=False)
    _api: Program = field(init=False)
    _token: str = field(default_factory=new_token)
    _environ: dict[str, str] = field(init=False)

    def run(self) -> str:
        """What was done, in words. AssertionError: a promise was broken."""
        self.dice, began = Random(self.seed), perf_counter()
        self._people = iter(fictitious(PEOPLE_MAX))
        self.place = self.folder
        with ExitStack() as stack:
            ledger = stack.enter_context(a_database())
            report = self._begin(stack, ledger)
            for number in range(WORKERS):
                self.workers.start(number)
            self.workers.wait()
            self.feed()
            for event in in_turn(self.events, self.dice):
                if perf_counter() - began > self.seconds and len(self.seen) == len(self.events):
                    break
                self._cause(event)
            self._wait_for_the_end(ledger)
            self._verify()
            self.workers.end()
            os.kill(self._api.pid, signal.SIGTERM)
            self._api.ended(30.0)
            self._check(json.loads(report.read_text()))
        events = ", ".join(f"{event} {count}" for event, count in sorted(self.seen.items()))
        return f"{self.kind}: {self.accepted} jobs, {self.sleeping} campaigns asleep; {events}"

    def _begin(self, stack: ExitStack, ledger: str) -> Path:
        ports = free_ports(3 * WORKERS)
        mine = [(ports[each], ports[each + WORKERS], ports[each + 2 * WORKERS]) for each in range(WORKERS)]
        report = self.folder / "report.json"
        argv = (sys.executable, "-m", "tests.processes.account_process", str(report))
        webhooks = [str(each) for each, _, _ in mine]
        self._api = stack.enter_context(Program((*argv, *webhooks), cwd=Path.cwd()))
        broker = url_of(self.kind)
        self.wires = stack.enter_context(Wires(self._api.printed(), ledger, broker))
        name = f"siege-{uuid4().hex[:8]}"
        self.queue = {"url": broker, "name": name, "group": "siege", "dead_letter": f"{name}-dead"}
        self._environ = {
            **_environ(
                self.wires.api_url,
                _through(ledger, self.wires.ledger_port),
                _through(broker, self.wires.broker_port),
            ),
            "DIALER_QUEUE__NAME": name,
            "DIALER_QUEUE__GROUP": "siege",
            "DIALER_QUEUE__DEAD_LETTER": f"{name}-dead",
            "DIALER_METRICS__EVERY_S": "1",
            "DIALER_PACE__REFRESH_S": "2",
            "DIALER_LOGS__LEVEL": "info",
        }
        (self.place / "dnc.txt").write_text("+12015550199\n")
        token = f'[[api.tokens]]\nname = "siege"\nrole = "submit"\nsha256 = "{fingerprint(self._token)}"\n'
        (self.place / "dialer.toml").write_text(
            f'from_numbers = ["{FROM}"]\nrules.do_not_call = ["dnc.txt"]\n{token}'
        )
        self.workers = Workers(self.place, self._environ, mine, stack)
        return report

    def _cause(self, event: str) -> None:
        began = perf_counter()
        self._pester()
        self.feed()
        if self.sleeping < SLEEPERS_MAX:
            self._put_to_sleep()
        CAUSES[event](self)
        self.seen[event] += 1
        self.workers.look()
        self.say(f"{self.kind}: {event}, {perf_counter() - began:.0f} s")

    def feed(self, count: int = FEED, campaign: str | None = None) -> None:
        """People to call, each once, in one of the campaigns."""
        people = [number for number, _ in zip(self._people, range(count), strict=False)]
        jobs = [
            {"to_number": each, "campaign": campaign or self.dice.choice(NAMES), "job_id": each}
            for each in people
        ]
        if jobs:
            self.accepted += self._submit(jobs, len(jobs))

    def _put_to_sleep(self) -> None:
        jobs = [
            {"to_number": f"+1201555{100 + at % 100:04}", "campaign": f"sleeps-{at}", "not_before": TOMORROW}
            for at in range(self.sleeping, self.sleeping + SLEEPERS)
        ]
        self.sleeping += self._submit(jobs, len(jobs))

    def _submit(self, jobs: list[dict[str, str]], taken: int) -> int:
        """Give them until they are taken: again after each answer that is none."""
        body = json.dumps(jobs).encode()
        for attempt in range(60):
            answer = self._post(self.dice.choice([*self.workers.alive]), body)
            if answer is not None:
                assert answer["taken"] == taken, f"attempt {attempt}: {str(answer)[:3000]}"
                return taken
            Event().wait(1.0)
            self.workers.look()
        raise AssertionError("nobody took jobs for a minute")

    def _post(self, number: int, body: bytes) -> dict[str, Any] | None:
        """None: it may be given again."""
        url = f"http://127.0.0.1:{self.workers.ports[number][2]}/v1/jobs"
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        try:
            with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=20) as answer:
                found: dict[str, Any] = json.loads(answer.read())
                return found
        except urllib.error.HTTPError as error:
            if error.code in (429, 503):
                return None
            raise AssertionError(f"{error.code}: {error.read()[:500]!r}") from None
        except OSError:
            return None

    def _pester(self) -> None:
        """What a stranger, or the holder of a submit token, may send: nothing of it is taken, nobody ends."""
        number = self.dice.choice([*self.workers.alive])
        job = {"to_number": "+12015550150", "job_id": "x"}
        names = [{**job, "campaign": each} for each in HOSTILE]
        answer = self._post(number, json.dumps(names).encode())
        assert answer is None or answer["taken"] == 0, answer
        webhooks, _, api = self.workers.ports[number]
        for port in (webhooks, api):
            for raw in (self.dice.randbytes(300), b"GET / HTTP/1.1\r\nAuthorization: \0\r\n\r\n", b""):
                try:
                    with socket.create_connection(("127.0.0.1", port), 5.0) as stranger:
                        stranger.sendall(raw)
                except OSError:
                    continue

    def status(self) -> list[dict[str, Any]]:
        """The workers, as `dialer status` shows them."""
        url = {"ledger": {"url": self._environ["DIALER_LEDGER__URL"]}}
        found = worker_status(load(None, url, {}, None))
        return [worker_document(each).model_dump(mode="json") for each in found]

    def now_ms(self) -> int:
        return int(SystemClock().now() * 1000)

    def _wait_for_the_end(self, ledger: str) -> None:
        began, states = perf_counter(), dict[str, int]()
        while perf_counter() - began < LAST_S_MAX:
            self.workers.look()
            states = dict(sql(ledger, "SELECT state, count(*) FROM job GROUP BY state"))
            if states == {"done": self.accepted, "open": self.sleeping}:
                return
            Event().wait(1.0)
        raise AssertionError(f"{self.accepted} jobs did not come to their end: {states}")

    def _verify(self) -> None:
        for name in NAMES:
            done = dialer("verify", "--results", "results", "--", name, cwd=self.place, env=self._environ)
            assert done.code == 0, done.said

    def _check(self, report: dict[str, Any]) -> None:
        assert report["doubled_calls"] == report["doubled_rings"] == 0, report
        assert report["peak_creates_1s"] <= CPS, f"{report['peak_creates_1s']} creates in a second"
        assert report["peak_live"] <= SLOTS, f"{report['peak_live']} calls at once"
        assert report["calls_per_number"] == {"1": self.accepted}, report["calls_per_number"]


def _through(url: str, port: int) -> str:
    """The same server, reached through this port."""
    parts = urlsplit(url)
    user, at, _ = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user}{at}127.0.0.1:{port}", query="").geturl()
