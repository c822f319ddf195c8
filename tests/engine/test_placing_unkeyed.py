"""An API that keeps no keys: a request is repeated only after a look that came past the listing's lag."""

from dataclasses import replace
from typing import Any

import anyio
import pytest

from dialer.engine.events import CallPlaced
from tests.engine.test_placing_limits import relay_of
from tests.engine.test_placing_uncertain import LOST, NOT_MADE, everyone_once
from tests.support.campaigns import in_virtual_time, world
from tests.support.people import STEADY, job

UNKEYED: dict[str, Any] = {"api_honours_key": False, "settle_s": 20, "listing_lag_max_s": 300}


@in_virtual_time
async def test_without_keys_a_repeat_waits_until_the_call_would_have_to_be_listed() -> None:
    account = replace(STEADY, idempotency=False)
    async with world(account, relayed=True) as w:
        relay_of(w).on("create", NOT_MADE)
        async with w.running([job()], **UNKEYED) as p:
            await anyio.sleep(299)
            assert (len(relay_of(w).creates()), p.tally.uncertain) == (1, 1)
        first, second = relay_of(w).creates()
        assert second.at - first.at > 300
        asked = [seen.at - first.at for seen in relay_of(w).seen if "list" in seen.path]
        assert any(300 <= at <= second.at - first.at for at in asked), "it was looked for after the bound"
        everyone_once(w, p, 1)


@pytest.mark.parametrize("lag_s", [0.0, 150.0, 290.0])
@pytest.mark.parametrize("made", [True, False])
@in_virtual_time
async def test_without_keys_a_call_that_is_listed_within_the_bound_is_made_once(
    lag_s: float, made: bool
) -> None:
    account = replace(STEADY, idempotency=False, listing_lag_s=lag_s, talk_s=900, talk_sigma=0)
    async with world(account, relayed=True) as w:
        relay_of(w).on("create", LOST if made else NOT_MADE)
        p = await w.run([job()], **UNKEYED)
        everyone_once(w, p, 1)
        assert len(relay_of(w).creates()) == (1 if made else 2)


@in_virtual_time
async def test_without_keys_a_call_that_is_listed_soon_is_adopted_after_the_settle_time() -> None:
    account = replace(STEADY, idempotency=False, talk_s=900, talk_sigma=0)
    async with world(account, relayed=True) as w:
        relay_of(w).on("create", LOST)
        p = await w.run([job()], **UNKEYED)
        assert p.of(CallPlaced)[0].answer_s < 25


@in_virtual_time
async def test_the_bound_on_the_listing_lag_is_the_operators_word() -> None:
    """Without keys nothing else stands between a listing that is later and a second ring."""
    account = replace(STEADY, idempotency=False, listing_lag_s=330, talk_s=900, talk_sigma=0)
    async with world(account, relayed=True, allows_doubles=True) as w:
        relay_of(w).on("create", LOST)
        await w.run([job()], **UNKEYED)
        assert len(w.sim.calls) == 2


@in_virtual_time
async def test_the_bound_counts_by_the_loops_clock_and_anew_after_a_restart_and_a_repeat() -> None:
    account = replace(STEADY, idempotency=False, listing_lag_s=290, talk_s=900, talk_sigma=0)
    async with world(account, relayed=True) as w:
        relay_of(w).on("create", NOT_MADE, LOST)
        async with w.running([job()], **UNKEYED) as p:
            await anyio.sleep(10)
            w.clock.step_s = 3600
            await anyio.sleep(240)
            assert len(relay_of(w).creates()) == 1, "an hour of the wall clock is no lag"
            p.crash()
        async with w.running([job()], **UNKEYED) as p:
            await anyio.sleep(290)
            assert len(relay_of(w).creates()) == 1, "when its request left is not known any more"
        assert len(relay_of(w).creates()) == 2, "the repeat, which made the call"
        everyone_once(w, p, 1)


@in_virtual_time
async def test_news_that_comes_while_a_repeat_waits_at_the_gate_is_enough() -> None:
    account = replace(STEADY, idempotency=False, listing_lag_s=500, talk_s=40, talk_sigma=0)
    async with world(account, "webhook_late=1,webhook_late_s=320", relayed=True, webhooks=True) as w:
        relay_of(w).on("create", LOST)
        async with w.running([job()], **UNKEYED) as p:
            await anyio.sleep(299)
            p.campaign.pace.hold("429", 60)
        everyone_once(w, p, 1)
        assert len(relay_of(w).creates()) == 1
