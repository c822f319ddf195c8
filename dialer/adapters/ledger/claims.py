"""Claiming: the next jobs that the screen lets through, written ahead as attempts in the same transaction."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, assert_never

import sqlalchemy as sa

from dialer.adapters.ledger.lines import append_lines
from dialer.adapters.ledger.rows import JOB_COLUMNS, open_job
from dialer.adapters.ledger.tables import IS_OPEN, attempt, job
from dialer.domain.calls import Attempt, CampaignId, OpenJob
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.domain.results import job_line
from dialer.domain.screening import Dial, Drop, Wait
from dialer.ports import ClaimRequest, NothingDue

CLAIM_ROWS_MAX = 500
"""Jobs that one claim looks at before it commits what it has found; the next claim goes on from there."""

_P: sa.BindParameter[int] = sa.bindparam("p")
_C: sa.BindParameter[int] = sa.bindparam("c")
_NOW: sa.BindParameter[float] = sa.bindparam("now")
_N: sa.BindParameter[int] = sa.bindparam("n")
_MINE = sa.and_(job.c.campaign_id == _C, IS_OPEN)
_HIGHEST = sa.select(sa.func.max(job.c.priority)).where(_MINE)
_NEXT_LOWER = _HIGHEST.where(job.c.priority < _P)
_DUE = (
    sa.select(*JOB_COLUMNS)
    .where(_MINE, job.c.priority == _P, job.c.due_at <= _NOW)
    .order_by(job.c.due_at, job.c.id)
    .limit(_N)
)
_NEXT_DUE = sa.select(sa.func.min(job.c.due_at)).where(_MINE, job.c.priority == _P)

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
    dues = (
        conn.execute(_NEXT_DUE, {"c": campaign_id, "p": priority}).scalar_one()
        for priority in _priorities(conn, campaign_id)
    )
    return min((due for due in dues if due is not None), default=None)


def _priorities(conn: sa.Connection, campaign_id: CampaignId) -> Iterator[int]:
    """The priorities that open jobs have, highest first: a few look-ups in the index, however many jobs."""
    priority = conn.execute(_HIGHEST, {"c": campaign_id}).scalar_one()
    while priority is not None:
        yield priority
        priority = conn.execute(_NEXT_LOWER, {"c": campaign_id, "p": priority}).scalar_one()


def _claim(
    conn: sa.Connection, campaign_id: CampaignId, requests: list[ClaimRequest]
) -> tuple[list[Attempt], int]:
    """The attempts made, and how many jobs were looked at."""
    now = max(request.now for request in requests)
    claimed: list[Attempt] = []
    seen = 0
    for priority in _priorities(conn, campaign_id):
        while len(claimed) < len(requests) and seen < CLAIM_ROWS_MAX:
            room = len(requests) - len(claimed)
            wanted = {"c": campaign_id, "p": priority, "now": now, "n": min(room, CLAIM_ROWS_MAX - seen)}
            rows = conn.execute(_DUE, wanted).all()
            if not rows:
                break
            seen += len(rows)
            claimed += _screen(conn, [open_job(row) for row in rows], requests[len(claimed) :], now)
        if len(claimed) == len(requests):
            break
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
                later.append({"j": candidate.id, "until": max(until, now)})
            case Drop() as drop:
                dropped.append((candidate, drop))
            case verdict:
                assert_never(verdict)
    if claimed:
        conn.execute(_INSERT_ATTEMPT, [_attempt_values(each) for each in claimed])
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
