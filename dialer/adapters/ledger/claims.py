"""Claiming: the next jobs that the screen lets through, written ahead as attempts in the same transaction."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, assert_never

import sqlalchemy as sa

from dialer.adapters.ledger.lines import append_lines
from dialer.adapters.ledger.many import execute_many
from dialer.adapters.ledger.rows import JOB_COLUMNS, open_job
from dialer.adapters.ledger.tables import IS_OPEN, attempt, job
from dialer.domain.calls import Attempt, CampaignId, OpenJob
from dialer.domain.lifecycle import AttemptState, JobState, check_job
from dialer.domain.results import job_line
from dialer.domain.screening import Dial, Drop, Wait
from dialer.ports import ClaimRequest, NothingDue

CLAIM_ROWS_MAX = 500
"""Jobs that one claim looks at before it commits what it has found; the next claim goes on from there."""
WAIT_MIN_S = 1.0
"""A rule that holds a job but names no later time is asked again after this."""

_C: sa.BindParameter[int] = sa.bindparam("c")
_NOW: sa.BindParameter[float] = sa.bindparam("now")
_N: sa.BindParameter[int] = sa.bindparam("n")
_MINE = sa.and_(job.c.campaign_id == _C, IS_OPEN)


def _priorities() -> sa.Subquery:
    """The priorities that open jobs have, each with its first due time.

    It steps through the index from one priority to the next lower one: a few look-ups, however many jobs.
    """
    highest = sa.select(sa.func.max(job.c.priority)).where(_MINE)
    top = sa.select(highest.scalar_subquery().label("priority")).cte("step", recursive=True)
    lower = highest.where(job.c.priority < top.c.priority).scalar_subquery()
    step = top.union_all(sa.select(lower).where(top.c.priority.is_not(None)))
    first = sa.select(sa.func.min(job.c.due_at)).where(_MINE, job.c.priority == step.c.priority)
    return (
        sa.select(step.c.priority, first.scalar_subquery().label("due_at"))
        .where(step.c.priority.is_not(None))
        .subquery()
    )


_PRIORITIES = _priorities()
_HIGHEST_DUE = sa.select(sa.func.max(_PRIORITIES.c.priority)).where(_PRIORITIES.c.due_at <= _NOW)
_NEXT_DUE = sa.select(sa.func.min(_PRIORITIES.c.due_at))
_DUE = (
    sa.select(*JOB_COLUMNS)
    .where(_MINE, job.c.priority == sa.bindparam("p"), job.c.due_at <= _NOW)
    .order_by(job.c.due_at, job.c.id)
    .limit(_N)
)
_INSERT_ATTEMPT = sa.insert(attempt)
_BUSY = (
    sa.update(job)
    .where(job.c.id.in_(sa.bindparam("ids", expanding=True)))
    .values(state=JobState.BUSY.value, claims=job.c.claims + 1)
)
_LATER = sa.update(job).where(job.c.id == sa.bindparam("j")).values(due_at=sa.bindparam("until"))
_DROP = (
    sa.update(job)
    .where(job.c.id == sa.bindparam("j"))
    .values(state=sa.bindparam("s"), outcome=sa.bindparam("s"), closed_at=sa.bindparam("at"))
)


def claim_many(conn: sa.Connection, requests: Sequence[ClaimRequest]) -> list[Attempt | NothingDue]:
    """One answer per request, in order."""
    answers: dict[int, Attempt | NothingDue] = {}
    by_campaign: dict[CampaignId, list[int]] = defaultdict(list)
    for index, request in enumerate(requests):
        by_campaign[request.campaign_id].append(index)
    for campaign_id, indexes in by_campaign.items():
        group = [requests[i] for i in indexes]
        attempts, seen = _claim(conn, campaign_id, group)
        answers.update(zip(indexes, attempts, strict=False))
        if len(attempts) < len(group):
            nothing = NothingDue(group[0].now if seen >= CLAIM_ROWS_MAX else next_due(conn, campaign_id))
            answers.update((index, nothing) for index in indexes[len(attempts) :])
    return [answers[index] for index in range(len(requests))]


def next_due(conn: sa.Connection, campaign_id: CampaignId) -> float | None:
    """When the campaign's next open job is due; None if none is open."""
    due_at: float | None = conn.execute(_NEXT_DUE, {"c": campaign_id}).scalar_one()
    return due_at


def _claim(
    conn: sa.Connection, campaign_id: CampaignId, requests: list[ClaimRequest]
) -> tuple[list[Attempt], int]:
    """The attempts made, and how many jobs were looked at."""
    now = max(request.now for request in requests)
    claimed: list[Attempt] = []
    seen = 0
    while len(claimed) < len(requests) and seen < CLAIM_ROWS_MAX:
        wanted = {"c": campaign_id, "now": now}
        priority = conn.execute(_HIGHEST_DUE, wanted).scalar_one()
        if priority is None:
            break
        room = min(len(requests) - len(claimed), CLAIM_ROWS_MAX - seen)
        rows = conn.execute(_DUE, {**wanted, "p": priority, "n": room}).all()
        seen += len(rows)
        claimed += _screen(conn, [open_job(row) for row in rows], requests[len(claimed) :], now)
    return claimed, seen


def _screen(
    conn: sa.Connection, jobs: list[OpenJob], requests: list[ClaimRequest], now: float
) -> list[Attempt]:
    """Judge each job once and carry the verdicts out, all in the caller's transaction."""
    claimed: list[Attempt] = []
    later: list[dict[str, Any]] = []
    dropped: list[tuple[OpenJob, Drop]] = []
    for candidate in jobs:
        request = requests[len(claimed)]
        match request.screen.judge(candidate, now):
            case Dial(from_number):
                claimed.append(_attempt(candidate, request, from_number, now))
            case Wait(until):
                later.append({"j": candidate.id, "until": until if until > now else now + WAIT_MIN_S})
            case Drop() as drop:
                check_job(JobState.OPEN, drop.state)
                dropped.append((candidate, drop))
            case verdict:
                assert_never(verdict)
    if claimed:
        execute_many(conn, _INSERT_ATTEMPT, [_attempt_values(each) for each in claimed])
        conn.execute(_BUSY, {"ids": [each.job.id for each in claimed]})
    if later:
        conn.execute(_LATER, later)
    if dropped:
        _close(conn, dropped, now)
    return claimed


def _attempt(candidate: OpenJob, request: ClaimRequest, from_number: str | None, now: float) -> Attempt:
    return Attempt(
        id=request.attempt_id,
        job=candidate,
        number=candidate.claims + 1,
        state=AttemptState.CLAIMED,
        from_number=from_number,
        body=request.encode(candidate.job, request.attempt_id, from_number),
        claimed_at=now,
        last_sent_at=now,
    )


def _attempt_values(made: Attempt) -> dict[str, Any]:
    return {
        "id": made.id,
        "campaign_id": made.job.campaign_id,
        "job_id": made.job.id,
        "number": made.number,
        "state": made.state.value,
        "from_number": made.from_number,
        "body": made.body,
        "claimed_at": made.claimed_at,
        "last_sent_at": made.last_sent_at,
    }


def _close(conn: sa.Connection, dropped: list[tuple[OpenJob, Drop]], now: float) -> None:
    conn.execute(_DROP, [{"j": each.id, "s": drop.state.value, "at": now} for each, drop in dropped])
    append_lines(
        conn,
        (
            (
                each.campaign_id,
                each.id,
                job_line(each, drop.state, None, each.claims, None, now, drop.reason),
            )
            for each, drop in dropped
        ),
    )
