"""A campaign in a folder of its own, the account it calls through, and what must hold in the end."""

import json
import signal
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from itertools import islice, product
from pathlib import Path
from typing import Any

from tests.cli.cli_process import COMMAND, dialer
from tests.processes.programs import Done, Program

KEY = "sim-key"
FROM = "+12125550199"
AREAS = (
    *(201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219, 224, 225, 228),
    *(229, 231, 234, 239, 240, 248, 251, 252, 253, 254, 256, 260, 262, 267, 269, 270, 276, 281, 301, 302),
)
ANSWERING = range(30)
"""Endings of numbers that answer the first call, so that their jobs end with it."""
INVALID = 56
"""The ending of numbers whose call is over after about a second, for good."""
SPEED = 100.0
API_S_MAX = 30.0


def numbers(count: int, endings: Sequence[int] = ANSWERING) -> list[str]:
    """Numbers for use in fiction: NPA 555 0100 to 0199."""
    found = [f"+1{area}55501{ending:02}" for area, ending in islice(product(AREAS, endings), count)]
    assert len(found) == count, "there are not so many"
    return found


@dataclass(frozen=True, slots=True)
class Place:
    """A folder with leads, ledger and results."""

    root: Path
    url: str
    """Where the API is."""
    speed: float = SPEED
    """How fast its clock goes: it forgets a key after an hour of its own."""
    env: Mapping[str, str] = field(default_factory=dict)
    ledger: Path = Path("dialer.db")
    results: Path = Path("results")

    @property
    def log(self) -> Path:
        return self.root / self.results / "leads.jsonl"

    @property
    def database(self) -> Path:
        return self.root / self.ledger

    def leads(self, people: Sequence[str]) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "leads.csv").write_text("\n".join(["phone_number", *people]) + "\n")

    def environment(self) -> dict[str, str]:
        return {
            "RETELL_API_KEY": KEY,
            "DIALER_RETELL__BASE_URL": self.url,
            "DIALER_RETELL__TIMEOUT_S": "5",
            "DIALER_LEDGER__URL": str(self.ledger),
            "DIALER_RESULTS__DIR": str(self.results),
            "DIALER_PLACING__SETTLE_S": "1",
            "DIALER_PLACING__LOOKS_MAX": "20",
            "DIALER_PLACING__BACKOFF_INITIAL_S": "0.05",
            "DIALER_PLACING__BACKOFF_MAX_S": "0.5",
            "DIALER_PLACING__PUT_BACK_S": "0.2",
            "DIALER_PLACING__KEY_LIFETIME_S": str(3300 / self.speed),
            "DIALER_TRACKING__POLL_S": "0.2",
            "DIALER_PACE__CPS": "100",
            "DIALER_RULES__HOURS": "always",
            "DIALER_LOGS__LEVEL": "debug",
            **self.env,
        }

    def run(self, *more: str, env: Mapping[str, str] | None = None, before: tuple[str, ...] = ()) -> Program:
        """`dialer run`, started. `before`: a command that starts it."""
        argv = (*before, *COMMAND, "run", "leads.csv", "--from", FROM, "--yes", "--json", *more)
        return Program(argv, cwd=self.root, env={**self.environment(), **(env or {})})

    def run_to_end(self, *more: str, env: Mapping[str, str] | None = None) -> Done:
        with self.run(*more, env=env) as program:
            return program.ended()

    def ask(self, *arguments: str) -> Done:
        """A command that dials nobody."""
        ended = dialer(*arguments, cwd=self.root, env=self.environment())
        return Done(ended.code, ended.out, ended.err, 0.0)

    def select(self, statement: str) -> list[tuple[Any, ...]]:
        """Ask the ledger itself, best while it is open elsewhere: the last to close it tidies up."""
        with closing(
            sqlite3.connect(f"{self.database.as_uri()}?mode=ro", uri=True, timeout=30)
        ) as connection:
            return connection.execute(statement).fetchall()

    def attempts(self, *states: str) -> int:
        """Attempts in one of these states."""
        wanted = ", ".join(f"'{state}'" for state in states)
        found: int = self.select(f"SELECT count(*) FROM attempt WHERE state IN ({wanted})")[0][0]  # noqa: S608
        return found

    def lines(self) -> list[dict[str, Any]]:
        """The results log; every line whole, the numbers 1, 2, 3 …"""
        data = self.log.read_bytes()
        assert data.endswith(b"\n")
        found = [json.loads(line) for line in data.splitlines()]
        assert [line["seq"] for line in found] == list(range(1, len(found) + 1))
        return found


class SimulatedAccount(Program):
    """`dialer simulator` on a free port."""

    def __init__(self, folder: Path, *options: str, speed: float = SPEED) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._report = folder / "report.json"
        argv = (
            *COMMAND,
            "simulator",
            "--port",
            "0",
            "--speed",
            str(speed),
            "--report",
            str(self._report),
            *options,
        )
        super().__init__(argv, cwd=folder)
        self.url = self.printed()
        self.port = int(self.url.rpartition(":")[2])

    def live(self) -> int:
        """Calls that are going on."""
        found: int = self._ask("GET", "/get-concurrency")["current_concurrency"]
        return found

    def calls(self) -> int:
        """Calls that were made so far."""
        found: int = self._ask("POST", "/v3/list-calls", {"limit": 1, "include_total": True})["total"]
        return found

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=API_S_MAX)) as connection:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            return json.loads(connection.getresponse().read())

    def report(self) -> dict[str, Any]:
        """Stop it; what it has seen."""
        self.signal(signal.SIGINT)
        done = self.ended()
        assert done.code == 0, done.said
        shown: dict[str, Any] = json.loads(self._report.read_text())
        return shown


@contextmanager
def campaign(
    tmp_path: Path, people: Sequence[str], *options: str, speed: float = SPEED
) -> Iterator[tuple[SimulatedAccount, Place]]:
    """An account and a campaign with these people."""
    with SimulatedAccount(tmp_path / "account", *options, speed=speed) as account:
        place = Place(tmp_path / "place", account.url, speed)
        place.leads(people)
        yield account, place


def each_called_once(
    place: Place, report: Mapping[str, Any], people: Sequence[str], final: str = "done"
) -> None:
    """Each number was called once, and ledger and results log tell of exactly that."""
    doubled = {name: report[name] for name in ("doubled_calls", "doubled_rings", "numbers_doubled")}
    assert set(doubled.values()) == {0}, doubled
    for name in ("calls_per_number", "keys_per_number"):
        assert report[name] == {"1": len(people)}, (name, report[name])
    assert report["live"] == 0, report["outcomes"]
    verified = place.ask("verify", "leads", "--json")
    assert verified.code == 0, verified.said
    verdict = json.loads(verified.out)[0]
    assert (verdict["problems"], verdict["notes"]) == ([], []), verdict
    assert verdict["jobs"][final] == len(people), verdict
    lines = place.lines()
    jobs = Counter(line["to_number"] for line in lines if line["kind"] == "job")
    assert jobs == Counter(people)
    attempts = [line for line in lines if line["kind"] == "attempt"]
    assert set(Counter(line["attempt_id"] for line in attempts).values()) == {1}
    called = Counter(line["call_id"] for line in attempts if line["call_id"])
    assert (len(called), set(called.values())) == (len(people), {1})
