"""A results log is written anew: all of it at once, or nothing has changed."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from dialer.adapters.sinks.jsonl import LogInUse, check_ours, keep, locked
from dialer.adapters.system.private_files import FILE_MODE, make_folder
from dialer.domain.errors import BadInput, DialerError
from dialer.domain.results import ResultLine

Write = Callable[[Sequence[ResultLine]], None]


@contextmanager
def rewriting(path: Path) -> Iterator[Write]:
    """A function that takes all lines of the log, in order; at the end they are the log.

    Raises `BadInput` if a process has the log open, or the file is not ours, and `DialerError`.
    """
    try:
        make_folder(path.parent)
        there = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    except OSError as error:
        raise BadInput(f"{path}: the results log cannot be opened: {error.strerror or error}") from error
    part = path.with_name(path.name + ".part")
    try:
        if not locked(there):
            raise LogInUse(f"{path}: a process writes this results log: stop that first")
        check_ours(there, path)
        with _written(part, path) as write:
            yield write
        part.replace(path)
    except OSError as error:
        raise DialerError(f"{path}: the results log cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        os.close(there)


@contextmanager
def _written(part: Path, path: Path) -> Iterator[Write]:
    """Synced at the end, and what the log keeps beside it says the same."""
    part.unlink(missing_ok=True)
    last: ResultLine | None = None
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    with os.fdopen(descriptor, "wb") as out:

        def write(lines: Sequence[ResultLine]) -> None:
            nonlocal last
            out.writelines(line.line + b"\n" for line in lines)
            last = lines[-1] if lines else last

        yield write
        out.flush()
        os.fsync(out.fileno())
    if last is not None:
        keep(path, last)
