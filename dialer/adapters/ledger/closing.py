"""Moving attempts on and closing them, checked against the table of transitions."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from dialer.adapters.ledger.aftermath import after_finishes, after_updates
from dialer.adapters.ledger.lines import append_lines
from dialer.adapters.ledger.many import execute_many
from dialer.adapters.ledger.rows import pack_history
from dialer.adapters.ledger.tables import attempt, job
from dialer.domain.calls import Attempt, AttemptId
from dialer.domain.errors import LedgerError
from dialer.domain.lifecycle import (
    CLOSED_ATTEMPTS,
    FINAL_JOBS,
    AttemptState,
    IllegalTransition,
    JobState,
    TakenOver,
    check_attempt,
    check_job,
)
from dialer.ports import AttemptUpdate, Finish

_STATES = (
    sa.select(attempt.c.id, attempt.c.state, job.c.state, attempt.c.worker)
    .join(job, attempt.c.job_id == job.c.id)
    .where(attempt.c.id.in_(sa.bindparam("ids", expanding=True)))
)
_A: sa.BindParameter[str] = sa.bindparam("a")
_J: sa.BindParameter[int] = sa.bindparam("j")
_MOVE = (
    sa.update(attempt)
    .where(attempt.c.id == _A)
    .values(
        state=sa.bindparam("s"),
        last_sent_at=sa.func.coalesce(sa.bindparam("sent"), attempt.c.last_sent_at),
        call_id=sa.func.coalesce(sa.bindparam("call"), attempt.c.call_id),
        placed_at=sa.func.coalesce(sa.bindparam("placed"), attempt.c.placed_at),
        error=sa.bindparam("e"),
    )
)
_CLOSE = (
    sa.update(attempt)
    .where(attempt.c.id == _A)
    .values(
        state=sa.bindparam("s"),
        closed_at=sa.bindparam("at"),
        outcome=sa.bindparam("o"),
        call_id=sa.func.coalesce(sa.bindparam("call"), attempt.c.call_id),
        status=sa.bindparam("st"),
        reason=sa.bindparam("r"),
        duration_s=sa.bindparam("d"),
        cost_cents=sa.bindparam("cost"),
        error=sa.bindparam("e"),
    )
)
_JOB_STATE = sa.update(job).where(job.c.id == _J).values(state=sa.bindparam("s"))
_JOB_AFTER = (
    sa.update(job)
    .where(job.c.id == _J)
    .values(
        state=sa.bindparam("s"),
        due_at=sa.func.coalesce(sa.bindparam("due"), job.c.due_at),
        history=sa.bindparam("h"),
        outcome=sa.bindparam("o"),
        closed_at=sa.bindparam("at"),
    )
)


def update_many(conn: sa.Connection, updates: Sequence[AttemptUpdate]) -> list[None]:
    """Move attempts on. Raises `IllegalTransition` before anything is written."""
    states = _States(conn, [each.attempt.id for each in updates])
    for each in updates:
        if each.state in CLOSED_ATTEMPTS:
            raise IllegalTransition(f"an attempt that goes to {each.state} is to be finished")
        states.move(each.attempt, each.state, each.job_state)
    execute_many(conn, _MOVE, [_moved(each) for each in updates])
    jobs = [
        {"j": each.attempt.job.id, "s": each.job_state.value}
        for each in updates
        if each.job_state is not None
    ]
    execute_many(conn, _JOB_STATE, jobs)
    append_lines(
        conn,
        (
            (each.attempt.job.campaign_id, each.attempt.job.id, each.line)
            for each in updates
            if each.line is not None
        ),
    )
    after_updates(conn, updates)
    return [None] * len(updates)


def finish_many(conn: sa.Connection, finishes: Sequence[Finish]) -> list[None]:
    """Close attempts, and their jobs with them. Raises `IllegalTransition` before anything is written."""
    states = _States(conn, [each.attempt.id for each in finishes])
    parked = states.parked()
    for each in finishes:
        if each.state not in CLOSED_ATTEMPTS:
            raise IllegalTransition(f"an attempt that goes to {each.state} is not finished")
        states.move(each.attempt, each.state, each.job_state)
    execute_many(conn, _CLOSE, [_closed(each) for each in finishes])
    execute_many(conn, _JOB_AFTER, [_job_after(each) for each in finishes])
    append_lines(
        conn,
        (
            (each.attempt.job.campaign_id, each.attempt.job.id, line)
            for each in finishes
            for line in each.lines
        ),
    )
    after_finishes(conn, finishes, parked)
    return [None] * len(finishes)


class _States:
    """Where the attempts of a group and their jobs stand; a group may hold one of them twice."""

    def __init__(self, conn: sa.Connection, ids: list[AttemptId]) -> None:
        rows = conn.execute(_STATES, {"ids": ids})
        self._states: dict[AttemptId, tuple[AttemptState, JobState]] = {}
        self._workers: dict[AttemptId, str] = {}
        for attempt_id, state, job_state, worker in rows:
            self._states[attempt_id] = AttemptState(state), JobState(job_state)
            if worker is not None:
                self._workers[attempt_id] = worker

    def parked(self) -> frozenset[AttemptId]:
        """Those that are unknown."""
        return frozenset(
            attempt_id for attempt_id, (state, _) in self._states.items() if state is AttemptState.UNKNOWN
        )

    def move(self, made: Attempt, state: AttemptState, job_state: JobState | None) -> None:
        """Go on from where the one before in the group left it. Raises `IllegalTransition`."""
        attempt_id = made.id
        if attempt_id not in self._states:
            raise LedgerError(f"the ledger does not hold attempt {attempt_id}")
        attempt_was, job_was = self._states[attempt_id]
        if attempt_id in self._workers:
            self._check_whose(made, attempt_was)
        check_attempt(attempt_was, state)
        if job_state is not None:
            check_job(job_was, job_state)
        job_is = job_state or job_was
        if job_is not in _jobs_beside(state):
            raise IllegalTransition(f"a job cannot be {job_is} when its attempt goes to {state}")
        self._states[attempt_id] = state, job_is

    def _check_whose(self, made: Attempt, state: AttemptState) -> None:
        """A placed call is anybody's, who hears of it; before, an attempt is only its worker's."""
        placed = state is AttemptState.PLACED and made.state is AttemptState.PLACED
        if state in CLOSED_ATTEMPTS or not (placed or made.worker == self._workers[made.id]):
            raise TakenOver(f"attempt {made.id} is {state} by another worker")


def _jobs_beside(state: AttemptState) -> frozenset[JobState]:
    """What a job may be when its latest attempt is in this state."""
    if state in CLOSED_ATTEMPTS:
        return FINAL_JOBS | {JobState.OPEN}
    return frozenset({JobState.UNKNOWN if state is AttemptState.UNKNOWN else JobState.BUSY})


def _moved(each: AttemptUpdate) -> dict[str, Any]:
    return {
        "a": each.attempt.id,
        "s": each.state.value,
        "sent": each.last_sent_at,
        "call": each.call_id,
        "placed": each.at if each.state is AttemptState.PLACED else None,
        "e": each.error,
    }


def _closed(each: Finish) -> dict[str, Any]:
    news = each.news
    return {
        "a": each.attempt.id,
        "s": each.state.value,
        "at": each.at,
        "o": each.outcome.value,
        "call": news.call_id if news else None,
        "st": news.status if news else None,
        "r": news.reason if news else None,
        "d": news.duration_s if news else None,
        "cost": news.cost_cents if news else None,
        "e": each.error,
    }


def _job_after(each: Finish) -> dict[str, Any]:
    final = each.job_state in FINAL_JOBS
    return {
        "j": each.attempt.job.id,
        "s": each.job_state.value,
        "due": each.due_at,
        "h": pack_history(each.history),
        "o": each.outcome.value if final else None,
        "at": each.at if final else None,
    }
