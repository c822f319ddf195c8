"""The ledger that the settings name, opened: a file or a schema of a server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from dialer.adapters.ledger.drivers.server import is_server
from dialer.adapters.ledger.store import SqlLedger, open_sqlite
from dialer.adapters.system.installed import needs_extra
from dialer.domain.errors import BadInput
from dialer.ports.engine import Clock
from dialer.settings import Settings


@asynccontextmanager
async def open_ledger(
    settings: Settings, *, dispatches: bool, speed: float | None = 1.0, clock: Clock | None = None
) -> AsyncIterator[SqlLedger]:
    """The ledger that the settings name.

    `dispatches`: to dial from it. `speed`: of the campaign's clock, None if it is virtual. `clock`: None: the
    machine's. Raises `LedgerError`, `BadInput`.
    """
    path = settings.ledger.url
    if not is_server(path):
        on_thread = speed is not None
        async with open_sqlite(Path(path), dispatches=dispatches, on_thread=on_thread, clock=clock) as ledger:
            yield ledger
        return
    if speed is None:
        raise BadInput("--speed max does not wait for a server: give a number, or a file as --ledger")
    try:
        from dialer.adapters.ledger.postgres import open_postgres  # what it needs is an extra
    except ImportError as error:
        raise needs_extra("a ledger in PostgreSQL", "postgres", error) from error
    async with open_postgres(path, dispatches=dispatches, speed=speed) as ledger:
        yield ledger
