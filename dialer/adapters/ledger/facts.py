"""What the ledger knows of numbers, lines and money, as the rules want it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from dialer.adapters.ledger.tables import NOT_CLOSED, attempt, line, money, suppressed
from dialer.domain.breakers import LineBreaker
from dialer.domain.budget import BudgetFacts
from dialer.domain.calls import CampaignId
from dialer.domain.days import Day
from dialer.domain.lifecycle import OPEN_ATTEMPTS, AttemptState
from dialer.domain.lines import LineUsage
from dialer.domain.outcomes import Outcome
from dialer.domain.screening import NumberFacts, Screen
from dialer.domain.suppression import Suppressed

UNKNOWN_LIVE_S = 7500.0
"""An unknown attempt may be a live call for so long after its last request."""
PUT_BACKS_SPARE = 100
"""Attempts beyond the canary's, of which some may have been put back."""

_VALUES: sa.BindParameter[list[str]] = sa.bindparam("values", expanding=True)
_C: sa.BindParameter[int] = sa.bindparam("c")
_ATTEMPTS = (
    sa.select(
        attempt.c.to_number,
        attempt.c.claimed_at,
        attempt.c.state,
        attempt.c.last_sent_at,
        attempt.c.from_number,
    )
    .where(attempt.c.to_number.in_(_VALUES))
    .order_by(attempt.c.to_number, attempt.c.claimed_at)
)
_SUPPRESSED = sa.select(suppressed).where(suppressed.c.number.in_(_VALUES))
_LINES = sa.select(line).where(line.c.from_number.in_(_VALUES))
_LIVE = (
    sa.select(attempt.c.from_number, sa.func.count())
    .where(NOT_CLOSED, attempt.c.from_number.is_not(None))
    .where(
        sa.or_(
            attempt.c.state != AttemptState.UNKNOWN.value,
            attempt.c.last_sent_at > sa.bindparam("since"),
        )
    )
    .group_by(attempt.c.from_number)
)
_FIRST = (
    sa.select(attempt.c.outcome, attempt.c.closed_at)
    .where(attempt.c.campaign_id == _C)
    .order_by(attempt.c.claimed_at)
    .limit(sa.bindparam("n"))
)
_UNDER_WAY = sa.select(sa.func.count()).where(
    attempt.c.campaign_id == _C,
    NOT_CLOSED,
    attempt.c.state.in_([AttemptState.CLAIMED.value, AttemptState.UNCERTAIN.value]),
)
_MONEY = sa.select(money).where(money.c.campaign_id == _C)
ADD_LINE = sa.insert(line)
CHANGE_LINE = (
    sa.update(line)
    .where(line.c.from_number == sa.bindparam("new_from_number"))
    .values({name: sa.bindparam(f"new_{name}") for name in ("day_start", "calls", "starts", "breaker")})
)
_NEVER_RANG = frozenset({AttemptState.UNSPENT.value, AttemptState.REFUSED.value})
_MAY_BE_LIVE = frozenset(state.value for state in OPEN_ATTEMPTS)


def numbers_facts(conn: sa.Connection, numbers: Sequence[str], now: float) -> dict[str, NumberFacts]:
    """Of these numbers, those that were called before or may not be called."""
    if not numbers:
        return {}
    said = {
        row.number: Suppressed(row.number, row.source, row.reason, row.at)
        for row in conn.execute(_SUPPRESSED, {"values": numbers})
    }
    called: dict[str, list[Any]] = defaultdict(list)
    for row in conn.execute(_ATTEMPTS, {"values": numbers}):
        called[row[0]].append(row)
    return {
        number: _number_facts(called.get(number, ()), said.get(number), now) for number in {*called, *said}
    }


def _number_facts(attempts: Sequence[Any], said: Suppressed | None, now: float) -> NumberFacts:
    last = attempts[-1] if attempts else None
    return NumberFacts(
        rung_at=tuple(at for _, at, state, _, _ in attempts if state not in _NEVER_RANG),
        has_live_call=any(
            state in _MAY_BE_LIVE or (state == AttemptState.UNKNOWN and sent > now - UNKNOWN_LIVE_S)
            for _, _, state, sent, _ in attempts
        ),
        last_line=None if last is None else last[4],
        suppressed=said,
    )


def lines_facts(
    conn: sa.Connection, numbers: Iterable[str], screen: Screen, now: float
) -> Iterator[tuple[str, LineUsage, LineBreaker]]:
    """What is known of these lines; one that was never used is left out."""
    wanted = list(numbers)
    rows = conn.execute(_LINES, {"values": wanted}).all() if wanted else []
    live: dict[str, int] = {}
    if rows and screen.counts_lines:
        live = {row[0]: row[1] for row in conn.execute(_LIVE, {"since": now - UNKNOWN_LIVE_S})}
    for row in rows:
        breaker = LineBreaker() if row.breaker is None else LineBreaker.from_text(row.breaker)
        yield (
            row.from_number,
            LineUsage(
                row.calls if row.day_start >= screen.day(now).start else 0,
                live.get(row.from_number, 0),
                tuple(map(float, row.starts.split())),
                breaker.judge(screen.breakers, now),
            ),
            breaker,
        )


def line_values(
    number: str, used: LineUsage, breaker: LineBreaker | None, day_start: float
) -> dict[str, Any]:
    """A line's row, for `ADD_LINE` and `CHANGE_LINE`."""
    return {
        "from_number": number,
        "day_start": day_start,
        "calls": used.calls_today,
        "starts": " ".join(map(repr, used.starts)),
        "breaker": None if breaker is None or breaker == LineBreaker() else breaker.to_text(),
    }


def outcomes_of_first(conn: sa.Connection, campaign_id: CampaignId, calls: int) -> Iterator[Outcome | None]:
    """How the campaign's first attempts ended, in the order of their claims; None: still open."""
    rows = conn.execute(_FIRST, {"c": campaign_id, "n": calls + PUT_BACKS_SPARE})
    for outcome, closed_at in rows:
        yield None if closed_at is None else Outcome(outcome)


def under_way(conn: sa.Connection, campaign_id: CampaignId) -> int:
    """Requests that were written ahead and have no answer as yet."""
    count: int = conn.execute(_UNDER_WAY, {"c": campaign_id}).scalar_one()
    return count


def money_facts(conn: sa.Connection, campaign_id: CampaignId, day: Day) -> BudgetFacts:
    """What the campaign has spent and what is reserved."""
    row = conn.execute(_MONEY, {"c": campaign_id}).one_or_none()
    if row is None:
        conn.execute(sa.insert(money).values(campaign_id=campaign_id, day_start=day.start))
        return BudgetFacts()
    is_today = row.day_start >= day.start
    return BudgetFacts(
        row.spent_cents,
        row.reserved_cents,
        row.spent_today_cents if is_today else 0.0,
        row.reserved_today_cents if is_today else 0.0,
        row.seen_calls,
        row.seen_cents,
    )


def keep_money(conn: sa.Connection, campaign_id: CampaignId, facts: BudgetFacts, day: Day) -> None:
    """Write down what is reserved now."""
    values = {
        "reserved_cents": facts.reserved_cents,
        "spent_today_cents": facts.spent_today_cents,
        "reserved_today_cents": facts.reserved_today_cents,
        "day_start": day.start,
    }
    conn.execute(sa.update(money).where(money.c.campaign_id == campaign_id).values(**values))
