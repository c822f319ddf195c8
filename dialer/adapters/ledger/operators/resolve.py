"""An operator settles an unknown attempt: a call was made, or none was."""

import sqlalchemy as sa

from dialer.adapters.ledger.queue.finish import finish_many, update_many
from dialer.adapters.ledger.schema.rows import ATTEMPT_COLUMNS, JOB_COLUMNS, stored_attempt
from dialer.adapters.ledger.schema.tables import attempt, job
from dialer.domain.calls import CALL_MAX_S, Attempt, AttemptId, CallId
from dialer.domain.errors import BadInput
from dialer.domain.lifecycle import AttemptState, CallTaken, JobState
from dialer.domain.outcomes import Outcome
from dialer.domain.results import attempt_line
from dialer.ports.engine import AttemptUpdate, Finish


def unknown_attempts(conn: sa.Connection, before: float | None = None) -> list[Attempt]:
    """Every unknown attempt of the ledger (claimed before that time), oldest first."""
    wanted = sa.select(*ATTEMPT_COLUMNS, *JOB_COLUMNS).join(job, attempt.c.job_id == job.c.id)
    wanted = wanted.where(attempt.c.closed_at.is_(None), attempt.c.state == AttemptState.UNKNOWN.value)
    if before is not None:
        wanted = wanted.where(attempt.c.claimed_at < before)
    return [stored_attempt(row) for row in conn.execute(wanted.order_by(attempt.c.claimed_at))]


def resolve_called(conn: sa.Connection, attempt_id: AttemptId, call_id: CallId, who: str, at: float) -> None:
    """The attempt made this call: the next run follows it to its end. Raises `BadInput`."""
    found = _unknown(conn, attempt_id)
    note = f"resolved by {who}: call {call_id} was made"
    placed = AttemptUpdate(
        found,
        AttemptState.PLACED,
        at,
        call_id=call_id,
        error=note,
        job_state=JobState.BUSY,
        call_max_s=CALL_MAX_S,
    )
    try:
        update_many(conn, [placed])
    except CallTaken as error:
        raise BadInput(f"{error}: look in the Retell dashboard for this attempt's own call") from None


def resolve_not_called(conn: sa.Connection, attempt_id: AttemptId, who: str, at: float) -> None:
    """The attempt made no call: its job is due again, and the attempt does not count. Raises `BadInput`."""
    found = _unknown(conn, attempt_id)
    note = f"resolved by {who}: no call was made"
    line = attempt_line(found, AttemptState.UNSPENT, Outcome.NOT_RUNG, at, None, note)
    finish = Finish(
        found,
        AttemptState.UNSPENT,
        Outcome.NOT_RUNG,
        at,
        JobState.OPEN,
        at,
        found.job.history,
        [line],
        error=note,
    )
    finish_many(conn, [finish])


def _unknown(conn: sa.Connection, attempt_id: AttemptId) -> Attempt:
    row = conn.execute(
        sa.select(*ATTEMPT_COLUMNS, *JOB_COLUMNS)
        .join(job, attempt.c.job_id == job.c.id)
        .where(attempt.c.id == attempt_id)
    ).one_or_none()
    if row is None:
        raise BadInput(f"this ledger has no attempt {attempt_id}: `dialer resolve` lists the unknown ones")
    found = stored_attempt(row)
    if found.state is not AttemptState.UNKNOWN:
        raise BadInput(f"attempt {attempt_id} is {found.state}, not unknown: there is nothing to resolve")
    return found
