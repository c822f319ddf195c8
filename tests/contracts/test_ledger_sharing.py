"""What workers on one ledger share: its places are counted for all of them, in the claim's transaction."""

from dataclasses import replace
from typing import Any

import anyio
import pytest
from crew_kit import CrewDesk, claimed, crew
from ledger_contract import NOW, Desk, Store, a_job, together

from dialer.adapters.ledger.operators import campaigns
from dialer.adapters.ledger.queue.account_limits import CREATES, FULL_LOOK_S, HOLD_S_MAX, WAITS_S
from dialer.domain.calls import Attempt
from dialer.domain.decisions import Ruling
from dialer.domain.lifecycle import AttemptState, JobState, TakenOver
from dialer.domain.outcomes import Outcome
from dialer.ports.engine import NothingDue, Operation

FAR_S = 1000.0
"""A period that is not over before the test is."""


async def is_busy_for(desk: CrewDesk) -> float:
    """That nothing can be claimed for want of room; seconds until it is worth asking again."""
    nothing = await desk.ask()
    assert isinstance(nothing, NothingDue)
    assert nothing.busy
    assert nothing.next_due_at is not None
    return nothing.next_due_at - desk.now


# --- slots ----------------------------------------------------------------------------------------------


def test_two_campaigns_and_two_workers_share_the_slots(store: Store) -> None:
    async def case(a: CrewDesk) -> None:
        other = await a.beside()
        await a.read([a_job(n) for n in range(5)])
        await other.read([a_job(n) for n in range(10, 15)])
        b = other.as_worker("b")
        answers = await together(*[a.ask, b.ask] * 5)
        assert len(claimed(answers)) == 3
        assert await is_busy_for(a) == FULL_LOOK_S
        assert await is_busy_for(b) == FULL_LOOK_S
        assert await a.shared.live_calls(7200.0, a.now) == 3
        made = claimed(answers)
        assert {each.worker for each in made} <= {"a", "b"}
        await Desk(a.ledger, a.campaign_id).finish(made[0])
        assert len(claimed([*await b.claims(2), *await a.claims(2)])) == 1

    crew(store, case, slots=3)


@pytest.mark.parametrize(
    ("state", "holds"),
    [
        (AttemptState.UNCERTAIN, True),
        (AttemptState.PLACED, True),
        (AttemptState.UNKNOWN, True),
        (AttemptState.ENDED, False),
        (AttemptState.REFUSED, False),
    ],
)
def test_an_attempt_has_its_slot_until_it_is_closed(store: Store, state: AttemptState, holds: bool) -> None:
    async def case(a: CrewDesk) -> None:
        await a.read([a_job(1), a_job(2)])
        await a.to_state(state)
        assert isinstance(await a.as_worker("b").ask(), NothingDue if holds else Attempt)

    crew(store, case, slots=1)


def test_one_that_nobody_closed_gives_its_slot_back_when_no_call_can_last_so_long(store: Store) -> None:
    async def case(a: CrewDesk) -> None:
        await a.read([a_job(1), a_job(2)])
        await a.to_state(AttemptState.PLACED)
        await a.elapse(90.0)
        assert await is_busy_for(a) == FULL_LOOK_S
        await a.elapse(11.0)
        assert isinstance(await a.ask(), Attempt)

    crew(store, case, slots=1, call_max_s=100.0)


# --- pace -----------------------------------------------------------------------------------------------


def test_two_campaigns_and_two_workers_share_the_pace(store: Store) -> None:
    async def case(a: CrewDesk) -> None:
        other = await a.beside()
        await a.read([a_job(n) for n in range(8)])
        await other.read([a_job(n) for n in range(10, 18)])
        b = other.as_worker("b")
        answers = await together(*[a.ask, b.ask] * 8)
        assert len(claimed(answers)) == 4
        wait_s = await is_busy_for(b)
        assert 0.0 < wait_s <= 1.0 + FAR_S

    crew(store, case, cps=4.0, guard_s=FAR_S)


def test_a_slow_pace_is_one_in_so_many_seconds(store: Store) -> None:
    async def case(a: CrewDesk) -> None:
        await a.read([a_job(1), a_job(2)])
        await a.claim()
        wait_s = await is_busy_for(a.as_worker("b"))
        assert 390.0 < wait_s <= 400.0

    crew(store, case, cps=0.0025)


def test_the_place_is_free_again_one_period_later_to_the_moment(sqlite: Store) -> None:
    async def case(a: CrewDesk) -> None:
        await a.read([a_job(n) for n in range(6)])
        at = anyio.current_time()
        got: list[tuple[float, int]] = []
        for later in (0.0, 0.5, 1.0, 1.04, 1.06, 1.54, 1.56):
            a.bounds["at"] = at + later
            got.append((later, len(claimed([await a.ask(), await a.ask()]))))
        # two a second and 50 ms more
        assert got == [(0.0, 2), (0.5, 0), (1.0, 0), (1.04, 0), (1.06, 2), (1.54, 0), (1.56, 0)]

    crew(sqlite, case, cps=2.0, guard_s=0.05)


def test_a_request_may_leave_for_half_of_the_guard(sqlite: Store) -> None:
    async def case(a: CrewDesk) -> None:
        await a.read([a_job(1), a_job(2)])
        at = anyio.current_time()
        a.bounds["at"] = at
        made = await a.claim()
        assert made.leaves_by == at + 0.1
        a.bounds["at"] = at + 5.0
        assert (await a.shared.place(made, a.limits())).leaves_by == at + 5.1

    crew(sqlite, case, guard_s=0.2)


def test_a_hold_of_one_worker_holds_the_others(store: Store) -> None:
    async def case(a: CrewDesk) -> None:
        await a.read([a_job(1), a_job(2)])
        made, b = await a.claim(), (await a.beside()).as_worker("b")
        await b.read([a_job(3)])
        await a.shared.hold(100.0, anyio.current_time())
        assert 90.0 < await is_busy_for(b) <= 100.0
        place = await a.shared.place(made, a.limits())
        assert place.leaves_by is None
        assert 90.0 < place.wait_s <= 100.0
        await b.shared.hold(20.0, anyio.current_time())
        assert await is_busy_for(a) > 90.0, "a shorter one takes nothing from it"
        await b.shared.hold(300.0, anyio.current_time())
        assert await is_busy_for(a) > 290.0

    crew(store, case)


def test_no_hold_is_longer_than_the_api_ever_asks(store: Store) -> None:
    async def case(a: CrewDesk) -> None:
        await a.read([a_job(1)])
        await a.shared.hold(1e9, anyio.current_time())
        assert HOLD_S_MAX - 10.0 < await is_busy_for(a) <= HOLD_S_MAX

    crew(store, case)


def test_a_clock_that_begins_anew_holds_nobody_for_long(sqlite: Store) -> None:
    """As the loop's does when the machine was started again."""

    async def case(a: CrewDesk) -> None:
        await a.read([a_job(n) for n in range(4)])
        a.bounds["at"] = 1_000_000.0
        await a.claim()
        await a.shared.hold(50.0, 1_000_000.0)
        assert await a.shared.allow("lists", 1, 10.0, 1_000_000.0) == 0.0
        got = []
        for at in (10.0, 10.9, 11.1):
            a.bounds["at"] = at
            got.append(len(claimed([await a.ask()])))
        assert got == [0, 0, 1]
        waits = [await a.shared.allow("lists", 1, 10.0, at) for at in (10.0, 15.0, 20.5)]
        assert waits == [10.0, 5.0, 0.0]

    crew(sqlite, case, cps=1.0)


# --- places ---------------------------------------------------------------------------------------------


def test_another_place_is_instead_of_one_that_was_not_used_or_counts_beside_it(store: Store) -> None:
    async def case(a: CrewDesk) -> None:
        await a.read([a_job(n) for n in range(4)])
        made, b = await a.claim(), a.as_worker("b")
        for _ in range(3):
            place = await a.shared.place(made, a.limits())
            assert place.leaves_by is not None
            made = replace(made, place_at=place.at)
        assert isinstance(await b.ask(), Attempt), "all three were one place"
        used = replace(made, place_at=None)
        place = await a.shared.place(used, a.limits())
        assert place.leaves_by is not None
        # that were three of three
        place = await a.shared.place(used, a.limits())
        assert (place.leaves_by, 0.0 < place.wait_s <= 1.0 + FAR_S) == (None, True)
        assert await is_busy_for(b) > 0.0

    crew(store, case, cps=3.0, guard_s=FAR_S)


def test_no_place_for_who_lost_the_attempt(store: Store) -> None:
    async def case(a: CrewDesk) -> None:
        await a.read([a_job(1), a_job(2)])
        mine, closed, b = await a.claim(), await a.claim(), a.as_worker("b")
        taken = await log_of(a)
        await a.finish(closed, JobState.FAILED, AttemptState.REFUSED, Outcome.REFUSED)
        with pytest.raises(TakenOver):
            await a.shared.place(closed, a.limits())
        await b.beat()
        assert [each.id for each in await b.adopted()] == [mine.id]
        with pytest.raises(TakenOver):
            await a.shared.place(mine, a.limits())
        assert await log_of(a) == taken
        [again] = await b.shared.open_attempts(b.campaign_id, frozenset({AttemptState.CLAIMED}))
        assert (await b.shared.place(again, b.limits())).leaves_by is not None

    crew(store, case)


async def log_of(desk: CrewDesk, name: str = CREATES) -> list[tuple[Any, ...]]:
    return await desk.sql(f"SELECT taken FROM allowance WHERE name = '{name}'")  # noqa: S608


def test_other_bounds_are_shared_by_their_names(store: Store) -> None:
    async def case(a: CrewDesk) -> None:
        now = anyio.current_time()
        waits = [await a.shared.allow("lists", 2, FAR_S, now) for _ in range(3)]
        assert waits[:2] == [0.0, 0.0]
        assert 0.9 * FAR_S < waits[2] <= FAR_S + 1e-6  # to the last digit
        assert await a.shared.allow("others", 2, FAR_S, now) == 0.0
        await a.read([a_job(1)])
        assert isinstance(await a.ask(), Attempt), "the account's calls are another thing"

    crew(store, case)


# --- refused requests -----------------------------------------------------------------------------------


def test_refused_requests_of_all_campaigns_and_workers_count_together(store: Store) -> None:
    async def case(a: CrewDesk) -> None:
        other = await a.beside()
        await a.read([a_job(n) for n in range(5)])
        await other.read([a_job(n) for n in range(10, 15)])
        await a.to_state(AttemptState.REFUSED)
        await other.as_worker("b").to_state(AttemptState.REFUSED)
        assert len(claimed(await a.claims(2))) == 2
        for desk in (a, other, a.as_worker("b")):
            nothing = await desk.ask()
            assert isinstance(nothing, NothingDue)
            assert nothing.next_due_at == desk.now + FULL_LOOK_S, "an answer may come at any time"

    crew(store, case, refused_max=4)


def test_after_too_many_refused_requests_all_wait_for_the_window(store: Store) -> None:
    async def case(a: CrewDesk) -> None:
        other = await a.beside()
        await a.read([a_job(n) for n in range(5)])
        await other.read([a_job(n) for n in range(10, 15)])
        for _ in range(3):
            await a.to_state(AttemptState.REFUSED)
        nothing = await other.as_worker("b").ask()
        assert isinstance(nothing, NothingDue)
        assert "refused" in str(nothing.held)
        assert not nothing.busy
        assert 50.0 < float(nothing.next_due_at or 0.0) - other.now <= 61.0
        if store.url is None:  # a server's clock is its own
            a.now += 61.5
            assert isinstance(await a.ask(), Attempt)

    crew(store, case, refused_max=3)


def test_refused_requests_hold_nobody_where_no_bound_is_set(store: Store) -> None:
    async def case(a: CrewDesk) -> None:
        await a.read([a_job(n) for n in range(70)])
        for _ in range(65):
            await a.to_state(AttemptState.REFUSED)
        assert isinstance(await a.ask(), Attempt)

    crew(store, case)


# --- fair shares ----------------------------------------------------------------------------------------


def test_few_places_go_to_the_campaign_with_the_fewest_calls(store: Store) -> None:
    async def case(a: CrewDesk) -> None:
        other = await a.beside()
        await a.read([a_job(n) for n in range(20)])
        await other.read([a_job(n) for n in range(50, 70)])
        assert len(claimed(await a.claims(6))) == 6
        answers = await together(*[a.ask, other.ask] * 8)
        made = [each.job.campaign_id for each in claimed(answers)]
        # 6 and 0 become 6 and 6; the last two are shared
        assert (made.count(a.campaign_id), made.count(other.campaign_id)) == (1, 7)

    crew(store, case, slots=14)


def test_a_slot_is_left_to_a_campaign_of_another_process_that_waits_and_has_fewer_calls(store: Store) -> None:
    async def case(a: CrewDesk) -> None:
        b = (await a.beside()).as_worker("b")
        await a.read([a_job(n) for n in range(9)])
        await b.read([a_job(n) for n in range(50, 59)])
        mine = claimed(await a.claims(4))
        assert len(mine) == 4
        assert await is_busy_for(b) == FULL_LOOK_S
        for a_left, b_has in ((3, 1), (2, 2)):
            await a.end(mine.pop())
            assert await is_busy_for(a) == FULL_LOOK_S, "it is b's, who has fewer"
            assert len(claimed(await b.claims(2))) == 1, f"{a_left} and {b_has}"
        await a.end(mine.pop())
        assert len(claimed(await b.claims(1))) == 0, "a has fewer by now, and has been waiting"
        assert len(claimed(await a.claims(1))) == 1

    crew(store, case, slots=4)


def test_nothing_is_left_to_who_does_not_come(sqlite: Store) -> None:
    async def case(a: CrewDesk) -> None:
        b = (await a.beside()).as_worker("b")
        await a.read([a_job(n) for n in range(9)])
        await b.read([a_job(50)])
        mine = claimed(await a.claims(4))
        assert await is_busy_for(b) == FULL_LOOK_S
        await a.end(mine.pop())
        assert await is_busy_for(a) == FULL_LOOK_S
        a.bounds["at"] = anyio.current_time() + WAITS_S + 0.1
        assert len(claimed(await a.claims(1))) == 1

    crew(sqlite, case, slots=4)


def test_what_one_campaign_has_no_use_for_the_other_gets_when_it_asks_again(store: Store) -> None:
    async def case(a: CrewDesk) -> None:
        other = await a.beside()
        await a.read([a_job(n) for n in range(20)])
        await other.read([a_job(50)])
        answers = await together(*[other.ask, a.ask] * 4)
        made = [each.job.campaign_id for each in claimed(answers)]
        assert (made.count(a.campaign_id), made.count(other.campaign_id)) == (2, 1)
        mine = [each for each in answers[1::2] if isinstance(each, NothingDue)]
        assert {each.next_due_at for each in mine} == {a.now}, "to be asked again at once"
        assert isinstance(await a.ask(), Attempt)
        assert await is_busy_for(a) == FULL_LOOK_S

    crew(store, case, slots=4)


def test_a_campaign_that_is_held_stays_so_while_the_account_is_full(store: Store) -> None:
    async def case(a: CrewDesk) -> None:
        other = await a.beside()
        await a.read([a_job(n) for n in range(3)])
        await other.read([a_job(n) for n in range(10, 13)])
        await other.operate(lambda conn: campaigns.pause(conn, other.campaign_id, Operation("ann", NOW)))
        held = await other.ask()
        assert isinstance(held, NothingDue)
        assert held.held
        recorded = await other.made(Ruling.WAIT)
        made = await a.claim()  # the only place
        for _ in range(3):
            full = await other.ask()
            assert isinstance(full, NothingDue)
            assert full.held == held.held
        await a.end(made)
        assert isinstance(await other.ask(), NothingDue)
        assert await other.made(Ruling.WAIT) == recorded, "nothing has changed, and nothing is recorded"

    crew(store, case, slots=1)
