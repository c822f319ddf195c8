"""The product under measurement: `run_campaign` and `check_leads` as the command calls them.

Changed is only what an account of that pace would change: the settings (past their range where a bound
would bind), and the API's limit for list-calls, which at 15 requests in 10 s lets polling hear of 300 ends a
second.
"""

import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import SecretStr

from dialer.adapters.retell.client import RetellApi
from dialer.adapters.retell.config import RetellConfig
from dialer.app import run as app
from dialer.commands.check import check_leads
from dialer.domain.calls import CallUpdate, JobKind
from dialer.engine.events import Event, IntakeProgressed
from dialer.settings import (
    Call,
    LedgerSection,
    Loaded,
    Pace,
    Placing,
    Results,
    Retell,
    Rules,
    Settings,
    Tracking,
)
from dialer.telemetry.tally import Tally
from tests.bench.spending import spend

UNLIMITED_CPS = 100_000.0
UNLIMITED_LISTS_PER_10S = 1e6


@dataclass(frozen=True, slots=True)
class Round:
    """One run of a campaign against the bare server."""

    url: str
    leads: str
    folder: str
    kind: str = "phone_call"
    cps: float = UNLIMITED_CPS
    slots: int = 20_000
    in_flight: int = 64
    poll_s: float = 0.5
    sync_s: float = 0.0
    """Added to each commit, on the writer's thread."""
    only_reads: bool = False
    """Stop when the file has been read."""
    notes_sends: bool = False
    """Give the times at which requests left."""


def run(given: Mapping[str, Any]) -> dict[str, Any]:
    """Run one campaign; what it took."""
    wanted = Round(**given)
    sends: list[float] = []
    _lift_list_limit()
    if wanted.notes_sends:
        _note_sends(sends)
    if wanted.sync_s:
        _slow_commits(wanted.sync_s)
    tally = Tally()
    observers = [tally.observe, *([_stop_once_read] if wanted.only_reads else [])]
    request = app.RunRequest(Path(wanted.leads), "bench")
    loaded = _loaded(wanted)
    spent = spend(lambda: app.run_campaign(loaded, request, observers=observers))
    return {**spent, "jobs": tally.final, "rows": tally.intake.rows, "sends": sends}


def check(given: Mapping[str, Any]) -> dict[str, Any]:
    """Check a lead list; what it took."""
    loaded = _loaded(Round(url="http://127.0.0.1:1", leads=given["leads"], folder=given["folder"]))
    rows = 0

    def work() -> None:
        nonlocal rows
        rows = check_leads(loaded, Path(given["leads"])).intake.new

    return {**spend(work), "rows": rows}


def _loaded(wanted: Round) -> Loaded:
    folder = Path(wanted.folder)
    settings = Settings(
        retell_api_key=SecretStr("bench-key"),
        from_numbers=("+12125550199",),
        retell=Retell().model_copy(update={"base_url": wanted.url, "connections_max": wanted.in_flight + 16}),
        call=Call(kind=JobKind(wanted.kind), agent_id="agent_bench"),
        pace=Pace().model_copy(update={"cps": wanted.cps, "slots": wanted.slots}),
        placing=Placing().model_copy(update={"in_flight_max": wanted.in_flight}),
        tracking=Tracking().model_copy(update={"poll_s": wanted.poll_s}),
        ledger=LedgerSection(url=str(folder / "bench.db")),
        results=Results(dir=str(folder)),
        rules=Rules(hours="always"),
    )
    return Loaded(settings, {})


def _stop_once_read(event: Event) -> None:
    """As Ctrl-C does."""
    if isinstance(event, IntakeProgressed) and event.complete:
        signal.raise_signal(signal.SIGINT)


def _lift_list_limit() -> None:
    names = vars(app)  # where `run_campaign` looks it up
    original: Callable[..., RetellConfig] = names["retell_config"]

    def unlimited(*args: Any, **kwargs: Any) -> RetellConfig:
        return replace(original(*args, **kwargs), lists_per_10s=UNLIMITED_LISTS_PER_10S)

    names["retell_config"] = unlimited


def _note_sends(sends: list[float]) -> None:
    original = RetellApi.create

    async def create(self: RetellApi, kind: JobKind, body: bytes, leave: Any = None) -> CallUpdate:
        sends.append(time.perf_counter())
        return await original(self, kind, body, leave)

    RetellApi.create = create  # type: ignore[method-assign]


def _slow_commits(sync_s: float) -> None:
    """As if the disk took that long: SQLAlchemy tells of a commit right before it makes it."""

    def wait(_: sa.Connection) -> None:
        time.sleep(sync_s)

    sa.event.listen(sa.Engine, "commit", wait)
