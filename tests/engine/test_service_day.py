"""A day of service: campaigns come and go, and no call leaves anything behind. `make day` is all of it.

python -m tests.engine.test_service_day --hours 24
"""

import argparse
import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import aiohttp.connector
import anyio
import pytest

from dialer.app.clock_loop import run_virtual
from dialer.domain.calls import AttemptId
from dialer.domain.lifecycle import JobState
from dialer.telemetry.service_metrics import ServiceMetrics
from tests.support.campaigns import EPOCH
from tests.support.held import Held, held, tasks_and_files
from tests.support.people import STEADY, job, number
from tests.support.service_world import ServiceWorld, Worker, service_world

HOUR_S = 3600.0
ALWAYS = "always"
"""It has somebody to call after tomorrow, so it is at work all day; it has each second call."""
NAMES = ("spring", "summer", "autumn", "winter")
"""They come and go: some calls of one, then of the next; each is idle in between."""
ACCOUNT = replace(STEADY, ring_s=2.0, talk_s=5.0, no_answer_s=5.0)
FAULTS = "error_after=0.02,drop_before=0.02,stall=0.01,stall_s=10,rate_limited=0.02,webhook_lost=0.1"
ROUND_S = 60
"""Between two questions for the account's slots, whose connection is open for a part of it."""
WARM_HOURS = 2
CALLS_PER_HOUR = 180
CALLING_S = HOUR_S - 150.0
"""Of each hour; in the rest of it nobody is called."""
OBJECTS_MAX = 30
"""More of one kind than before, however many calls there were."""
DAY_OBJECTS_MAX = 100
"""The same after a day: seldom needed statements are compiled at any hour, some fifty objects each."""
BYTES_MAX = 30_000
BLOCKS_MAX = 600


@dataclass(frozen=True, slots=True)
class Look:
    """What the process holds while no call is going on."""

    at: float
    calls: int
    """So far."""
    held: Held

    def __str__(self) -> str:
        hour, now = self.at / HOUR_S, self.held
        return (
            f"hour {hour:5.1f}: {self.calls} calls, {now.tasks} tasks, {now.files} files, "
            f"{now.bytes} bytes, {sum(now.kinds.values())} objects, {now.blocks} blocks"
        )


def growth(before: Look, now: Look, objects_max: int = OBJECTS_MAX) -> list[str]:
    """What there is more of, beyond what is the same after one call and after thousands."""
    was, at_last = before.held, now.held
    found = [f"{many} more {kind}" for kind, many in at_last.more_than(was).items() if many > objects_max]
    if at_last.bytes - was.bytes > BYTES_MAX:
        found.append(f"{at_last.bytes - was.bytes} more bytes")
    if at_last.blocks - was.blocks > BLOCKS_MAX:
        found.append(f"{at_last.blocks - was.blocks} more blocks")
    if at_last.tasks != was.tasks:
        found.append(f"{at_last.tasks} tasks, not {was.tasks}")
    if at_last.files != was.files:
        found.append(f"{at_last.files} files, not {was.files}")
    return found


@dataclass
class Day:
    """A service at work, and what is seen of it."""

    world: ServiceWorld
    worker: Worker
    names: Sequence[str]
    """Of campaigns that come and go."""
    metrics: ServiceMetrics = field(default_factory=lambda: ServiceMetrics(50, None))
    jobs: int = 0
    calls: int = 0
    files: int | None = None
    """While no connection is open."""

    async def call(self, people: int, each_s: float, leak: Callable[[Worker], None] | None = None) -> Look:
        """Call so many, one after the other; look when all calls are over. `leak`: after each job."""
        for n in range(self.jobs, self.jobs + people):
            name = ALWAYS if n % 2 else self.names[n // 40 % len(self.names)]
            self.world.takes_webhooks = n % 100 < 50
            one = job(job_id=f"job-{n}", to_number=number(n % 20, 201 + n % 100 // 20))
            await self.world.submit(name, [one])
            await anyio.sleep(each_s)
            if leak is not None:
                leak(self.worker)
            self._take()
        self.jobs += people
        await self._rest()
        self._take()
        assert self.world.report.doubled_calls == 0
        self.calls += self.world.report.calls
        self.world.sim.forget()  # the account's record of its calls is not the program's
        for metrics in (self.metrics.account, *self.metrics._campaigns.values()):
            metrics.tally.claim_times.clear()  # the last thousand, which a day may fill or not
        return Look(anyio.current_time(), self.calls, held())

    def _take(self) -> None:
        """Events and result lines, which the test's world keeps and a service does not."""
        for name, event in self.worker.events:
            self.metrics.observe(name, event)
        self.worker.events.clear()
        for log in self.world.logs.values():
            del log.lines[:-1]

    async def _rest(self) -> None:
        """Until nobody is called, no connection is open, and no timer waits in vain."""
        while await self._is_calling() or len(self.worker.service.campaigns) > 1:  # noqa: ASYNC110
            await anyio.sleep(2.0)
        if self.files is None:
            self.files = min([await _files_in_a_second() for _ in range(ROUND_S)])
        for _ in range(ROUND_S):
            if await _files_in_a_second() <= self.files:
                break
        loop = asyncio.get_running_loop()
        for _ in range(1000):  # asyncio keeps those that were cancelled until they are the most
            loop.call_later(HOUR_S, self._take).cancel()
        await anyio.sleep(0.0)

    async def _is_calling(self) -> bool:
        """Beside who is called after tomorrow nobody is left."""
        jobs = sum([await self.world.jobs(name) for name in (ALWAYS, *self.names)], Counter[JobState]())
        return jobs[JobState.BUSY] + jobs[JobState.OPEN] > 1


async def _files_in_a_second() -> int:
    await anyio.sleep(1.0)
    return tasks_and_files()[1]


@asynccontextmanager
async def a_day(names: Sequence[str]) -> AsyncIterator[Day]:
    settings: dict[str, float] = {"control_s": 5.0, "poll_s": 15.0, "refresh_s": ROUND_S}
    with idle_connections_end():
        async with service_world(ACCOUNT, FAULTS, webhooks=True) as w, w.working(**settings) as worker:
            await w.submit(ALWAYS, [job(job_id="later", not_before=EPOCH + 48 * HOUR_S)])
            yield Day(w, worker, names)
            worker.crashed = True  # its logs are not kept: they would be what grows
            worker.stop()


@contextmanager
def idle_connections_end() -> Iterator[None]:
    """In virtual time, too: aiohttp asks the machine's clock how long a connection was not used."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aiohttp.connector, "monotonic", asyncio.get_running_loop().time)
        yield


def test_no_call_leaves_anything_behind_and_what_did_would_be_seen() -> None:
    async def main() -> None:
        async with a_day(NAMES[:1]) as day:
            first = await day.call(160, 0.2)
            after = await day.call(60, 0.2)
            assert growth(first, after) == []

            before, after = after, await day.call(80, 0.2, never_forget_an_attempt)
            assert [each.split()[-1] for each in growth(before, after)] == ["str"], (
                "their ids, and nothing else"
            )

            with ExitStack() as stack:
                before, after = after, await day.call(40, 0.2, partial(keep_everything, [], stack))
                found = [each.lstrip("0123456789 ") for each in growth(before, after)]
                assert {"more AttemptClaimed", "more Attempt", "more bytes"} <= set(found)
                assert [each.split(",")[0] for each in found[-2:]] == ["tasks", "files"]

    run_virtual(main)


class Uncleaned(set[AttemptId]):
    """As if somebody had forgotten to clean it."""

    def discard(self, _: object, /) -> None:
        pass


def never_forget_an_attempt(worker: Worker) -> None:
    for campaign in worker.service.campaigns:
        if campaign.name == ALWAYS and not isinstance(campaign.under_way._known, Uncleaned):
            campaign.under_way._known = Uncleaned(campaign.under_way._known)


def keep_everything(kept: list[object], stack: ExitStack, worker: Worker) -> None:
    """As an observer that keeps its events; and for each call a task and a file."""
    kept.extend(event for _, event in worker.events)
    task = asyncio.get_running_loop().create_task(asyncio.Event().wait())
    stack.callback(task.cancel)
    stack.callback(os.close, os.open(os.devnull, os.O_RDONLY))


def serve_for(hours: int) -> None:
    """Hour by hour. In the first two each part of the program has been in use, with what it needs once."""
    looks: dict[int, Look] = {}

    async def main() -> None:
        async with a_day(NAMES) as day:
            for hour in range(1, hours + 1):
                look = await day.call(CALLS_PER_HOUR, CALLING_S / CALLS_PER_HOUR)
                sys.stdout.write(f"{look}\n")
                sys.stdout.flush()
                if hour in (WARM_HOURS, hours):
                    looks[hour] = look

    run_virtual(main)
    found = growth(looks[WARM_HOURS], looks[hours], DAY_OBJECTS_MAX)
    sys.stdout.write(f"since hour {WARM_HOURS}: {', '.join(found) or 'nothing has grown'}\n")
    if found:
        sys.exit(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=int, default=24)
    serve_for(parser.parse_args().hours)
