"""What the ledger knows of numbers, lines and money, as the rules want it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from dialer.adapters.ledger.drivers.statements import Statement, Values
from dialer.adapters.ledger.schema.tables import (
    NOT_CLOSED,
    attempt,
    campaign,
    line,
    money,
    suppressed,
    worker,
)
from dialer.domain.breakers import BreakerRules, LineBreaker
from dialer.domain.budget import BudgetFacts
from dialer.domain.calls import CALL_MAX_S, Attempt, AttemptId, CampaignId
from dialer.domain.canary import NO_CALL
from dialer.domain.days import Day
from dialer.domain.lifecycle import OPEN_ATTEMPTS, AttemptState
from dialer.domain.lines import LineUsage
from dialer.domain.outcomes import Outcome
from dialer.domain.screening import CampaignPolicy, NumberFacts
from dialer.domain.signs import Event, Sign
from dialer.domain.spellings import spellings
from dialer.domain.suppression import Suppressed

_VALUES: sa.BindParameter[list[str]] = sa.bindparam("values", expanding=True)
_C: sa.BindParameter[int] = sa.bindparam("c")
_ATTEMPTS = Statement(
    sa.select(
        attempt.c.to_number,
        attempt.c.claimed_at,
        attempt.c.state,
        attempt.c.last_sent_at,
        attempt.c.placed_at,
        attempt.c.from_number,
        attempt.c.live_until,
        worker.c.lease_until,
    )
    .join_from(attempt, worker, worker.c.name == attempt.c.worker, isouter=True)
    .where(attempt.c.to_number.in_(_VALUES))
    .order_by(attempt.c.to_number, attempt.c.claimed_at),
    listed="values",
)
_SUPPRESSED = Statement(
    sa.select(suppressed.c.number, suppressed.c.source, suppressed.c.reason, suppressed.c.at).where(
        suppressed.c.number.in_(_VALUES)
    ),
    listed="values",
)
_LINES = Statement(
    sa.select(line.c.from_number, line.c.day_start, line.c.calls, line.c.starts, line.c.breaker).where(
        line.c.from_number.in_(_VALUES)
    ),
    listed="values",
)
_SINCE: sa.BindParameter[float] = sa.bindparam("since")
_AT: sa.BindParameter[float] = sa.bindparam("at", type_=sa.Float)
_IS_FOLLOWED = sa.and_(
    attempt.c.state.in_(sorted(state.value for state in OPEN_ATTEMPTS)),
    sa.exists(sa.select(worker.c.name).where(worker.c.name == attempt.c.worker, worker.c.lease_until > _AT)),
)
_MAY_LAST = sa.or_(
    attempt.c.live_until > sa.bindparam("time", type_=sa.Float),
    sa.and_(
        attempt.c.live_until.is_(None), sa.or_(attempt.c.last_sent_at > _SINCE, attempt.c.placed_at > _SINCE)
    ),
)
MAY_BE_LIVE = sa.and_(NOT_CLOSED, sa.or_(_MAY_LAST, _IS_FOLLOWED))
"""By `time`, `since` and `at`, as `Moment` has them: an attempt that nobody closed, until the time that was
written down with it, and as long as a living worker follows it. One that a process left open, in a campaign
that is not run again, holds nothing beyond that."""
LEFT_LIVE = sa.and_(NOT_CLOSED, _MAY_LAST)
"""The same where no other worker is alive. By `time` and `since`."""
_LIVE = Statement(
    sa.select(attempt.c.from_number, sa.func.count())
    .where(MAY_BE_LIVE, attempt.c.from_number.is_not(None))
    .group_by(attempt.c.from_number),
    *("time", "since", "at"),
)
_FIRST = Statement(
    sa.select(attempt.c.state, attempt.c.outcome)
    .where(
        attempt.c.campaign_id == _C,
        attempt.c.claimed_at
        > sa.select(campaign.c.canary_since).where(campaign.c.id == _C).scalar_subquery(),
        # none of the calls: else many of them would hide the others behind the limit
        sa.or_(attempt.c.outcome.is_(None), attempt.c.outcome.not_in([each.value for each in NO_CALL])),
        sa.or_(
            attempt.c.state != AttemptState.REFUSED.value,
            attempt.c.outcome.is_(None),
            attempt.c.outcome != Outcome.DO_NOT_CALL.value,
        ),
    )
    .order_by(attempt.c.claimed_at)
    .limit(sa.bindparam("n")),
    *("c", "n"),
)
_UNDER_WAY = Statement(
    sa.select(sa.func.count()).where(
        attempt.c.campaign_id == _C,
        NOT_CLOSED,
        attempt.c.state.in_([AttemptState.CLAIMED.value, AttemptState.UNCERTAIN.value]),
    ),
    "c",
)
_MONEY = sa.select(money).where(money.c.campaign_id == _C)
_LINE_VALUES = ("day_start", "calls", "starts", "breaker")
ADD_LINE = Statement(sa.insert(line), *_LINE_VALUES, "from_number")
CHANGE_LINE = Statement(
    sa.update(line)
    .where(line.c.from_number == sa.bindparam("number"))
    .values({name: sa.bindparam(f"new_{name}") for name in _LINE_VALUES}),
    *(f"new_{name}" for name in _LINE_VALUES),
    "number",
)
_NEVER_RANG = frozenset({AttemptState.UNSPENT.value, AttemptState.REFUSED.value})
_NOT_OVER = frozenset(state.value for state in {*OPEN_ATTEMPTS, AttemptState.UNKNOWN})
_CALLS_SINCE = Statement(
    sa.select(sa.func.count()).where(
        attempt.c.campaign_id.in_(sa.select(campaign.c.id)),
        attempt.c.claimed_at >= _SINCE,
        attempt.c.from_number == sa.bindparam("f"),
        attempt.c.state.not_in(_NEVER_RANG),
    ),
    *("f", "since"),
)
_UNDECIDED = sa.select(attempt.c.id).where(
    attempt.c.id == sa.bindparam("a"), MAY_BE_LIVE, attempt.c.state != AttemptState.UNKNOWN.value
)


@dataclass(frozen=True, slots=True)
class Moment:
    """By which it is judged whether an attempt that is open may be a live call."""

    time: float
    """The ledger's own time: until when an attempt may be one is written down by it."""
    since: float
    """Where that is not written down: a request that left before, by the wall clock, made a call that is
    over."""
    at: float
    """The clock by which workers are alive."""

    @property
    def values(self) -> dict[str, float]:
        """For `MAY_BE_LIVE` and `LEFT_LIVE`."""
        return {"time": self.time, "since": self.since, "at": self.at}


def moment(time: float, now: float, at: float | None = None, call_max_s: float = 0.0) -> Moment:
    """`time`: `ledger_time`; `now`: the wall clock's; `at`: None: whoever dials has the ledger alone."""
    return Moment(time, now - max(CALL_MAX_S, call_max_s), float("inf") if at is None else at)


def numbers_facts(conn: sa.Connection, numbers: Sequence[str], live: Moment) -> dict[str, NumberFacts]:
    """Of these numbers, those that were called before or may not be called, also under another spelling."""
    spelt = {number: spellings(number) for number in dict.fromkeys(numbers)}
    asked = list(dict.fromkeys(each for all_of_one in spelt.values() for each in all_of_one))
    said = {row[0]: Suppressed(*row) for row in _SUPPRESSED.run(conn, asked)}
    called: dict[str, list[Any]] = defaultdict(list)
    for row in _ATTEMPTS.run(conn, asked):
        called[row[0]].append(row)
    return {
        number: _number_facts(
            [row for each in names for row in called.get(each, ())],
            next((said[each] for each in names if each in said), None),
            live,
        )
        for number, names in spelt.items()
        if not called.keys().isdisjoint(names) or not said.keys().isdisjoint(names)
    }


def _number_facts(attempts: Sequence[Any], said: Suppressed | None, live: Moment) -> NumberFacts:
    # a request may leave long after its claim, held by a 429 or repeated: the phone rings then
    rang = sorted(
        (
            (max(claimed, sent, placed or 0.0), state, from_number, live_until, lease_until or 0.0)
            for _, claimed, state, sent, placed, from_number, live_until, lease_until in attempts
            if state not in _NEVER_RANG
        ),
        key=itemgetter(0),
    )
    return NumberFacts(
        rung_at=tuple(at for at, *_ in rang),
        has_live_call=any(
            state in _NOT_OVER
            and (
                (at > live.since if live_until is None else live_until > live.time)
                or (lease_until > live.at and state != AttemptState.UNKNOWN)
            )
            for at, state, _, live_until, lease_until in rang
        ),
        last_line=rang[-1][2] if rang else None,
        suppressed=said,
    )


@dataclass(frozen=True, slots=True)
class LineFacts:
    """What is known of a line that was used before."""

    number: str
    usage: LineUsage
    breaker: LineBreaker
    is_stale: bool
    """Its row counts another day: it is to be written."""


def lines_facts(
    conn: sa.Connection, numbers: Iterable[str], screen: CampaignPolicy, now: float, moment: Moment
) -> Iterator[LineFacts]:
    """What is known of these lines; one that was never used is left out."""
    rows = _LINES.run(conn, list(numbers))
    live: dict[str, int] = {}
    if rows and screen.counts_lines:
        live = {row[0]: row[1] for row in _LIVE.run(conn, *moment.values.values())}
    start = screen.day(now).start
    for number, day_start, calls, starts_text, text in rows:
        is_stale = day_start != start
        if is_stale:  # a new day, or that of a campaign in another zone
            ((calls,),) = _CALLS_SINCE.run(conn, number, start)
        breaker = LineBreaker()
        if text is not None:
            breaker = _without_lost_trials(conn, number, LineBreaker.from_text(text), screen, now, moment)
        starts, rest = tuple(map(float, starts_text.split())), breaker.judge(screen.breakers, now)
        yield LineFacts(number, LineUsage(calls, live.get(number, 0), starts, rest), breaker, is_stale)


def _without_lost_trials(
    conn: sa.Connection, number: str, breaker: LineBreaker, screen: CampaignPolicy, now: float, moment: Moment
) -> LineBreaker:
    """A trial call whose end nobody will tell, as its process ended and is not run again, is none."""
    for trial in breaker.trials:
        known = conn.execute(_UNDECIDED, {"a": trial, **moment.values}).one_or_none()
        if known is None:
            lost = Event(Sign.NO_CALL, AttemptId(trial), number, now, "")
            breaker = breaker.after(lost, screen.breakers, now)
    return breaker


def line_allows(conn: sa.Connection, made: Attempt, rules: BreakerRules) -> bool:
    """Whether the attempt's line may still send it: it does not rest, or the attempt is its trial."""
    known = _LINES.run(conn, [made.from_number])
    if not known or known[0][-1] is None:
        return True
    return LineBreaker.from_text(known[0][-1]).allows(rules, made.id)


def line_values(number: str, used: LineUsage, breaker: LineBreaker | None, day_start: float) -> Values:
    """A line's row, for `ADD_LINE` and `CHANGE_LINE`."""
    return (
        day_start,
        used.calls_today,
        " ".join(map(repr, used.starts)),
        None if breaker is None or breaker == LineBreaker() else breaker.to_text(),
        number,
    )


def outcomes_of_first(conn: sa.Connection, campaign_id: CampaignId, calls: int) -> Iterator[Outcome | None]:
    """How the campaign's first calls ended, in the order of their claims; None: still open.

    First since the canary stopped the campaign, if it did, so that what was mended gets its chance.
    """
    for state, outcome in _FIRST.run(conn, campaign_id, calls):
        if state == AttemptState.UNKNOWN:  # it ends when somebody resolves it, and nobody may
            yield Outcome.UNKNOWN
        else:
            yield None if outcome is None else Outcome(outcome)


def under_way(conn: sa.Connection, campaign_id: CampaignId) -> int:
    """Requests that were written ahead and have no answer as yet."""
    ((count,),) = _UNDER_WAY.run(conn, campaign_id)
    return int(count)


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
