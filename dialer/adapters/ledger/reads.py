"""Questions to the ledger that change nothing."""

from collections.abc import Sequence

import sqlalchemy as sa

from dialer.adapters.ledger.claims import next_due
from dialer.adapters.ledger.rows import ATTEMPT_COLUMNS, JOB_COLUMNS, stored_attempt
from dialer.adapters.ledger.tables import attempt, campaign, intake, job, result
from dialer.domain.balance import Balance
from dialer.domain.calls import Attempt, CampaignId
from dialer.domain.lifecycle import CLOSED_ATTEMPTS, FINAL_JOBS, OPEN_ATTEMPTS, AttemptState, JobState
from dialer.domain.results import ResultKind, ResultLine
from dialer.ports import CampaignCounts, Speed

_OPEN_STATES = [state.value for state in OPEN_ATTEMPTS]


def attempts_in(
    conn: sa.Connection, campaign_id: CampaignId, states: frozenset[AttemptState]
) -> list[Attempt]:
    """The campaign's attempts in these (not closed) states, oldest first."""
    rows = conn.execute(
        sa.select(*ATTEMPT_COLUMNS, *JOB_COLUMNS)
        .join(job, attempt.c.job_id == job.c.id)
        .where(
            attempt.c.campaign_id == campaign_id,
            attempt.c.closed_at.is_(None),
            attempt.c.state.in_([state.value for state in states]),
        )
        .order_by(attempt.c.claimed_at, attempt.c.id)
    )
    return [stored_attempt(row) for row in rows]


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
    """Where the campaign stands."""
    states = conn.execute(
        sa.select(job.c.state, job.c.outcome, sa.func.count())
        .where(job.c.campaign_id == campaign_id)
        .group_by(job.c.state, job.c.outcome)
    ).all()
    jobs = dict.fromkeys(JobState, 0)
    outcomes: dict[str, int] = {}
    for state, outcome, number in states:
        jobs[JobState(state)] += number
        if outcome is not None:
            outcomes[outcome] = outcomes.get(outcome, 0) + number
    live = sa.case((attempt.c.state.in_(_OPEN_STATES), 1), else_=0)
    made = sa.case((attempt.c.call_id.is_not(None), 1), else_=0)
    attempts, live_now, calls = conn.execute(
        sa.select(
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(live), 0),
            sa.func.coalesce(sa.func.sum(made), 0),
        ).where(attempt.c.campaign_id == campaign_id)
    ).one()
    return CampaignCounts(jobs, outcomes, live_now, attempts, calls, next_due(conn, campaign_id))


def speed(conn: sa.Connection, campaign_id: CampaignId, now: float) -> Speed:
    """Attempts and final jobs of the last minutes before `now`."""
    claimed = sa.select(sa.func.count()).where(
        attempt.c.campaign_id == campaign_id, attempt.c.claimed_at > now - 60
    )
    final = sa.select(sa.func.count()).where(job.c.campaign_id == campaign_id, job.c.closed_at > now - 600)
    return Speed(conn.execute(claimed).scalar_one(), conn.execute(final).scalar_one())


def balance(conn: sa.Connection, name: str, campaign_id: CampaignId) -> Balance:
    """Everything that must add up, each number from its own table."""
    states = counts(conn, campaign_id)
    rows = conn.execute(
        sa.select(
            sa.func.coalesce(sa.func.sum(intake.c.rows), 0),
            sa.func.coalesce(sa.func.sum(intake.c.new), 0),
            sa.func.coalesce(sa.func.sum(intake.c.same + intake.c.changed + intake.c.finished), 0),
            sa.func.coalesce(sa.func.sum(intake.c.rejected), 0),
        ).where(intake.c.campaign_id == campaign_id)
    ).one()
    kinds: dict[str, int] = dict(
        conn.execute(
            sa.select(result.c.kind, sa.func.count())
            .where(result.c.campaign_id == campaign_id)
            .group_by(result.c.kind)
        )
        .tuples()
        .all()
    )
    last_seq, lines, highest = conn.execute(
        sa.select(campaign.c.last_seq, sa.func.count(result.c.seq), sa.func.max(result.c.seq))
        .outerjoin(result, result.c.campaign_id == campaign.c.id)
        .where(campaign.c.id == campaign_id)
        .group_by(campaign.c.last_seq)
    ).one()
    return Balance(
        campaign=name,
        rows=rows[0],
        new=rows[1],
        met_again=rows[2],
        rejected=rows[3],
        jobs=dict(states.jobs),
        closed_attempts=_count_attempts(conn, campaign_id, CLOSED_ATTEMPTS),
        attempt_lines=kinds.get(ResultKind.ATTEMPT, 0),
        final_jobs=sum(number for state, number in states.jobs.items() if state in FINAL_JOBS),
        job_lines=kinds.get(ResultKind.JOB, 0),
        busy_attempts=_count_attempts(conn, campaign_id, OPEN_ATTEMPTS),
        unknown_attempts=_count_attempts(conn, campaign_id, frozenset({AttemptState.UNKNOWN})),
        last_seq=last_seq,
        lines=lines,
        highest_seq=highest or 0,
    )


def _count_attempts(conn: sa.Connection, campaign_id: CampaignId, states: frozenset[AttemptState]) -> int:
    wanted: Sequence[str] = [state.value for state in states]
    return conn.execute(
        sa.select(sa.func.count())
        .select_from(attempt)
        .where(attempt.c.campaign_id == campaign_id, attempt.c.state.in_(wanted))
    ).scalar_one()
