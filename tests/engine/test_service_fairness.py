"""Campaigns of a service that all want the few places of the account: none waits until another has ended."""

from dataclasses import replace

import anyio
import pytest

from dialer.engine.events import AttemptClaimed
from tests.support.campaigns import in_virtual_time
from tests.support.people import STEADY, answering
from tests.support.service_world import ServiceWorld, service_world

SLOTS = {"cps": 50.0, "slots": 4}
PACE = {"cps": 1.0, "slots": 100}


def claims_before_the_last_of(w: ServiceWorld, small: str, big: str) -> int:
    """How often `big` got a place until `small` had them all."""
    names = [name for name, event in w.workers[-1].events if isinstance(event, AttemptClaimed)]
    last = len(names) - 1 - names[::-1].index(small)
    return names[:last].count(big)


@pytest.mark.parametrize("bounds", [SLOTS, PACE], ids=["slots", "pace"])
@pytest.mark.parametrize("webhooks", [False, True], ids=["polling", "webhooks"])
@in_virtual_time
async def test_a_small_campaign_does_not_wait_for_the_end_of_a_big_one(
    bounds: dict[str, float], webhooks: bool
) -> None:
    async with service_world(replace(STEADY, concurrency_limit=200), webhooks=webhooks) as w:
        people = answering(90)
        await w.submit("big", people[:80])
        async with w.working(**bounds):
            await anyio.sleep(3.0)
            await w.submit("small", people[80:])
            await w.until_done("small", many=10)
            assert claims_before_the_last_of(w, "small", "big") <= 10 + 10
            await w.until_done("big", many=80)
