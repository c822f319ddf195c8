"""Which event loop a command runs on, and how its errors come out."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from dialer.domain.errors import DialerError
from dialer.rehearsal.loop import ClockLoop

T = TypeVar("T")


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
