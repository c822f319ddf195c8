"""Webhooks that do not come, or are refused: told, with the remedy, and over when they come again."""

from dataclasses import replace

import anyio

from dialer.domain.lifecycle import JobState
from dialer.domain.service_parts import ServicePart
from dialer.engine.attempts.webhook_watch import (
    REFUSED_MAX,
    REMEDIES,
    SAID_S,
    SILENT_S_MIN,
    WebhookWatch,
)
from dialer.engine.events import Event, ServiceFailing, WebhookFault
from dialer.engine.failures import Failures
from tests.engine.test_tracking_edges import CONFIG
from tests.support.campaigns import Process, in_virtual_time, world
from tests.support.clock import SteppingClock
from tests.support.people import STEADY, answering
from tests.support.service_world import service_world

EXPECTED = replace(CONFIG, expects_webhooks=True)


class Bench:
    """A watch, and what it tells."""

    def __init__(self, *, expected: bool = True) -> None:
        import asyncio

        self.events: list[Event] = []
        clock = SteppingClock(0.0, asyncio.get_running_loop())
        self.watch = WebhookWatch(Failures(clock, self.events.append), fresh_s=60.0, expected=expected)

    @property
    def told(self) -> list[tuple[str | None, str]]:
        return [(event.why, event.remedy) for event in self.events if isinstance(event, ServiceFailing)]


@in_virtual_time
async def test_ends_without_a_webhook_are_told_once_they_are_many_over_some_time() -> None:
    bench = Bench()
    for _ in range(10):
        bench.watch.ended()
    assert bench.told == [], "a poll may be quicker than a webhook"
    await anyio.sleep(SILENT_S_MIN)
    bench.watch.ended()
    [(why, remedy)] = bench.told
    assert why == "no webhook comes: 5 calls or more have ended in a row without one"
    assert "/webhooks/retell" in remedy
    bench.watch.heard()
    assert bench.told[1:] == [(None, "")]


@in_virtual_time
async def test_a_webhook_now_and_then_is_no_silence() -> None:
    bench = Bench()
    for _ in range(20):
        bench.watch.ended()
        await anyio.sleep(SILENT_S_MIN)
        bench.watch.heard()
    assert bench.told == []


@in_virtual_time
async def test_signatures_that_are_all_wrong_are_told_while_calls_go_on() -> None:
    bench = Bench()
    for _ in range(REFUSED_MAX + 1):
        bench.watch.refused(WebhookFault.BAD_SIGNATURE, awaited=False)
    assert bench.told == [], "a stranger tries the port"
    for _ in range(REFUSED_MAX):
        bench.watch.refused(WebhookFault.BAD_SIGNATURE, awaited=True)
    [(why, remedy)] = bench.told
    assert why == f"all webhooks are refused: bad_signature, {REFUSED_MAX} or more in a row"
    assert remedy == REMEDIES[WebhookFault.BAD_SIGNATURE]


@in_virtual_time
async def test_one_that_is_too_large_is_told_for_a_while_beside_others_that_are_taken() -> None:
    bench = Bench()
    bench.watch.heard()
    bench.watch.refused(WebhookFault.TOO_LARGE, awaited=True)
    assert bench.told == [("a webhook was refused: too_large", REMEDIES[WebhookFault.TOO_LARGE])]
    assert bench.watch.fresh_until == -float("inf"), "what it told is asked for"
    bench.watch.heard()
    assert len(bench.told) == 1
    await anyio.sleep(SAID_S)
    bench.watch.heard()
    assert bench.told[1:] == [(None, "")]


@in_virtual_time
async def test_who_listens_for_none_misses_none() -> None:
    bench = Bench(expected=False)
    for _ in range(10):
        bench.watch.ended()
        await anyio.sleep(SILENT_S_MIN)
    assert bench.told == []


def webhooks_told(p: Process) -> list[str | None]:
    return [event.why for event in p.of(ServiceFailing) if event.part is ServicePart.WEBHOOKS]


@in_virtual_time
async def test_a_campaign_whose_webhooks_never_come_says_so_and_ends_as_soon() -> None:
    async with world(STEADY) as w:
        p = await w.run(answering(20), slots=4, tracking=EXPECTED)
        assert p.jobs == {JobState.DONE: 20}
        [why] = webhooks_told(p)
        assert why is not None
        assert why.startswith("no webhook comes")
    async with world(STEADY, webhooks=True) as w:
        p = await w.run(answering(20), slots=4, tracking=EXPECTED)
        assert webhooks_told(p) == []


@in_virtual_time
async def test_a_refused_webhook_brings_the_looking_back_at_once() -> None:
    async with service_world(STEADY) as w:
        await w.submit("spring", answering(1))
        async with w.working() as worker:
            await anyio.sleep(4)
            asked = w.report.requests["POST /v3/list-calls"].copy()
            worker.service.webhook_refused(WebhookFault.TOO_LARGE)
            await anyio.sleep(0.5)
            assert w.report.requests["POST /v3/list-calls"] != asked
