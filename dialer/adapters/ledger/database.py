"""Opening the ledger's database: pragmas, the one dispatcher's lock, migrations."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock
import sqlalchemy as sa

from dialer.adapters.ledger.tables import SCHEMA_VERSION, metadata
from dialer.domain.errors import LedgerError

BUSY_TIMEOUT_S = 30.0
"""How long a write waits for another process's short transaction on the same SQLite file."""

_VERSION_TABLE = sa.table("alembic_version", sa.column("version_num", sa.Text))


def sqlite_engine(path: Path | None) -> sa.Engine:
    """An engine with one connection; None: in memory.

    Raises `LedgerError` if the file cannot be opened or is not a ledger.
    """
    url = "sqlite+pysqlite:///:memory:" if path is None else f"sqlite+pysqlite:///{path}"
    engine = sa.create_engine(
        url,
        poolclass=sa.pool.StaticPool,
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_S},
    )
    sa.event.listen(engine, "connect", _set_pragmas)
    sa.event.listen(engine, "begin", _begin_immediate)
    try:
        migrate(engine, path)
    except sa.exc.DBAPIError as error:
        engine.dispose()
        raise LedgerError(_explain(path, error)) from error
    except LedgerError:
        engine.dispose()
        raise
    return engine


def _set_pragmas(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where we say so
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "cache_size=-16384",
        "temp_store=MEMORY",
        "journal_size_limit=67108864",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: sa.Connection) -> None:
    # a write that starts as a read could fail half-way when another process writes
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def migrate(engine: sa.Engine, path: Path | None) -> None:
    """Bring the database to this program's version. Raises `LedgerError` if it is newer than we are."""
    with engine.begin() as conn:
        tables = sa.inspect(conn).get_table_names()
        if not tables:
            metadata.create_all(conn)
            conn.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)")
            conn.execute(sa.insert(_VERSION_TABLE).values(version_num=SCHEMA_VERSION))
            return
        if "alembic_version" not in tables:
            raise LedgerError(f"{path} is a database, but not a ledger of dialer: name another with --ledger")
        version = conn.execute(sa.select(_VERSION_TABLE.c.version_num)).scalar_one()
        if version == SCHEMA_VERSION:
            return
        if version > SCHEMA_VERSION:
            raise LedgerError(
                f"ledger {path} was written by a newer dialer (schema {version}, this one knows "
                f"{SCHEMA_VERSION}): upgrade dialer, or name another ledger with --ledger"
            )
        _upgrade(conn)


def _upgrade(conn: sa.Connection) -> None:
    from alembic import command  # only here: it is slow to import and rarely needed
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "dialer.adapters.ledger:migrations")
    config.attributes["connection"] = conn
    command.upgrade(config, "head")


def _explain(path: Path | None, error: sa.exc.DBAPIError) -> str:
    said = str(error.orig)
    if "not a database" in said or "malformed" in said:
        return f"ledger {path} is damaged or is not a SQLite file ({said}): restore it from a back-up"
    if path is not None and not path.parent.is_dir():
        return (
            f"ledger {path}: the folder {path.parent} does not exist: create it or name another with --ledger"
        )
    return f"ledger {path} cannot be opened: {said}"


@contextmanager
def dispatcher_lock(path: Path) -> Iterator[None]:
    """Only one process dials from a SQLite ledger. Raises `LedgerError` at once if another one does.

    The lock is the operating system's: it goes with the process, however that ends.
    """
    lock = filelock.FileLock(f"{path}.lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise LedgerError(
            f"ledger {path} is in use: another dialer is dialling from it. Wait for it or stop it; "
            "`dialer status` works meanwhile. To run two campaigns at once give each its own --ledger"
        ) from None
    except OSError as error:
        raise LedgerError(f"ledger {path}: its lock file cannot be written: {error.strerror}") from error
    try:
        yield
    finally:
        lock.release()
