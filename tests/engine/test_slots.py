"""Calls at once: who gets a slot, and how many there are."""

from dataclasses import replace

import anyio
import pytest

from dialer.domain.calls import Capacity
from dialer.engine.capacity.slots import Slot, Slots
from dialer.engine.events import Event, SlotsChanged
from dialer.simulator.account import Account
from tests.support.campaigns import in_virtual_time, world
from tests.support.people import answering


class Bench:
    """Slots, and the events they gave."""

    def __init__(self, configured: int, *, burst: bool = False) -> None:
        self.events: list[Event] = []
        self.slots = Slots(configured, recover_s=5.0, burst=burst, observe=self.events.append)

    async def fill(self, many: int) -> list[Slot]:
        """So many calls that go on."""
        held = [await self.slots.acquire() for _ in range(many)]
        for slot in held:
            self.slots.fill(slot)
        return held


@in_virtual_time
async def test_first_come_first_served() -> None:
    bench = Bench(2)
    held = await bench.fill(2)
    order: list[int] = []

    async def wait(n: int) -> None:
        slot = await bench.slots.acquire()
        order.append(n)
        await anyio.sleep(1)
        bench.slots.release(slot)

    async with anyio.create_task_group() as tasks:
        for n in range(6):
            tasks.start_soon(wait, n)
            await anyio.sleep(0.1)
        for slot in held:
            bench.slots.release(slot)
    assert order == [0, 1, 2, 3, 4, 5]
    assert bench.slots.in_use == 0


@in_virtual_time
async def test_a_refusal_shrinks_to_what_was_going_on_and_it_recovers_one_by_one() -> None:
    bench = Bench(10)
    await bench.fill(6)
    bench.slots.shrink()
    assert bench.slots.limit == 5, "six asked, the sixth was refused"
    await anyio.sleep(4.9)
    bench.slots.recover()
    assert bench.slots.limit == 5
    await anyio.sleep(0.2)
    bench.slots.recover()
    assert bench.slots.limit == 6
    await anyio.sleep(10)
    bench.slots.recover()
    assert bench.slots.limit == 8, "the steps are counted from the refusal, not from the looks"
    await anyio.sleep(60)
    bench.slots.recover()
    assert bench.slots.limit == 10
    bench.slots.recover()
    assert [(event.slots, event.why) for event in bench.events if isinstance(event, SlotsChanged)] == [
        (5, "the account is full"),
        (6, "recovering"),
        (8, "recovering"),
        (10, "recovering"),
    ]


@in_virtual_time
async def test_a_slot_that_only_waits_for_a_job_is_no_call() -> None:
    bench = Bench(10)
    await bench.fill(4)
    waiting = [await bench.slots.acquire() for _ in range(3)]
    bench.slots.account_says(Capacity(limit=10, in_use=7), ours=4)
    assert bench.slots.limit == 7, "three calls are not ours"
    bench.slots.shrink()
    assert bench.slots.limit == 3
    for slot in waiting:
        bench.slots.release(slot)
    bench.slots.shrink()
    assert bench.slots.limit == 2


@in_virtual_time
async def test_several_refusals_at_once_and_the_last_slot() -> None:
    bench = Bench(10)
    held = await bench.fill(8)
    for _ in range(3):
        bench.slots.shrink()
    assert bench.slots.limit == 5
    for slot in held[1:]:
        bench.slots.release(slot)
    for _ in range(5):
        bench.slots.shrink()
    assert bench.slots.limit == 1, "one call is always tried: nobody else may be going on"


@in_virtual_time
async def test_no_slot_is_given_while_more_than_the_limit_are_out() -> None:
    bench = Bench(6)
    held = await bench.fill(6)
    bench.slots.account_says(Capacity(limit=3, in_use=6), ours=6)
    got: list[Slot] = []

    async def wait() -> None:
        got.append(await bench.slots.acquire())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await anyio.sleep(1)
        for slot in held[:3]:
            bench.slots.release(slot)
            await anyio.sleep(1)
        bench.slots.account_says(Capacity(limit=3, in_use=3), ours=3)
        assert (bench.slots.in_use, got) == (3, [])
        bench.slots.release(held[3])
        await anyio.sleep(1)
        assert (bench.slots.in_use, len(got)) == (3, 1)


@in_virtual_time
async def test_a_call_that_exists_takes_its_slot_over_the_limit() -> None:
    bench = Bench(2)
    taken = [bench.slots.take() for _ in range(4)]
    assert (bench.slots.limit, bench.slots.in_use) == (2, 4)
    with anyio.move_on_after(1) as waited:
        await bench.slots.acquire()
    assert waited.cancelled_caught
    for slot in taken[:3]:
        bench.slots.release(slot)
    await bench.slots.acquire()
    assert bench.slots.in_use == 2
    assert not bench.events


@in_virtual_time
async def test_a_call_that_exists_takes_its_slot_before_those_who_wait() -> None:
    bench = Bench(2)
    held = await bench.fill(2)
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(bench.slots.acquire)
        await anyio.sleep(1)
        taken = bench.slots.take()
        bench.slots.release(held[0])
        await anyio.sleep(1)
        assert (bench.slots.limit, bench.slots.in_use) == (2, 2), "nobody who waits got one"
        bench.slots.release(taken)
        await anyio.sleep(1)
        assert bench.slots.in_use == 2, "one of them did"
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("capacity", "burst", "slots"),
    [
        (Capacity(limit=None, in_use=None), False, 30),
        (Capacity(limit=100, in_use=0), False, 30),
        (Capacity(limit=20, in_use=0), False, 20),
        (Capacity(limit=20, in_use=None), False, 20),
        (Capacity(limit=20, in_use=0, reserved_inbound=4), False, 16),
        (Capacity(limit=20, in_use=7), False, 16),
        (Capacity(limit=20, in_use=7, reserved_inbound=5), False, 11),
        (Capacity(limit=20, in_use=0, burst_limit=60), False, 20),
        (Capacity(limit=20, in_use=0, burst_limit=60), True, 30),
        (Capacity(limit=8, in_use=0, burst_limit=24), True, 24),
        (Capacity(limit=20, in_use=0, burst_limit=None), True, 20),
        (Capacity(limit=20, in_use=40), False, 0),
        (Capacity(limit=4, in_use=0, reserved_inbound=6), False, 0),
    ],
)
@in_virtual_time
async def test_what_the_account_leaves_us(capacity: Capacity, burst: bool, slots: int) -> None:
    bench = Bench(30, burst=burst)
    await bench.fill(3)
    bench.slots.account_says(capacity, ours=3)
    assert bench.slots.limit == slots


@in_virtual_time
async def test_an_account_that_says_nothing_more_leaves_what_was_known() -> None:
    bench = Bench(30)
    bench.slots.account_says(Capacity(limit=20, in_use=0), ours=0)
    bench.slots.account_says(Capacity(limit=None, in_use=5), ours=0)
    assert bench.slots.limit == 20
    bench.slots.account_says(Capacity(limit=25, in_use=0), ours=0)
    assert bench.slots.limit == 25


@in_virtual_time
async def test_the_account_grows_while_it_recovers() -> None:
    bench = Bench(30)
    bench.slots.account_says(Capacity(limit=10, in_use=0), ours=0)
    await bench.fill(5)
    bench.slots.shrink()
    bench.slots.account_says(Capacity(limit=20, in_use=5), ours=5)
    assert bench.slots.limit == 4, "what it showed goes before what it says"
    bench.slots.account_says(Capacity(limit=3, in_use=5), ours=5)
    assert bench.slots.limit == 3
    bench.slots.account_says(Capacity(limit=20, in_use=5), ours=5)
    assert bench.slots.limit == 20, "the account came down to us: there is nothing left to recover"


@in_virtual_time
async def test_no_room_means_no_claims_until_the_account_says_otherwise() -> None:
    full = Account(concurrency_limit=10, used_by_others=10, ring_s=1, talk_s=5)
    async with world(full) as w, w.running(answering(20), slots=10, refresh_s=30) as p:
        await anyio.sleep(100)
        assert (p.tally.claimed, p.campaign.slots.limit) == (0, 0)
        assert p.tally.intake.rows == 20, "rows are read all the same"
        w.sim.set_account(used_by_others=4)
        await anyio.sleep(31)
        assert p.campaign.slots.limit == 6
        assert p.tally.claimed >= 6
    assert w.report.peak_live == 6
    assert w.report.refusals == {}


@in_virtual_time
async def test_others_are_more_at_once_and_fewer_only_when_three_looks_agree() -> None:
    bench = Bench(30)

    def look(in_use: int, ours: int) -> tuple[int, bool]:
        bench.slots.account_says(Capacity(limit=20, in_use=in_use), ours)
        return bench.slots.limit, bench.slots.ceiling.wants_another_look

    assert look(9, ours=4) == (15, False)
    assert look(5, ours=4) == (15, True)
    assert look(12, ours=4) == (12, False), "more at once, and what was seen before counts no more"
    assert look(6, ours=4) == (12, True)
    assert look(7, ours=4) == (12, True)
    assert look(5, ours=4) == (17, False), "as many as the most of the three"


@pytest.mark.parametrize("webhooks", [True, False], ids=["webhooks", "none"])
@in_virtual_time
async def test_calls_that_ended_unheard_do_not_hide_the_calls_of_others(webhooks: bool) -> None:
    """Nobody hears of an end for half a minute, while every look shows how many calls there are."""
    account = Account(concurrency_limit=20, used_by_others=10, ring_s=1, talk_s=8, talk_sigma=0)
    async with world(account, webhooks=webhooks) as w:
        if webhooks:
            w.sim.set_account(webhook_delay_s=25.0)
        await w.run(answering(150), slots=20, cps=10, poll_s=30.0, poll_with_webhooks_s=30.0, refresh_s=5.0)
        assert w.report.peak_concurrency <= 20
        assert w.report.refusals == {}


@in_virtual_time
async def test_calls_that_ended_before_the_listing_shows_them_do_not_hide_the_calls_of_others() -> None:
    account = Account(
        concurrency_limit=20, used_by_others=10, ring_s=1, talk_s=8, talk_sigma=0, listing_lag_s=30.0
    )
    async with world(replace(account, burst_enabled=True)) as w:
        await w.run(answering(150), slots=20, cps=10, poll_s=5.0, refresh_s=5.0)
        assert w.report.peak_concurrency <= 20


@in_virtual_time
async def test_requests_that_have_not_left_do_not_hide_the_calls_of_others() -> None:
    account = Account(concurrency_limit=20, used_by_others=10, ring_s=5, talk_s=60)
    async with world(account) as w:
        async with w.running(answering(60), slots=20, cps=20, refresh_s=5.0, source=None) as p:
            p.campaign.pace.hold("nothing leaves", 40.0)
        assert w.report.peak_concurrency <= 20
        assert w.report.refusals == {}


@pytest.mark.parametrize("form", ["http", "call_error", "both"])
@in_virtual_time
async def test_never_more_live_calls_than_slots(form: str) -> None:
    account = Account(concurrency_limit=12, concurrency_refusal=form, ring_s=2, talk_s=20)
    async with world(account) as w, w.running(answering(120), slots=9, cps=20, put_back_s=5) as p:
        await anyio.sleep(60)
        w.sim.set_account(concurrency_limit=5)
        await anyio.sleep(60)
        used = w.sim.live_seconds(anyio.current_time() - 20, anyio.current_time())
        assert used <= 5 * 20 + 1
        w.sim.set_account(concurrency_limit=12)
    assert w.report.peak_live == 9
    assert p.tally.jobs.total() == 120
