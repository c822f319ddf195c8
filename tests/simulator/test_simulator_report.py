"""The report's arithmetic, against naive computations."""

from dataclasses import replace

import anyio
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulator_kit import STEADY, bench, in_virtual_time, number

from dialer.simulator.limits import SlidingWindow, most_within

TIMES = st.lists(st.integers(0, 400).map(lambda tenths: tenths / 100), max_size=60).map(sorted)


@given(TIMES, st.sampled_from([0.5, 0.99, 1.0]))
def test_the_sliding_maximum_is_the_naive_one(times: list[float], width: float) -> None:
    naive = max((sum(0 <= other - first < width for other in times) for first in times), default=0)
    assert most_within(times, width) == naive


@given(TIMES, st.integers(1, 5))
def test_a_window_lets_through_its_limit_and_no_more(times: list[float], limit: int) -> None:
    window = SlidingWindow(1.0)
    passed: list[float] = []
    for now in times:
        recent = sum(now - earlier < 1.0 for earlier in passed)
        wait_s = window.wait_s(now, limit)
        assert (wait_s == 0.0) == (recent < limit)
        if wait_s == 0.0:
            window.add(now)
            passed.append(now)
        else:
            assert sum(now + wait_s + 1e-9 - earlier < 1.0 for earlier in passed) < limit
    assert most_within(passed, 1.0) <= limit


@in_virtual_time
async def test_live_seconds_and_slot_use() -> None:
    async with bench(replace(STEADY, ring_s=10.0, talk_s=20.0)) as b:
        start = anyio.current_time()
        for last in range(3):
            await b.dial(number(last))
            await anyio.sleep(10)
        await anyio.sleep(100)
        assert b.sim.report().live_seconds == pytest.approx(90, abs=0.5)
        assert b.sim.live_seconds(start, start + 200) == pytest.approx(90, abs=0.5)
        assert b.sim.live_seconds(start + 20, start + 30) == pytest.approx(30, abs=0.5)
        assert b.sim.live_seconds(start + 35, start + 45) == pytest.approx(5 + 10, abs=0.5)
        await b.dial(number(3))
        await anyio.sleep(5)
        now = anyio.current_time()
        assert b.sim.live_seconds(now - 2, now) == pytest.approx(2, abs=0.1)
    assert b.sim.report().live_seconds == pytest.approx(95, abs=0.5)


@in_virtual_time
async def test_doubled_calls_are_those_beyond_one_per_attempt() -> None:
    async with bench(replace(STEADY, idempotency=False)) as b:
        await b.dial(number(0), "a")
        await b.dial(number(0), "b")
        await b.dial(number(1), "c")
        await b.dial(number(1), "c")
        await b.dial(number(1), "c")
        await b.dial(number(42), "d")
        await b.dial(number(42), "d")
        await b.dial(number(2), idempotency_key="e")
        await b.dial(number(2), idempotency_key="e")
        await b.dial(number(3))
        report = b.sim.report()
        assert (report.doubled_calls, report.doubled_rings, report.numbers_doubled) == (4, 3, 2)
        assert report.calls_per_number == {
            number(0): 2,
            number(1): 3,
            number(42): 2,
            number(2): 2,
            number(3): 1,
        }
        assert report.keys_per_number == {
            number(0): 2,
            number(1): 1,
            number(42): 1,
            number(2): 1,
            number(3): 1,
        }
        assert report.outcomes == {"live": 10}
        assert report.rung == 8


@in_virtual_time
async def test_the_report_as_json() -> None:
    async with bench() as b:
        await b.dial(number(0), "a")
        await b.dial(number(0), "a")
        await b.dial(number(42), "b")
        await b.post("/v2/create-phone-call", {})
        await anyio.sleep(100)
    shown = orjson.loads(b.sim.report().to_json())
    assert (shown["create_requests"], shown["creates_accepted"], shown["replays"], shown["calls"]) == (
        4,
        2,
        1,
        2,
    )
    assert shown["calls_per_number"] == {"1": 2}
    assert shown["requests"] == {"POST /v2/create-phone-call": {"201": 3, "400": 1}}
    assert shown["outcomes"] == {"dial_busy": 1, "user_hangup": 1}
    assert number(0) not in b.sim.report().to_json()


@in_virtual_time
async def test_calls_that_are_over_may_be_forgotten() -> None:
    async with bench(replace(STEADY, ring_s=1.0, talk_s=20.0)) as b:
        over = await b.dial(number(0), "a")
        await anyio.sleep(100)
        going_on = await b.dial(number(1), "b")
        b.sim.forget()
        assert [call.call_id for call in b.sim.calls] == [going_on.call_id]
        assert (await b.dial(number(1), "b")).call_id == going_on.call_id, "its key is kept"
        again = await b.dial(number(0), "a")
        assert again.call_id != over.call_id, "as nobody has used it"
        await anyio.sleep(100)
        report = b.sim.report()
        assert report.outcomes == {"user_hangup": 2}
        assert report.peak_live == 2
        assert (report.creates_accepted, report.create_requests) == (1, 2)
