"""The wall clock: the machine's, or one that goes with the loop."""

import asyncio
import time


class SystemClock:
    """The machine's clock. The only place that reads it."""

    def now(self) -> float:
        """Unix seconds, UTC."""
        return time.time()  # noqa: TID251 - the one place


class LoopClock:
    """A clock that starts at `epoch` (Unix seconds) and passes as the loop's own clock does.

    For a loop that is faster than the machine's clock, or virtual.
    """

    def __init__(self, epoch: float, loop: asyncio.AbstractEventLoop) -> None:
        self._offset = epoch - loop.time()
        self._loop = loop

    def now(self) -> float:
        """Unix seconds, UTC."""
        return self._offset + self._loop.time()
