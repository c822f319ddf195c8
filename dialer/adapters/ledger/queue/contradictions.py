"""A call, or a ring, is shown of an attempt that was closed as one without it.

The attempt counts from then on. If its job still waits for another attempt the call is followed instead, so
that the person is not rung again; else only the record can be put right.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from dialer.adapters.ledger.drivers.ledger_time import ledger_time
from dialer.adapters.ledger.queue.attempts import stored_attempts
from dialer.adapters.ledger.queue.consequences import after_contradiction
from dialer.adapters.ledger.schema.tables import attempt, contradiction, job
from dialer.domain.calls import CALL_MAX_S, Attempt, AttemptId, CallId, CallUpdate, CampaignId, JobKind
from dialer.domain.evidence import shows_ring
from dialer.domain.lifecycle import WITHOUT_A_RING, AttemptState, JobState, check_job
from dialer.domain.outcomes import Outcome
from dialer.ports.engine import Contradicted


@dataclass(frozen=True, slots=True)
class Contradiction:
    """What was put on record of one attempt."""

    attempt_id: AttemptId
    call_id: CallId
    at: float
    why: str
    is_followed: bool


def is_contradicted(conn: sa.Connection, news: CallUpdate) -> bool:
    """Whether `contradict` would put anything on record."""
    return _closed_without(conn, news) is not None


def contradict(conn: sa.Connection, news: CallUpdate, why: str, at: float) -> Contradicted | None:
    """See `ports.Ledger.contradict`."""
    closed = _closed_without(conn, news)
    if closed is None:
        return None
    state, claims = _job_of(conn, closed)
    is_followed = state is JobState.OPEN and claims == closed.number
    _record(conn, closed, news, why, at, is_followed=is_followed)
    after_contradiction(conn, closed, is_followed=is_followed)
    shown = sa.update(attempt).where(attempt.c.id == closed.id).values(call_id=news.call_id, error=why)
    if not is_followed:
        ended = {"state": AttemptState.ENDED.value, "outcome": Outcome.PLATFORM_FAULT.value}
        conn.execute(shown.values(**ended))
        return Contradicted(closed, is_followed=False)
    check_job(state, JobState.BUSY)
    placed = {"state": AttemptState.PLACED.value, "placed_at": at, "closed_at": None, "outcome": None}
    conn.execute(shown.values(**placed, live_until=ledger_time(conn) + CALL_MAX_S))
    conn.execute(sa.update(job).where(job.c.id == closed.job.id).values(state=JobState.BUSY.value))
    return Contradicted(stored_attempts(conn, attempt.c.id == closed.id)[0], is_followed=True)


def reopened(conn: sa.Connection, campaign_id: CampaignId) -> int:
    """Attempts that were placed again: the results have a line of their first end, too."""
    wanted = sa.select(sa.func.count()).select_from(contradiction)
    of_it = sa.and_(contradiction.c.campaign_id == campaign_id, contradiction.c.followed)
    return int(conn.execute(wanted.where(of_it)).scalar_one())


def contradictions(conn: sa.Connection, campaign_id: CampaignId) -> Sequence[Contradiction]:
    """What is on record of the campaign, oldest first."""
    wanted = sa.select(
        contradiction.c.attempt_id,
        contradiction.c.call_id,
        contradiction.c.at,
        contradiction.c.why,
        contradiction.c.followed,
    ).where(contradiction.c.campaign_id == campaign_id)
    return [Contradiction(*row) for row in conn.execute(wanted.order_by(contradiction.c.at))]


def _record(
    conn: sa.Connection, closed: Attempt, news: CallUpdate, why: str, at: float, *, is_followed: bool
) -> None:
    """One more: an attempt that is followed again may end as one that rang nobody again."""
    of_it = sa.select(sa.func.count()).where(contradiction.c.attempt_id == closed.id)
    whose = {"attempt_id": closed.id, "nth": conn.execute(of_it).scalar_one() + 1, "call_id": news.call_id}
    said = {"campaign_id": closed.job.campaign_id, "at": at, "why": why, "followed": is_followed}
    conn.execute(sa.insert(contradiction).values(**whose, **said))


def _closed_without(conn: sa.Connection, news: CallUpdate) -> Attempt | None:
    """The attempt that the news is of, if what it says is not in the ledger: a call, or the call's ring.

    Phone calls only: the others ring nobody, are settled when they are created, and have no end to follow.
    """
    states = [state.value for state in WITHOUT_A_RING]
    has_none = sa.and_(attempt.c.id == news.attempt_id, attempt.c.call_id.is_(None))
    rang_nobody = attempt.c.call_id == news.call_id
    wanted = sa.or_(has_none, rang_nobody) if shows_ring(news) else has_none
    dials = job.c.kind == JobKind.PHONE_CALL.value
    found = stored_attempts(conn, sa.and_(attempt.c.state.in_(states), dials, wanted))
    return found[0] if found else None


def _job_of(conn: sa.Connection, of: Attempt) -> tuple[JobState, int]:
    state, claims = conn.execute(sa.select(job.c.state, job.c.claims).where(job.c.id == of.job.id)).one()
    return JobState(state), claims
