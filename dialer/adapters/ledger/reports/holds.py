"""What holds a campaign and what was changed on it, for people: any process can say it."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from dialer.adapters.ledger.queue.facts import outcomes_of_first
from dialer.adapters.ledger.schema.moved import COMMAND, is_moved
from dialer.adapters.ledger.schema.tables import attempt, campaign, decision, line, money, operation
from dialer.domain.breakers import CampaignBreaker, LineBreaker
from dialer.domain.budget import BudgetFacts
from dialer.domain.calls import CampaignId
from dialer.domain.decisions import decode
from dialer.domain.outcomes import Outcome
from dialer.ports.engine import Operation

_IDS: sa.BindParameter[list[int]] = sa.bindparam("ids", expanding=True)
_CAMPAIGNS = sa.select(campaign).where(campaign.c.id.in_(_IDS))
_LINES = sa.select(line).where(line.c.breaker.is_not(None)).order_by(line.c.from_number)
_USED = (
    sa.select(attempt.c.campaign_id, attempt.c.from_number).where(attempt.c.campaign_id.in_(_IDS)).distinct()
)
_MONEY = sa.select(money).where(money.c.campaign_id.in_(_IDS))
_LAST_HELD = sa.select(
    campaign.c.id,
    sa.select(decision.c.body)
    .where(decision.c.campaign_id == campaign.c.id, decision.c.number.is_(None))
    .order_by(decision.c.seq.desc())
    .limit(1)
    .scalar_subquery(),
).where(campaign.c.id.in_(_IDS), campaign.c.held.is_not(None))


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


def holds_of(conn: sa.Connection, campaign_ids: Collection[CampaignId]) -> dict[CampaignId, Holds]:
    """Where these campaigns stand besides their counts."""
    asked = {"ids": [*campaign_ids]}
    done = _last_operations(conn, campaign_ids)
    spent = {row.campaign_id: _facts(row) for row in conn.execute(_MONEY, asked)}
    last_held = {row[0]: row[1] for row in conn.execute(_LAST_HELD, asked)}
    lines = _lines(conn, campaign_ids)
    return {
        row.id: _holds(row, done[row.id], lines[row.id], last_held.get(row.id), spent.get(row.id))
        for row in conn.execute(_CAMPAIGNS, asked)
    }


def _holds(
    row: Any,
    done: Mapping[str, Operation],
    lines: Mapping[str, LineBreaker],
    last_held: bytes | None,
    spent: BudgetFacts | None,
) -> Holds:
    changed = [done[command] for command in ("set", "unset") if command in done]
    return Holds(
        simulated=row.simulated,
        paused=row.paused,
        paused_by=_paused_by(row.paused, done),
        cancelled_by=done.get("cancel") if row.cancelled_at is not None else None,
        held=row.held,
        held_since=_held_since(row.held, last_held),
        held_until=row.held_until,
        changes=json.loads(row.changes),
        changed_by=max(changed, key=lambda by: by.at, default=None),
        breaker=CampaignBreaker() if row.breaker is None else CampaignBreaker.from_text(row.breaker),
        lines=lines,
        canary_passed=row.canary_passed,
        money=spent,
    )


def _last_operations(
    conn: sa.Connection, campaign_ids: Collection[CampaignId]
) -> dict[CampaignId, dict[str, Operation]]:
    """The last one of each command."""
    last: dict[CampaignId, dict[str, Operation]] = {each: {} for each in campaign_ids}
    wanted = sa.select(operation).where(operation.c.campaign_id.in_(_IDS)).order_by(operation.c.id)
    for row in conn.execute(wanted, {"ids": [*campaign_ids]}):
        last[row.campaign_id][row.command] = Operation(row.who, row.at, row.reason)
    return last


def first_outcomes(conn: sa.Connection, campaign_id: CampaignId, calls: int) -> list[Outcome | None]:
    """How the campaign's first attempts ended; None: still open."""
    return list(outcomes_of_first(conn, campaign_id, calls))


def _paused_by(paused: str | None, done: Mapping[str, Operation]) -> Operation | None:
    """Who paused it, or moved it away: then it says where to."""
    if paused is not None and is_moved(paused) and COMMAND in done:
        return replace(done[COMMAND], reason=paused)
    return None if paused is None else done.get("pause")


def _held_since(held: str | None, last_held: bytes | None) -> float | None:
    made = None if last_held is None else decode(last_held)
    return made.at if made is not None and made.why == held else None


def _lines(
    conn: sa.Connection, campaign_ids: Collection[CampaignId]
) -> dict[CampaignId, dict[str, LineBreaker]]:
    lines: dict[CampaignId, dict[str, LineBreaker]] = {each: {} for each in campaign_ids}
    breakers = {row.from_number: LineBreaker.from_text(row.breaker) for row in conn.execute(_LINES)}
    used = {tuple(row) for row in conn.execute(_USED, {"ids": [*campaign_ids]})} if breakers else set()
    for number, breaker in breakers.items():
        for campaign_id in campaign_ids:
            if (campaign_id, number) in used:
                lines[campaign_id][number] = breaker
    return lines


def _facts(row: Any) -> BudgetFacts:
    return BudgetFacts(
        row.spent_cents,
        row.reserved_cents,
        row.spent_today_cents,
        row.reserved_today_cents,
        row.seen_calls,
        row.seen_cents,
    )
