"""The results log: one JSON object a line, appended, never changed.

The ledger is the durable copy and has every line with its number, counted without gaps. So the log may lose
its end in a crash, and must only be able to say truthfully which line is its last: the rest comes again.

- An append is one write. It is not synced by itself; a sync follows after `SYNC_BYTES` and at the close. So
  a power failure can only damage what is younger than the last sync, and that lies within the last
  `TAIL_BYTES`: these are checked line by line when the log is opened, and cut where the damage begins.
- Damage is an unfinished last line, bytes that JSON never has (NUL blocks after a power failure), or a
  line that begins as ours and is broken. A clean line that is not ours is somebody else's: the file is
  refused, not cut.
- A write that fails (disk full) is taken back as a whole.
- Where a log is shorter than what was written, somebody cut it (logrotate's copytruncate): what it lost comes
  again.
- Where a log is gone or empty, somebody moved it away: a new one goes on behind the last line. `last_file`
  has that line; it is written after each sync, so that a power failure leaves nothing out either.
"""

import fcntl
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson

from dialer.adapters.system.private_files import FILE_MODE, make_folder
from dialer.domain.errors import BadInput, DialerError, LogShortened
from dialer.domain.results import ResultLine

SYNC_BYTES = 1024 * 1024
"""At most so many bytes, and one append, are not synced."""
TAIL_BYTES = 8 * SYNC_BYTES
"""How much of the end is checked at the opening; more than can be unsynced."""


class LogInUse(BadInput):
    """Another process writes the log."""


class JsonlLog:
    """Fulfils `ports.ResultSink`. Opened and mended when made; raises `BadInput` if the file is not ours."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            make_folder(path.parent)
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, FILE_MODE)
        except OSError as error:
            raise BadInput(f"{path}: the results log cannot be opened: {error.strerror or error}") from error
        if not locked(self._fd):
            os.close(self._fd)
            raise LogInUse(f"{path}: another process writes this results log")
        try:
            was_damaged = os.fstat(self._fd).st_size > 0
            self._size, self._seq = self._mended()
        except OSError as error:
            os.close(self._fd)
            raise BadInput(f"{path}: the results log cannot be read: {error.strerror or error}") from error
        except BadInput:
            os.close(self._fd)
            raise
        if not self._size and not was_damaged:
            kept = last_line(last_file(path))
            self._seq = 0 if kept is None else kept.seq
        self._unsynced = 0
        self._last: ResultLine | None = None
        """Behind the last sync."""
        self._is_open = True

    def last_seq(self) -> int:
        """The sequence number of the last whole line; 0 if there is none."""
        return self._seq

    async def append(self, lines: Sequence[ResultLine]) -> None:
        """Write them behind the last one; all or nothing. Raises `LogShortened` and `DialerError`."""
        if not lines:
            return
        self._check_whole()
        if [line.seq for line in lines] != list(range(self._seq + 1, self._seq + 1 + len(lines))):
            raise DialerError(
                f"{self.path}: the log ends with line {self._seq}, and the ledger gave lines "
                f"{lines[0].seq} to {lines[-1].seq}: {_WAY_OUT}"
            )
        data = b"".join(line.line + b"\n" for line in lines)
        try:
            self._write(data)
        except OSError as error:
            raise DialerError(
                f"{self.path}: the results log cannot be written: {error.strerror or error}. "
                "Nothing is lost: make room and run the same command again, it catches up from the ledger"
            ) from error
        self._size += len(data)
        self._seq = lines[-1].seq
        self._last = lines[-1]

    def _check_whole(self) -> None:
        try:
            if os.fstat(self._fd).st_size >= self._size:
                return
            was = self._seq
            self._size, self._seq = self._mended()
        except OSError as error:
            raise DialerError(f"{self.path}: the results log cannot be read: {error.strerror}") from error
        self._last = None
        raise LogShortened(
            f"{self.path}: somebody shortened it while it was written: lines {self._seq + 1} to {was} are "
            "written again from the ledger. To rotate it move it away, without copytruncate"
        )

    def close(self) -> None:
        """Sync and close. Raises `DialerError` if the sync fails."""
        if not self._is_open:
            return
        self._is_open = False
        try:
            self._sync()
        except OSError as error:
            raise DialerError(f"{self.path}: the results log cannot be synced: {error.strerror}") from error
        finally:
            os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, data: bytes) -> None:
        """All of it, or after an error nothing of it."""
        rest, before = memoryview(data), os.fstat(self._fd).st_size
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
            self._unsynced += len(data)
            if self._unsynced >= SYNC_BYTES:
                self._sync()
        except OSError:
            # never longer: somebody may have cut it meanwhile, and it would grow by NULs
            os.ftruncate(self._fd, min(before, os.fstat(self._fd).st_size))
            raise

    def _sync(self) -> None:
        """What was appended is on the disk, and which line was the last one before this, too."""
        os.fsync(self._fd)
        self._unsynced = 0
        if self._last is not None:
            with suppress(OSError):  # the one before holds: after a move some lines would come again
                keep(self.path, self._last)
                self._last = None

    def _mended(self) -> tuple[int, int]:
        """Check the end, cut off what is damaged; the size and the last sequence number that remain."""
        size = os.fstat(self._fd).st_size
        start = max(0, size - TAIL_BYTES)
        tail = os.pread(self._fd, size - start, start)
        if start:
            first_end = tail.find(b"\n") + 1
            start, tail = start + first_end, tail[first_end:]
        keep, seq = _whole_lines(tail, str(self.path))
        if start and not keep:
            raise _not_ours(str(self.path))
        if start + keep < size:
            os.ftruncate(self._fd, start + keep)
            os.fsync(self._fd)
        return start + keep, seq


def check_ours(descriptor: int, path: Path) -> None:
    """Raises `BadInput` if it begins as no results log does, whole or damaged."""
    first = os.pread(descriptor, TAIL_BYTES, 0).partition(b"\n")[0]
    if first and _seq_of(first) is None and not _is_damage(first):
        raise BadInput(f"{path}: this file is no results log: move it away first")


def last_file(path: Path) -> Path:
    """Keeps the last line of a log, should the log be moved away. Without it all is written anew."""
    return path.with_suffix(".last")


def keep(path: Path, last: ResultLine) -> None:
    """This line of the log was synced. Raises `OSError`."""
    new = last_file(path).with_suffix(".next")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(last.line + b"\n")
    new.replace(last_file(path))


def last_known(path: Path) -> ResultLine | None:
    """The last line of a log, of the file itself or, where that was moved away, as it was kept beside it."""
    return last_line(path) or last_line(last_file(path))


def first_seq(path: Path) -> int:
    """The number that a log begins with; 1 where it cannot be told. Raises `OSError`."""
    with path.open("rb") as log:
        first = log.readline(TAIL_BYTES)
    if first:
        return _seq_of(first) or 1
    kept = last_line(last_file(path))
    return 1 if kept is None else kept.seq + 1


def last_line(path: Path) -> ResultLine | None:
    """The last whole line of a log that others may write; None if there is none, or it cannot be read."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - TAIL_BYTES))
            whole, _, _ = log.read(TAIL_BYTES).rpartition(b"\n")
    except OSError:
        return None
    for line in reversed(whole.split(b"\n")):
        seq = _seq_of(line)
        if seq is not None:
            return ResultLine(seq, line)
    return None


_OURS = b'{"seq":'
_NEVER_IN_JSON = re.compile(rb"[\x00-\x09\x0b-\x1f\x7f]")
_WAY_OUT = "move the file away: `dialer results --rewrite` writes all of it from the ledger"


def _whole_lines(tail: bytes, where: str) -> tuple[int, int]:
    """How many bytes of whole lines of ours `tail` begins with, and the last one's number (0 if none).

    Raises `BadInput` if what follows them is not damage but somebody else's.
    """
    at, seq = 0, 0
    while (end := tail.find(b"\n", at)) >= 0:
        line = tail[at:end]
        found = _seq_of(line)
        if found is None:
            if not _is_damage(line):
                raise _not_ours(where)
            return at, seq
        if at and found != seq + 1:
            raise BadInput(f"{where}: line {found} follows line {seq} in the results log: {_WAY_OUT}")
        at, seq = end + 1, found
    if not at and tail and _seq_of(tail) is None and not _is_damage(tail):
        raise _not_ours(where)
    return at, seq


def _seq_of(line: bytes) -> int | None:
    """The sequence number of a line of ours; None for any other."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    seq = value.get("seq") if isinstance(value, dict) else None
    return seq if isinstance(seq, int) and not isinstance(seq, bool) and seq > 0 else None


def _is_damage(line: bytes) -> bool:
    """True for what a crash leaves; False for a text that somebody else may have written."""
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        begins_as_ours = line.startswith(_OURS) or (line != b"" and _OURS.startswith(line))
        return begins_as_ours or _NEVER_IN_JSON.search(line) is not None or not _is_utf8(line)
    return False


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _not_ours(where: str) -> BadInput:
    return BadInput(f"{where}: this file is there already and is no results log: {_WAY_OUT}")


def locked(fd: int) -> bool:
    """Whether no other process writes the file from now on. The lock goes with the process, or its file."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True
