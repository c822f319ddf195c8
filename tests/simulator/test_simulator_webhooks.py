"""Events to the client's receiver: content, signature, retries, and what goes wrong with them."""

from dataclasses import replace

import anyio
import orjson
import pytest
from retell.lib.webhook_auth import symmetric
from simulator_kit import EPOCH_S, STEADY, bench, in_virtual_time, number, receiving

from dialer.simulator.webhooks import signature


def test_the_known_signature() -> None:
    assert signature("test-api-key", b'{"event":"call_ended"}', 1700000000000) == (
        "v=1700000000000,d=07024cabe7dd8f6d1c6e4a8324ca92c812e6ad4a7ee506c04f7e462e3321823e"
    )


@in_virtual_time
async def test_events_of_a_call_that_connects_and_of_one_that_does_not() -> None:
    async with receiving() as receiver, bench(replace(STEADY, webhook_url=receiver.url)) as b:
        await b.dial(number(0))
        await b.dial(number(42))
        await anyio.sleep(80)
        assert receiver.events() == [
            ("call_ended", number(42)),
            ("call_started", number(0)),
            ("call_ended", number(0)),
            ("call_analyzed", number(0)),
        ]
        assert [at for at, _, _ in receiver.deliveries] == pytest.approx([1.55, 5.3, 65.3, 66.3], abs=0.1)
        for at, body, signed in receiver.deliveries:
            now_ms = int((EPOCH_S + at) * 1000)
            assert symmetric["verify"](body.decode(), "sim-key", signed, {"timestamp": now_ms})
            assert not symmetric["verify"](body.decode(), "other-key", signed, {"timestamp": now_ms})
        assert b.sim.report().webhooks == {"sent": 4, "failed": 0, "lost": 0}
        ended = orjson.loads(receiver.deliveries[2][1])["call"]
        assert ended["call_status"] == "ended"
        assert ended["transcript"]
        assert "call_analysis" not in ended


@in_virtual_time
async def test_a_refused_delivery_is_tried_again_with_the_same_body() -> None:
    async with receiving() as receiver, bench(replace(STEADY, webhook_url=receiver.url)) as b:
        receiver.statuses = [500, 503, 302]
        await b.dial(number(42))
        await anyio.sleep(20)
        assert len({body for _, body, _ in receiver.deliveries}) == 1
        assert len({signed for _, _, signed in receiver.deliveries}) == 4
        assert b.sim.report().webhooks == {"sent": 1, "failed": 0, "lost": 0}
        receiver.statuses = [500] * 9
        await b.dial(number(43))
        await anyio.sleep(20)
        assert len(receiver.deliveries) == 8
        assert b.sim.report().webhooks == {"sent": 1, "failed": 1, "lost": 0}


@in_virtual_time
async def test_a_receiver_that_is_not_there_breaks_nothing() -> None:
    for url in ("http://127.0.0.1:9/hook", "not a url"):
        async with bench(replace(STEADY, webhook_url=url)) as b:
            await b.dial(number(42))
            await anyio.sleep(60)
            assert b.sim.report().webhooks["failed"] == 1
            assert b.sim.calls[0].reason == "dial_busy"


@in_virtual_time
async def test_webhook_lost() -> None:
    async with receiving() as receiver:
        async with bench(replace(STEADY, webhook_url=receiver.url), "webhook_lost=1") as b:
            await b.dial(number(0))
            await anyio.sleep(100)
            assert b.sim.report().webhooks == {"sent": 0, "failed": 0, "lost": 3}
        assert not receiver.deliveries


@in_virtual_time
async def test_webhook_doubled() -> None:
    async with (
        receiving() as receiver,
        bench(replace(STEADY, webhook_url=receiver.url), "webhook_doubled=1") as b,
    ):
        await b.dial(number(42))
        await anyio.sleep(100)
        assert receiver.events() == [("call_ended", number(42))] * 2


@in_virtual_time
async def test_webhook_late() -> None:
    async with (
        receiving() as receiver,
        bench(replace(STEADY, webhook_url=receiver.url), "webhook_late=1,webhook_late_s=40") as b,
    ):
        await b.dial(number(42))
        await anyio.sleep(100)
        assert [at for at, _, _ in receiver.deliveries] == pytest.approx([41.55], abs=0.1)


@in_virtual_time
async def test_webhook_reordered() -> None:
    async with (
        receiving() as receiver,
        bench(replace(STEADY, webhook_url=receiver.url), "webhook_reordered=1") as b,
    ):
        await b.dial(number(0))
        await b.dial(number(42))
        await anyio.sleep(100)
        assert receiver.events() == [
            ("call_ended", number(42)),
            ("call_analyzed", number(0)),
            ("call_ended", number(0)),
            ("call_started", number(0)),
        ]


@in_virtual_time
async def test_analysis_missing_leaves_the_other_events() -> None:
    for faults in ("analysis_missing=1", "analysis_missing=1,webhook_reordered=1"):
        async with receiving() as receiver, bench(replace(STEADY, webhook_url=receiver.url), faults) as b:
            await b.dial(number(0))
            await anyio.sleep(100)
            assert sorted(event for event, _ in receiver.events()) == ["call_ended", "call_started"]
