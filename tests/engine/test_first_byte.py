"""The moment of the first byte: pace, rules and the key's age are asked there; the server is the judge."""

from collections import deque
from dataclasses import replace
from random import Random

import anyio
import pytest

from dialer.domain.gates import Stop
from dialer.domain.lines import Line
from dialer.domain.outcomes import Outcome
from dialer.domain.screening import CampaignPolicy
from tests.engine.test_placing_limits import relay_of
from tests.engine.test_placing_uncertain import NOT_MADE
from tests.support.campaigns import EPOCH, in_virtual_time, world
from tests.support.people import CALLER, STEADY, answering, job
from tests.support.relay import Twist

ROOMY = replace(STEADY, concurrency_limit=200, creates_per_10s=0, ring_s=0.5, talk_s=1.0)


def in_any_second(times: list[float]) -> int:
    """The most of them within one sliding second."""
    last: deque[float] = deque()
    most = 0
    for at in sorted(times):
        last.append(at)
        while last[0] <= at - 1.0:
            last.popleft()
        most = max(most, len(last))
    return most


@pytest.mark.parametrize("cps", [10.0, 50.0])
@in_virtual_time
async def test_with_slow_handshakes_no_second_has_more_than_the_pace(cps: float) -> None:
    chance = Random(5)
    async with world(ROOMY) as w:
        await w.run(
            answering(160),
            connects_in=lambda: chance.choice([0.0, 0.15, 0.3]),
            cps=cps,
            slots=100,
            in_flight_max=50,
        )
        begun = [call.created_at for call in w.sim.calls]
        assert len(begun) == 160
        assert in_any_second(begun) <= cps
        assert begun[-1] - begun[0] < 1.3 * 160 / cps + 1.0, "and the pace is used"


class Stalls:
    """The network: connections come at once, but those that are sought in a stall come at its end."""

    def __init__(self) -> None:
        self._until = 0.0

    def begin(self, lasts_s: float) -> None:
        self._until = anyio.current_time() + lasts_s

    def connects_in(self) -> float:
        return max(0.0, self._until - anyio.current_time())


@in_virtual_time
async def test_after_a_stall_of_two_seconds_what_gathered_leaves_at_the_pace() -> None:
    network = Stalls()
    async with world(ROOMY) as w:
        stalled = w.running(
            answering(90),
            connects_in=network.connects_in,
            cps=10.0,
            slots=100,
            in_flight_max=50,
        )
        async with stalled:
            await anyio.sleep(3.0)
            network.begin(2.0)
        begun = [call.created_at for call in w.sim.calls]
        assert len(begun) == 90
        assert in_any_second(begun) <= 10
        assert begun[-1] - begun[0] < 16.0


@in_virtual_time
async def test_a_lines_own_pace_is_kept_at_the_first_byte() -> None:
    chance = Random(6)
    screen = CampaignPolicy((CALLER,), lines=(Line(CALLER, cps=4.0),))
    async with world(ROOMY) as w:
        await w.run(
            answering(60),
            connects_in=lambda: chance.choice([0.0, 0.4, 0.8]),
            cps=20.0,
            slots=100,
            in_flight_max=50,
            screen=screen,
        )
        begun = [call.created_at for call in w.sim.calls]
        assert len(begun) == 60
        assert in_any_second(begun) <= 4, begun


@in_virtual_time
async def test_a_campaign_that_is_stopped_while_a_connection_comes_sends_nothing() -> None:
    network = Stalls()
    later = job(not_before=EPOCH + 40.0)
    async with world() as w:
        async with w.running([later], connects_in=network.connects_in) as p:
            await anyio.sleep(39.0)
            network.begin(3.0)
            await anyio.sleep(2.0)
            assert p.tally.claimed == 1
            p.campaign.drain(Stop("enough", ""))
        assert w.sim.calls == []
        assert p.tally.closed[Outcome.NOT_RUNG] == 1


@in_virtual_time
async def test_a_repeat_whose_key_grew_too_old_while_its_connection_came_does_not_leave() -> None:
    network = Stalls()
    async with world(relayed=True) as w:
        relay = relay_of(w)
        relay.on("create", NOT_MADE)
        relay.on("list-calls", Twist(then=lambda: network.begin(12.0)))  # the repeat's connection comes late
        async with w.running(
            [job()], connects_in=network.connects_in, settle_s=10.0, key_lifetime_s=15.0, looks_max=3
        ) as p:
            await anyio.sleep(100.0)
            assert p.tally.parked == 1
            p.stop()
        assert len(relay.creates()) == 1
