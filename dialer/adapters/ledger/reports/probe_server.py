"""As `probing`, for a schema of a PostgreSQL server."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import sqlalchemy as sa

from dialer.adapters.ledger.drivers.server import reach, without_secrets
from dialer.adapters.ledger.reports.probe import Found, median_s
from dialer.adapters.ledger.schema.versions import version_of

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

ANSWER_S_MAX = 10.0

_CLOCK = sa.text("SELECT extract(epoch FROM clock_timestamp())::float8")
_READ_ONLY = sa.text("SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only') = 'on'")
_MAY_MAKE = sa.text("SELECT has_schema_privilege(current_schema(), 'CREATE')")
_MAY_WRITE = sa.text(
    "SELECT has_table_privilege('campaign', 'INSERT') AND has_table_privilege('campaign', 'UPDATE')"
    " AND has_table_privilege('attempt', 'INSERT') AND has_table_privilege('attempt', 'UPDATE')"
)
# a transaction that wrote nothing is not synced; this is a record in the log and nowhere else
_LEAVE_A_RECORD = sa.text("SELECT pg_logical_emit_message(true, 'dialer', 'how long does a commit take?')")


async def probe_server(url: str, now: Callable[[], float]) -> Found:
    """Of the database and schema that the URL names. `now`: our clock. Raises `LedgerError`, `BadInput`."""
    async with reach(url, statement_s_max=ANSWER_S_MAX) as conn:
        version = await conn.run_sync(lambda sync: version_of(sync, without_secrets(url)))
        cannot_write = await _write_trouble(conn, is_there=version is not None)
        await conn.rollback()
        commit_s = None if cannot_write else await _commit_s(conn)
        round_trip_s = await median_s(lambda: conn.execute(_CLOCK))
        before = now()
        server_now: float = (await conn.execute(_CLOCK)).scalar_one()
        asked_at = (before + now()) / 2
    return Found(version, cannot_write, commit_s, round_trip_s, server_now, asked_at)


async def _write_trouble(conn: "AsyncConnection", *, is_there: bool) -> str | None:
    is_standby, is_read_only = (await conn.execute(_READ_ONLY)).one()
    if is_standby:
        return "the server is a standby, which only reads"
    if is_read_only:
        return "its transactions are read-only (default_transaction_read_only)"
    may = (await conn.execute(_MAY_WRITE if is_there else _MAY_MAKE)).scalar_one()
    match may, is_there:
        case None, _:
            return "there is no such schema"
        case False, True:
            return "this user may not write to its tables"
        case False, False:
            return "this user may make no tables in its schema"
    return None


async def _commit_s(conn: "AsyncConnection") -> float | None:
    async def commit() -> None:
        await conn.execute(_LEAVE_A_RECORD)
        await conn.commit()

    try:
        return await median_s(commit)
    except sa.exc.ProgrammingError:  # not allowed to this user
        await conn.rollback()
        return None
