"""What an operator decides about attempts of which nobody could tell whether they made a call."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from dialer.adapters.clock import SystemClock
from dialer.adapters.ledger.store import SqlLedger
from dialer.app import open_ledger
from dialer.domain.calls import Attempt, AttemptId, CallId
from dialer.loops import run_on_loop
from dialer.settings import Loaded

T = TypeVar("T")


def list_unknown(loaded: Loaded, before: float | None = None) -> Sequence[Attempt]:
    """Every unknown attempt of the ledger (claimed before that time), oldest first. Raises `LedgerError`."""
    return _with_ledger(loaded, lambda ledger: ledger.unknown_attempts(before))


def resolve_called(loaded: Loaded, attempt_id: AttemptId, call_id: CallId, who: str) -> None:
    """The attempt made this call. Raises `BadInput` if it is not unknown, `LedgerError`."""
    _with_ledger(loaded, lambda ledger: ledger.resolve_called(attempt_id, call_id, who, SystemClock().now()))


def resolve_not_called(loaded: Loaded, attempt_ids: Sequence[AttemptId], who: str) -> None:
    """These attempts made no call. Raises `BadInput` if one is not unknown; then none is changed."""
    _with_ledger(loaded, lambda ledger: ledger.resolve_not_called(attempt_ids, who, SystemClock().now()))


def _with_ledger(loaded: Loaded, ask: Callable[[SqlLedger], Awaitable[T]]) -> T:
    async def main() -> T:
        async with open_ledger(loaded.settings, dispatches=False) as ledger:
            return await ask(ledger)

    return run_on_loop(main)
