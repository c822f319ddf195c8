"""How the tests are shared out where two run at once (`make test`), and what each may use at most."""

import contextlib
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from dialer.adapters.rules.zone_data import use_newest

use_newest()  # as the program does

PROGRAMS = ("tests/cli/", "tests/deploy/", "tests/processes/")
"""Tests that start programs and wait for them: one at a time, or they would wait for each other."""
MEMORY_BYTES_MAX = 3 << 30
"""What a test process, and each program that it starts, may have of memory of its own: then `MemoryError`.

How long a test may take is `timeout` in pyproject.toml.
"""


class ProgramsApart(LoadScopeScheduling):
    """One worker has the tests that start programs, and another one all others."""

    def _split_scope(self, nodeid: str) -> str:
        return "programs" if nodeid.startswith(PROGRAMS) else "the rest"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ProgramsApart:
    return ProgramsApart(config, log)


def pytest_configure() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or hard > MEMORY_BYTES_MAX:
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))


@pytest.hookimpl(wrapper=True)
def pytest_timeout_set_timer() -> Iterator[None]:
    """A test that is out of time also loses the programs that it started, else their `with` waits on."""
    before = _children()
    timer = yield
    fails = signal.getsignal(signal.SIGALRM)

    def end(number: int, frame: FrameType | None) -> None:
        for child in _children() - before:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        if callable(fails):
            fails(number, frame)

    signal.signal(signal.SIGALRM, end)
    return timer


def _children() -> set[int]:
    """The processes that this one started and that are not gone yet."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # a thread that has just ended
            found.update(map(int, (task / "children").read_text().split()))
    return found
