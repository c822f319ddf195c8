"""The ledger's schema in a database of any kind: made, recognised, brought to this program's version."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import sqlalchemy as sa

from dialer.adapters.ledger.schema.tables import SCHEMA_VERSION, campaign, metadata
from dialer.domain.errors import LedgerError, NoLedger

if TYPE_CHECKING:
    from alembic.config import Config

READS_ONLY = "dialer_reads_only"
"""In a connection's `info`: the next transaction only asks."""

_VERSION_TABLE = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""As alembic makes it."""


def prepare(
    conn: sa.Connection,
    ledger: str,
    *,
    makes: bool,
    alone: Callable[[], AbstractContextManager[object]],
    first: str | None = None,
) -> None:
    """Bring the database to this program's version.

    `ledger`: how people name it. `makes`: an empty database becomes one. `alone`: keeps others from dialling.
    `first`: how a transaction begins that changes the schema, so that no two of them do.
    Raises `LedgerError` if there is none, or if it is newer than we are.
    """
    conn.info[READS_ONLY] = True
    with conn.begin():
        version = version_of(conn, ledger)
    conn.info[READS_ONLY] = False
    if version == SCHEMA_VERSION:
        return
    if version is None:
        if not makes:
            raise NoLedger(no_ledger(ledger))
        with conn.begin():
            if _is_still(None, conn, ledger, first):
                make(conn)
    elif version > SCHEMA_VERSION:
        raise LedgerError(newer(ledger, version))
    else:
        # a process of the older version may be dialling from it
        with alone(), conn.begin():
            if _is_still(version, conn, ledger, first):
                upgrade(conn)


def _is_still(version: str | None, conn: sa.Connection, ledger: str, first: str | None) -> bool:
    """Whether no other process was quicker."""
    if first is None:
        return True
    conn.exec_driver_sql(first)
    return version_of(conn, ledger) == version


def make(conn: sa.Connection) -> None:
    """An empty database becomes a ledger of this program's version, in the caller's transaction."""
    metadata.create_all(conn)
    _VERSION_TABLE.create(conn)
    conn.execute(sa.insert(_VERSION_TABLE).values(version_num=SCHEMA_VERSION))


def version_of(conn: sa.Connection, ledger: str) -> str | None:
    """The schema's version; None if the database is empty. Raises `LedgerError` if it is something else."""
    tables = set(sa.inspect(conn).get_table_names())
    if not tables:
        return None
    if not tables >= {"alembic_version", campaign.name}:
        raise LedgerError(f"{ledger} is a database, but not a ledger of dialer: name another with --ledger")
    version: str = conn.execute(sa.select(_VERSION_TABLE.c.version_num)).scalar_one()
    return version


def upgrade(conn: sa.Connection, to: str = "head") -> None:
    """Run the migrations that are missing, in the caller's transaction."""
    from alembic import command  # only here: it is slow to import and rarely needed

    config = migrations()
    config.attributes["connection"] = conn
    command.upgrade(config, to)


def migrations() -> "Config":
    """Where alembic finds them."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "dialer.adapters.ledger.schema:migrations")
    return config


def newer(ledger: object, version: str) -> str:
    """What people are told of a ledger that a newer program has brought to a version that we cannot read."""
    return (
        f"ledger {ledger} was written by a newer dialer (schema {version}, this one knows "
        f"{SCHEMA_VERSION}): upgrade dialer, or name another ledger with --ledger"
    )


def no_ledger(ledger: object) -> str:
    """What people are told who ask for one that is not there."""
    return (
        f"there is no ledger at {ledger}: name the right one with --ledger, "
        "or begin a campaign with `dialer run`, which makes one"
    )
