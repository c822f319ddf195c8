"""A run that has nothing but unknown attempts looks for them once before it ends."""

import pytest

from dialer.domain.lifecycle import JobState
from tests.engine.test_placing_limits import relay_of
from tests.engine.test_placing_uncertain import LOST
from tests.support.campaigns import in_virtual_time, world
from tests.support.people import job
from tests.support.relay import Twist

UNSEEN = Twist(passes=False, status=200, body=b'{"items":[],"has_more":false}')


@pytest.mark.parametrize("found", [True, False])
@in_virtual_time
async def test_it_looks_once_before_it_ends(found: bool) -> None:
    async with world(relayed=True) as w:
        relay_of(w).on("create", LOST)
        relay_of(w).always("list", UNSEEN)
        p = await w.run([job()], settle_s=5, looks_max=2, key_lifetime_s=0.0)
        assert p.jobs == {JobState.UNKNOWN: 1}
        relay_of(w).seen.clear()
        if found:
            relay_of(w).always("list", Twist())
        again = await w.run([job()])
        assert [seen.path for seen in relay_of(w).seen if "list" in seen.path][:1] == ["/v3/list-calls"]
        assert again.jobs == {JobState.DONE if found else JobState.UNKNOWN: 1}
        assert w.report.calls == 1


@in_virtual_time
async def test_it_ends_though_nobody_can_look() -> None:
    async with world(relayed=True) as w:
        relay_of(w).on("create", LOST)
        relay_of(w).always("list", UNSEEN)
        await w.run([job()], settle_s=5, looks_max=2, key_lifetime_s=0.0)
        relay_of(w).always("list", Twist(passes=False, drops=True))
        again = await w.run([job()])
        assert again.jobs == {JobState.UNKNOWN: 1}
