"""The results logs of a service: where several workers name one directory, one of them writes."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import filelock

from dialer.adapters.sinks.jsonl import JsonlLog, LogInUse
from dialer.adapters.system.private_files import FILE_MODE, make_folder
from dialer.domain.errors import BadInput, DialerError
from dialer.domain.results import ResultLine
from dialer.domain.texts import campaign_fault

OPEN_MAX = 16
"""Files that are open at a time; the one that was written longest ago is closed for another."""
NOTHING_TO_WRITE = 2**31 - 1
"""The highest number that a line may have."""


class ResultsFolder:
    """A directory of results logs. The lock is the operating system's: it goes with the process."""

    def __init__(self, path: Path) -> None:
        """Raises `BadInput` if it cannot be made or written."""
        self.path = path
        self._open: dict[str, SharedLog] = {}
        try:
            make_folder(path)
            self._lock = filelock.FileLock(path / ".writer.lock", mode=FILE_MODE, fallback_to_soft=False)
            self.is_ours()
        except OSError as error:
            raise BadInput(f"results.dir {path}: cannot be written: {error.strerror or error}") from error

    def is_ours(self) -> bool:
        """Whether this process writes here; it tries to become the one."""
        if not self._lock.is_locked:
            try:
                self._lock.acquire(timeout=0)
            except filelock.Timeout:
                return False
        return True

    def opened(self, log: "SharedLog") -> None:
        """It is written now."""
        self._open.pop(log.name, None)
        self._open[log.name] = log
        while len(self._open) > OPEN_MAX:
            oldest = self._open.pop(next(iter(self._open)))
            with suppress(DialerError):  # what may be lost is seen when it is opened again, and comes again
                oldest.let_go()

    def reopen(self) -> None:
        """Close each file: where one was moved away, the next lines go into a new one."""
        while self._open:
            _, log = self._open.popitem()
            with suppress(DialerError):  # as above
                log.let_go()

    def closed(self, log: "SharedLog") -> None:
        """It is open no longer."""
        self._open.pop(log.name, None)

    def close(self) -> None:
        """Let another one write."""
        self._lock.release()


class NoLog:
    """Fulfils `ports.ResultSink` where no results log is wanted."""

    path = None

    def last_seq(self) -> int:
        """There is nothing to write."""
        return NOTHING_TO_WRITE

    async def append(self, lines: Sequence[ResultLine]) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class RunLog:
    """Fulfils `ports.ResultSink` for a run beside a service, which may still write the campaign's log.

    It is written as soon as nobody else does: all lines are in the ledger.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log: JsonlLog | None = None

    def last_seq(self) -> int:
        """As `JsonlLog`; while another process writes the log, there is nothing to write."""
        if self._log is None:
            with suppress(LogInUse):
                self._log = JsonlLog(self._path)
        return NOTHING_TO_WRITE if self._log is None else self._log.last_seq()

    async def append(self, lines: Sequence[ResultLine]) -> None:
        """As `JsonlLog`."""
        if self._log is not None:
            await self._log.append(lines)

    def close(self) -> None:
        """As `JsonlLog`."""
        if self._log is not None:
            self._log.close()


class SharedLog:
    """Fulfils `ports.ResultSink` with one campaign's log, once this process is the one that writes it."""

    def __init__(self, folder: ResultsFolder, campaign: str) -> None:
        self.name = campaign
        self._folder = folder
        self._path = folder.path / f"{campaign}.jsonl"
        self._is_named = campaign_fault(campaign) is None
        self._log: JsonlLog | None = None
        self._seq: int | None = None
        """Where it ended when it was closed for another one."""

    @property
    def path(self) -> Path | None:
        """None: no file can have the campaign's name."""
        return self._path if self._is_named else None

    def last_seq(self) -> int:
        """As `JsonlLog`; while another process writes the log, there is nothing to write.

        Nor for a campaign whose name no file can have: an older program let it in, and it is held.
        """
        if self._log is None and self._seq is not None:
            return self._seq
        if self._log is None and self._is_named and self._folder.is_ours():
            with suppress(LogInUse):  # a run does
                self._reopen()
        return NOTHING_TO_WRITE if self._log is None else self._log.last_seq()

    async def append(self, lines: Sequence[ResultLine]) -> None:
        """As `JsonlLog`. A file that was changed since it was closed is told of; then its own end counts."""
        if self._log is None and self._seq is not None:
            was, self._seq = self._seq, None
            if self._reopen().last_seq() != was:
                raise DialerError(
                    f"{self._path}: it was changed: it goes on behind the last line that it has"
                )
        if self._log is not None:
            self._folder.opened(self)
            await self._log.append(lines)

    def let_go(self) -> None:
        """Close the file; it is opened again when there are lines. Raises `DialerError`."""
        if self._log is not None:
            log, self._log = self._log, None
            self._seq = log.last_seq()
            try:
                log.close()
            except DialerError:
                self._seq = None
                raise

    def close(self) -> None:
        """End the log, if it was begun here."""
        self._folder.closed(self)
        if self._log is not None:
            self._log.close()

    def _reopen(self) -> JsonlLog:
        self._log = JsonlLog(self._path)
        self._folder.opened(self)
        return self._log
