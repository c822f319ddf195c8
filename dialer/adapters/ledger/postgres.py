"""The ledger in PostgreSQL: the same statements, one connection, and locks where SQLite has its file's.

Every transaction that writes first takes one lock of the whole ledger, as a SQLite file has one writer: what
a claim reads (how often a person was called, what a line did, what was spent, how fast the account is
called by all workers) stays so until it commits. Ledgers of other accounts are other schemas or databases,
and do not wait for each other.
"""

from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

import anyio
import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from dialer.adapters.ledger.commit import Group, Operation, commit, reads_only
from dialer.adapters.ledger.drivers.server import (
    CHANGES_SCHEMA,
    DISPATCHER,
    RUN,
    SESSION,
    WRITER,
    explain,
    in_use,
    is_run,
    without_secrets,
)
from dialer.adapters.ledger.schema.versions import prepare
from dialer.adapters.ledger.shared import SharedLedger
from dialer.adapters.ledger.store import LOST_WAIT_MAX_S, SqlLedger, serve
from dialer.domain.calls import CampaignId
from dialer.domain.errors import LedgerError, LedgerLost

CONNECT_S_MAX = 10.0
STATEMENT_S_MAX = 60.0
"""How long a server that does not answer is waited for; meanwhile nothing is claimed."""
LOOKS_MAX = 20
"""How often it is asked what became of a transaction whose end was not heard."""
LOOK_EVERY_S = 0.1

_LOCK = "pg_advisory_lock{}({}, hashtext(current_schema()))"
_TAKE_DISPATCHER = f"SELECT {_LOCK.format('', DISPATCHER)}"
_BE_ONE_OF_MANY = f"SELECT {_LOCK.format('_shared', DISPATCHER)}"
_GIVE_DISPATCHER = f"SELECT pg_advisory_unlock({DISPATCHER}, hashtext(current_schema()))"
# whoever was killed has given it back as soon as the server notices
_WAIT_SHORTLY = "SET {}lock_timeout = '1s'"
_ONE_WRITER = f"SELECT txid_current(), pg_advisory_xact_lock({WRITER}, hashtext(current_schema()))"
_CHANNEL = "SELECT 'dialer_' || hashtext(current_schema())::oid"
_TELL = f"SELECT pg_notify(({_CHANNEL}), $1)"
_TOLD_MAX = 500
"""Campaigns that are named in one message, which may have 8000 bytes; of more than that all are told."""
_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
_STATUS = sa.text("SELECT txid_status(:xid)").bindparams(sa.bindparam("xid", type_=sa.BigInteger))

OnNews = Callable[[Collection[CampaignId] | None], None]
Begun = tuple[int, Sequence[Operation]]
"""A transaction by the server's number for it, and what it carries out."""


@asynccontextmanager
async def open_postgres(url: str, *, dispatches: bool, speed: float = 1.0) -> AsyncIterator[SqlLedger]:
    """A ledger in the database and schema that the URL names.

    `dispatches`: the process will dial from it, so no other may, and it is made if there is none.
    `speed`: how much faster than the server's the loop's clock is.
    Raises `LedgerError`.
    """
    locks = (_Lock(_TAKE_DISPATCHER, in_use(without_secrets(url))),) if dispatches else ()
    server = _Server(url, locks, speed)
    async with _connected(server) as conn, serve(SqlLedger(partial(server.commit, conn))) as ledger:
        yield ledger


@asynccontextmanager
async def open_shared_postgres(
    url: str, on_news: OnNews, *, run: str | None = None
) -> AsyncIterator[SharedLedger]:
    """The same ledger for one of many workers; a lost server is waited for.

    `on_news`: told of campaigns whose work or results may be others now by what another worker wrote; None:
    of all. `run`: the campaign that this process runs, as no other may; then a lost server ends it. Raises
    `LedgerError` if the server is not there at the start, one process dials from the ledger that shares it
    with nobody, or another one runs the campaign.
    """
    name, waits = without_secrets(url), run is None
    locks = [_Lock(_BE_ONE_OF_MANY, in_use(name))]
    if run is not None:
        locks.append(_Lock(_run_lock(run), is_run(run, name)))
    server = _Server(url, locks, 1.0, waits=waits)
    async with _connected(server) as conn, anyio.create_task_group() as tasks:
        tasks.start_soon(server.listen, on_news)
        async with serve(SharedLedger(partial(server.commit, conn), waits=waits)) as ledger:
            yield ledger
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def _connected(server: "_Server") -> AsyncIterator[AsyncConnection]:
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=server.connect, poolclass=sa.pool.NullPool
    )
    try:
        async with engine.connect() as conn:
            await server.prepare(conn)
            yield conn
    finally:
        await engine.dispose()


@dataclass(frozen=True, slots=True)
class _Lock:
    """What a process takes that dials. The server gives it back as soon as it notices that we are gone."""

    take: str
    refusal: str
    """Said if somebody else has it."""


def _run_lock(campaign: str) -> str:
    number = int.from_bytes(sha256(campaign.encode()).digest()[:8])
    return f"SELECT pg_advisory_lock({RUN}, hashtext(current_schema() || '/{number}'))"


class _Server:
    """Where the ledger is, and how it is reached."""

    def __init__(self, url: str, locks: Sequence[_Lock], speed: float, *, waits: bool = False) -> None:
        """`waits`: for as long as a lost server needs."""
        self._url = url
        self._name = without_secrets(url)
        self._locks = locks
        self._speed = speed
        self._waits = waits
        self._pid = 0

    async def connect(self) -> Any:
        """The first connection, or one that replaces a lost one; with the dispatcher's lock, if wanted."""
        try:
            conn = await asyncpg.connect(
                self._url,
                timeout=CONNECT_S_MAX * self._speed,
                command_timeout=STATEMENT_S_MAX * self._speed,
                server_settings=SESSION,
            )
            for lock in self._locks:
                await self._take(conn, lock)
            self._pid = conn.get_server_pid()
        except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise LedgerLost(explain(self._name, error)) from error
        return conn

    async def prepare(self, conn: AsyncConnection) -> None:
        """Bring the database to this program's version. Raises `LedgerError`."""

        def alone(conn: sa.Connection) -> None:
            keep = nullcontext if self._locks else partial(_no_dispatcher, conn, self._name)
            prepare(conn, self._name, makes=bool(self._locks), alone=keep, first=CHANGES_SCHEMA)

        try:
            await conn.run_sync(alone)
        except (sa.exc.DBAPIError, OSError) as error:
            raise LedgerError(explain(self._name, error)) from error

    async def commit(self, conn: AsyncConnection, operations: list[Operation]) -> None:
        """As `commit.commit`; a connection that was lost is made anew by the next transaction."""
        begun: list[Begun] = []
        await conn.run_sync(commit, operations, partial(_begin, begun))
        if begun and _is_lost(begun[-1][1]):
            await self._settle(conn, *begun[-1])

    async def listen(self, on_news: OnNews) -> None:
        """Tell of other workers' news for ever, by a connection of its own."""
        while True:
            try:
                await self._listen(on_news)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await anyio.sleep(LOST_WAIT_MAX_S)  # what is missed meanwhile is found by looking

    async def _listen(self, on_news: OnNews) -> None:
        listening = await asyncpg.connect(self._url, timeout=CONNECT_S_MAX, server_settings=SESSION)
        closed = anyio.Event()

        def tell(_: object, pid: int, __: str, told: object) -> None:
            if pid != self._pid:
                on_news(_heard(str(told)))

        try:
            listening.add_termination_listener(lambda _: closed.set())
            await listening.add_listener(await listening.fetchval(_CHANNEL), tell)
            on_news(None)
            await closed.wait()
        finally:
            listening.terminate()

    async def _take(self, conn: Any, lock: _Lock) -> None:
        try:
            async with conn.transaction():
                await conn.execute(_WAIT_SHORTLY.format("LOCAL "))
                await conn.execute(lock.take)
        except BaseException as error:
            conn.terminate()
            if isinstance(error, asyncpg.LockNotAvailableError):
                raise LedgerLost(lock.refusal) from None
            raise

    async def _settle(self, conn: AsyncConnection, xid: int, operations: Sequence[Operation]) -> None:
        """The server was lost while it committed, perhaps: ask it what it did, as soon as it is there."""
        looks = 0
        while looks < LOOKS_MAX or self._waits:
            looks += 1
            look = Operation(Group.READ, lambda conn: conn.execute(_STATUS, {"xid": xid}).scalar_one())
            await conn.run_sync(commit, [look])
            if look.error is None and look.answer != "in progress":
                break
            await anyio.sleep(LOOK_EVERY_S * self._speed)
        if look.answer == "committed":
            for operation in operations:
                operation.error = None


def _begin(begun: list[Begun], conn: sa.Connection, operations: Sequence[Operation]) -> None:
    if reads_only(operations):
        conn.exec_driver_sql(_SNAPSHOT)
    else:
        begun.append((conn.exec_driver_sql(_ONE_WRITER).scalar_one(), operations))
        told = _told(operations)
        if told is not None:
            conn.exec_driver_sql(_TELL, (told,))


def _told(operations: Sequence[Operation]) -> str | None:
    """The campaigns that others are to look after, as a message names them; empty: all. None: no message."""
    named: set[CampaignId] = set()
    for operation in operations:
        if operation.tells is None:
            return ""
        named.update(operation.tells)
    if len(named) > _TOLD_MAX:
        return ""
    return ",".join(map(str, sorted(named))) or None


def _heard(told: str) -> Collection[CampaignId] | None:
    return [CampaignId(int(each)) for each in told.split(",")] if told else None


def _is_lost(operations: Sequence[Operation]) -> bool:
    return any(isinstance(operation.error, LedgerLost) for operation in operations)


@contextmanager
def _no_dispatcher(conn: sa.Connection, name: str) -> Iterator[None]:
    try:
        with conn.begin():
            conn.exec_driver_sql(_WAIT_SHORTLY.format("LOCAL "))
            conn.exec_driver_sql(_TAKE_DISPATCHER)
    except sa.exc.DBAPIError as error:
        raise LedgerError(in_use(name)) from error
    try:
        yield
    finally:
        with conn.begin():
            conn.exec_driver_sql(_GIVE_DISPATCHER)
