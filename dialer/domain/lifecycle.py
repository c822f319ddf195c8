"""The life of a job and of an attempt, each as one table.

An attempt exists to make at most one call, and its row is durable before its request leaves. So from
CLAIMED on a call may exist, and only these facts change that:

    CLAIMED ──201──────────────────────────────► PLACED ──the call is over──► ENDED
       │  └──timeout, drop, 5xx, a crash──► UNCERTAIN ──found, or repeated─┘     ▲
       │                                       │  └──bounded tries used up──► UNKNOWN
       ├──429, connection refused, told to go again later──► UNSPENT            (found, or an operator
       └──4xx: no call and never will──► REFUSED                                  resolves it)

A restarted process finds CLAIMED and cannot tell whether the request left: it treats the attempt as
UNCERTAIN. Closed states (ENDED, UNSPENT, REFUSED) are final: nothing leaves them, so an attempt can be
reported once only. The one exception is evidence that contradicts them (`WITHOUT_A_RING`), which is recorded.
"""

from collections.abc import Mapping
from enum import StrEnum


class AttemptState(StrEnum):
    CLAIMED = "claimed"
    """Written ahead; its request is about to leave, or has."""
    UNCERTAIN = "uncertain"
    """A request left and no clear answer came: a call may exist."""
    PLACED = "placed"
    """The API gave a call id."""
    UNKNOWN = "unknown"
    """Nobody could tell us. Never redialled by itself; an operator resolves it."""
    ENDED = "ended"
    """The call is over (or, for kinds that settle when created, created)."""
    UNSPENT = "unspent"
    """No call was made and nobody was rung; the job goes back and the attempt does not count."""
    REFUSED = "refused"
    """The API will never take this request; no call was made."""


class JobState(StrEnum):
    OPEN = "open"
    """Due now or later."""
    BUSY = "busy"
    """Has an open attempt."""
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    """A rule said never."""
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"
    """Its attempt is UNKNOWN."""


class IllegalTransition(Exception):
    """A bug: something asked for a change of state that the table does not have."""


class TakenOver(IllegalTransition):
    """No bug: another worker on the same ledger has the attempt by now, or has closed it."""


class CallTaken(Exception):
    """The call that an attempt was given is another attempt's in the ledger. No call is two attempts'."""


ATTEMPT_TRANSITIONS: Mapping[AttemptState, frozenset[AttemptState]] = {
    AttemptState.CLAIMED: frozenset(
        {
            AttemptState.PLACED,
            AttemptState.UNCERTAIN,
            AttemptState.UNSPENT,
            AttemptState.REFUSED,
            AttemptState.ENDED,
        }
    ),
    AttemptState.UNCERTAIN: frozenset(
        {AttemptState.UNCERTAIN, AttemptState.PLACED, AttemptState.ENDED, AttemptState.UNKNOWN}
    ),
    AttemptState.PLACED: frozenset({AttemptState.ENDED, AttemptState.UNSPENT, AttemptState.UNKNOWN}),
    AttemptState.UNKNOWN: frozenset({AttemptState.PLACED, AttemptState.ENDED, AttemptState.UNSPENT}),
    AttemptState.ENDED: frozenset(),
    AttemptState.UNSPENT: frozenset(),
    AttemptState.REFUSED: frozenset(),
}

JOB_TRANSITIONS: Mapping[JobState, frozenset[JobState]] = {
    JobState.OPEN: frozenset(
        {JobState.BUSY, JobState.OPEN, JobState.SKIPPED, JobState.EXPIRED, JobState.CANCELLED}
    ),
    JobState.BUSY: frozenset(
        {
            JobState.OPEN,
            JobState.DONE,
            JobState.FAILED,
            JobState.EXPIRED,
            JobState.CANCELLED,
            JobState.UNKNOWN,
        }
    ),
    JobState.UNKNOWN: frozenset(
        {JobState.BUSY, JobState.OPEN, JobState.DONE, JobState.FAILED, JobState.EXPIRED}
    ),
    JobState.DONE: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.SKIPPED: frozenset(),
    JobState.EXPIRED: frozenset(),
    JobState.CANCELLED: frozenset(),
}

OPEN_ATTEMPTS = frozenset({AttemptState.CLAIMED, AttemptState.UNCERTAIN, AttemptState.PLACED})
"""States in which a process has to go on with the attempt. UNKNOWN is only looked for."""
CLOSED_ATTEMPTS = frozenset(state for state, ways in ATTEMPT_TRANSITIONS.items() if not ways)
WITHOUT_A_RING = frozenset({AttemptState.UNSPENT, AttemptState.REFUSED})
"""Closed because nothing showed that anybody was rung. If something shows it later, the attempt is PLACED
again, or ENDED where its job has gone on; nothing else ever leaves a closed state."""
FINAL_JOBS = frozenset(state for state, ways in JOB_TRANSITIONS.items() if not ways)


def attempt_origins(target: AttemptState) -> frozenset[AttemptState]:
    """The states from which an attempt may become `target`."""
    return frozenset(state for state, ways in ATTEMPT_TRANSITIONS.items() if target in ways)


def check_attempt(origin: AttemptState, target: AttemptState) -> None:
    """Raise `IllegalTransition` unless an attempt may go from `origin` to `target`."""
    if target not in ATTEMPT_TRANSITIONS[origin]:
        raise IllegalTransition(f"an attempt cannot go from {origin} to {target}")


def check_job(origin: JobState, target: JobState) -> None:
    """Raise `IllegalTransition` unless a job may go from `origin` to `target`."""
    if target not in JOB_TRANSITIONS[origin]:
        raise IllegalTransition(f"a job cannot go from {origin} to {target}")
