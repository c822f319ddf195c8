"""The results logs of a service: where several workers name one directory, one of them writes."""

from collections.abc import Sequence
from pathlib import Path

import filelock

from dialer.adapters.private_files import FILE_MODE, make_folder
from dialer.adapters.sinks.jsonl import JsonlLog
from dialer.domain.errors import BadInput
from dialer.domain.results import ResultLine
from dialer.domain.texts import campaign_fault

NOTHING_TO_WRITE = 2**31 - 1
"""The highest number that a line may have."""


class ResultsFolder:
    """A directory of results logs. The lock is the operating system's: it goes with the process."""

    def __init__(self, path: Path) -> None:
        """Raises `BadInput` if it cannot be made or written."""
        self.path = path
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

    def close(self) -> None:
        """Let another one write."""
        self._lock.release()


class SharedLog:
    """Fulfils `ports.ResultSink` with one campaign's log, once this process is the one that writes it."""

    def __init__(self, folder: ResultsFolder, campaign: str) -> None:
        self._folder = folder
        self._path = folder.path / f"{campaign}.jsonl"
        self._is_named = campaign_fault(campaign) is None
        self._log: JsonlLog | None = None

    def last_seq(self) -> int:
        """As `JsonlLog`; while another process writes the log, there is nothing to write.

        Nor for a campaign whose name no file can have: an older program let it in, and it is held.
        """
        if self._log is None and self._is_named and self._folder.is_ours():
            self._log = JsonlLog(self._path)
        return NOTHING_TO_WRITE if self._log is None else self._log.last_seq()

    async def append(self, lines: Sequence[ResultLine]) -> None:
        """As `JsonlLog`."""
        if self._log is not None:
            await self._log.append(lines)

    def close(self) -> None:
        """End the log, if it was begun here."""
        if self._log is not None:
            self._log.close()
