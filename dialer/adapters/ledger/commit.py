"""Group commit: whatever has gathered is one transaction, so that the cost of a sync is shared."""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import sqlalchemy as sa

from dialer.adapters.ledger.queue.claim import claim_many
from dialer.adapters.ledger.queue.finish import finish_many, update_many
from dialer.adapters.ledger.schema.versions import READS_ONLY
from dialer.domain.calls import CampaignId
from dialer.domain.errors import LedgerError, LedgerLost


class Group(IntEnum):
    """Operations that are carried out together, in this order: room is made before it is taken."""

    UPDATE = 0
    FINISH = 1
    CLAIM = 2
    CALL = 3
    """Anything else: a function of a connection, one by one."""
    READ = 4
    """As CALL, for a function that only asks: alone it neither waits for a writer nor holds one up."""


def _call_each(conn: sa.Connection, calls: Sequence[Callable[[sa.Connection], Any]]) -> list[Any]:
    return [call(conn) for call in calls]


_HANDLERS: dict[Group, Callable[[sa.Connection, Sequence[Any]], Sequence[Any]]] = {
    Group.UPDATE: update_many,
    Group.FINISH: finish_many,
    Group.CLAIM: claim_many,
    Group.CALL: _call_each,
    Group.READ: _call_each,
}

TRIES_MAX = 5
"""How often a group is tried that had to give way to another process's transaction."""

_OPERATIONS_FAULT = (
    sa.exc.DataError,
    sa.exc.IntegrityError,
    sa.exc.InterfaceError,
    sa.exc.NotSupportedError,
    sa.exc.ProgrammingError,
)
"""What a database says of a statement; the other errors it has are its own: full, locked, damaged."""
_BAD_DATA = "22"
"""How PostgreSQL's word for the same begins, where it has no class of its own."""
_GAVE_WAY = frozenset({"40001", "40P01"})
"""PostgreSQL's words for a transaction that is to be tried again."""

_WAYS_OUT = {
    "full": ". Nothing is lost: make room and run the same command again",
    "No space left": ". Nothing is lost: make room and run the same command again",
    "malformed": ". It is damaged: restore it from a back-up",
}
_SERVERS_WAY_OUT = ". Nothing is lost: run the same command again when its server is there"


@dataclass(slots=True)
class Operation:
    """One thing to be done, and where its answer goes."""

    group: Group
    payload: Any
    answer: Any = None
    error: Exception | None = None
    tells: Collection[CampaignId] | None = ()
    """Campaigns whose work or results may be others now, for those who are on the same ledger; None: all."""


Begin = Callable[[sa.Connection, Sequence[Operation]], None]


def commit(conn: sa.Connection, operations: Sequence[Operation], begin: Begin | None = None) -> None:
    """Carry the operations out in one transaction and fill in each one's answer or error.

    If one of them is at fault the transaction is rolled back and each is tried alone, so that only the
    faulty one fails. If the database is, all of them fail with `LedgerError` and nothing has happened.
    `begin`: what the transaction begins with.
    """
    try:
        conn.info[READS_ONLY] = reads_only(operations)
        _transact(conn, operations, begin)
    except Exception as error:
        if len(operations) == 1 or _is_the_databases(error):
            for operation in operations:
                operation.error = _plain(error)
        else:
            for operation in operations:
                commit(conn, [operation], begin)


def reads_only(operations: Sequence[Operation]) -> bool:
    """Whether a transaction of these changes nothing."""
    return all(operation.group is Group.READ for operation in operations)


def _transact(conn: sa.Connection, operations: Sequence[Operation], begin: Begin | None) -> None:
    for left in reversed(range(TRIES_MAX)):
        try:
            with conn.begin():
                if begin is not None:
                    begin(conn, operations)
                _carry_out(conn, operations)
        except sa.exc.DBAPIError as error:
            if _sqlstate(error) not in _GAVE_WAY or not left:
                raise
        else:
            return


def _is_the_databases(error: Exception) -> bool:
    if not isinstance(error, sa.exc.DBAPIError):
        return isinstance(error, OSError | LedgerLost)
    if error.connection_invalidated:
        return True
    return not isinstance(error, _OPERATIONS_FAULT) and not _sqlstate(error).startswith(_BAD_DATA)


def _sqlstate(error: sa.exc.DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""


def _plain(error: Exception) -> Exception:
    """The error as the caller gets it: one of its own, for each is raised in another task."""
    if isinstance(error, LedgerLost):
        return LedgerLost(str(error))
    if not isinstance(error, sa.exc.DBAPIError | OSError):
        return error
    is_lost = isinstance(error, OSError) or error.connection_invalidated
    said = str(error if isinstance(error, OSError) else error.orig) or type(error).__name__
    way_out = next((text for word, text in _WAYS_OUT.items() if word in said), "")
    if is_lost:
        way_out = _SERVERS_WAY_OUT
    plain = (LedgerLost if is_lost else LedgerError)(f"the ledger cannot be read or written: {said}{way_out}")
    plain.__cause__ = error
    return plain


def _carry_out(conn: sa.Connection, operations: Sequence[Operation]) -> None:
    by_group: dict[Group, list[Operation]] = defaultdict(list)
    for operation in operations:
        by_group[operation.group].append(operation)
    for group in sorted(by_group):
        mine = by_group[group]
        answers = _HANDLERS[group](conn, [operation.payload for operation in mine])
        for operation, answer in zip(mine, answers, strict=True):
            operation.answer = answer
