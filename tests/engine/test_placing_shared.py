"""A request that other workers on the same account keep waiting: nothing is sent, held or spent meanwhile."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from random import Random
from typing import Any

import anyio
import pytest

from dialer.adapters.ledger.operators import campaigns
from dialer.adapters.retell.client import open_api
from dialer.adapters.retell.config import RetellConfig
from dialer.domain.breakers import BreakerRules
from dialer.domain.calls import Attempt, AttemptId, CallId, CallJob, CallUpdate
from dialer.domain.errors import CallNotStarted, Limit
from dialer.domain.gates import Hold
from dialer.domain.lifecycle import AttemptState, TakenOver
from dialer.domain.lines import Line as Number
from dialer.domain.outcomes import Outcome
from dialer.domain.screening import CampaignPolicy, DoNotCallFile
from dialer.domain.suppression import NumberSet, Suppressed
from dialer.engine.account_gate import AccountGate
from dialer.engine.attempts.placing import Parked, Placed, Placer, PutBack
from dialer.engine.attempts.tracking import GATHER_S, Tracker
from dialer.engine.capacity.pacing import Pace
from dialer.engine.events import AttemptUncertain, Event, RequestHeld
from dialer.ports.engine import ClaimRequest, Operation
from tests.contracts.ledger_contract import Desk
from tests.engine.test_placing_limits import relay_of, says
from tests.engine.test_placing_uncertain import NOT_MADE
from tests.engine.test_tracking import failures
from tests.support.campaigns import EPOCH, KEY, World, in_virtual_time, world
from tests.support.people import CALLER, config, job

NO_ROOM = CallNotStarted("the account's other workers leave no room now", limit=Limit.SHARED)
PLAIN = CampaignPolicy((CALLER,))
LISTED = CampaignPolicy((CALLER,), do_not_call=(DoNotCallFile("dnc.txt", NumberSet([str(job().to_number)])),))
ROW = job()


@dataclass
class Room:
    """What the other workers leave: each request is told the next of these, the last for ever."""

    answers: list[Exception | None]
    asked: list[tuple[float, AttemptId]] = field(default_factory=list)

    async def leave(self, attempt: Attempt) -> Attempt:
        self.asked.append((anyio.current_time(), attempt.id))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is not None:
            await anyio.sleep(1.0)
            raise answer
        return attempt


@dataclass
class Line:
    """A placer, and the attempt that it is to place."""

    placer: Placer
    tracker: Tracker
    attempt: Attempt
    desk: Desk
    pace: Pace
    events: list[Event]

    async def suppress(self) -> None:
        said = Suppressed(str(job().to_number), "operator", "asked for it", EPOCH)
        await self.desk.operate(partial(campaigns.suppress, said=said, by=Operation("someone", EPOCH)))

    async def send(self, attempt: Attempt) -> object:
        with self.tracker.follow(attempt) as followed:
            return await self.placer.send(attempt, followed)

    async def settle(self) -> Placed | Parked:
        """As after an answer that nobody could read."""
        await self.desk.move(self.attempt, AttemptState.UNCERTAIN)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.tracker.run, _fail)
            with self.tracker.follow(self.attempt) as followed:
                settled = await self.placer.settle(self.attempt, followed, "the first answer")
            tasks.cancel_scope.cancel()
        return settled


def _fail(error: Exception) -> None:
    raise error


@asynccontextmanager
async def line(
    w: World,
    room: Room | None,
    screens: Sequence[CampaignPolicy] = (PLAIN, PLAIN),
    row: CallJob = ROW,
    **settings: Any,
) -> AsyncIterator[Line]:
    """`screens`: the rules of a first request, and those of a repeat."""
    assert w.memory is not None
    events: list[Event] = []
    made = config(**settings)
    async with open_api(
        RetellConfig(api_key=KEY, base_url=w.base_url, agent_id="agent_kit"), connections_max=2
    ) as api:
        now = w.clock.now()
        desk = Desk(w.memory, await w.memory.open_campaign("spring", now, simulated=True), now=now)
        await desk.read([row])
        claimed = await w.memory.claim(ClaimRequest(desk.campaign_id, AttemptId("a"), now, PLAIN, api.encode))
        assert isinstance(claimed, Attempt)
        tracker, pace = (
            Tracker(api, made.tracking, failures()),
            Pace(20.0, burst_s=0.02, guard_s=0.005, observe=events.append),
        )
        placer = Placer(
            api,
            w.memory,
            tracker,
            pace,
            w.clock,
            Random(1),
            made.placing,
            events.append,
            gate=AccountGate(api, _fail, lambda: None),
            screen={False: screens[0], True: screens[1]}.__getitem__,
            leave=(room or Room([None])).leave,
        )
        yield Line(placer, tracker, claimed, desk, pace, events)


@in_virtual_time
async def test_it_waits_for_room_spends_no_try_and_holds_nobody() -> None:
    room = Room([NO_ROOM, NO_ROOM, NO_ROOM, None])
    async with world(relayed=True) as w, line(w, room, tries_max=1) as made:
        assert isinstance(await made.send(made.attempt), Placed)
        assert room.asked == [(pytest.approx(n, abs=0.1), made.attempt.id) for n in range(4)]
        (sent,) = relay_of(w).creates()
        assert sent.at == pytest.approx(3.0, abs=0.1)
        assert made.events == []


@in_virtual_time
async def test_the_rules_are_asked_again_while_it_waits_for_room() -> None:
    async with world(relayed=True) as w, line(w, Room([NO_ROOM])) as made, anyio.create_task_group() as tasks:

        async def later() -> None:
            await anyio.sleep(2.5)
            await made.suppress()

        tasks.start_soon(later)
        why = "not sent after all: on the do-not-call list: asked for it (operator)"
        assert await made.send(made.attempt) == PutBack(why, at_once=True)
        assert anyio.current_time() == pytest.approx(3.0, abs=0.1)
        assert relay_of(w).creates() == []


@in_virtual_time
async def test_an_attempt_that_is_another_workers_by_now_is_not_sent() -> None:
    async with world(relayed=True) as w, line(w, Room([TakenOver("another's")])) as made:
        with pytest.raises(TakenOver):
            await made.send(made.attempt)
        assert relay_of(w).creates() == []


@pytest.mark.parametrize(("age_s", "goes"), [(0.0, True), (0.99, True), (1.0, False), (-0.01, False)])
@in_virtual_time
async def test_for_a_second_what_the_claim_knew_is_good_enough(age_s: float, goes: bool) -> None:
    async with world(relayed=True) as w, line(w, Room([None])) as made:
        await made.suppress()
        w.clock.step_s = made.attempt.claimed_at - w.clock.now() + age_s
        placed = await made.send(made.attempt)
        assert isinstance(placed, Placed if goes else PutBack)
        assert len(relay_of(w).creates()) == int(goes)


@pytest.mark.parametrize("age_s", [0.0, 60.0])
@in_virtual_time
async def test_a_first_request_goes_by_the_rules_of_first_requests(age_s: float) -> None:
    async with world(relayed=True) as w, line(w, Room([None]), (PLAIN, LISTED)) as made:
        w.clock.step_s = age_s
        assert isinstance(await made.send(made.attempt), Placed)
    async with world(relayed=True) as w, line(w, None, (LISTED, PLAIN)) as made:
        w.clock.step_s = age_s
        why = "not sent after all: on the do-not-call list dnc.txt"
        assert await made.send(made.attempt) == PutBack(why, at_once=True)


@in_virtual_time
async def test_a_repeat_goes_by_the_rules_of_repeats() -> None:
    async with world(relayed=True) as w, line(w, None, (LISTED, PLAIN), looks_max=1) as made:
        assert isinstance(await made.settle(), Placed)
    async with world(relayed=True) as w, line(w, None, (PLAIN, LISTED), looks_max=1) as made:
        assert await made.settle() == Parked("it may not be called any more, so it is only looked for")
        assert relay_of(w).creates() == []


@in_virtual_time
async def test_a_repeat_without_room_is_looked_for_again_spends_no_look_and_holds_nobody() -> None:
    room = Room([NO_ROOM, NO_ROOM, None])
    async with world(relayed=True) as w, line(w, room, looks_max=1, settle_s=20.0) as made:
        settled = await made.settle()
        assert isinstance(settled, Placed)
        assert not settled.adopted
        assert len(room.asked) == 3
        (sent,) = relay_of(w).creates()
        assert 60.0 < sent.at < 70.0
        assert made.events == []


@in_virtual_time
async def test_a_repeat_of_who_may_not_be_called_any_more_is_only_looked_for() -> None:
    async with world(relayed=True) as w, line(w, None, looks_max=1) as made:
        await made.suppress()
        assert await made.settle() == Parked("it may not be called any more, so it is only looked for")
        assert relay_of(w).creates() == []


@in_virtual_time
async def test_a_repeat_whose_key_grows_too_old_at_the_gate_is_not_sent() -> None:
    async with world(relayed=True) as w, line(w, None, looks_max=1, key_lifetime_s=100.0) as made:
        made.pace.hold("429", 200.0)
        assert await made.settle() == Parked("the idempotency key is too old to repeat the request")
        assert anyio.current_time() == pytest.approx(200.0, abs=1.0)
        assert relay_of(w).creates() == []


@in_virtual_time
async def test_a_repeat_that_a_hold_keeps_waiting_says_in_the_end_what_held_it() -> None:
    held = replace(PLAIN, hold=Hold("an operator looks at it", None))
    async with (
        world(relayed=True) as w,
        line(w, None, (PLAIN, held), looks_max=1, key_lifetime_s=100.0) as made,
    ):
        assert await made.settle() == Parked("an operator looks at it")
        assert relay_of(w).creates() == []


@in_virtual_time
async def test_a_repeat_may_go_as_soon_as_a_look_found_nothing() -> None:
    async with world(relayed=True) as w, line(w, None, looks_max=1, settle_s=0.1) as made:
        assert isinstance(await made.settle(), Placed)
        (sent,) = relay_of(w).creates()
        assert sent.at == pytest.approx(0.1 + GATHER_S, abs=0.05)


@in_virtual_time
async def test_the_age_of_a_key_counts_from_its_claim() -> None:
    async with world(relayed=True) as w:
        await anyio.sleep(3000)
        async with line(w, None, looks_max=1, key_lifetime_s=100.0) as made:
            assert isinstance(await made.settle(), Placed)
            assert len(relay_of(w).creates()) == 1


@in_virtual_time
async def test_a_repeat_that_the_api_holds_up_holds_up_the_line_for_as_long() -> None:
    async with world(relayed=True) as w, line(w, Room([None]), looks_max=1, settle_s=5.0) as made:
        relay_of(w).on("create", says(429, RateLimit_Reset="30"), NOT_MADE)
        settled = await made.settle()
        assert isinstance(settled, Parked)
        assert settled.why.endswith("Server disconnected")
        (held,) = [event for event in made.events if isinstance(event, RequestHeld)]
        assert held.wait_s == pytest.approx(30.0)
        first, second = relay_of(w).creates()
        assert second.at - first.at >= 30.0
        uncertain = made.events[-1]
        assert isinstance(uncertain, AttemptUncertain)
        assert uncertain.why == settled.why
        assert uncertain.attempt.state is AttemptState.UNCERTAIN
        assert uncertain.attempt.last_sent_at == pytest.approx(EPOCH + second.at, abs=0.1)


@pytest.mark.parametrize(("breakers", "goes"), [(BreakerRules(), False), (BreakerRules(flagged=None), True)])
@in_virtual_time
async def test_what_waits_while_its_line_is_flagged_does_not_leave(
    breakers: BreakerRules, goes: bool
) -> None:
    screen = replace(PLAIN, breakers=breakers)
    async with world(relayed=True) as w, line(w, Room([None]), (screen, screen)) as made:
        await made.desk.read([job(1)])
        other = await made.desk.claim(PLAIN)
        news = CallUpdate(CallId("call_other"), "not_connected", reason="marked_as_spam")
        await made.desk.end(other, Outcome.SPAM_BLOCKED, news=news, breakers=BreakerRules())
        w.clock.step_s = 60.0
        placed = await made.send(made.attempt)
        if goes:
            assert isinstance(placed, Placed)
        else:
            assert placed == PutBack("not sent after all: its line rests by now", at_once=True)


@in_virtual_time
async def test_what_is_heard_while_it_waits_at_the_gate_counts() -> None:
    async with world(relayed=True) as w, line(w, None) as made:
        made.pace.hold("429", 5.0)
        await made.suppress()
        why = "not sent after all: on the do-not-call list: asked for it (operator)"
        assert await made.send(made.attempt) == PutBack(why, at_once=True)
        assert anyio.current_time() == pytest.approx(5.0, abs=0.1)


@in_virtual_time
async def test_a_line_keeps_its_own_pace_by_the_rules_of_first_requests() -> None:
    slow = replace(PLAIN, lines=(Number(CALLER, cps=0.1), Number("+13055550190")))
    async with world(relayed=True) as w, line(w, None, (slow, PLAIN)) as made:
        for _ in range(3):
            assert isinstance(await made.send(made.attempt), Placed)
        times = [seen.at for seen in relay_of(w).creates()]
        assert times == [pytest.approx(at, abs=0.1) for at in (0, 10, 20)]


@in_virtual_time
async def test_a_rows_own_number_has_no_pace_of_its_own() -> None:
    row = job(from_number="+13055550191")
    async with world(relayed=True) as w, line(w, None, row=row) as made:
        assert made.attempt.from_number == row.from_number
        assert isinstance(await made.send(made.attempt), Placed)


@in_virtual_time
async def test_looks_that_nobody_could_carry_out_come_less_and_less_often() -> None:
    settings = {"looks_max": 1, "settle_s": 5.0, "backoff_initial_s": 8.0, "backoff_max_s": 1000.0}
    async with world(relayed=True) as w, line(w, None, **settings) as made:
        relay_of(w).on("list", *[says(500)] * 4)
        assert isinstance(await made.settle(), Placed)
        looks = [seen.at for seen in relay_of(w).seen if "list" in seen.path]
        for n, (before, after) in enumerate(pairwise(looks)):
            assert 4.0 * 2**n <= after - before - GATHER_S <= 8.0 * 2**n
        assert len(looks) == 5


@in_virtual_time
async def test_only_the_first_request_goes_in_the_place_of_its_claim() -> None:
    seen: list[tuple[float | None, float | None]] = []

    class Watching(Room):
        async def leave(self, attempt: Attempt) -> Attempt:
            seen.append((attempt.leaves_by, attempt.place_at))
            await super().leave(attempt)

    async with world(relayed=True) as w, line(w, Watching([NO_ROOM, None])) as made:
        attempt = replace(made.attempt, leaves_by=9.0, place_at=1.0)
        assert isinstance(await made.send(attempt), Placed)
    assert seen == [(9.0, 1.0), (None, None)]
