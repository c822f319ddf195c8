"""A pytest plugin for the tests of one mutant: the fast ones first, and none for ever.

A mutant is mostly killed by many tests, and the first is enough. One that never ends (virtual time goes on
by itself) is ended by the test that it is in, long before mutmut would end it.
"""

import json
import os
import signal
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import FrameType

import pytest

TIMED_OUT = 36
"""The exit status that is a timeout to mutmut."""
TIMES_LONGER_MAX = 10.0
SPARE_S = 5.0
"""A test may take so many times what it took unchanged, and so much more, of the processor."""
WAITING_TIMES_MAX = 6.0
"""And so many times that by the wall clock: other programs are on the machine."""


@cache
def took_s() -> dict[str, float]:
    """What each test took without a mutant; nothing before that is known."""
    try:
        return dict(json.loads(Path("mutmut-stats.json").read_text())["duration_by_test"])
    except FileNotFoundError:
        return {}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    took = took_s()
    items.sort(key=lambda item: took.get(item.nodeid, 0.0))


def _give_up(_number: int, _frame: FrameType | None) -> None:
    os._exit(TIMED_OUT)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    took = took_s()
    bound_s = SPARE_S + TIMES_LONGER_MAX * took.get(item.nodeid, 0.0)
    if item.nodeid in took:  # else it is being measured
        signal.signal(signal.SIGPROF, _give_up)
        signal.signal(signal.SIGALRM, _give_up)
        signal.setitimer(signal.ITIMER_PROF, bound_s)
        signal.setitimer(signal.ITIMER_REAL, WAITING_TIMES_MAX * bound_s)
    result = yield
    signal.setitimer(signal.ITIMER_PROF, 0.0)
    signal.setitimer(signal.ITIMER_REAL, 0.0)
    return result
