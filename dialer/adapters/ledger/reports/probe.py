"""What there is where a ledger is to be, and how long a commit takes there: looked at, nothing changed."""

import os
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TypeVar

import anyio.to_thread
import sqlalchemy as sa

from dialer.adapters.ledger.drivers.database import bare_engine, explain
from dialer.adapters.ledger.schema.versions import READS_ONLY, version_of
from dialer.domain.errors import LedgerError

T = TypeVar("T")

COMMITS = 9
"""So many are timed, and the one in the middle counts."""
PAGE = bytes(4096)
BUSY_S = 1.0
"""How long a file that another process is writing to is waited for."""


@dataclass(frozen=True, slots=True)
class Found:
    """What there is where a ledger is to be."""

    version: str | None
    """Of its schema; None: there is none yet, and whoever dials first makes one."""
    cannot_write: str | None
    """Why nothing could be written there; None: it could."""
    commit_s: float | None
    """Seconds of a commit, or of a file's sync; None: not known."""
    round_trip_s: float | None = None
    """Seconds to the server and back; None: there is no server."""
    server_now: float | None = None
    """The server's clock, in the middle of the round trip that asked for it. Unix seconds."""
    asked_at: float | None = None
    """Our own at that moment."""


async def probe_file(path: Path) -> Found:
    """Of a SQLite file, and of the disk that it is, or would be, on. Raises `LedgerError`."""
    version, cannot_write = await _on_thread(lambda: _look(path))
    if cannot_write is not None:
        return Found(version, cannot_write, None)
    try:
        return Found(version, None, await _sync_s(nearest_folder(path.resolve().parent)))
    except OSError as error:
        return Found(version, f"{path.parent}: {error.strerror}", None)


def nearest_folder(folder: Path) -> Path:
    """The folder, or the innermost one above it that is there."""
    return next(each for each in (folder, *folder.parents) if each.exists())


def _look(path: Path) -> tuple[str | None, str | None]:
    """The version of what is there, and why it cannot be written."""
    if not path.exists():
        folder = nearest_folder(path.resolve().parent)
        may = folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
        return None, None if may else f"no file can be made in {folder}"
    engine = bare_engine(path, busy_s=BUSY_S)
    try:
        with engine.connect() as conn:
            conn.info[READS_ONLY] = True
            with conn.begin():
                version = version_of(conn, str(path))
            return version, _write_trouble(conn)
    except sa.exc.DBAPIError as error:
        raise LedgerError(explain(path, error)) from error
    finally:
        engine.dispose()


def _write_trouble(conn: sa.Connection) -> str | None:
    """A transaction that could write is begun, and nothing is written in it."""
    conn.info[READS_ONLY] = False
    try:
        with conn.begin():
            return None
    except sa.exc.OperationalError as error:
        said = str(error.orig)
        return None if "locked" in said else said  # somebody else is writing: then we could, too


async def _sync_s(folder: Path) -> float:
    """The median time of a sync in that folder, in a file that has no name."""
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:

        def write() -> None:
            file.write(PAGE)
            os.fsync(file.fileno())

        return await median_s(lambda: _on_thread(write))


async def median_s(act: Callable[[], Awaitable[object]]) -> float:
    """Do it some times; the seconds of the one in the middle."""
    took: list[float] = []
    for _ in range(COMMITS):
        began = perf_counter()  # uvloop's own clock has whole milliseconds
        await act()
        took.append(perf_counter() - began)
    return median(took)


async def _on_thread(function: Callable[[], T]) -> T:
    # a disk that hangs is not waited for
    return await anyio.to_thread.run_sync(function, abandon_on_cancel=True)
