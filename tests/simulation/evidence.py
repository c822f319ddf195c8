"""What a run leaves behind, for the checkers: the world, the ledger, the results log, and when what was."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from math import inf
from typing import Any

import orjson
import sqlalchemy as sa

from dialer.adapters.ledger.queue import decisions
from dialer.adapters.ledger.reports import counts
from dialer.adapters.ledger.schema import tables
from dialer.domain.calls import CallUpdate, CampaignId
from dialer.domain.decisions import Decision, decode
from dialer.domain.lifecycle import WITHOUT_A_RING, AttemptState
from dialer.engine.events import AttemptClaimed, CampaignStopping, Event
from dialer.ports.engine import AttemptUpdate, Finish
from dialer.simulator.calls import Call
from dialer.simulator.report import Report
from tests.simulation.acts import Act, What
from tests.simulation.plan import Plan
from tests.simulation.wire import Arrival

HEARD_S = 0.5
"""What a process is told holds so long afterwards."""


@dataclass(slots=True)
class Lived:
    """A process: the loop's times, and the slots it was given."""

    began: float
    slots: int
    ended: float = 0.0
    crashed: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """What a process was told of an attempt's call, in whichever way."""

    at: float
    attempt_id: str
    rang: bool
    """It shows that somebody was rung."""


def rang(news: CallUpdate) -> bool:
    """Written down a second time: the engine's own word on it is what is tried."""
    return news.status in ("ongoing", "ended") or bool(news.started_at or news.duration_s or news.cost_cents)


@dataclass(slots=True)
class Heard:
    """What was seen while it happened, each with the loop's time."""

    events: list[tuple[float, Event]] = field(default_factory=list)
    requests: list[tuple[float, str, str]] = field(default_factory=list)
    """What was asked of the API and what came of it, when it was answered."""
    creates: list[tuple[float, str]] = field(default_factory=list)
    """When requests for phone calls were handed to the client, and for which attempt."""
    arrivals: list[Arrival] = field(default_factory=list)
    """When their first bytes came to the server, and for which attempt."""
    webhooks: list[tuple[float, str]] = field(default_factory=list)
    """When a process took a webhook, and of which attempt's call."""
    shown: list[Shown] = field(default_factory=list)
    repeats: list[tuple[float, str]] = field(default_factory=list)
    """When the ledger wrote that an attempt's request goes out once more."""
    written: list[tuple[float, AttemptUpdate | Finish]] = field(default_factory=list)
    """What the ledger was asked to write of attempts, and took."""
    acts: list[tuple[float, Act]] = field(default_factory=list)
    """When operators did what."""
    lives: list[Lived] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    """Why the run could not go on."""


@dataclass(frozen=True)
class Evidence:
    plan: Plan
    heard: Heard
    calls: tuple[Call, ...]
    """Every call of the account, in the order of their creation."""
    report: Report
    jobs: list[dict[str, Any]]
    attempts: list[dict[str, Any]]
    results: list[dict[str, Any]]
    """The three tables of the ledger."""
    decisions: list[Decision]
    """The record of them, in the order in which they were made."""
    balance: list[str]
    chain: list[str]
    """What `dialer verify` says of that record."""
    log: bytes
    wall: Callable[[float], float]
    """The dialer's wall clock at a time of the loop."""
    steps: tuple[tuple[float, float], ...]
    """When that clock stepped, and how far."""
    hours: float

    @cached_property
    def attempt_of(self) -> dict[str, dict[str, Any]]:
        return {attempt["id"]: attempt for attempt in self.attempts}

    @cached_property
    def claimed(self) -> dict[str, float]:
        """The loop's time at which each attempt was claimed, or first resumed if that was never told."""
        first: dict[str, float] = {}
        for at, event in self.heard.events:
            if isinstance(event, AttemptClaimed):
                first.setdefault(event.attempt.id, at)
        return first

    @property
    def was_cancelled(self) -> bool:
        """Then its file is not read to the end."""
        return any(act.what is What.CANCEL for _, act in self.heard.acts)

    @cached_property
    def states_of(self) -> dict[str, list[tuple[float, AttemptState]]]:
        """The states that each attempt was written to have, with the loop's times."""
        found: dict[str, list[tuple[float, AttemptState]]] = {}
        for at, what in self.heard.written:
            found.setdefault(what.attempt.id, []).append((at, what.state))
        return found

    @cached_property
    def uncertain_since(self) -> dict[str, float]:
        """When each attempt was first written to be uncertain."""
        return {
            who: at
            for who, states in self.states_of.items()
            for at, state in reversed(states)
            if state is AttemptState.UNCERTAIN
        }

    @cached_property
    def shown_at(self) -> dict[str, float]:
        """When an attempt's call was first shown to a process that had the time to write it down."""
        return self._first(self.heard.shown)

    @cached_property
    def rang_at(self) -> dict[str, float]:
        """When an attempt's ring was first shown to such a process."""
        return self._first([shown for shown in self.heard.shown if shown.rang])

    def _first(self, among: Sequence[Shown]) -> dict[str, float]:
        first: dict[str, float] = {}
        for shown in among:
            if shown.attempt_id not in first and self._had_time(shown.at):
                first[shown.attempt_id] = shown.at
        return first

    def _had_time(self, at: float) -> bool:
        """Whether the process that took it was neither stopping nor near its end."""
        stops = [when for when, event in self.heard.events if isinstance(event, CampaignStopping)]
        return any(
            life.began <= at
            and at + HEARD_S < life.ended
            and not any(life.began <= when < at + HEARD_S for when in stops if when < life.ended)
            for life in self.heard.lives
        )

    @cached_property
    def misled(self) -> set[str]:
        """Attempts that were closed as without a ring before anything showed one: nobody could know.

        But for those of which the process that closed them had heard nothing at all.
        """
        return {
            who
            for who, states in self.states_of.items()
            for at, state in states
            if state in WITHOUT_A_RING
            and not self.rang_at.get(who, inf) + HEARD_S < at
            and any(self._began(at) <= heard <= at for heard in self._heard_of.get(who, ()))
        }

    def _began(self, at: float) -> float:
        """When the process began that was there at a time."""
        return max(life.began for life in self.heard.lives if life.began <= at)

    @cached_property
    def _heard_of(self) -> dict[str, list[float]]:
        """When a process was told anything of each attempt, by the API's answers or by webhooks."""
        whose = {call.call_id: call.attempt_id for call in self.calls}
        found: dict[str, list[float]] = {}
        for at, request, _ in self.heard.requests:
            for named in request.partition(" ")[2].split(","):
                found.setdefault(whose.get(named) or named, []).append(at)
        for at, who in self.heard.webhooks:
            found.setdefault(who, []).append(at)
        return found

    @cached_property
    def arrivals_of(self) -> dict[str, list[Arrival]]:
        found: dict[str, list[Arrival]] = {}
        for arrival in self.heard.arrivals:
            found.setdefault(arrival.attempt_id, []).append(arrival)
        return found

    @cached_property
    def rung_by_number(self) -> dict[str, list[float]]:
        """When attempts were claimed whose calls rang somebody, by number."""
        found: dict[str, list[float]] = {}
        for call in self.calls:
            attempt = self.attempt_of.get(call.attempt_id or "")
            if call.rung and attempt is not None and attempt["id"] not in self.misled:
                found.setdefault(call.to_number, []).append(attempt["claimed_at"])
        return {number: sorted(times) for number, times in found.items()}

    @cached_property
    def calls_of_job(self) -> dict[int, list[Call]]:
        """The calls of each job of the ledger, in order."""
        found: dict[int, list[Call]] = {job["id"]: [] for job in self.jobs}
        for call in self.calls:
            attempt = self.attempt_of.get(call.attempt_id or "")
            if attempt is not None:
                found[attempt["job_id"]].append(call)
        return found

    @cached_property
    def attempts_of_job(self) -> dict[int, list[dict[str, Any]]]:
        found: dict[int, list[dict[str, Any]]] = {job["id"]: [] for job in self.jobs}
        for attempt in sorted(self.attempts, key=lambda each: each["number"]):
            found.setdefault(attempt["job_id"], []).append(attempt)
        return found

    def trace(self) -> str:
        """A hash of everything that can be seen of a run."""
        digest = blake2b(digest_size=16)
        for at, event in self.heard.events:
            digest.update(f"{at!r} {event!r}\n".encode())
        for at, request, answer in self.heard.requests:
            digest.update(f"{at!r} {request} {answer}\n".encode())
        digest.update(self.log)
        return digest.hexdigest()


def ledger_tables(conn: sa.Connection, name: str) -> dict[str, Any]:
    """What `Evidence` takes from the ledger, all of it in one transaction of its own."""
    with conn.begin():
        campaigns = counts.campaigns(conn)
        found: dict[str, Any] = {
            which: [dict(row) for row in conn.execute(sa.select(table)).mappings()]
            for which, table in (("jobs", tables.job), ("attempts", tables.attempt))
        }
        lines = conn.execute(sa.select(tables.result).order_by(tables.result.c.seq)).mappings()
        found["results"] = [{**row, "said": orjson.loads(row["line"])} for row in lines]
        campaign_id = campaigns.get(name, CampaignId(0))
        problems = (
            counts.balance(conn, name, campaign_id).problems() if name in campaigns else ["no campaign"]
        )
        chain = decisions.chain_problems(conn, campaign_id) if name in campaigns else ["no campaign"]
        bodies = conn.scalars(sa.select(tables.decision.c.body).order_by(tables.decision.c.seq))
        found["decisions"] = [decode(body) for body in bodies]
    return found | {"balance": problems, "chain": chain}
