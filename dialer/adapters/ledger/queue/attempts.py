"""Attempts as they were claimed, read back."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import sqlalchemy as sa

from dialer.adapters.ledger.drivers.ledger_time import ledger_time
from dialer.adapters.ledger.queue.facts import LEFT_LIVE, moment, numbers_facts
from dialer.adapters.ledger.schema.moved import IS_HERE
from dialer.adapters.ledger.schema.rows import ATTEMPT_COLUMNS, JOB_COLUMNS, stored_attempt
from dialer.adapters.ledger.schema.tables import NOT_CLOSED, attempt, campaign, job
from dialer.domain.calls import Attempt, AttemptId, CallId, CampaignId
from dialer.domain.lifecycle import AttemptState
from dialer.domain.screening import UNHEARD_OF

NUMBERS_MAX = 500
"""Numbers that are looked up at a time."""

_CLOSED = sa.select(attempt.c.id).where(
    attempt.c.id.in_(sa.bindparam("ids", expanding=True)), attempt.c.closed_at.is_not(None)
)


def attempts_in(
    conn: sa.Connection, campaign_id: CampaignId, states: frozenset[AttemptState]
) -> list[Attempt]:
    """The campaign's attempts in these (not closed) states, oldest first."""
    return stored_attempts(
        conn,
        sa.and_(
            attempt.c.campaign_id == campaign_id,
            attempt.c.closed_at.is_(None),
            attempt.c.state.in_([state.value for state in states]),
        ),
    )


def left_beside(conn: sa.Connection, campaign_id: CampaignId, call_max_s: float, now: float) -> list[Attempt]:
    """See `ports.Ledger`."""
    wanted = sa.select(attempt.c.id).where(
        LEFT_LIVE,
        attempt.c.campaign_id != campaign_id,
        attempt.c.campaign_id.in_(_on_the_account_of(campaign_id)),
    )
    ids = list(conn.scalars(wanted, {"time": ledger_time(conn), "since": now - call_max_s}))
    return stored_attempts(conn, attempt.c.id.in_(ids)) if ids else []


def answered_calls(conn: sa.Connection, like: CampaignId | None) -> list[CallId]:
    """See `ports.Ledger`."""
    wanted = sa.select(attempt.c.call_id).where(
        NOT_CLOSED,
        attempt.c.state == AttemptState.PLACED.value,
        attempt.c.call_id.is_not(None),
        attempt.c.campaign_id.in_(_on_the_account_of(like)),
    )
    return [CallId(row[0]) for row in conn.execute(wanted)]


def closed_of(conn: sa.Connection, attempt_ids: Collection[AttemptId]) -> set[AttemptId]:
    """See `ports.engine.Ledger`."""
    if not attempt_ids:
        return set()
    return {AttemptId(row[0]) for row in conn.execute(_CLOSED, {"ids": list(attempt_ids)})}


def has_dialled(conn: sa.Connection) -> bool:
    """See `ports.Ledger`."""
    return conn.execute(sa.select(attempt.c.id).limit(1)).first() is not None


def _on_the_account_of(campaign_id: CampaignId | None) -> sa.Select[tuple[int]]:
    """Campaigns whose calls are on the same account: all rehearsals, or all that are none."""
    simulated: sa.ColumnElement[bool] = sa.false()
    if campaign_id is not None:
        like = campaign.alias()
        simulated = sa.select(like.c.simulated).where(like.c.id == campaign_id).scalar_subquery()
    return sa.select(campaign.c.id).where(campaign.c.simulated == simulated, IS_HERE)


def stored_attempts(conn: sa.Connection, wanted: sa.ColumnElement[bool]) -> list[Attempt]:
    """The attempts that are wanted, oldest first."""
    rows = conn.execute(
        sa.select(*ATTEMPT_COLUMNS, *JOB_COLUMNS)
        .join(job, attempt.c.job_id == job.c.id)
        .where(wanted)
        .order_by(attempt.c.claimed_at, attempt.c.id)
    ).all()
    if not rows:
        return []
    time = ledger_time(conn)
    found = [stored_attempt(row, time) for row in rows]
    batches = (found[start : start + NUMBERS_MAX] for start in range(0, len(found), NUMBERS_MAX))
    return [each for batch in batches for each in _with_rings(conn, batch)]


def _with_rings(conn: sa.Connection, attempts: Sequence[Attempt]) -> Iterator[Attempt]:
    """As they were claimed: with the times at which their numbers may have been rung before."""
    numbers = [each.job.job.to_number for each in attempts if each.job.job.to_number is not None]
    known = numbers_facts(conn, numbers, moment(0.0, 0.0))
    for each in attempts:
        rung_at = known.get(each.job.job.to_number or "", UNHEARD_OF).rung_at
        before = tuple(at for at in rung_at if at < each.claimed_at)
        yield replace(each, job=replace(each.job, rung_at=before)) if before else each
