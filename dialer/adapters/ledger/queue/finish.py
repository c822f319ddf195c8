"""Moving attempts on and closing them, checked against the table of transitions."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from dialer.adapters.ledger.drivers.ledger_time import ledger_time
from dialer.adapters.ledger.drivers.statements import Statement, Values
from dialer.adapters.ledger.queue.consequences import after_finishes, after_updates
from dialer.adapters.ledger.queue.result_lines import append_lines
from dialer.adapters.ledger.schema.rows import pack_history
from dialer.adapters.ledger.schema.tables import IS_ANALYSIS, attempt, job, result
from dialer.domain.calls import Attempt, AttemptId, CallId
from dialer.domain.errors import LedgerError
from dialer.domain.lifecycle import (
    CLOSED_ATTEMPTS,
    FINAL_JOBS,
    AttemptState,
    CallTaken,
    IllegalTransition,
    JobState,
    TakenOver,
    check_attempt,
    check_job,
)
from dialer.domain.results import ResultKind
from dialer.domain.waiting import REDIAL
from dialer.ports.engine import AttemptUpdate, Finish

_STATES = Statement(
    sa.select(attempt.c.id, attempt.c.state, job.c.state, attempt.c.worker)
    .join(job, attempt.c.job_id == job.c.id)
    .where(attempt.c.id.in_(sa.bindparam("ids", expanding=True))),
    listed="ids",
)
_WHOSE = Statement(
    sa.select(attempt.c.call_id, attempt.c.id).where(
        attempt.c.call_id.in_(sa.bindparam("calls", expanding=True))
    ),
    listed="calls",
)
_A: sa.BindParameter[str] = sa.bindparam("a")
_J: sa.BindParameter[int] = sa.bindparam("j")
_MOVE = Statement(
    sa.update(attempt)
    .where(attempt.c.id == _A)
    .values(
        state=sa.bindparam("s"),
        last_sent_at=sa.func.coalesce(sa.bindparam("sent"), attempt.c.last_sent_at),
        call_id=sa.func.coalesce(sa.bindparam("call"), attempt.c.call_id),
        placed_at=sa.func.coalesce(sa.bindparam("placed"), attempt.c.placed_at),
        error=sa.bindparam("e"),
        live_until=sa.func.coalesce(sa.bindparam("live", type_=sa.Float), attempt.c.live_until),
    ),
    *("s", "sent", "call", "placed", "e", "live", "a"),
)
_CLOSE = Statement(
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
    ),
    *("s", "at", "o", "call", "st", "r", "d", "cost", "e", "a"),
)
_JOB_STATE = Statement(sa.update(job).where(job.c.id == _J).values(state=sa.bindparam("s")), "s", "j")
_JOB_AFTER = Statement(
    sa.update(job)
    .where(job.c.id == _J)
    .values(
        state=sa.bindparam("s"),
        due_at=sa.func.coalesce(sa.bindparam("due"), job.c.due_at),
        history=sa.bindparam("h"),
        outcome=sa.bindparam("o"),
        closed_at=sa.bindparam("at"),
        waits=sa.bindparam("w"),
    ),
    *("s", "due", "h", "o", "at", "w", "j"),
)

_ANALYSED = Statement(
    sa.select(result.c.attempt_id).where(
        IS_ANALYSIS, result.c.attempt_id.in_(sa.bindparam("ids", expanding=True))
    ),
    listed="ids",
)

_ATTEMPT_STATES = {state.value: state for state in AttemptState}
_JOB_STATES = {state.value: state for state in JobState}
_JOBS_BESIDE = {
    state: FINAL_JOBS | {JobState.OPEN} if state in CLOSED_ATTEMPTS else frozenset({JobState.BUSY})
    for state in AttemptState
} | {AttemptState.UNKNOWN: frozenset({JobState.UNKNOWN})}
"""What a job may be when its latest attempt is in a state."""
_NO_NEWS = (None,) * 5


def update_many(conn: sa.Connection, updates: Sequence[AttemptUpdate]) -> list[None]:
    """Move attempts on. Raises `IllegalTransition` and `CallTaken` before anything is written."""
    states = _States(conn, [each.attempt.id for each in updates])
    for each in updates:
        if each.state in CLOSED_ATTEMPTS:
            raise IllegalTransition(f"an attempt that goes to {each.state} is to be finished")
        states.move(each.attempt, each.state, each.job_state)
    _check_calls(conn, ((each.attempt.id, each.call_id) for each in updates if each.call_id is not None))
    time = ledger_time(conn)
    _MOVE.run_many(conn, [_moved(each, time) for each in updates])
    _JOB_STATE.run_many(
        conn,
        [(each.job_state.value, each.attempt.job.id) for each in updates if each.job_state is not None],
    )
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
    """Close attempts, and their jobs with them.

    Raises `IllegalTransition` and `CallTaken` before anything is written.
    """
    states = _States(conn, [each.attempt.id for each in finishes])
    parked, placed = states.ids_in(AttemptState.UNKNOWN), states.ids_in(AttemptState.PLACED)
    for each in finishes:
        if each.state not in CLOSED_ATTEMPTS:
            raise IllegalTransition(f"an attempt that goes to {each.state} is not finished")
        states.move(each.attempt, each.state, each.job_state)
    # a placed one's call was looked at when it was placed
    new = ((each.attempt.id, each.news.call_id) for each in finishes if each.news is not None)
    _check_calls(conn, (each for each in new if each[0] not in placed))
    _CLOSE.run_many(conn, [_closed(each) for each in finishes])
    _JOB_AFTER.run_many(conn, [_job_after(each) for each in finishes])
    append_lines(
        conn,
        (
            (each.attempt.job.campaign_id, each.attempt.job.id, line)
            for each in finishes
            for line in _unwritten(conn, each)
        ),
    )
    after_finishes(conn, finishes, parked)
    return [None] * len(finishes)


def _unwritten(conn: sa.Connection, finish: Finish) -> Iterable[Mapping[str, Any]]:
    """Its lines; without the analysis if the attempt was closed before, followed again, and has one."""
    of_calls = [line for line in finish.lines if line["kind"] is not ResultKind.ANALYSIS]
    if len(of_calls) < len(finish.lines) and _ANALYSED.run(conn, [finish.attempt.id]):
        return of_calls
    return finish.lines


def _check_calls(conn: sa.Connection, given: Iterable[tuple[AttemptId, CallId]]) -> None:
    """Raises `CallTaken` if one of these attempts is given a call that another one has."""
    calls = list(given)
    if not calls:
        return
    holders: dict[str, str] = {}
    for call_id, attempt_id in [*_WHOSE.run(conn, [call_id for _, call_id in calls]), *map(reversed, calls)]:
        if holders.setdefault(call_id, attempt_id) != attempt_id:
            raise CallTaken(f"call {call_id} is attempt {holders[call_id]}'s already")


class _States:
    """Where the attempts of a group and their jobs stand; a group may hold one of them twice."""

    def __init__(self, conn: sa.Connection, ids: list[AttemptId]) -> None:
        self._states: dict[AttemptId, tuple[AttemptState, JobState]] = {}
        self._workers: dict[AttemptId, str] = {}
        for attempt_id, state, job_state, worker in _STATES.run(conn, ids):
            self._states[attempt_id] = _ATTEMPT_STATES[state], _JOB_STATES[job_state]
            if worker is not None:
                self._workers[attempt_id] = worker

    def ids_in(self, wanted: AttemptState) -> frozenset[AttemptId]:
        """Those in that state."""
        return frozenset(attempt_id for attempt_id, (state, _) in self._states.items() if state is wanted)

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
        if job_is not in _JOBS_BESIDE[state]:
            raise IllegalTransition(f"a job cannot be {job_is} when its attempt goes to {state}")
        self._states[attempt_id] = state, job_is

    def _check_whose(self, made: Attempt, state: AttemptState) -> None:
        """A placed call is anybody's, who hears of it; before, an attempt is only its worker's."""
        placed = state is AttemptState.PLACED and made.state is AttemptState.PLACED
        if state in CLOSED_ATTEMPTS or not (placed or made.worker == self._workers[made.id]):
            raise TakenOver(f"attempt {made.id} is {state} by another worker")


def _moved(each: AttemptUpdate, time: float) -> Values:
    return (
        each.state.value,
        each.last_sent_at,
        each.call_id,
        each.at if each.state is AttemptState.PLACED else None,
        each.error,
        None if each.call_max_s is None else time + each.call_max_s,
        each.attempt.id,
    )


def _closed(each: Finish) -> Values:
    news = each.news
    return (
        each.state.value,
        each.at,
        each.outcome.value,
        *((news.call_id, news.status, news.reason, news.duration_s, news.cost_cents) if news else _NO_NEWS),
        each.error,
        each.attempt.id,
    )


def _job_after(each: Finish) -> Values:
    final = each.job_state in FINAL_JOBS
    return (
        each.job_state.value,
        each.due_at,
        pack_history(each.history),
        each.outcome.value if final else None,
        each.at if final else None,
        REDIAL if each.due_at is not None and not final else None,
        each.attempt.job.id,
    )
