"""`dialer migrate`: a ledger of an older version becomes one of this program's."""

from contextlib import nullcontext
from functools import partial
from pathlib import Path

import anyio
import sqlalchemy as sa

from dialer.adapters.ledger.drivers.database import bare_engine, dispatcher_lock, explain
from dialer.adapters.ledger.drivers.server import CHANGES_SCHEMA, is_server, reach, without_secrets
from dialer.adapters.ledger.schema.upgrade import Migration, migrate
from dialer.adapters.ledger.schema.versions import no_ledger
from dialer.app.event_loop import run_on_loop
from dialer.domain.errors import LedgerError, NoLedger
from dialer.settings import Loaded

STATEMENT_S_MAX = 3600.0
"""A migration may have to go through every row."""
TRIES_MAX = 5
AGAIN_S = 1.0
GAVE_WAY = frozenset({"40P01", "55P03"})
"""A question held tables that it needed, and would have waited for it in turn, or went on for too long."""


def migrate_ledger(loaded: Loaded, *, check: bool) -> Migration:
    """Bring the ledger of the settings to this program's version; `check`: only say what that would do.

    In PostgreSQL a schema that is empty becomes a ledger; a file is not made.
    Raises `LedgerError`, `BadInput`.
    """
    url = loaded.settings.ledger.url
    if is_server(url):
        return run_on_loop(partial(_in_server, url, check))
    return _in_file(Path(url), check)


def _in_file(path: Path, check: bool) -> Migration:
    if not path.exists():
        raise NoLedger(no_ledger(path))
    engine = bare_engine(path)
    try:
        with nullcontext() if check else dispatcher_lock(path), engine.connect() as conn:
            return migrate(conn, str(path), check=check)
    except sa.exc.DBAPIError as error:
        raise LedgerError(explain(path, error)) from error
    finally:
        engine.dispose()


async def _in_server(url: str, check: bool) -> Migration:
    change = partial(migrate, ledger=without_secrets(url), first=CHANGES_SCHEMA, check=check)
    async with reach(url, statement_s_max=STATEMENT_S_MAX) as conn:
        for _ in range(TRIES_MAX - 1):
            try:
                return await conn.run_sync(change)
            except sa.exc.DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in GAVE_WAY:
                    raise
            await anyio.sleep(AGAIN_S)
        return await conn.run_sync(change)
