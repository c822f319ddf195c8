"""A process that ends between two instructions, at a drawn moment."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

import sqlalchemy as sa

from dialer.adapters.ledger.commit import Group, Operation
from dialer.adapters.ledger.store import SqlLedger, inline
from dialer.domain.calls import CampaignId
from dialer.ports.engine import AttemptUpdate, Finish


class CrashError(BaseException):
    """The process is dead. No polite handler of `Exception` may catch this and go on."""


class Moment(StrEnum):
    """What the crash waits for."""

    TIME = "time"
    COMMIT = "commit"
    """Any transaction."""
    CLAIM = "claim"
    UPDATE = "update"
    FINISH = "finish"


@dataclass(frozen=True, slots=True)
class Crash:
    moment: Moment
    nth: int
    """At the nth such transaction of the life."""
    after_s: float
    """For `TIME`: so long after the start."""
    commits: bool
    """The transaction is durable and its answer is lost; else it never happened."""


_GROUPS = {Moment.CLAIM: Group.CLAIM, Moment.UPDATE: Group.UPDATE, Moment.FINISH: Group.FINISH}


class CrashingLedger(SqlLedger):
    """A ledger whose process crashes at a transaction, and that then takes nothing any more."""

    def __init__(
        self,
        conn: sa.Connection,
        crash: Crash | None,
        on_crash: Callable[[], None],
        on_written: Callable[[AttemptUpdate | Finish], None] = lambda _: None,
    ) -> None:
        """`on_written`: told of what is durable of an attempt."""
        super().__init__(partial(inline, conn))
        self._on_written = on_written
        self._crash = crash
        self._on_crash = on_crash
        self._seen = 0
        self.is_dead = False

    def die(self) -> None:
        """From now on nothing is written, and whoever tries is told that he is dead."""
        if not self.is_dead:
            self.is_dead = True
            self._on_crash()

    async def _submit(self, group: Group, payload: Any, *, tells: Collection[CampaignId] | None = ()) -> Any:
        if self.is_dead:
            raise CrashError
        return await super()._submit(group, payload, tells=tells)

    async def _commit(self, operations: list[Operation]) -> None:
        strikes = not self.is_dead and self._strikes(operations)
        if not self.is_dead and not (strikes and self._crash is not None and not self._crash.commits):
            await super()._commit(operations)
            for operation in operations:
                if operation.error is None and isinstance(operation.payload, AttemptUpdate | Finish):
                    self._on_written(operation.payload)
        if strikes:
            self.die()
        if self.is_dead:
            for operation in operations:
                operation.error = CrashError()  # type: ignore[assignment]

    def _strikes(self, operations: Sequence[Operation]) -> bool:
        crash = self._crash
        if crash is None or crash.moment is Moment.TIME:
            return False
        wanted = _GROUPS.get(crash.moment)
        if wanted is None or any(operation.group is wanted for operation in operations):
            self._seen += 1
            return self._seen == crash.nth
        return False
