"""The pace of a from-number at the gate: what was held there does not leave faster than its line may."""

from collections import defaultdict

import anyio
import pytest

from dialer.engine.capacity.pacing import Pace, PaceStopped
from tests.support.campaigns import in_virtual_time

HELD_S = 30.0


async def passed(pace: Pace, *lines: tuple[str, float | None]) -> dict[str, list[float]]:
    """When requests from these lines leave, in seconds from now."""
    since, found = anyio.current_time(), defaultdict[str, list[float]](list)

    async def send(line: str, cps: float | None) -> None:
        await pace.gate(line, cps)
        found[line].append(anyio.current_time() - since)

    async with anyio.create_task_group() as tasks:
        for line, cps in lines:
            tasks.start_soon(send, line, cps)
    return found


def a_pace() -> Pace:
    return Pace(10.0, burst_s=0.0, guard_s=0.0, observe=lambda event: None)


@in_virtual_time
async def test_requests_that_were_held_leave_as_fast_as_their_line_may() -> None:
    pace = a_pace()
    pace.hold("asked to", HELD_S)
    found = await passed(pace, *[("slow", 0.5)] * 3, *[("two", 2.0)] * 4)
    assert found["slow"] == pytest.approx([HELD_S, HELD_S + 2, HELD_S + 4], abs=0.001)
    assert found["two"] == pytest.approx([HELD_S, HELD_S, HELD_S + 1, HELD_S + 1], abs=0.001)


@in_virtual_time
async def test_nobody_waits_for_the_line_of_another() -> None:
    pace = a_pace()
    found = await passed(pace, *[("slow", 0.1)] * 3, *[("other", None)] * 5, ("quick", 5.0))
    assert found["slow"] == pytest.approx([0, 10, 20], abs=0.001)
    assert max(*found["other"], *found["quick"]) < 1.0


@in_virtual_time
async def test_a_line_that_waits_hears_of_a_stop() -> None:
    pace = a_pace()
    await pace.gate("slow", 0.01)
    async with anyio.create_task_group() as tasks:

        async def wait() -> None:
            with pytest.raises(PaceStopped):
                await pace.gate("slow", 0.01)

        tasks.start_soon(wait)
        await anyio.sleep(1.0)
        pace.stop()
    assert anyio.current_time() < 2.0
