"""Bringing a ledger to this program's version by hand, before a worker does it at its start.

Migrations only add, so on a server it is done while workers of one version older are dialling: it waits for
the transaction that is being written, and they wait for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from dialer.adapters.ledger.schema.tables import SCHEMA_VERSION
from dialer.adapters.ledger.schema.versions import make, newer, upgrade, version_of
from dialer.domain.errors import LedgerError


@dataclass(frozen=True, slots=True)
class Step:
    """One migration."""

    version: str
    """That it leads to."""
    what: str


@dataclass(frozen=True, slots=True)
class Migration:
    """What was done to a ledger, or would be."""

    before: str | None
    """The version that it had; None: there was none yet."""
    steps: Sequence[Step]
    """Those that were missing; none where there was no ledger: it is made as it should be."""

    @property
    def is_needed(self) -> bool:
        return self.before != SCHEMA_VERSION


def migrate(conn: sa.Connection, ledger: str, *, first: str | None = None, check: bool = False) -> Migration:
    """Bring it to this program's version, in one transaction; `check`: only say what that would do.

    `ledger`: how people name it. `first`: what the transaction begins with. Raises `LedgerError` if it is
    newer than this program, or no ledger at all.
    """
    with conn.begin():
        if first is not None and not check:
            conn.exec_driver_sql(first)
        before = version_of(conn, ledger)
        if before is not None and before > SCHEMA_VERSION:
            raise LedgerError(newer(ledger, before))
        done = Migration(before, [] if before is None else steps_after(before))
        if before is None and not check:
            make(conn)
        elif done.is_needed and not check:
            upgrade(conn)
    return done


def steps_after(version: str) -> list[Step]:
    """The migrations that a ledger of that version has not had, oldest first."""
    from alembic.script import ScriptDirectory  # slow to import and rarely needed

    from dialer.adapters.ledger.schema.versions import migrations

    scripts = ScriptDirectory.from_config(migrations()).walk_revisions()
    steps = [Step(each.revision, (each.doc or "").strip()) for each in scripts if each.revision > version]
    return sorted(steps, key=lambda step: step.version)
