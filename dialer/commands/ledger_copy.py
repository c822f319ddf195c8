"""`dialer ledger copy`: campaigns move from a SQLite file to PostgreSQL, whole or not at all.

Two databases cannot commit at once. So the campaign is sealed where it was, durably, and only then committed
where it goes: if that fails in between nobody dials it, and the same command goes on.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from dialer.adapters.ledger.drivers.database import dispatcher_lock, sqlite_engine
from dialer.adapters.ledger.drivers.server import WRITER, reach, without_secrets
from dialer.adapters.ledger.move.copy import Copied, Shifts, copy_campaign, problems_of, told_of
from dialer.adapters.ledger.move.merge import merge, reserve
from dialer.adapters.ledger.reports import counts
from dialer.adapters.ledger.schema.moved import moved_to, record, seal
from dialer.adapters.ledger.schema.tables import SCHEMA_VERSION
from dialer.adapters.ledger.schema.versions import newer, no_ledger, version_of
from dialer.app.event_loop import run_on_loop
from dialer.domain.calls import CampaignId
from dialer.domain.errors import BadInput, LedgerError, NoLedger
from dialer.domain.texts import campaign_fault, printable
from dialer.ports.engine import Operation
from dialer.telemetry.logs import mask_numbers

STATEMENT_S_MAX = 3600.0
_WRITES = f"SELECT pg_advisory_xact_lock({WRITER}, hashtext(current_schema()))"
_AT_FAULT = ("22", "23")
"""How PostgreSQL's words begin for rows that it cannot take."""
_SCHEMA = "SELECT current_schema()"
# what is read of the file in between may take longer than a server lets a transaction stand
_PATIENT = "SET idle_in_transaction_session_timeout = 0"


def copy_campaigns(path: Path, url: str, names: Sequence[str], by: Operation) -> list[Copied]:
    """Move these campaigns, or all of them; what is at the server, and what was sealed in the file.

    Raises `BadInput` and `LedgerError`; then nothing has changed, unless it says so.
    """
    if not path.exists():
        raise NoLedger(no_ledger(path))
    with dispatcher_lock(path):
        engine = sqlite_engine(path, dispatches=True)
        try:
            with engine.connect() as source:
                return run_on_loop(partial(_move, source, path, url, names, by))
        finally:
            engine.dispose()


async def _move(
    source: sa.Connection, path: Path, url: str, names: Sequence[str], by: Operation
) -> list[Copied]:
    async with reach(url, statement_s_max=STATEMENT_S_MAX) as conn:
        # nobody writes to the file meanwhile, neither what operators do
        with source.begin():
            moving = _Moving(source, path, url, by)
            done = await conn.run_sync(moving.copy, names)
        # from here on the file's campaigns are sealed
        try:
            await conn.commit()
        except (sa.exc.DBAPIError, OSError) as error:
            raise LedgerError(
                f"the server was lost at the last moment ({error}): run the same command again. It goes on,"
                " or says that the campaign is there already; then all is well"
            ) from error
    return done


class _Moving:
    """The way of some campaigns from a file to a server."""

    def __init__(self, source: sa.Connection, path: Path, url: str, by: Operation) -> None:
        self._source = source
        self._path = path
        self.place = without_secrets(url)
        self._by = by

    def copy(self, target: sa.Connection, names: Sequence[str]) -> list[Copied]:
        """Everything but the two commits: the caller's source first, then the target."""
        with target.begin():
            target.exec_driver_sql(_PATIENT)
            self._refuse_version(target)
            self.place = f"{self.place}, schema {target.exec_driver_sql(_SCHEMA).scalar_one()}"
            wanted = self._wanted(names, counts.campaigns(target))
        with target.begin():
            target.exec_driver_sql(_WRITES)
            shifts = reserve(self._source, target, list(wanted.values()))
        try:
            done = [copy_campaign(self._source, target, name, it, shifts) for name, it in wanted.items()]
            target.exec_driver_sql(_WRITES)
            merge(self._source, target, list(wanted.values()), shifts)
        except sa.exc.DBAPIError as error:
            if not str(getattr(error.orig, "sqlstate", None)).startswith(_AT_FAULT):
                raise
            raise LedgerError(
                f"{self.place} does not take it, nothing was changed: {mask_numbers(str(error.orig))}"
            ) from error
        for it in wanted.values():
            self._seal(target, it, shifts)
        return done

    def _refuse_version(self, target: sa.Connection) -> None:
        version = version_of(target, self.place)
        if version is not None and version > SCHEMA_VERSION:
            raise LedgerError(newer(self.place, version))
        if version != SCHEMA_VERSION:
            is_one = "is no ledger yet" if version is None else f"is of version {version}"
            raise LedgerError(f"{self.place} {is_one}: `dialer migrate --ledger` with its URL comes first")

    def _wanted(self, names: Sequence[str], taken: Mapping[str, CampaignId]) -> dict[str, CampaignId]:
        known = counts.campaigns(self._source)
        if missing := [name for name in names if name not in known]:
            there = ", ".join(known) or "none"
            raise BadInput(f"ledger {self._path} has no campaign {missing[0]!r}; it has: {there}")
        wanted = {name: it for name, it in known.items() if not names or name in names}
        if not names:  # those that went before stay where they are
            wanted = {
                name: it
                for name, it in wanted.items()
                if moved_to(self._source, it) in (None, self.place) and not self._went(it, name, taken)
            }
        for name, it in wanted.items():
            fault = campaign_fault(name)
            if fault is not None:
                raise BadInput(
                    f"campaign {printable(name)!r} {fault}: it stays in {self._path}; "
                    "name the others with --campaign"
                )
            self._refuse(name, it, taken)
        return wanted

    def _went(self, campaign_id: CampaignId, name: str, taken: Mapping[str, CampaignId]) -> bool:
        return name in taken and moved_to(self._source, campaign_id) == self.place

    def _refuse(self, name: str, campaign_id: CampaignId, taken: Mapping[str, CampaignId]) -> None:
        elsewhere = moved_to(self._source, campaign_id)
        if self._went(campaign_id, name, taken):
            raise BadInput(f"campaign {name} was moved to {self.place} before; it is there")
        if elsewhere not in (None, self.place):
            raise BadInput(f"campaign {name} was moved to {elsewhere} before: it cannot be in two ledgers")
        if name in taken:
            raise BadInput(f"{self.place} has a campaign {name} of its own: move into another schema")
        if problems_of(self._source, name, campaign_id):
            raise LedgerError(
                f"campaign {name} does not add up, so it is not moved: `dialer verify {name}` shows why"
            )

    def _seal(self, target: sa.Connection, campaign_id: CampaignId, shifts: Shifts) -> None:
        told = told_of(str(self._path), self._source, campaign_id, shifts)
        record(target, CampaignId(campaign_id + shifts.campaign), told, self._by)
        seal(self._source, campaign_id, self.place, self._by)
