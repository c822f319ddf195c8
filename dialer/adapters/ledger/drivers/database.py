"""Opening the ledger's SQLite file: pragmas, the one dispatcher's lock."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from stat import S_ISREG
from typing import Any

import filelock
import sqlalchemy as sa

from dialer.adapters.ledger.schema.versions import READS_ONLY, no_ledger, prepare
from dialer.adapters.system.private_files import FILE_MODE, close_to_others, make_private
from dialer.domain.errors import LedgerError, NoLedger

BUSY_TIMEOUT_S = 30.0
"""How long a write waits for another process's short transaction on the same SQLite file."""


def sqlite_engine(path: Path | None, *, dispatches: bool) -> sa.Engine:
    """An engine with one connection; None: in memory. Only a process that dispatches makes a new ledger.

    Raises `LedgerError` if the file cannot be opened or is not a ledger.
    """
    if path is not None and not dispatches and not path.exists():
        raise NoLedger(no_ledger(path))
    if path is not None:
        _check_place(path)
        if dispatches:
            _make_private(path)
    engine = bare_engine(path)
    try:
        with engine.connect() as conn:
            alone = nullcontext if path is None or dispatches else partial(dispatcher_lock, path)
            prepare(conn, str(path), makes=path is None or dispatches, alone=alone)
            if dispatches:
                _write_ahead(conn)
                _check_whole(conn, path)
    except (sa.exc.DBAPIError, sqlite3.Error) as error:
        engine.dispose()
        raise LedgerError(explain(path, error)) from error
    except BaseException:
        engine.dispose()
        raise
    return engine


def _make_private(path: Path) -> None:
    """SQLite gives its -wal and -shm the rights of the file itself. Raises `LedgerError`."""
    try:
        make_private(path)
        for end in ("-wal", "-shm", ".lock"):
            close_to_others(path.with_name(path.name + end))
    except OSError as error:
        raise LedgerError(_words(path, error.strerror or str(error))) from error


def bare_engine(path: Path | None, *, busy_s: float = BUSY_TIMEOUT_S) -> sa.Engine:
    """As `sqlite_engine`, with nothing opened, made or asked yet."""
    engine = sa.create_engine(
        sa.URL.create("sqlite+pysqlite", database=":memory:" if path is None else str(path)),
        poolclass=sa.pool.StaticPool,
        connect_args={"check_same_thread": False, "timeout": busy_s},
    )
    sa.event.listen(engine, "connect", _set_pragmas)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _check_whole(conn: sa.Connection, path: Path | None) -> None:
    """Nobody is called from a damaged ledger, so every page is read first: about two seconds per gigabyte."""
    found = conn.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    if found != "ok":
        raise LedgerError(_words(path, f"malformed: {' '.join(str(found).split())}"))


def _set_pragmas(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where we say so
    cursor = connection.cursor()
    for pragma in (
        "synchronous=FULL",
        "foreign_keys=ON",
        "cache_size=-8192",
        "journal_size_limit=67108864",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _write_ahead(conn: sa.Connection) -> None:
    # it stays with the file: not before we know that the file is ours, and not within a transaction
    cursor = conn.connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    # a write that starts as a read could fail half-way when another process writes;
    # a question need not wait for a writer, nor hold one up while it counts
    connection.exec_driver_sql("BEGIN" if connection.info.get(READS_ONLY) else "BEGIN IMMEDIATE")


def explain(path: Path | None, error: Exception) -> str:
    """Why it cannot be opened, and the way out."""
    return _words(path, str(getattr(error, "orig", error)))


def _words(path: Path | None, said: str) -> str:
    if "not a database" in said or "malformed" in said:
        return f"ledger {path} is damaged or is not a SQLite file ({said}): restore it from a back-up"
    if path is not None and not path.parent.is_dir():
        return (
            f"ledger {path}: the folder {path.parent} does not exist: create it or name another with --ledger"
        )
    if "readonly" in said:
        return f"ledger {path} cannot be written: make the file and its folder writable for this user"
    if "full" in said or "disk I/O" in said:
        return f"ledger {path} cannot be opened: {said}. If the disk is full make room and run it again"
    return f"ledger {path} cannot be opened: {said}"


@contextmanager
def dispatcher_lock(path: Path) -> Iterator[None]:
    """Only one process dials from a SQLite ledger. Raises `LedgerError` at once if another one does.

    The lock is the operating system's: it goes with the process, however that ends.
    """
    _check_place(path)
    # never a lock that would outlive a kill
    lock = filelock.FileLock(f"{path.resolve()}.lock", mode=FILE_MODE, fallback_to_soft=False)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise LedgerError(_in_use(path)) from None
    except OSError as error:
        raise LedgerError(f"ledger {path}: its lock file cannot be written: {error.strerror}") from error
    try:
        with _file_lock(path):
            yield
    finally:
        lock.release()


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    """The same on the file itself, whatever name leads to it: the other lock goes by the name.

    It is `flock`, apart from the locks that SQLite takes. Closing the file gives those back, too, so it
    is closed after the connection.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    except OSError:  # SQLite cannot open it either, and says why
        yield
        return
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LedgerError(_in_use(path)) from None
        yield
    finally:
        os.close(file)


def _in_use(path: Path) -> str:
    return (
        f"ledger {path} is in use: another dialer is dialling from it. Wait for it or stop it; "
        "`dialer status` works meanwhile. `dialer serve` works on several campaigns at once"
    )


def _check_place(path: Path) -> None:
    """What SQLite writes first goes into a second file, found by the name of the first: `-wal`.

    Raises `LedgerError` where the same file may be opened under another name, without what is in there:
    everybody whose call is only in there would be called again.
    """
    real = path.resolve()
    try:
        found = real.stat()
    except OSError:  # there is none yet
        return
    links = found.st_nlink
    if links > 1 and S_ISREG(found.st_mode):
        raise LedgerError(
            f"ledger {path} has {links} hard links: under another name it would lack what was written last, "
            "and people would be called again. Remove the other links; a symbolic link is no problem"
        )
    if str(real) in _mount_points():
        raise LedgerError(
            f"ledger {path} is mounted alone: what is written last ({real.name}-wal) would stay "
            "outside of the mount and be lost: people would be called again. Mount the folder that it is in"
        )


def _mount_points() -> set[str]:
    with suppress(OSError):  # not Linux
        mounts = Path("/proc/self/mountinfo").read_bytes().splitlines()
        # spaces and the like are written as \040
        return {os.fsdecode(line.split()[4].decode("unicode_escape").encode("latin-1")) for line in mounts}
    return set()
