"""A day of service: campaigns come and go, and no call leaves its attempt behind. `make day` is all of it.

python -m tests.engine.test_service_day --hours 24
"""

import argparse
import asyncio
import functools
import gc
import json
import os
import sys
import tracemalloc
from dataclasses import asdict, dataclass
from pathlib import Path

import anyio
import pytest

import dialer
from dialer.rehearsal.loop import run_virtual
from tests.support.people import STEADY, job, number
from tests.support.service_world import ServiceWorld, service_world

HOUR_S = 3600.0
NAMES = ("spring", "summer", "autumn", "winter")
NOISE_BYTES = 100_000
GROWS_MAX_BYTES = 200
"""For each call: an attempt that is not let go has ten times as many."""
OURS = str(Path(dialer.__file__).parent / "*")
NOT_OURS = str(Path(dialer.__file__).parent / "simulator" / "*")


@dataclass(frozen=True, slots=True)
class Measured:
    """What a process holds at one moment."""

    bytes: int
    """Of what was allocated in `dialer`, without the simulator, which remembers each call."""
    tasks: int
    files: int
    calls: int


def measured(w: ServiceWorld) -> Measured:
    for each in gc.get_objects():
        if isinstance(each, functools._lru_cache_wrapper):
            each.cache_clear()  # bounded, and filled by a day
    gc.collect()
    ours = [tracemalloc.Filter(True, OURS), tracemalloc.Filter(False, NOT_OURS)]
    traces = tracemalloc.take_snapshot().filter_traces(ours).statistics("filename")
    files = len(os.listdir("/proc/self/fd"))
    return Measured(sum(each.size for each in traces), len(asyncio.all_tasks()), files, w.report.calls)


async def serve_for(hours: float, first_look_h: float) -> tuple[Measured, Measured]:
    """A few calls a minute in campaigns that come and go; at the first look, and in the end."""
    async with service_world(STEADY) as w:
        w.takes_webhooks = False
        async with w.working(control_s=5.0, poll_s=15.0, refresh_s=60.0) as worker:
            first, now, n = None, 0.0, 0
            while now < hours * HOUR_S:
                # a quarter of an hour of one campaign, then of the next; each is idle in between
                name = NAMES[int(now // 900) % len(NAMES)]
                await w.submit(name, [job(job_id=f"job-{n}", to_number=number(n % 20, 201 + n % 600 // 20))])
                n, now = n + 1, now + 20.0
                await anyio.sleep(20.0)
                worker.events.clear()  # the test's own
                for log in w.logs.values():
                    del log.lines[:-1]
                if first is None and now >= first_look_h * HOUR_S:
                    first = measured(w)
            assert first is not None
            last = measured(w)
            worker.crashed = True  # its logs are not kept: they would be what grows
            worker.stop()
            return first, last


def looks(hours: float, first_look_h: float) -> tuple[Measured, Measured]:
    """As `serve_for`, in virtual time."""
    tracemalloc.start()
    try:
        found: list[tuple[Measured, Measured]] = []

        async def main() -> None:
            found.append(await serve_for(hours, first_look_h))

        run_virtual(main)
    finally:
        tracemalloc.stop()
    return found[0]


def check(first: Measured, last: Measured) -> None:
    assert last.calls > first.calls + 30
    assert last.tasks <= first.tasks + 20, "tasks of calls that are going on, no more"
    assert last.files <= first.files + 20
    assert last.bytes - first.bytes < NOISE_BYTES + GROWS_MAX_BYTES * (last.calls - first.calls)


@pytest.mark.slow
def test_half_an_hour_of_service_leaves_nothing_behind() -> None:
    check(*looks(0.5, 0.25))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=24.0)
    first, last = looks(parser.parse_args().hours, 2.0)
    sys.stdout.write(json.dumps([asdict(first), asdict(last)]) + "\n")
    check(first, last)
