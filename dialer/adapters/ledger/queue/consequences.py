"""What the end of an attempt means beyond its job: for its line, the breakers, the money, the person.

In the transaction that closes the attempt, so that no claim can come in between.
"""

from collections import defaultdict
from collections.abc import Sequence, Set

import sqlalchemy as sa

from dialer.adapters.ledger.drivers.statements import Statement, Values
from dialer.adapters.ledger.queue.account_limits import note_refused
from dialer.adapters.ledger.schema.tables import campaign, line, money, suppressed
from dialer.domain.breakers import BreakerRules, CampaignBreaker, LineBreaker
from dialer.domain.calls import Attempt, AttemptId, CampaignId
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.domain.outcomes import Outcome
from dialer.domain.signs import Event, Sign, sign_of, sign_of_refusal
from dialer.domain.suppression import Suppressed
from dialer.ports.engine import AttemptUpdate, Finish

_NUMBERS: sa.BindParameter[list[str]] = sa.bindparam("numbers", expanding=True)
_IS_SUPPRESSED = Statement(
    sa.select(suppressed.c.number).where(suppressed.c.number.in_(_NUMBERS)), listed="numbers"
)
_SUPPRESS = Statement(sa.insert(suppressed), "number", "source", "reason", "at")
_BREAKER = Statement(sa.select(campaign.c.breaker).where(campaign.c.id == sa.bindparam("c")), "c")
_KEPT: sa.BindParameter[str] = sa.bindparam("b")
_KEEP_BREAKER = Statement(
    sa.update(campaign).where(campaign.c.id == sa.bindparam("c")).values(breaker=_KEPT), "b", "c"
)
_LINE_BREAKERS = Statement(
    sa.select(line.c.from_number, line.c.breaker).where(line.c.from_number.in_(_NUMBERS)), listed="numbers"
)
_KEEP_LINE = Statement(
    sa.update(line).where(line.c.from_number == sa.bindparam("f")).values(breaker=_KEPT), "b", "f"
)
_GIVE_BACK = Statement(
    sa.update(line)
    .where(line.c.from_number == sa.bindparam("f"), line.c.day_start <= sa.bindparam("t"), line.c.calls > 0)
    .values(calls=line.c.calls - 1),
    *("f", "t"),
)
_TAKE_AGAIN = Statement(
    sa.update(line)
    .where(line.c.from_number == sa.bindparam("f"), line.c.day_start <= sa.bindparam("t"))
    .values(calls=line.c.calls + 1),
    *("f", "t"),
)
_TODAY = money.c.day_start <= sa.bindparam("t")
_SPENT: sa.BindParameter[float] = sa.bindparam("s")
_FREED: sa.BindParameter[float] = sa.bindparam("f")
_SEEN: sa.BindParameter[int] = sa.bindparam("n")
_COST: sa.BindParameter[float] = sa.bindparam("cost")
_SETTLE = Statement(
    sa.update(money)
    .where(money.c.campaign_id == sa.bindparam("c"))
    .values(
        reserved_cents=money.c.reserved_cents - _FREED,
        spent_cents=money.c.spent_cents + _SPENT,
        reserved_today_cents=sa.case(
            (_TODAY, money.c.reserved_today_cents - _FREED), else_=money.c.reserved_today_cents
        ),
        spent_today_cents=sa.case(
            (_TODAY, money.c.spent_today_cents + _SPENT), else_=money.c.spent_today_cents
        ),
        seen_calls=money.c.seen_calls + _SEEN,
        seen_cents=money.c.seen_cents + _COST,
    ),
    *("c", "t", "f", "s", "n", "cost"),
)
_SIGNS = {AttemptState.PLACED: Sign.ACCEPTED, AttemptState.UNKNOWN: sign_of(Outcome.UNKNOWN)}
_MADE_NO_CALL = frozenset({AttemptState.UNSPENT, AttemptState.REFUSED})


def after_updates(conn: sa.Connection, updates: Sequence[AttemptUpdate]) -> None:
    """A request was accepted, or nobody could tell."""
    _tell_breakers(
        conn,
        [
            (each.attempt.job.campaign_id, each.breakers, each.at, _event(each.attempt, sign, ""))
            for each in updates
            if each.breakers is not None and (sign := _SIGNS.get(each.state)) is not None
        ],
    )
    # nobody knows whether its cost will ever come: what was reserved counts as spent
    parked = [each.attempt for each in updates if each.state is AttemptState.UNKNOWN]
    found = [each.attempt for each in updates if each.job_state is JobState.BUSY]
    _settle(
        conn,
        [(each, each.reserved_cents or 0.0, each.reserved_cents or 0.0, None) for each in parked]
        + [(each, -(each.reserved_cents or 0.0), -(each.reserved_cents or 0.0), None) for each in found],
    )


def after_contradiction(conn: sa.Connection, closed: Attempt, *, is_followed: bool) -> None:
    """An attempt that was closed without a call counts after all: for its line and its money.

    Where nobody follows the call its cost will not come: what was reserved counts as spent.
    """
    if closed.from_number is not None:
        _TAKE_AGAIN.run_many(conn, [(closed.from_number, closed.claimed_at)])
    cents = closed.reserved_cents or 0.0
    _settle(conn, [(closed, -cents, 0.0, None) if is_followed else (closed, 0.0, cents, None)])


def after_finishes(conn: sa.Connection, finishes: Sequence[Finish], parked: Set[AttemptId]) -> None:
    """Attempts are closed; `parked` were unknown until then."""
    _suppress(conn, [each.suppress for each in finishes if each.suppress is not None])
    given_back = [
        (each.attempt.from_number, each.attempt.claimed_at)
        for each in finishes
        if each.state in _MADE_NO_CALL and each.attempt.from_number is not None
    ]
    _GIVE_BACK.run_many(conn, given_back)
    # of workers that share an account: each campaign's own breaker knows only its own
    refused = [each for each in finishes if each.blame is not None and each.attempt.worker]
    note_refused(conn, len(refused), max((each.at for each in refused), default=0.0))
    _settle(conn, [_cost_of(each, each.attempt.id in parked) for each in finishes])
    _tell_breakers(
        conn,
        [
            (
                each.attempt.job.campaign_id,
                each.breakers,
                each.at,
                _event(each.attempt, _sign(each), _said(each)),
            )
            for each in finishes
            if each.breakers is not None
        ],
    )


def _said(finish: Finish) -> str:
    return (finish.news.reason or finish.news.status) if finish.news else finish.error or ""


def _sign(finish: Finish) -> Sign:
    return sign_of(finish.outcome) if finish.blame is None else sign_of_refusal(finish.blame)


def _event(attempt: Attempt, sign: Sign, detail: str) -> Event:
    return Event(sign, attempt.id, attempt.from_number, attempt.claimed_at, detail)


def _suppress(conn: sa.Connection, asked: list[Suppressed]) -> None:
    """The first word on a number stands."""
    if asked:
        known = {number for (number,) in _IS_SUPPRESSED.run(conn, [each.number for each in asked])}
        new = {each.number: each for each in asked if each.number not in known}
        _SUPPRESS.run_many(conn, [(each.number, each.source, each.reason, each.at) for each in new.values()])


_Settled = tuple[Attempt, float, float, float | None]
"""The attempt, what of its reservation is freed, what is spent, and what a call was seen to cost."""


def _cost_of(finish: Finish, was_parked: bool) -> _Settled:
    attempt, reserved = finish.attempt, finish.attempt.reserved_cents or 0.0
    seen = finish.spent_cents if finish.state is AttemptState.ENDED else None
    if was_parked:  # it counts as spent already
        return attempt, 0.0, finish.spent_cents - reserved, seen
    return attempt, reserved, finish.spent_cents, seen


def _settle(conn: sa.Connection, costs: Sequence[_Settled]) -> None:
    _SETTLE.run_many(
        conn,
        [
            (
                attempt.job.campaign_id,
                attempt.claimed_at,
                freed,
                spent,
                int(seen is not None),
                seen or 0.0,
            )
            for attempt, freed, spent, seen in costs
            if attempt.reserved_cents is not None
        ],
    )


def _tell_breakers(
    conn: sa.Connection, told: Sequence[tuple[CampaignId, BreakerRules, float, Event]]
) -> None:
    by_campaign: dict[CampaignId, list[Event]] = defaultdict(list)
    for campaign_id, _, _, event in told:
        by_campaign[campaign_id].append(event)
    for campaign_id, events in by_campaign.items():
        _, rules, now, _ = max((each for each in told if each[0] == campaign_id), key=lambda each: each[2])
        _tell_campaign(conn, campaign_id, rules, events, now)
        if any(event.sign is not Sign.ACCEPTED for event in events):
            _tell_lines(conn, rules, events, now)


def _tell_campaign(
    conn: sa.Connection, campaign_id: CampaignId, rules: BreakerRules, events: list[Event], now: float
) -> None:
    ((text,),) = _BREAKER.run(conn, campaign_id)
    was = breaker = CampaignBreaker() if text is None else CampaignBreaker.from_text(text)
    for event in events:
        breaker = breaker.after(event, rules, now)
    if breaker is not was:
        _KEEP_BREAKER.run(conn, breaker.to_text(), campaign_id)


def _tell_lines(conn: sa.Connection, rules: BreakerRules, events: list[Event], now: float) -> None:
    numbers = sorted({event.line for event in events if event.line is not None})
    kept: list[Values] = []
    for number, text in _LINE_BREAKERS.run(conn, numbers):
        was = breaker = LineBreaker() if text is None else LineBreaker.from_text(text)
        for event in events:
            if event.line == number:
                breaker = breaker.after(event, rules, now)
        if breaker is not was:
            kept.append((breaker.to_text(), number))
    _KEEP_LINE.run_many(conn, kept)
