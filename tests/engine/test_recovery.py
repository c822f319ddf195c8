"""A crash at any moment, then a restart: one call for each attempt, and nothing forgotten."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from dialer.domain.lifecycle import JobState
from dialer.engine.events import AttemptClaimed, AttemptClosed, AttemptUncertain, CallPlaced, Event
from tests.engine.test_placing_limits import relay_of
from tests.engine.test_placing_uncertain import LOST, NOT_MADE
from tests.support.campaigns import Process, in_virtual_time, world
from tests.support.people import STEADY, answering, job
from tests.support.relay import Twist

IGNORES_KEYS = replace(STEADY, idempotency=False, listing_lag_s=12.0, ring_s=5, talk_s=120, talk_sigma=0)
LISTS_LATE = replace(STEADY, listing_lag_s=50.0, ring_s=5, talk_s=120, talk_sigma=0)


class Crashing:
    """Crashes the process at the first event of a kind."""

    def __init__(self, kind: type[Any], *, held: bool = False) -> None:
        self.process: Process | None = None
        self._kind = kind
        self._held = held

    def __call__(self, event: Event) -> None:
        if isinstance(event, self._kind) and self.process is not None:
            if self._held:
                self.process.campaign.pace.hold("nothing leaves before the crash", 1.0)
            self.process.crash()


@pytest.mark.parametrize("account", [IGNORES_KEYS, LISTS_LATE])
@pytest.mark.parametrize(
    ("moment", "calls_before"),
    [
        (Crashing(AttemptClaimed, held=True), 0),
        (Crashing(AttemptUncertain), 1),
        (Crashing(CallPlaced), 1),
    ],
)
@in_virtual_time
async def test_a_crash_between_two_facts(
    account: Any, moment: Crashing, calls_before: int, tmp_path: Path
) -> None:
    faults = "drop_after=1,only_first=1" if moment._kind is AttemptUncertain else ""
    async with world(account, faults, path=tmp_path) as w:
        async with w.running([job()], on_event=moment) as p:
            moment.process = p
        assert p.crashed
        assert w.report.calls == calls_before
        again = await w.run([job()])
        assert again.tally.resumed == 1
        assert again.jobs == {JobState.DONE: 1}
        assert w.report.calls == 1
        assert len(w.log.of("attempt")) == len(w.log.of("job")) == 1


@in_virtual_time
async def test_a_crash_after_the_last_fact_leaves_only_the_log_to_be_written(tmp_path: Path) -> None:
    moment = Crashing(AttemptClosed)
    async with world(path=tmp_path) as w:
        async with w.running([job()], on_event=moment) as p:
            moment.process = p
        assert w.log.lines == []
        again = await w.run([job()])
        assert (again.tally.resumed, again.jobs, w.report.calls) == (0, {JobState.DONE: 1}, 1)
        assert len(w.log.of("attempt")) == len(w.log.of("job")) == 1


@pytest.mark.parametrize("account", [IGNORES_KEYS, LISTS_LATE])
@pytest.mark.parametrize("arrived", [True, False])
@in_virtual_time
async def test_a_crash_while_the_request_is_on_its_way(account: Any, arrived: bool, tmp_path: Path) -> None:
    async with world(account, path=tmp_path, relayed=True) as w:
        async with w.running([job()]) as p:
            relay_of(w).on("create", Twist(first=p.crash, before_s=3, passes=arrived))
        assert w.report.calls == 0
        again = await w.run([job()])
        assert w.report.calls == 1
        assert again.tally.adopted == (arrived and account is IGNORES_KEYS)
        assert len({seen.body for seen in relay_of(w).creates()}) == 1, "the bytes that were written ahead"


@pytest.mark.parametrize("account", [IGNORES_KEYS, LISTS_LATE])
@in_virtual_time
async def test_a_crash_after_the_201_was_sent(account: Any, tmp_path: Path) -> None:
    async with world(account, path=tmp_path, relayed=True) as w:
        async with w.running([job()]) as p:
            relay_of(w).on("create", Twist(then=p.crash))
        assert w.report.calls == 1
        again = await w.run([job()])
        assert (w.report.calls, again.tally.jobs) == (1, {JobState.DONE: 1})


@in_virtual_time
async def test_a_crash_while_a_repeat_is_slow(tmp_path: Path) -> None:
    """It left long ago and arrives only now: the settle time is not over."""
    account = replace(STEADY, idempotency=False, listing_lag_s=15, ring_s=5, talk_s=120, talk_sigma=0)
    async with world(account, path=tmp_path, relayed=True) as w:
        async with w.running([job()], settle_s=20) as p:
            relay_of(w).on("create", NOT_MADE, Twist(before_s=25, then=p.crash))
        assert w.report.calls == 1
        again = await w.run([job()], settle_s=20)
        assert (w.report.calls, again.tally.adopted) == (1, 1)


@pytest.mark.parametrize("step_s", [3600.0, -3600.0])
@in_virtual_time
async def test_a_restart_with_another_hour_does_not_trust_the_key(step_s: float, tmp_path: Path) -> None:
    async with world(LISTS_LATE, path=tmp_path, relayed=True) as w:
        async with w.running([job()]) as p:
            relay_of(w).on("create", Twist(drops=True, then=p.crash))
        w.clock.step_s = step_s
        again = await w.run([job()], settle_s=20, looks_max=4)
        assert len(relay_of(w).creates()) == 1
        assert (w.report.calls, again.tally.adopted, again.tally.parked) == (1, 1, 0)


@in_virtual_time
async def test_calls_that_go_on_take_their_slots_first(tmp_path: Path) -> None:
    account = replace(STEADY, concurrency_limit=10, ring_s=5, ring_sigma=0, talk_s=100, talk_sigma=0)
    async with world(account, path=tmp_path) as w:
        async with w.running(answering(40), slots=10) as p:
            await anyio.sleep(20)
            p.crash()
        assert w.report.live == 10
        async with w.running(answering(40), slots=10, refresh_s=1000) as again:
            await anyio.sleep(5)
            slots = again.campaign.slots
            assert (slots.in_use, slots.limit) == (10, 10), "our own calls are no others'"
            assert again.tally.claimed == 0
        assert w.report.refusals == {}
        assert w.report.peak_live == 10


@in_virtual_time
async def test_ends_that_nobody_heard_are_heard_after_the_restart(tmp_path: Path) -> None:
    async with world(STEADY, path=tmp_path, webhooks=True) as w:
        async with w.running(answering(10)) as p:
            await anyio.sleep(20)
            p.crash()
        await anyio.sleep(500)
        again = await w.run(answering(10))
        assert again.tally.resumed == again.tally.final == 10
        assert w.report.calls == 10


@in_virtual_time
async def test_one_crash_after_another(tmp_path: Path) -> None:
    async with world(IGNORES_KEYS, "error_after=0.2,drop_before=0.2", path=tmp_path) as w:
        for _ in range(6):
            async with w.running(answering(12), cps=5) as p:
                await anyio.sleep(7)
                p.crash()
        await w.run(answering(12), cps=5)
        assert w.report.calls == 12
        assert set(w.report.calls_per_number.values()) == {1}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("account", [IGNORES_KEYS, LISTS_LATE])
@in_virtual_time
async def test_crashes_at_any_moment(account: Any, seed: int, tmp_path: Path) -> None:
    """Each process dies at the next event of its life."""
    people = answering(6)
    faults = (
        "rate_limited=0.1,error_before=0.1,error_after=0.15,drop_before=0.1,drop_after=0.15,unreadable=0.1"
    )

    def dying_at(nth: int) -> tuple[list[Process], Callable[[Event], None]]:
        alive: list[Process] = []

        def observe(_: Event) -> None:
            if alive and len(alive[0].events) >= nth:
                alive[0].crash()

        return alive, observe

    async with world(account, faults, seed=seed, path=tmp_path) as w:
        for nth in range(4, 40, 3):
            alive, observe = dying_at(nth)
            async with w.running(people, on_event=observe, looks_max=8) as p:
                alive.append(p)
            if not p.crashed:
                break
        last = await w.run(people, looks_max=8)
        assert last.jobs == {JobState.DONE: 6}
        assert set(w.report.calls_per_number.values()) == {1}
        assert w.report.calls == 6
        assert len(w.log.of("job")) == 6


@in_virtual_time
async def test_an_observer_that_raises_is_a_crash_and_no_more(tmp_path: Path) -> None:
    def observe(event: Event) -> None:
        if isinstance(event, CallPlaced):
            raise OSError("no space left on device")

    async with world(IGNORES_KEYS, path=tmp_path) as w:
        with pytest.raises(BaseExceptionGroup) as raised:
            await w.run(answering(5), on_event=observe)
        assert raised.group_contains(OSError, match="no space left")
        again = await w.run(answering(5))
        assert again.tally.resumed >= 1
        assert set(w.report.calls_per_number.values()) == {1}
        assert w.report.calls == 5


@in_virtual_time
async def test_an_unknown_attempt_is_looked_for_again_after_a_restart(tmp_path: Path) -> None:
    account = replace(STEADY, listing_lag_s=300, ring_s=5, talk_s=600, talk_sigma=0)
    async with world(account, path=tmp_path, relayed=True) as w:
        relay_of(w).on("create", LOST)
        async with w.running(answering(2), cps=1, settle_s=5, looks_max=1, api_honours_key=False) as p:
            await anyio.sleep(30)
            p.crash()
        assert p.tally.parked == 1
        again = await w.run(answering(2), cps=1)
        assert (again.tally.adopted, again.jobs) == (1, {JobState.DONE: 2})
        assert w.report.calls == 2
