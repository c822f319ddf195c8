"""The ledger in PostgreSQL: the same statements, one connection, and locks where SQLite has its file's.

Every transaction that writes first takes one lock of the whole ledger, as a SQLite file has one writer: what
a claim reads (how often a person was called, what a line did, what was spent) stays so until it commits.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from functools import partial
from typing import Any

import anyio
import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from dialer.adapters.ledger.commit import Group, LedgerLost, Operation, commit, reads_only
from dialer.adapters.ledger.schema import prepare
from dialer.adapters.ledger.store import SqlLedger, serve
from dialer.domain.errors import LedgerError

CONNECT_S_MAX = 10.0
STATEMENT_S_MAX = 60.0
"""How long a server that does not answer is waited for; meanwhile nothing is claimed."""
LOOKS_MAX = 20
"""How often it is asked what became of a transaction whose end was not heard."""
LOOK_EVERY_S = 0.1

_DISPATCHER = 0x6469616C
_WRITER = _DISPATCHER + 1
_LOCK = "pg_advisory_lock({}, hashtext(current_schema()))"
_TAKE_DISPATCHER = f"SELECT {_LOCK.format(_DISPATCHER)}"
_GIVE_DISPATCHER = f"SELECT pg_advisory_unlock({_DISPATCHER}, hashtext(current_schema()))"
# whoever was killed has given it back as soon as the server notices
_WAIT_SHORTLY = "SET {}lock_timeout = '1s'"
_ONE_WRITER = f"SELECT txid_current(), pg_advisory_xact_lock({_WRITER}, hashtext(current_schema()))"
_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
_STATUS = sa.text("SELECT txid_status(:xid)").bindparams(sa.bindparam("xid", type_=sa.BigInteger))

_SESSION = {
    "application_name": "dialer",
    "default_transaction_isolation": "read committed",
    "synchronous_commit": "on",
    "lock_timeout": "30s",
    # a process that stands still in a transaction must not stop the others
    "idle_in_transaction_session_timeout": "15s",
    # a lock whose holder's machine is gone
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "jit": "off",
}

Begun = tuple[int, Sequence[Operation]]
"""A transaction by the server's number for it, and what it carries out."""


@asynccontextmanager
async def open_postgres(url: str, *, dispatches: bool, speed: float = 1.0) -> AsyncIterator[SqlLedger]:
    """A ledger in the database and schema that the URL names.

    `dispatches`: the process will dial from it, so no other may, and it is made if there is none.
    `speed`: how much faster than the server's the loop's clock is.
    Raises `LedgerError`.
    """
    server = _Server(url, dispatches, speed)
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=server.connect, poolclass=sa.pool.NullPool
    )
    try:
        async with engine.connect() as conn:
            await server.prepare(conn)
            async with serve(partial(server.commit, conn)) as ledger:
                yield ledger
    finally:
        await engine.dispose()


class _Server:
    """Where the ledger is, and how it is reached."""

    def __init__(self, url: str, dispatches: bool, speed: float) -> None:
        self._url = url
        self._name = _without_secrets(url)
        self._dispatches = dispatches
        self._speed = speed

    async def connect(self) -> Any:
        """The first connection, or one that replaces a lost one; with the dispatcher's lock, if wanted."""
        try:
            conn = await asyncpg.connect(
                self._url,
                timeout=CONNECT_S_MAX * self._speed,
                command_timeout=STATEMENT_S_MAX * self._speed,
                server_settings=_SESSION,
            )
            if self._dispatches:
                await self._be_the_one(conn)
        except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise LedgerLost(_explain(self._name, error)) from error
        return conn

    async def prepare(self, conn: AsyncConnection) -> None:
        """Bring the database to this program's version. Raises `LedgerError`."""

        def alone(conn: sa.Connection) -> None:
            keep = nullcontext if self._dispatches else partial(_no_dispatcher, conn, self._name)
            prepare(conn, self._name, makes=self._dispatches, alone=keep)

        try:
            await conn.run_sync(alone)
        except (sa.exc.DBAPIError, OSError) as error:
            raise LedgerError(_explain(self._name, error)) from error

    async def commit(self, conn: AsyncConnection, operations: list[Operation]) -> None:
        """As `commit.commit`; a connection that was lost is made anew by the next transaction."""
        begun: list[Begun] = []
        await conn.run_sync(commit, operations, partial(_begin, begun))
        if begun and _is_lost(begun[-1][1]):
            await self._settle(conn, *begun[-1])

    async def _be_the_one(self, conn: Any) -> None:
        try:
            async with conn.transaction():
                await conn.execute(_WAIT_SHORTLY.format("LOCAL "))
                await conn.execute(_TAKE_DISPATCHER)
        except BaseException as error:
            conn.terminate()
            if isinstance(error, asyncpg.LockNotAvailableError):
                raise LedgerLost(_in_use(self._name)) from None
            raise

    async def _settle(self, conn: AsyncConnection, xid: int, operations: Sequence[Operation]) -> None:
        """The server was lost while it committed, perhaps: ask it what it did, as soon as it is there."""
        for _ in range(LOOKS_MAX):
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


def _is_lost(operations: Sequence[Operation]) -> bool:
    return any(isinstance(operation.error, LedgerLost) for operation in operations)


@contextmanager
def _no_dispatcher(conn: sa.Connection, name: str) -> Iterator[None]:
    try:
        with conn.begin():
            conn.exec_driver_sql(_WAIT_SHORTLY.format("LOCAL "))
            conn.exec_driver_sql(_TAKE_DISPATCHER)
    except sa.exc.DBAPIError as error:
        raise LedgerError(_in_use(name)) from error
    try:
        yield
    finally:
        with conn.begin():
            conn.exec_driver_sql(_GIVE_DISPATCHER)


def _without_secrets(url: str) -> str:
    """The URL as it may be shown."""
    try:
        return sa.make_url(url).set(query={}).render_as_string(hide_password=True)
    except (sa.exc.ArgumentError, ValueError):
        return "postgresql://…"


def _in_use(name: str) -> str:
    return (
        f"ledger {name} is in use: another dialer is dialling from it. Wait for it or stop it; "
        "`dialer status` works meanwhile. To run two campaigns at once give each its own --ledger"
    )


def _explain(name: str, error: Exception) -> str:
    said = " ".join(str(getattr(error, "orig", None) or error).split()) or type(error).__name__
    match getattr(error, "sqlstate", None):
        case "3D000":
            return f"ledger {name}: {said}: create it, or name another with --ledger"
        case str(code) if code.startswith("28"):
            return f"ledger {name}: {said}: check the user and the password of its URL"
    if isinstance(error, OSError):
        return f"ledger {name}: its server does not answer ({said}): start it, or name another with --ledger"
    return f"ledger {name} cannot be opened: {said}"
