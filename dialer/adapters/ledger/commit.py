"""Group commit: whatever has gathered is one transaction, so that the cost of a sync is shared."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import sqlalchemy as sa

from dialer.adapters.ledger.claims import claim_many
from dialer.adapters.ledger.closing import finish_many, update_many
from dialer.domain.errors import LedgerError


class Group(IntEnum):
    """Operations that are carried out together, in this order: room is made before it is taken."""

    UPDATE = 0
    FINISH = 1
    CLAIM = 2
    CALL = 3
    """Anything else: a function of a connection, one by one."""


def _call_each(conn: sa.Connection, calls: Sequence[Callable[[sa.Connection], Any]]) -> list[Any]:
    return [call(conn) for call in calls]


_HANDLERS: dict[Group, Callable[[sa.Connection, Sequence[Any]], Sequence[Any]]] = {
    Group.UPDATE: update_many,
    Group.FINISH: finish_many,
    Group.CLAIM: claim_many,
    Group.CALL: _call_each,
}


@dataclass(slots=True)
class Operation:
    """One thing to be done, and where its answer goes."""

    group: Group
    payload: Any
    answer: Any = None
    error: BaseException | None = field(default=None)


def commit(conn: sa.Connection, operations: Sequence[Operation]) -> None:
    """Carry the operations out in one transaction and fill in each one's answer or error.

    If one of them is at fault the transaction is rolled back and each is tried alone, so that only the
    faulty one fails. If the database is, all of them fail with `LedgerError` and nothing has happened.
    """
    try:
        with conn.begin():
            _carry_out(conn, operations)
    except sa.exc.DBAPIError as error:
        plain = LedgerError(f"the ledger cannot be written: {error.orig}")
        for operation in operations:
            operation.error = plain
    except Exception as error:
        if len(operations) == 1:
            operations[0].error = error
            return
        for operation in operations:
            operation.error = None
            commit(conn, [operation])


def _carry_out(conn: sa.Connection, operations: Sequence[Operation]) -> None:
    for group, handler in _HANDLERS.items():
        mine = [operation for operation in operations if operation.group is group]
        if mine:
            answers = handler(conn, [operation.payload for operation in mine])
            for operation, answer in zip(mine, answers, strict=True):
                operation.answer = answer
