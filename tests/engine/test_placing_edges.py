"""What is told while a line is held, and from when the longest call is counted."""

import anyio
import orjson
import pytest

from dialer.domain.lifecycle import JobState
from dialer.engine.events import RequestHeld
from tests.engine.test_placing_limits import relay_of, says
from tests.engine.test_placing_uncertain import NOT_MADE
from tests.support.campaigns import in_virtual_time, world
from tests.support.people import job


@in_virtual_time
async def test_each_hold_of_the_line_says_why() -> None:
    async with world(relayed=True) as w:
        relay_of(w).on(
            "create", *[says(429, RateLimit_Reset="3")] * 3, NOT_MADE, says(429, RateLimit_Reset="5")
        )
        p = await w.run([job()], settle_s=5)
        held = p.of(RequestHeld)
        assert [each.wait_s for each in held] == pytest.approx([3, 3, 3, 5], abs=0.1)
        assert all(each.why.startswith("HTTP 429") for each in held)
        assert p.jobs == {JobState.DONE: 1}


@in_virtual_time
async def test_the_longest_call_is_counted_from_when_its_attempt_began() -> None:
    async with world(relayed=True) as w:
        relay_of(w).always("list", says(200, orjson.dumps({"items": [], "has_more": False})))
        relay_of(w).always("get-call", says(422, b'{"message":"Cannot find requested asset"}'))
        await anyio.sleep(500)
        p = await w.run([job()], call_max_s=600)
        assert p.jobs == {JobState.UNKNOWN: 1}
        assert p.ended_at is not None
        assert 1100 < p.ended_at < 1110
