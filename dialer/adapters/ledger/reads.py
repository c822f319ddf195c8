"""Questions to the ledger that change nothing."""

import sqlalchemy as sa

from dialer.adapters.ledger.claims import next_due
from dialer.adapters.ledger.tables import attempt, campaign, intake, job, result
from dialer.domain.balance import Balance
from dialer.domain.calls import CampaignId
from dialer.domain.lifecycle import CLOSED_ATTEMPTS, FINAL_JOBS, OPEN_ATTEMPTS, AttemptState, JobState
from dialer.domain.results import ResultKind, ResultLine
from dialer.ports import CampaignCounts, Speed

_C: sa.BindParameter[int] = sa.bindparam("c")
_ALL_JOBS = sa.text("+job.campaign_id = :c")
"""The plus keeps SQLite from an index: looking each job up takes five times as long as a scan."""
_JOBS = (
    sa.select(job.c.state, job.c.outcome, sa.func.count())
    .where(_ALL_JOBS)
    .group_by(job.c.state, job.c.outcome)
)
_ATTEMPTS = (
    sa.select(attempt.c.state, sa.func.count(), sa.func.count(attempt.c.call_id))
    .where(sa.text("+attempt.campaign_id = :c"))
    .group_by(attempt.c.state)
)
_LINES = (
    sa.select(result.c.kind, sa.func.count(), sa.func.max(result.c.seq))
    .where(result.c.campaign_id == _C)
    .group_by(result.c.kind)
)
_SINCE: sa.BindParameter[float] = sa.bindparam("since")
_NOW: sa.BindParameter[float] = sa.bindparam("now")
_CLAIMED_SINCE = sa.select(sa.func.count()).where(
    attempt.c.campaign_id == _C, attempt.c.claimed_at.between(_SINCE, _NOW)
)
_FINAL_SINCE = (
    sa.select(sa.func.count()).select_from(job).where(_ALL_JOBS, job.c.closed_at.between(_SINCE, _NOW))
)
_LAST_SEQ = sa.select(campaign.c.last_seq).where(campaign.c.id == _C)
_INTAKE = sa.select(
    sa.func.coalesce(sa.func.sum(intake.c.rows), 0),
    sa.func.coalesce(sa.func.sum(intake.c.new), 0),
    sa.func.coalesce(sa.func.sum(intake.c.same + intake.c.changed + intake.c.finished), 0),
    sa.func.coalesce(sa.func.sum(intake.c.rejected), 0),
).where(intake.c.campaign_id == _C)


def results_after(conn: sa.Connection, campaign_id: CampaignId, seq: int, rows_max: int) -> list[ResultLine]:
    """The next result lines behind `seq`."""
    rows = conn.execute(
        sa.select(result.c.seq, result.c.line)
        .where(result.c.campaign_id == campaign_id, result.c.seq > seq)
        .order_by(result.c.seq)
        .limit(rows_max)
    )
    return [ResultLine(row[0], row[1]) for row in rows]


def campaigns(conn: sa.Connection) -> dict[str, CampaignId]:
    """Every campaign's name and number, oldest first."""
    rows = conn.execute(sa.select(campaign.c.name, campaign.c.id).order_by(campaign.c.id))
    return {row[0]: CampaignId(row[1]) for row in rows}


def counts(conn: sa.Connection, campaign_id: CampaignId) -> CampaignCounts:
    """Where the campaign stands. Looks at every job and attempt: half a second for each million."""
    jobs = dict.fromkeys(JobState, 0)
    outcomes: dict[str, int] = {}
    for state, outcome, number in conn.execute(_JOBS, {"c": campaign_id}):
        jobs[JobState(state)] += number
        if outcome is not None:
            outcomes[outcome] = outcomes.get(outcome, 0) + number
    attempts = _attempts(conn, campaign_id)
    return CampaignCounts(
        jobs=jobs,
        outcomes=outcomes,
        live=_in_states(attempts, OPEN_ATTEMPTS),
        uncertain=_in_states(attempts, frozenset({AttemptState.UNCERTAIN})),
        attempts=sum(number for number, _ in attempts.values()),
        calls=sum(calls for _, calls in attempts.values()),
        next_due_at=next_due(conn, campaign_id),
    )


def speed(conn: sa.Connection, campaign_id: CampaignId, now: float) -> Speed:
    """Attempts and final jobs of the last minutes before `now`."""
    claimed = conn.execute(_CLAIMED_SINCE, {"c": campaign_id, "since": now - 60, "now": now}).scalar_one()
    final = conn.execute(_FINAL_SINCE, {"c": campaign_id, "since": now - 600, "now": now}).scalar_one()
    return Speed(claimed, final)


def balance(conn: sa.Connection, name: str, campaign_id: CampaignId) -> Balance:
    """Everything that must add up, each number from its own table."""
    jobs = counts(conn, campaign_id).jobs
    attempts = _attempts(conn, campaign_id)
    rows, new, met_again, rejected = conn.execute(_INTAKE, {"c": campaign_id}).one()
    kinds = {row[0]: (row[1], row[2]) for row in conn.execute(_LINES, {"c": campaign_id})}
    return Balance(
        campaign=name,
        rows=rows,
        new=new,
        met_again=met_again,
        rejected=rejected,
        jobs=jobs,
        closed_attempts=_in_states(attempts, CLOSED_ATTEMPTS),
        attempt_lines=kinds.get(ResultKind.ATTEMPT, (0, 0))[0],
        final_jobs=sum(number for state, number in jobs.items() if state in FINAL_JOBS),
        job_lines=kinds.get(ResultKind.JOB, (0, 0))[0],
        busy_attempts=_in_states(attempts, OPEN_ATTEMPTS),
        unknown_attempts=_in_states(attempts, frozenset({AttemptState.UNKNOWN})),
        last_seq=conn.execute(_LAST_SEQ, {"c": campaign_id}).scalar_one(),
        lines=sum(number for number, _ in kinds.values()),
        highest_seq=max((highest for _, highest in kinds.values()), default=0),
    )


def _attempts(conn: sa.Connection, campaign_id: CampaignId) -> dict[AttemptState, tuple[int, int]]:
    """By state: the attempts, and those of them that have a call."""
    rows = conn.execute(_ATTEMPTS, {"c": campaign_id})
    return {AttemptState(state): (number, calls) for state, number, calls in rows}


def _in_states(attempts: dict[AttemptState, tuple[int, int]], states: frozenset[AttemptState]) -> int:
    return sum(number for state, (number, _) in attempts.items() if state in states)
