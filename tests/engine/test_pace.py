"""Calls per second: never more than the rate in any sliding second, and nearly all of it."""

import asyncio
from collections.abc import Callable
from itertools import pairwise
from math import ceil, floor
from random import Random

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.app.clock_loop import run_virtual
from dialer.engine.capacity.pacing import Pace, PaceStopped
from dialer.engine.events import Event, RequestHeld
from dialer.simulator.limits import most_within
from tests.support.campaigns import in_virtual_time
from tests.support.clock import ShiftedLoop

GUARD_S = 0.005
ROUNDING_S = 1e-6


def paced(cps: float, *, burst_s: float = 0.0, observe: Callable[[Event], None] | None = None) -> Pace:
    return Pace(cps, burst_s=burst_s, guard_s=GUARD_S, observe=observe or (lambda _: None))


async def send_for(
    pace: Pace, seconds: float, *, lanes: int, claim_s: Callable[[], float] = lambda: 0.0
) -> list[float]:
    """When requests left, with so many lanes that claim as the dispatcher's do."""
    sent: list[float] = []

    async def lane() -> None:
        while True:
            await pace.token()
            await anyio.sleep(claim_s())
            tasks.start_soon(leave)

    async def leave() -> None:
        await pace.gate()
        sent.append(anyio.current_time())

    with anyio.move_on_after(seconds):
        async with anyio.create_task_group() as tasks:
            for _ in range(lanes):
                tasks.start_soon(lane)
    return sent


def worst_second(sent: list[float]) -> int:
    """Most that left in any second, the one that is just over included."""
    return most_within(sent, 1.0 + GUARD_S - ROUNDING_S)


@settings(max_examples=15, deadline=None)
@given(
    cps=st.floats(0.2, 200.0) | st.integers(1, 200).map(float),
    burst_s=st.sampled_from([0.0, 0.02, 0.3, 1.0]),
    jitter=st.floats(0.0, 1.0),
    seed=st.integers(0, 99),
)
def test_never_more_than_the_rate_and_nearly_all_of_it(
    cps: float, burst_s: float, jitter: float, seed: int
) -> None:
    async def main() -> None:
        chance = Random(seed)
        lanes = max(2, ceil(cps / 10))
        seconds = max(10.0, 60 / cps)
        claim_max_s = jitter * 0.9 * (lanes - 1) / cps

        def claim_s() -> float:
            return claim_max_s * chance.random()

        sent = await send_for(paced(cps, burst_s=burst_s), seconds, lanes=lanes, claim_s=claim_s)
        if cps >= 1:
            assert worst_second(sent) <= ceil(cps)
        assert most_within(sent, ceil(cps) / cps) <= ceil(cps), (
            "N in N periods, also when the rate is no whole one"
        )
        assert len(sent) >= 0.99 * cps * (seconds - claim_max_s) - 1

    run_virtual(main)


@pytest.mark.parametrize("cps", [0.25, 0.5, 1.5, 2.5, 7.3])
@in_virtual_time
async def test_a_rate_that_is_no_whole_number(cps: float) -> None:
    sent = await send_for(paced(cps), 200 / cps, lanes=2)
    assert 0.99 * 200 <= len(sent) <= 201
    gaps = [later - earlier for earlier, later in pairwise(sent)]
    assert min(gaps) >= 1 / cps - ROUNDING_S


@pytest.mark.parametrize("cps", [5.0, 20.0, 50.0, 100.0, 333.0])
def test_timers_that_fire_late_cost_nothing(cps: float) -> None:
    async def main() -> None:
        sent = await send_for(paced(cps, burst_s=0.02), 20, lanes=max(2, ceil(cps / 10)))
        assert len(sent) >= 0.99 * cps * 20
        assert worst_second(sent) <= cps

    # on the next whole millisecond, as a real loop's
    with asyncio.Runner(
        loop_factory=lambda: ShiftedLoop(lambda when: (floor(when * 1000) + 1) / 1000)
    ) as runner:
        runner.run(main())


@in_virtual_time
async def test_even_spacing_unless_a_burst_is_configured() -> None:
    even = await send_for(paced(20), 0.999, lanes=4)
    assert most_within(even, 1 / 20 - ROUNDING_S) == 1
    burst = await send_for(paced(20, burst_s=0.5), 0.999, lanes=4)
    assert most_within(burst, 1 / 20 - ROUNDING_S) == 11, "half a second's worth beyond the one"
    assert len(burst) == 20, "a burst is no way around the rate"


@in_virtual_time
async def test_a_token_that_found_no_job_is_good_until_the_next_one_comes() -> None:
    pace = paced(0.1)
    pace.give_back(await pace.token())
    await anyio.sleep(7)
    await pace.token()
    assert anyio.current_time() == pytest.approx(7), "nobody waits for a place that was not used"
    await pace.token()
    assert anyio.current_time() == pytest.approx(10, abs=0.1), "the schedule is the same"
    pace.give_back(await pace.token())
    await anyio.sleep(30)
    since = anyio.current_time()
    for _ in range(3):
        await pace.token()
    assert anyio.current_time() - since == pytest.approx(20, abs=0.1), "it does not come on top"


@in_virtual_time
async def test_claims_that_pile_up_do_not_leave_in_a_pile() -> None:
    pace = paced(5)
    stuck = anyio.Event()
    sent: list[float] = []

    async def one() -> None:
        await pace.token()
        await stuck.wait()
        await pace.gate()
        sent.append(anyio.current_time())

    async with anyio.create_task_group() as tasks:
        for _ in range(30):
            tasks.start_soon(one)
        await anyio.sleep(10)
        stuck.set()
    assert len(sent) == 30
    assert worst_second(sent) == 5


@pytest.mark.parametrize("cps", [1.0, 20.0])
@in_virtual_time
async def test_nobody_waits_long_at_the_gate_however_long_it_goes_on(cps: float) -> None:
    pace, waits = paced(cps), list[float]()

    async def leave() -> None:
        since = anyio.current_time()
        await pace.gate()
        waits.append(anyio.current_time() - since)

    async with anyio.create_task_group() as tasks:
        for _ in range(5000):
            await pace.token()
            tasks.start_soon(leave)
    assert max(waits) < 2 * GUARD_S, "else claimed attempts gather there, with their slots"


@in_virtual_time
async def test_a_hold_delays_everyone() -> None:
    events: list[Event] = []
    pace = paced(10, observe=events.append)
    sent: list[float] = []

    async def send() -> None:
        await pace.token()
        await pace.gate()
        sent.append(anyio.current_time())

    async with anyio.create_task_group() as tasks:
        for _ in range(30):
            tasks.start_soon(send)
        await anyio.sleep(1.05)
        before = len(sent)
        at = anyio.current_time()
        pace.hold("429", 7.0)
        pace.hold("another 429", 3.0)
        await anyio.sleep(5)
        pace.hold("yet another", 4.0)
    assert not [moment for moment in sent if at < moment < at + 9.0], "the longest hold counts"
    assert (before, len(sent)) == (11, 30)
    assert worst_second(sent) <= 10
    assert events == [RequestHeld("429", 7.0), RequestHeld("yet another", 4.0)]


@in_virtual_time
async def test_stop_ends_every_wait_at_the_gate() -> None:
    pace = paced(1)
    stopped: list[float] = []

    async def send() -> None:
        with pytest.raises(PaceStopped):
            await pace.gate()
        stopped.append(anyio.current_time())

    await pace.gate()
    pace.hold("429", 300.0)
    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(send)
        await anyio.sleep(2)
        at = anyio.current_time()
        pace.stop()
    assert [moment - at for moment in stopped] == pytest.approx([0] * 5, abs=ROUNDING_S)
    with pytest.raises(PaceStopped):
        await pace.gate()


@in_virtual_time
async def test_one_that_is_cancelled_at_the_gate_leaves_it_open() -> None:
    pace = paced(1)
    await pace.gate()
    at = anyio.current_time()
    with anyio.move_on_after(0.5):
        await pace.gate()
    await pace.gate()
    assert anyio.current_time() - at == pytest.approx(1.0 + GUARD_S, abs=0.001)


@pytest.mark.parametrize("waits_for", ["token", "gate"])
@in_virtual_time
async def test_a_pace_that_is_raised_is_the_pace_of_those_who_wait(waits_for: str) -> None:
    pace = Pace(0.01, burst_s=0.0, guard_s=0.005, observe=lambda event: None)
    pace.assume_full()
    await pace.token()
    passed: list[float] = []

    async def lane() -> None:
        await (pace.token() if waits_for == "token" else pace.gate())
        passed.append(anyio.current_time())

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(lane)
        await anyio.sleep(50)
        assert passed == []
        pace.change(10.0)
        await anyio.sleep(1.0)
        assert len(passed) == 3
        pace.hold("asked to", 20.0)
        tasks.start_soon(lane)
        pace.change(20.0)
        await anyio.sleep(19.0)
        assert len(passed) == 3, "what the API asked for stands"


@in_virtual_time
async def test_what_is_asked_at_the_gate_takes_nothing_from_the_distance_to_the_next() -> None:
    pace = Pace(2.0, burst_s=0.0, guard_s=0.005, observe=lambda event: None)
    pace.assume_full()
    left: list[float] = []

    async def lane(asking_s: float, goes: bool) -> None:
        async def passes() -> bool:
            await anyio.sleep(asking_s)
            return goes

        await pace.gate(passes=passes)
        if goes:
            left.append(anyio.current_time())

    async with anyio.create_task_group() as tasks:
        for n in range(12):
            tasks.start_soon(lane, (0.9, 0.0, 0.3)[n % 3], n % 4 != 3)
    assert len(left) == 9
    assert min(later - sooner for sooner, later in zip(left, left[2:], strict=False)) >= 1.0
