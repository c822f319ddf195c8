"""Each fault by its name, as a client meets it, and what the account holds afterwards."""

from dataclasses import fields

import anyio
import httpx
import pytest
import retell
from simulator_kit import STEADY, bench, in_virtual_time, number

from dialer.simulator.faults import RATIOS, CreateFault, Faults
from dialer.simulator.world import DENY_RINGS


@in_virtual_time
async def test_rate_limited() -> None:
    async with bench(faults="rate_limited=1") as b:
        with pytest.raises(retell.RateLimitError) as caught:
            await b.dial(number(0))
        assert caught.value.response.headers["X-RateLimit-Limiter"] == "fault"
        assert int(caught.value.response.headers["RateLimit-Reset"]) >= 1
        assert not b.sim.calls


@in_virtual_time
async def test_error_before() -> None:
    async with bench(faults="error_before=1") as b:
        with pytest.raises(retell.InternalServerError):
            await b.dial(number(0))
        assert not b.sim.calls


@in_virtual_time
async def test_error_after() -> None:
    async with bench(faults="error_after=1") as b:
        with pytest.raises(retell.InternalServerError):
            await b.dial(number(0), "a")
        assert [call.attempt_id for call in b.sim.calls] == ["a"]


@in_virtual_time
async def test_drop_before() -> None:
    async with bench(faults="drop_before=1") as b:
        with pytest.raises(retell.APIConnectionError):
            await b.dial(number(0))
        assert not b.sim.calls
        assert b.sim.report().requests == {"POST /v2/create-phone-call": {"0": 1}}


@in_virtual_time
async def test_drop_after() -> None:
    async with bench(faults="drop_after=1") as b:
        with pytest.raises(retell.APIConnectionError):
            await b.dial(number(0))
        assert len(b.sim.calls) == 1


@in_virtual_time
async def test_unreadable() -> None:
    async with bench(faults="unreadable=1") as b:
        answer = await b.post("/v2/create-phone-call", {"from_number": number(1), "to_number": number(0)})
        assert answer.status_code == 201
        with pytest.raises(ValueError):
            answer.json()
        assert len(b.sim.calls) == 1


@in_virtual_time
async def test_stall() -> None:
    async with bench(faults="stall=1,stall_s=150") as b:
        start = anyio.current_time()
        with pytest.raises(retell.APITimeoutError):
            await b.dial(number(54), timeout=20)
        assert b.sim.calls[0].created_at == pytest.approx(start, abs=1)
        await anyio.sleep(200)
        assert b.sim.report().requests == {"POST /v2/create-phone-call": {"201": 1}}


@in_virtual_time
async def test_made_late() -> None:
    async with bench(faults="made_late=1,made_late_s=30,only_first=1") as b:
        with pytest.raises(retell.APITimeoutError):
            await b.dial(number(0), "a", timeout=20)
        assert not b.sim.calls
        call = await b.dial(number(0), "a")
        await anyio.sleep(20)
        assert [one.call_id for one in b.sim.calls] == [call.call_id]


@in_virtual_time
async def test_made_late_without_keys_rings_twice() -> None:
    async with bench(STEADY, "made_late=1,made_late_s=30,only_first=1") as b:
        b.sim.set_account(idempotency=False)
        with pytest.raises(retell.APITimeoutError):
            await b.dial(number(0), "a", timeout=20)
        await b.dial(number(0), "a")
        await anyio.sleep(20)
        assert b.sim.report().doubled_rings == 1


@in_virtual_time
async def test_concurrency_refused() -> None:
    async with bench(faults="concurrency_refused=1") as b:
        with pytest.raises(retell.RateLimitError, match=r"(?i)concurrency"):
            await b.dial(number(0))
        b.sim.set_account(concurrency_refusal="call_error")
        call = await b.dial(number(0))
        await anyio.sleep(1)
        assert (await b.sdk.call.retrieve(call.call_id)).disconnection_reason == "concurrency_limit_reached"
        assert b.sim.report().rung == 0


@pytest.mark.parametrize(
    ("fault", "status", "said"),
    [
        ("limited_after", 429, b"throttle"),
        ("refused_after", 400, b"Invalid"),
        ("unpaid_after", 402, b"Payment"),
        ("conflict_after", 409, b"concurrent request with the same idempotency key"),
        ("page_after", 403, b"<html>"),
    ],
)
def test_an_answer_denies_the_call_that_it_made(fault: str, status: int, said: bytes) -> None:
    @in_virtual_time
    async def denied() -> None:
        async with bench(faults=f"{fault}=1") as b:
            body = {"from_number": number(1), "to_number": number(0)}
            answer = await b.post("/v2/create-phone-call", body)
            assert answer.status_code == status
            assert said in answer.content
            assert len(b.sim.calls) == 1
            assert b.sim.report().faults == {fault: 1}

    denied()


@in_virtual_time
async def test_foreign_answer() -> None:
    async with bench() as b:
        first = await b.dial(number(0), "a")
        b.sim.set_faults(foreign_answer=1)
        second = await b.dial(number(1), "b")
        assert (second.call_id, second.metadata) == (first.call_id, {"attempt_id": "a"})
        assert [call.attempt_id for call in b.sim.calls] == ["a", "b"]


@in_virtual_time
async def test_reason_denies_ring() -> None:
    async with bench(faults="reason_denies_ring=1") as b:
        call = await b.dial(number(0))
        await anyio.sleep(100)
        told = await b.sdk.call.retrieve(call.call_id)
        assert (told.call_status, told.disconnection_reason) == ("error", b.sim.calls[0].reason)
        assert told.disconnection_reason in DENY_RINGS
        assert (told.duration_ms, told.start_timestamp is None) == (60_000, False)
        assert b.sim.report().rung == 1


@in_virtual_time
async def test_odd_figures() -> None:
    seen = set()
    async with bench(faults="odd_figures=1") as b:
        for last in range(20):
            await b.dial(number(last))
        await anyio.sleep(100)
        for call in b.sim.calls:
            told = await b.sdk.call.retrieve(call.call_id)
            seen.add((told.duration_ms, told.call_cost and told.call_cost.combined_cost))
    assert seen == {(-60_000, -1e6), (10**15, 1e300), (None, None)}


@in_virtual_time
async def test_listing_and_get_deny() -> None:
    async with bench(faults="listing_denies=1,get_denies=1") as b:
        call = await b.dial(number(0))
        await anyio.sleep(100)
        (listed,) = (await b.sdk.call.list()).items
        assert (listed.call_status, listed.disconnection_reason) == ("error", "concurrency_limit_reached")
        assert not hasattr(listed, "start_timestamp") or listed.start_timestamp is None
        with pytest.raises(retell.UnprocessableEntityError):
            await b.sdk.call.retrieve(call.call_id)


@in_virtual_time
async def test_listing_late() -> None:
    async with bench(faults="listing_late=1,listing_late_s=60") as b:
        call = await b.dial(number(0))
        assert (await b.sdk.call.retrieve(call.call_id)).call_id == call.call_id
        await anyio.sleep(59)
        assert not (await b.sdk.call.list()).items
        await anyio.sleep(2)
        assert len((await b.sdk.call.list()).items) == 1


@in_virtual_time
async def test_read_error_and_read_dropped() -> None:
    async with bench() as b:
        call = await b.dial(number(54))
        reads = (b.sdk.call.list, b.sdk.concurrency.retrieve)
        b.sim.set_faults(read_error=1)
        for read in reads:
            with pytest.raises(retell.InternalServerError):
                await read()
        with pytest.raises(retell.InternalServerError):
            await b.sdk.call.stop(call.call_id)
        b.sim.set_faults(read_error=0, read_dropped=1)
        for read in reads:
            with pytest.raises(retell.APIConnectionError):
                await read()
        b.sim.set_faults(read_dropped=0)
        assert (await b.sdk.call.retrieve(call.call_id)).call_status == "registered"
        assert b.sim.report().faults == {"read_error": 3, "read_dropped": 2}


@in_virtual_time
async def test_analysis_missing() -> None:
    async with bench(faults="analysis_missing=1") as b:
        call = await b.dial(number(0))
        await anyio.sleep(100)
        assert (await b.sdk.call.retrieve(call.call_id)).call_analysis is None


@in_virtual_time
async def test_a_ratio_is_kept_and_repeats_have_their_own_chance() -> None:
    async with bench(faults="error_before=0.5") as b:
        b.sim.set_account(concurrency_limit=1000)
        answers = []
        for area in (202, 303, 404):
            for last in range(60):
                body = {"from_number": number(0), "to_number": number(last, area)}
                answers.append([(await b.post("/v2/create-phone-call", body)).status_code for _ in range(2)])
        firsts = [first for first, _ in answers]
        assert 60 < firsts.count(500) < 120
        assert {tuple(pair) for pair in answers} == {(500, 500), (500, 201), (201, 500), (201, 201)}
        assert b.sim.report().faults["error_before"] == sum(pair.count(500) for pair in answers)


@in_virtual_time
async def test_a_dropped_connection_is_seen_by_plain_http_too() -> None:
    async with bench(faults="drop_after=1") as b:
        with pytest.raises(httpx.RemoteProtocolError):
            await b.post("/v2/create-phone-call", {"from_number": number(1), "to_number": number(0)})


def test_parsing() -> None:
    parsed = Faults.parse(" rate_limited=0.2, error_after=0.05,stall_s=3,only_first=2 ,")
    assert parsed == Faults(rate_limited=0.2, error_after=0.05, stall_s=3.0, only_first=2)
    assert Faults.parse("") == Faults()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("rate_limit=0.2", "no fault 'rate_limit'; the nearest is 'rate_limited'"),
        ("eror_after=1", "the nearest is 'error_after'"),
        ("stall", "stall needs a number"),
        ("stall=much", "stall needs a number"),
        ("stall=1.5", "not from 0 to 1"),
        ("stall=nan", "not from 0 to 1"),
        ("stall_s=-1", "stall_s=-1.0 is not from 0"),
        ("error_before=0.6,error_after=0.6", "add up to 1.2"),
        ("webhook_lost=0.6,webhook_late=0.6", "add up to 1.2"),
    ],
)
def test_parsing_says_what_is_wrong(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Faults.parse(text)


def test_every_create_fault_has_its_ratio() -> None:
    assert {str(fault) for fault in CreateFault} <= set(RATIOS) <= {field.name for field in fields(Faults)}
