"""Which event loop a command runs on, how its errors come out, how seldom its garbage is collected."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import anyio

from dialer.app.clock_loop import ClockLoop
from dialer.domain.errors import DialerError

T = TypeVar("T")

COLLECTOR_THRESHOLDS = (50_000, 20, 100)
"""Allocations before a look at the youngest objects; then how many of those before the next older ones."""


def run_on_loop(main: Callable[[], Awaitable[T]], *, speed: float | None = 1.0) -> T:
    """Run `main` on a loop of that speed (None: virtual); a plain error comes out alone, not in a group."""

    try:
        return anyio.run(main, backend_options={"loop_factory": lambda: _new_loop(speed)})
    except BaseExceptionGroup as group:
        plain = _first_plain(group)
        if plain is None:
            raise
        raise plain from group


def _first_plain(group: BaseExceptionGroup[BaseException]) -> DialerError | None:
    for error in group.exceptions:
        found = _first_plain(error) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(found, DialerError):
            return found
    return None


def _new_loop(speed: float | None) -> asyncio.AbstractEventLoop:
    if speed != 1.0:
        return ClockLoop(speed)
    try:
        import uvloop
    except ImportError:  # there is none for Windows
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


@contextmanager
def rare_collections() -> Iterator[None]:
    """Let the garbage collector look seldom, and not at what start-up made.

    A live call holds a few dozen objects, so with its usual thresholds the collector walked over all live
    calls again and again: a third of the time per job.
    """
    before = gc.get_threshold()
    gc.freeze()  # without a look before it, which would cost more than the little that start-up leaves behind
    gc.set_threshold(*COLLECTOR_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
