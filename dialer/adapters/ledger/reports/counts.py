"""Questions to the ledger that change nothing."""

from collections.abc import Collection

import sqlalchemy as sa

from dialer.adapters.ledger.queue.contradictions import reopened
from dialer.adapters.ledger.schema.tables import attempt, campaign, intake, job, result
from dialer.domain.balance import Balance, ReadInPart
from dialer.domain.calls import CampaignId
from dialer.domain.lifecycle import CLOSED_ATTEMPTS, FINAL_JOBS, OPEN_ATTEMPTS, AttemptState, JobState
from dialer.domain.results import ResultKind, ResultLine
from dialer.ports.engine import CampaignCounts, Speed

_C: sa.BindParameter[int] = sa.bindparam("c")
_IDS: sa.BindParameter[list[int]] = sa.bindparam("ids", expanding=True)
_JOBS_OF = sa.text("+job.campaign_id IN :ids").bindparams(_IDS)
_OF_JOB: sa.ColumnClause[int] = sa.literal_column("+job.campaign_id")
"""The plus keeps SQLite from an index: looking each job up takes five times as long as a scan."""
_ATTEMPTS_OF = sa.text("+attempt.campaign_id IN :ids").bindparams(_IDS)
_OF_ATTEMPT: sa.ColumnClause[int] = sa.literal_column("+attempt.campaign_id")
_JOBS = (
    sa.select(_OF_JOB, job.c.state, job.c.outcome, sa.func.count(), sa.func.min(job.c.due_at))
    .where(_JOBS_OF)
    .group_by(_OF_JOB, job.c.state, job.c.outcome)
)
_ATTEMPTS = (
    sa.select(_OF_ATTEMPT, attempt.c.state, sa.func.count(), sa.func.count(attempt.c.call_id))
    .where(_ATTEMPTS_OF)
    .group_by(_OF_ATTEMPT, attempt.c.state)
)
_LINES = (
    sa.select(result.c.kind, sa.func.count(), sa.func.max(result.c.seq))
    .where(result.c.campaign_id == _C)
    .group_by(result.c.kind)
)
_SINCE: sa.BindParameter[float] = sa.bindparam("since")
_NOW: sa.BindParameter[float] = sa.bindparam("now")
_CLAIMED_SINCE = (
    sa.select(_OF_ATTEMPT, sa.func.count())
    .where(_ATTEMPTS_OF, attempt.c.claimed_at.between(_SINCE, _NOW))
    .group_by(_OF_ATTEMPT)
)
_FINAL_SINCE = (
    sa.select(_OF_JOB, sa.func.count())
    .where(_JOBS_OF, job.c.closed_at.between(_SINCE, _NOW))
    .group_by(_OF_JOB)
)
_STREAMS = ("http", "queue ")
"""How the names of sources begin that have no end."""
_LAST_SEQ = sa.select(campaign.c.last_seq).where(campaign.c.id == _C)
_INTAKE = sa.select(
    sa.func.coalesce(sa.func.sum(intake.c.rows), 0),
    sa.func.coalesce(sa.func.sum(intake.c.new), 0),
    sa.func.coalesce(sa.func.sum(intake.c.same + intake.c.changed + intake.c.finished), 0),
    sa.func.coalesce(sa.func.sum(intake.c.rejected), 0),
).where(intake.c.campaign_id == _C)


def readings_in_part(
    conn: sa.Connection, campaign_ids: Collection[CampaignId]
) -> dict[CampaignId, list[ReadInPart]]:
    """Each campaign's lists whose last reading did not come to its end."""
    columns = (intake.c.campaign_id, intake.c.source, intake.c.rows, intake.c.unread, intake.c.complete)
    asked = sa.select(*columns).where(intake.c.campaign_id.in_(_IDS)).order_by(intake.c.id)
    last: dict[tuple[CampaignId, str], ReadInPart | None] = {}
    for of, source, rows, unread, complete in conn.execute(asked, {"ids": [*campaign_ids]}):
        last[of, source] = None if complete else ReadInPart(source, rows, unread)
    found: dict[CampaignId, list[ReadInPart]] = {each: [] for each in campaign_ids}
    for (of, source), in_part in last.items():
        if in_part is not None and not source.startswith(_STREAMS):
            found[of].append(in_part)
    return found


def results_after(conn: sa.Connection, campaign_id: CampaignId, seq: int, rows_max: int) -> list[ResultLine]:
    """The next result lines behind `seq`."""
    rows = conn.execute(
        sa.select(result.c.seq, result.c.line)
        .where(result.c.campaign_id == campaign_id, result.c.seq > seq)
        .order_by(result.c.seq)
        .limit(rows_max)
    )
    return [ResultLine(row[0], row[1]) for row in rows]


def real_outcomes(conn: sa.Connection) -> dict[str, int]:
    """How many attempts of all campaigns came to which outcome; rehearsals are not counted."""
    asked = (
        sa.select(attempt.c.outcome, sa.func.count().label("calls"))
        .join_from(attempt, campaign, campaign.c.id == attempt.c.campaign_id)
        .where(campaign.c.simulated.is_(sa.false()), attempt.c.outcome.is_not(None))
        .group_by(attempt.c.outcome)
    )
    return {row.outcome: row.calls for row in conn.execute(asked)}


def campaigns(conn: sa.Connection) -> dict[str, CampaignId]:
    """Every campaign's name and number, oldest first."""
    rows = conn.execute(sa.select(campaign.c.name, campaign.c.id).order_by(campaign.c.id))
    return {row[0]: CampaignId(row[1]) for row in rows}


def counts(conn: sa.Connection, campaign_id: CampaignId) -> CampaignCounts:
    """Where one campaign stands. As `counts_of`."""
    return counts_of(conn, [campaign_id])[campaign_id]


def counts_of(conn: sa.Connection, campaign_ids: Collection[CampaignId]) -> dict[CampaignId, CampaignCounts]:
    """Where these campaigns stand. Looks at every job and attempt once, however many campaigns are asked
    for: half a second for each million."""
    jobs = {each: dict.fromkeys(JobState, 0) for each in campaign_ids}
    outcomes: dict[CampaignId, dict[str, int]] = {each: {} for each in campaign_ids}
    due: dict[CampaignId, float] = {}
    for of, state, outcome, number, due_at in conn.execute(_JOBS, {"ids": [*campaign_ids]}):
        jobs[of][JobState(state)] += number
        if state == JobState.OPEN:
            due[of] = min(due_at, due.get(of, due_at))
        if outcome is not None:
            outcomes[of][outcome] = outcomes[of].get(outcome, 0) + number
    attempts = _attempts(conn, campaign_ids)
    return {
        each: CampaignCounts(
            jobs=jobs[each],
            outcomes=outcomes[each],
            live=_in_states(attempts[each], OPEN_ATTEMPTS),
            uncertain=_in_states(attempts[each], frozenset({AttemptState.UNCERTAIN})),
            attempts=sum(number for number, _ in attempts[each].values()),
            calls=sum(calls for _, calls in attempts[each].values()),
            next_due_at=due.get(each),
        )
        for each in campaign_ids
    }


def speeds_of(
    conn: sa.Connection, campaign_ids: Collection[CampaignId], now: float
) -> dict[CampaignId, Speed]:
    """Attempts and final jobs of the last minutes before `now`."""
    ids = [*campaign_ids]
    claimed = conn.execute(_CLAIMED_SINCE, {"ids": ids, "since": now - 60, "now": now})
    claims = {row[0]: row[1] for row in claimed}
    final = conn.execute(_FINAL_SINCE, {"ids": ids, "since": now - 600, "now": now})
    ends = {row[0]: row[1] for row in final}
    return {each: Speed(claims.get(each, 0), ends.get(each, 0)) for each in campaign_ids}


def balance(conn: sa.Connection, name: str, campaign_id: CampaignId) -> Balance:
    """Everything that must add up, each number from its own table."""
    jobs = counts(conn, campaign_id).jobs
    attempts = _attempts(conn, [campaign_id])[campaign_id]
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
        reopened_attempts=reopened(conn, campaign_id),
        attempt_lines=kinds.get(ResultKind.ATTEMPT, (0, 0))[0],
        final_jobs=sum(number for state, number in jobs.items() if state in FINAL_JOBS),
        job_lines=kinds.get(ResultKind.JOB, (0, 0))[0],
        busy_attempts=_in_states(attempts, OPEN_ATTEMPTS),
        unknown_attempts=_in_states(attempts, frozenset({AttemptState.UNKNOWN})),
        last_seq=conn.execute(_LAST_SEQ, {"c": campaign_id}).scalar_one(),
        lines=sum(number for number, _ in kinds.values()),
        highest_seq=max((highest for _, highest in kinds.values()), default=0),
        in_part=readings_in_part(conn, [campaign_id])[campaign_id],
    )


_ByState = dict[AttemptState, tuple[int, int]]
"""The attempts in each state, and those of them that have a call."""


def _attempts(conn: sa.Connection, campaign_ids: Collection[CampaignId]) -> dict[CampaignId, _ByState]:
    found: dict[CampaignId, _ByState] = {each: {} for each in campaign_ids}
    for of, state, number, calls in conn.execute(_ATTEMPTS, {"ids": [*campaign_ids]}):
        found[of][AttemptState(state)] = number, calls
    return found


def _in_states(attempts: _ByState, states: frozenset[AttemptState]) -> int:
    return sum(number for state, (number, _) in attempts.items() if state in states)
