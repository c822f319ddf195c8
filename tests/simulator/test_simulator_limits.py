"""Concurrency in both forms, calls per second, and the rate limits of HTTP."""

from dataclasses import replace
from itertools import pairwise

import anyio
import pytest
import retell
from simulator_kit import STEADY, Bench, bench, in_virtual_time, number


async def statuses(b: Bench, lasts: range, area: int = 202) -> list[int]:
    found = []
    for last in lasts:
        body = {"from_number": number(0), "to_number": number(last, area)}
        found.append((await b.post("/v2/create-phone-call", body)).status_code)
    return found


@in_virtual_time
async def test_over_the_concurrency_limit_as_http() -> None:
    async with bench(replace(STEADY, concurrency_limit=3)) as b:
        assert await statuses(b, range(5)) == [201, 201, 201, 429, 429]
        answer = await b.post("/v2/create-phone-call", {"from_number": number(0), "to_number": number(1)})
        assert "concurrency" in answer.json()["message"].lower()
        await anyio.sleep(66)
        assert await statuses(b, range(1)) == [201]
        report = b.sim.report()
    assert (report.calls, report.live, report.peak_live) == (4, 1, 3)
    assert report.refusals == {"concurrency": 3}


@in_virtual_time
async def test_over_the_concurrency_limit_as_a_call_in_error() -> None:
    async with bench(replace(STEADY, concurrency_limit=3, concurrency_refusal="call_error")) as b:
        assert await statuses(b, range(5)) == [201] * 5
        await anyio.sleep(1)
        listed = await b.sdk.call.list(
            filter_criteria={
                "disconnection_reason": {"type": "enum", "op": "in", "value": ["concurrency_limit_reached"]}
            }
        )
        assert [item.call_status for item in listed.items] == ["error", "error"]
        report = b.sim.report()
    assert (report.calls, report.rung, report.peak_live, report.live) == (5, 3, 3, 3)


@in_virtual_time
async def test_both_forms_are_drawn() -> None:
    async with bench(replace(STEADY, concurrency_limit=0, concurrency_refusal="both")) as b:
        found = await statuses(b, range(30))
        assert {201, 429} == set(found)
        assert b.sim.report().rung == 0


@in_virtual_time
async def test_slots_that_are_not_ours() -> None:
    async with bench(
        replace(STEADY, concurrency_limit=10, used_by_others=3, reserved_inbound_concurrency=2)
    ) as b:
        assert await statuses(b, range(6)) == [201] * 5 + [429]
        assert b.sim.report().peak_concurrency == 8
        b.sim.set_account(used_by_others=0)
        assert await statuses(b, range(6, 10)) == [201] * 3 + [429]
        b.sim.set_account(concurrency_limit=2)
        assert await statuses(b, range(1)) == [429]
        b.sim.set_account(burst_enabled=True, concurrency_limit=10)
        assert await statuses(b, range(1)) == [201]


@in_virtual_time
async def test_calls_per_second_are_refused() -> None:
    async with bench(replace(STEADY, calls_per_second=3)) as b:
        assert await statuses(b, range(5)) == [201, 201, 201, 429, 429]
        await anyio.sleep(0.9)
        assert await statuses(b, range(1)) == [429]
        await anyio.sleep(0.11)
        assert await statuses(b, range(5, 9)) == [201, 201, 201, 429]
        report = b.sim.report()
    assert (report.peak_creates_1s, report.peak_creates_990ms) == (3, 3)
    assert report.peak_requests_1s == 6
    assert report.refusals == {"calls-per-second": 4}


@in_virtual_time
async def test_less_than_one_call_per_second() -> None:
    async with bench(replace(STEADY, calls_per_second=0.5)) as b:
        assert await statuses(b, range(2)) == [201, 429]
        await anyio.sleep(1.9)
        assert await statuses(b, range(1)) == [429]
        await anyio.sleep(0.11)
        assert await statuses(b, range(1)) == [201]


@in_virtual_time
async def test_calls_per_second_are_queued() -> None:
    async with bench(replace(STEADY, calls_per_second=2, rate_refusal="queue")) as b:
        assert await statuses(b, range(4)) == [201] * 4
        await anyio.sleep(100)
        started = [call.started_at or 0 for call in b.sim.calls]
        gaps = [later - earlier for earlier, later in pairwise(started)]
        assert gaps == pytest.approx([0.5] * 3, abs=0.01)


@in_virtual_time
async def test_rate_limits_of_http() -> None:
    async with bench(replace(STEADY, creates_per_10s=4, list_per_10s=3, other_per_10s=2)) as b:
        assert await statuses(b, range(5)) == [201] * 4 + [429]
        refused = [await b.post("/v3/list-calls", {}) for _ in range(7)][3:]
        assert {answer.status_code for answer in refused} == {429}
        for answer in refused:
            assert answer.headers["X-RateLimit-Limiter"] == "list-calls"
            assert answer.headers["RateLimit-Limit"] == "3"
            assert answer.headers["RateLimit-Remaining"] == "0"
            assert answer.headers["RateLimit-Reset"] == "10"
        assert [answer.headers.get("Retry-After") for answer in refused] == [None, "10"] * 2
        await b.sdk.concurrency.retrieve()
        with pytest.raises(retell.UnprocessableEntityError):
            await b.sdk.call.retrieve("unknown")
        with pytest.raises(retell.RateLimitError):
            await b.sdk.concurrency.retrieve()
        await anyio.sleep(10)
        await b.sdk.concurrency.retrieve()
        assert (await b.post("/v3/list-calls", {})).status_code == 200


@in_virtual_time
async def test_a_run_of_bad_requests_blocks_good_ones() -> None:
    async with bench(replace(STEADY, client_errors_per_minute=3)) as b:
        for _ in range(3):
            assert (await b.post("/v2/create-phone-call", {})).status_code == 400
        assert await statuses(b, range(2)) == [429, 429]
        assert b.sim.report().refusals == {"client-errors": 2}
        await anyio.sleep(60)
        assert await statuses(b, range(1)) == [201]
