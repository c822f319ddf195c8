"""What holds a campaign and what was changed on it, for people: any process can say it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from dialer.adapters.ledger.campaigns import operations
from dialer.adapters.ledger.facts import outcomes_of_first
from dialer.adapters.ledger.moved import COMMAND, is_moved
from dialer.adapters.ledger.tables import attempt, campaign, decision, line, money
from dialer.domain.breakers import CampaignBreaker, LineBreaker
from dialer.domain.budget import BudgetFacts
from dialer.domain.calls import CampaignId
from dialer.domain.decisions import decode
from dialer.domain.outcomes import Outcome
from dialer.ports import Operation

_C: sa.BindParameter[int] = sa.bindparam("c")
_CAMPAIGN = sa.select(campaign).where(campaign.c.id == _C)
_LINES = sa.select(line).where(line.c.breaker.is_not(None)).order_by(line.c.from_number)
_USED = sa.select(attempt.c.from_number).where(attempt.c.campaign_id == _C).distinct()
_MONEY = sa.select(money).where(money.c.campaign_id == _C)
_LAST_HELD = (
    sa.select(decision.c.body)
    .where(decision.c.campaign_id == _C, decision.c.number.is_(None))
    .order_by(decision.c.seq.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Holds:
    """What holds it now, and since when. None: that does not."""

    simulated: bool
    paused: str | None
    paused_by: Operation | None
    cancelled_by: Operation | None
    held: str | None
    """What the last claim that got nothing was told, whatever the job."""
    held_since: float | None
    held_until: float | None
    changes: Mapping[str, Any]
    changed_by: Operation | None
    """Who changed something last."""
    breaker: CampaignBreaker
    lines: Mapping[str, LineBreaker]
    """Of the lines that this campaign has called from."""
    canary_passed: bool
    money: BudgetFacts | None


def holds(conn: sa.Connection, campaign_id: CampaignId) -> Holds:
    """Where the campaign stands besides its counts."""
    row = conn.execute(_CAMPAIGN, {"c": campaign_id}).one()
    done: dict[str, Operation] = {command: by for command, by, _ in operations(conn, campaign_id)}
    kept = conn.execute(_MONEY, {"c": campaign_id}).one_or_none()
    return Holds(
        simulated=row.simulated,
        paused=row.paused,
        paused_by=_paused_by(row.paused, done),
        cancelled_by=done.get("cancel") if row.cancelled_at is not None else None,
        held=row.held,
        held_since=_held_since(conn, campaign_id, row.held),
        held_until=row.held_until,
        changes=json.loads(row.changes),
        changed_by=done.get("set"),
        breaker=CampaignBreaker() if row.breaker is None else CampaignBreaker.from_text(row.breaker),
        lines=_lines(conn, campaign_id),
        canary_passed=row.canary_passed,
        money=None if kept is None else _facts(kept),
    )


def first_outcomes(conn: sa.Connection, campaign_id: CampaignId, calls: int) -> list[Outcome | None]:
    """How the campaign's first attempts ended; None: still open."""
    return list(outcomes_of_first(conn, campaign_id, calls))


def _paused_by(paused: str | None, done: Mapping[str, Operation]) -> Operation | None:
    """Who paused it, or moved it away: then it says where to."""
    if paused is not None and is_moved(paused) and COMMAND in done:
        return replace(done[COMMAND], reason=paused)
    return None if paused is None else done.get("pause")


def _held_since(conn: sa.Connection, campaign_id: CampaignId, held: str | None) -> float | None:
    body = None if held is None else conn.execute(_LAST_HELD, {"c": campaign_id}).scalar_one_or_none()
    made = None if body is None else decode(body)
    return made.at if made is not None and made.why == held else None


def _lines(conn: sa.Connection, campaign_id: CampaignId) -> dict[str, LineBreaker]:
    rows = conn.execute(_LINES).all()
    used = set(conn.scalars(_USED, {"c": campaign_id})) if rows else set()
    return {row.from_number: LineBreaker.from_text(row.breaker) for row in rows if row.from_number in used}


def _facts(row: Any) -> BudgetFacts:
    return BudgetFacts(
        row.spent_cents,
        row.reserved_cents,
        row.spent_today_cents,
        row.reserved_today_cents,
        row.seen_calls,
        row.seen_cents,
    )
