"""Everything the ledger knows of one number, in all campaigns: for `dialer why`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from dialer.adapters.ledger.operators.campaigns import operations, suppressed_number
from dialer.adapters.ledger.queue.decisions import campaign_decisions, decisions_of
from dialer.adapters.ledger.schema.rows import JOB_COLUMNS, open_job
from dialer.adapters.ledger.schema.tables import attempt, campaign, intake, job
from dialer.domain.calls import AttemptId, CampaignId, OpenJob
from dialer.domain.decisions import Decision
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.domain.suppression import Suppressed
from dialer.ports.engine import Operation

_NUMBER: sa.BindParameter[str] = sa.bindparam("number")
_KEY: sa.BindParameter[str] = sa.bindparam("key")
_ALL_JOBS = (
    sa.select(
        *JOB_COLUMNS,
        job.c.state,
        job.c.outcome,
        job.c.closed_at,
        campaign.c.name,
        campaign.c.simulated,
        intake.c.source,
        intake.c.started_at,
    )
    .join(campaign, job.c.campaign_id == campaign.c.id)
    .outerjoin(intake, job.c.intake_id == intake.c.id)
    # named, so that the indices of campaign and number or key are used
    .where(job.c.campaign_id.in_(sa.select(campaign.c.id)))
    .order_by(job.c.id)
)
_JOBS = _ALL_JOBS.where(job.c.to_number == _NUMBER)
_JOBS_OF_KEY = _ALL_JOBS.where(job.c.key == _KEY)
_ATTEMPTS = (
    sa.select(
        *(
            attempt.c[name]
            for name in ("id", "job_id", "number", "state", "from_number", "claimed_at", "last_sent_at")
        ),
        *(attempt.c[name] for name in ("placed_at", "closed_at", "call_id", "outcome", "status", "reason")),
        *(attempt.c[name] for name in ("duration_s", "cost_cents", "error", "agent_id")),
    )
    .where(attempt.c.job_id.in_(sa.bindparam("jobs", expanding=True)))
    .order_by(attempt.c.claimed_at)
)

Act = tuple[str, Operation, str]
"""The command, who gave it, and its detail."""


@dataclass(frozen=True, slots=True)
class JobHistory:
    campaign: str
    simulated: bool
    open_job: OpenJob
    """As it would be claimed now."""
    state: JobState
    outcome: str | None
    closed_at: float | None
    source: str | None
    """What it was taken in from, and when."""
    taken_in_at: float | None


@dataclass(frozen=True, slots=True)
class AttemptHistory:
    id: AttemptId
    job_id: int
    number: int
    state: AttemptState
    from_number: str | None
    claimed_at: float
    last_sent_at: float
    placed_at: float | None
    closed_at: float | None
    call_id: str | None
    outcome: str | None
    status: str | None
    reason: str | None
    duration_s: float | None
    cost_cents: float | None
    error: str | None
    agent_id: str | None


@dataclass(frozen=True, slots=True)
class NumberHistory:
    number: str
    suppressed: Suppressed | None
    """By the ledger's own list, now."""
    jobs: Sequence[JobHistory]
    attempts: Sequence[AttemptHistory]
    decisions: Sequence[Decision]
    acts: Sequence[Act]
    """What operators did to the number."""
    campaign_acts: Mapping[CampaignId, Sequence[Act]]
    holds: Mapping[CampaignId, Sequence[Decision]]
    """What held the campaigns as a whole."""


def history_of(conn: sa.Connection, number: str) -> NumberHistory:
    """Oldest first, all of it."""
    jobs = [_job(row) for row in conn.execute(_JOBS, {"number": number})]
    ids = [each.open_job.id for each in jobs]
    attempts = [_attempt(row) for row in conn.execute(_ATTEMPTS, {"jobs": ids})]
    in_campaigns = dict.fromkeys(each.open_job.campaign_id for each in jobs)
    return NumberHistory(
        number,
        suppressed_number(conn, number),
        jobs,
        attempts,
        decisions_of(conn, number),
        operations(conn, number=number),
        {each: operations(conn, each) for each in in_campaigns},
        {each: campaign_decisions(conn, each) for each in in_campaigns},
    )


def jobs_of_key(conn: sa.Connection, key: str) -> list[tuple[JobHistory, list[AttemptHistory]]]:
    """The jobs of one key in all campaigns, and the attempts of each, oldest first."""
    jobs = [_job(row) for row in conn.execute(_JOBS_OF_KEY, {"key": key})]
    ids = [each.open_job.id for each in jobs]
    attempts = [_attempt(row) for row in conn.execute(_ATTEMPTS, {"jobs": ids})] if ids else []
    return [(each, [one for one in attempts if one.job_id == each.open_job.id]) for each in jobs]


def _job(row: Any) -> JobHistory:
    more = row[len(JOB_COLUMNS) :]
    state, outcome, closed_at, name, simulated, source, started_at = more
    whole = open_job(tuple(row[: len(JOB_COLUMNS)]))
    return JobHistory(name, simulated, whole, JobState(state), outcome, closed_at, source, started_at)


def _attempt(row: Any) -> AttemptHistory:
    attempt_id, job_id, number, state, *rest = row
    return AttemptHistory(AttemptId(attempt_id), job_id, number, AttemptState(state), *rest)
