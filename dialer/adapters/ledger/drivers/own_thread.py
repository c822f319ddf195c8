"""A thread of the ledger's own, so that the event loop never waits for a disk."""

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue

_Task = tuple[Callable[[], None], asyncio.AbstractEventLoop, asyncio.Future[None]]


class OwnThread:
    """Carries out one thing after the other.

    It lives as long as the ledger: one from a pool is asked for, limited and given a context anew each time,
    which costs more than a small commit.
    """

    def __init__(self) -> None:
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="ledger", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[], None]) -> None:
        """Carry it out; what it raises is raised here. It is carried out, also if the caller is cancelled."""
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        self._tasks.put((work, loop, done))
        await done

    def end(self) -> None:
        """Wait until all that was asked for is done, and end."""
        self._tasks.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            work, loop, done = task
            error: BaseException | None = None
            try:
                work()
            except BaseException as raised:  # whoever waits gets it
                error = raised
            loop.call_soon_threadsafe(_tell, done, error)


def _tell(done: asyncio.Future[None], error: BaseException | None) -> None:
    if done.done():  # nobody waits for it any more
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
