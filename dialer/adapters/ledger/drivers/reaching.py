"""One connection to a PostgreSQL server, for what is asked or done once, beside whoever dials."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from dialer.adapters.ledger.drivers.server import SESSION, explain, without_secrets
from dialer.domain.errors import LedgerError

CONNECT_S_MAX = 10.0


@asynccontextmanager
async def reached(url: str, *, statement_s_max: float) -> AsyncIterator[AsyncConnection]:
    """A connection to the database and schema that the URL names, with nothing asked or made yet.

    Raises `LedgerError` if the server cannot be reached, or fails while the context is open.
    """

    async def connect() -> Any:
        return await asyncpg.connect(
            url, timeout=CONNECT_S_MAX, command_timeout=statement_s_max, server_settings=SESSION
        )

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=sa.pool.NullPool)
    try:
        async with engine.connect() as conn:
            yield conn
    except (
        sa.exc.DBAPIError,
        OSError,
        ValueError,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
    ) as error:
        raise LedgerError(explain(without_secrets(url), error)) from error
    finally:
        await engine.dispose()
