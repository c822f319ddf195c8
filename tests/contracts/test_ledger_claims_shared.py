"""What all claims on one ledger share: the account's calls per second and at once, counted in the claim."""

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any

import anyio
import pytest
from ledger_contract import NOW, Desk, Store, a_job, together

from dialer.adapters.ledger.queue import account_limits
from dialer.domain.calls import Attempt
from dialer.domain.lifecycle import AttemptState, TakenOver
from dialer.ports.engine import NothingDue
from dialer.ports.sharing import Limits, SendPermit


def limits(at: float | None = None, **changes: Any) -> Limits:
    clock = asyncio.get_running_loop().time if at is None else lambda: at
    known = {"worker": "w1", "clock": clock, "cps": 2.0, "slots": 50, "guard_s": 0.1, "call_max_s": 7500.0}
    return Limits(**{**known, **changes})


async def ask(*desks: Desk, **changes: Any) -> tuple[list[Attempt], list[NothingDue]]:
    """A place of each of these campaigns, all at once."""
    bounds = limits(**changes)
    requests = [replace(each.request(), limits=bounds, call_max_s=bounds.call_max_s) for each in desks]
    answers = await together(
        *(partial(desk.ledger.claim, each) for desk, each in zip(desks, requests, strict=True))
    )
    made = [each for each in answers if isinstance(each, Attempt)]
    return made, [each for each in answers if isinstance(each, NothingDue)]


async def hold(desk: Desk, wait_s: float) -> None:
    at = anyio.current_time()
    await desk.operate(lambda conn: account_limits.hold(conn, wait_s, at))


async def place_of(desk: Desk, made: Attempt, wanted: Limits) -> Any:
    return await desk.operate(lambda conn: account_limits.place(conn, made, wanted))


def test_in_a_period_so_many_are_claimed_and_no_more(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(9)])
        began = anyio.current_time()
        made, none = await ask(*[desk] * 5)
        assert [each.job.job.key for each in made] == ["job-0", "job-1"]
        assert {each.busy for each in none} == {True}
        assert all(0.0 < float(each.next_due_at or 0.0) - NOW <= 1.1 for each in none)
        for each in made:
            assert each.worker == "w1"
            assert began + 0.05 <= float(each.leaves_by or 0.0) <= anyio.current_time() + 0.05
        assert await desk.sql("SELECT worker FROM attempt") == [("w1",)] * 2
        assert (await ask(desk))[0] == []
        assert await desk.problems() == []

    store.work(case)


def test_a_period_later_there_is_room_again(sqlite: Store) -> None:
    """A file's ledger goes by the time that it is told."""

    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(9)])
        assert len((await ask(*[desk] * 5, at=100.0))[0]) == 2
        made, (none,) = await ask(desk, at=101.0)
        assert made == []
        assert none.next_due_at == pytest.approx(NOW + 0.1)
        made, _ = await ask(*[desk] * 3, at=101.1)
        assert [each.job.job.key for each in made] == ["job-2", "job-3"]
        assert {each.leaves_by for each in made} == {101.1 + 0.05}

    sqlite.work(case)


def test_a_period_of_a_slow_account_is_longer(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(3)])
        made, none = await ask(desk, desk, cps=0.4)
        assert len(made) == 1
        (each,) = none
        assert 2.4 < float(each.next_due_at or 0.0) - NOW <= 2.6

    store.work(case)


def test_no_more_calls_at_once_than_slots_and_an_end_frees_one(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(9)])
        made, none = await ask(*[desk] * 5, cps=100.0, slots=3)
        assert len(made) == 3
        assert set(none) == {NothingDue(NOW + 1.0, busy=True)}
        await desk.to_state(AttemptState.PLACED, made[0])
        await desk.to_state(AttemptState.UNKNOWN, made[1])
        assert (await ask(desk, cps=100.0, slots=3))[0] == [], "they may all be live"
        await desk.end(made[2])
        assert len((await ask(desk, desk, cps=100.0, slots=3))[0]) == 1
        await desk.elapse(7501)
        made, none = await ask(*[desk] * 9, cps=100.0, slots=3)
        assert len(made) == 3, "no call is so long"
        assert (await ask(desk, cps=100.0, slots=2))[0] == [], "fewer by now"

    store.work(case)


def test_all_campaigns_share_it_also_in_one_group(store: Store) -> None:
    async def case(desk: Desk) -> None:
        other = await desk.other()
        for each in (desk, other):
            await each.read([a_job(n + 50 * (each is other)) for n in range(5)])
        made, none = await ask(desk, other, desk, other, desk, other, cps=4.0)
        assert (len(made), len(none)) == (4, 2)
        assert (await ask(desk, other, cps=4.0))[0] == []
        assert len((await ask(other, other, other, cps=100.0, slots=6))[0]) == 2

    store.work(case)


def test_a_hold_of_the_account_holds_all(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(3)])
        await hold(desk, 5.0)
        await hold(desk, 3.0)
        made, (none,) = await ask(desk)
        assert (made, none.busy) == ([], True)
        assert 4.0 < float(none.next_due_at or 0.0) - NOW <= 5.0

    store.work(case)


def test_where_nobody_is_due_no_room_is_no_reason(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1), a_job(2, not_before=NOW + 9000)])
        made, (none,) = await ask(desk, desk, slots=1)
        assert len(made) == 1
        assert none == NothingDue(NOW + 9000)
        nobody = await desk.other()
        assert (await ask(nobody, slots=1))[1] == [NothingDue(None)]

    store.work(case)


def test_who_has_the_account_alone_is_nobodys_worker(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        made = await desk.claim()
        assert (made.worker, made.leaves_by) == (None, None)
        assert await desk.sql("SELECT worker FROM attempt") == [(None,)]
        assert await desk.sql("SELECT count(*) FROM allowance") == [(0,)]

    store.work(case)


def test_a_request_that_comes_late_waits_for_another_place(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(3)])
        (first, _), _none = await ask(desk, desk)
        place = await place_of(desk, replace(first, place_at=None), limits())
        assert place.leaves_by is None, "the place of its claim was used"
        assert 0.0 < place.wait_s <= 1.1
        assert (await place_of(desk, first, limits())).leaves_by is not None, "it was not"
        await hold(desk, 5.0)
        held = await place_of(desk, first, limits())
        assert held.leaves_by is None
        assert 4.0 < held.wait_s <= 5.0

    store.work(case)


def test_another_place_is_one_of_those_that_all_share(sqlite: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(3)])
        (first, _), _none = await ask(desk, desk, at=100.0)
        assert await place_of(desk, first, limits(at=101.2)) == SendPermit(101.2 + 0.05, at=101.2)
        assert len((await ask(desk, desk, at=101.3))[0]) == 1

    sqlite.work(case)


@pytest.mark.parametrize("how", ["closed", "another's"])
def test_an_attempt_that_is_another_workers_gets_no_place(store: Store, how: str) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        (made,), _ = await ask(desk)
        if how == "closed":
            await desk.end(made)
        else:
            await desk.sql("UPDATE attempt SET worker = 'w2'")
        with pytest.raises(TakenOver):
            await place_of(desk, made, limits())

    store.work(case)
