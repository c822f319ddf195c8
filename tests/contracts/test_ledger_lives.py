"""Until when an attempt that nobody closed may be a live call: by the ledger's clock, which nobody sets."""

from dataclasses import dataclass, replace

import pytest
from crew_kit import CrewDesk, claimed, crew
from ledger_contract import NOW, WAIT_S_MAX, Desk, Store, a_job, together

from dialer.adapters.ledger.store import open_sqlite
from dialer.domain.calls import CALL_MAX_S, Attempt
from dialer.domain.lifecycle import OPEN_ATTEMPTS, AttemptState
from dialer.ports.engine import NothingDue

SLOTS = 10
STEP_S = 3 * 3600.0
LONG_S = 14_400.0
LEFT = [*sorted(OPEN_ATTEMPTS), AttemptState.UNKNOWN]
"""What a process may leave open."""


async def fill(a: CrewDesk, state: AttemptState) -> list[Attempt]:
    """All slots are taken by attempts in this state."""
    await a.read([a_job(n) for n in range(3 * SLOTS)])
    await a.sql("UPDATE job SET due_at = 0")
    made = claimed(await together(*[a.ask] * SLOTS))
    assert len(made) == SLOTS
    for each in made:
        await a.to_state(state, each)
    return made


@pytest.mark.parametrize("step_s", [STEP_S, -STEP_S], ids=["forward", "back"])
@pytest.mark.parametrize("state", LEFT)
def test_a_dead_workers_calls_keep_their_slots_when_a_wall_clock_steps(
    store: Store, state: AttemptState, step_s: float
) -> None:
    async def case(a: CrewDesk) -> None:
        await a.beat(lease_s=0.0)
        await fill(a, state)
        for who in (a, a.as_worker("b")):
            who.now = NOW + step_s
            assert claimed(await together(*[who.ask] * SLOTS)) == []
            assert await a.shared.live_calls(CALL_MAX_S, who.now) == SLOTS

    crew(store, case, slots=SLOTS)


@pytest.mark.parametrize("step_s", [STEP_S, -STEP_S], ids=["forward", "back"])
@pytest.mark.parametrize("state", LEFT)
def test_a_living_workers_calls_keep_their_slots_when_its_wall_clock_steps(
    store: Store, state: AttemptState, step_s: float
) -> None:
    async def case(a: CrewDesk) -> None:
        await a.beat()
        await fill(a, state)
        a.now += step_s
        assert claimed(await together(*[a.ask] * SLOTS)) == []

    crew(store, case, slots=SLOTS)


@pytest.mark.parametrize("step_s", [STEP_S, 0.0, -STEP_S], ids=["ahead", "right", "behind"])
@pytest.mark.parametrize("state", LEFT)
def test_a_dead_workers_calls_hold_their_slots_as_long_as_a_call_lasts(
    store: Store, state: AttemptState, step_s: float
) -> None:
    """Whatever its wall clock said when it wrote them down."""

    async def case(a: CrewDesk) -> None:
        a.now += step_s
        await fill(a, state)
        a.now = NOW
        await a.elapse(CALL_MAX_S - WAIT_S_MAX)
        assert claimed(await together(*[a.ask] * SLOTS)) == []
        await a.elapse(WAIT_S_MAX + 1.0)
        assert len(claimed(await together(*[a.ask] * 2 * SLOTS))) == SLOTS

    crew(store, case, slots=SLOTS, call_max_s=CALL_MAX_S)


@pytest.mark.parametrize("state", LEFT)
def test_nobody_is_called_who_may_be_on_the_phone_by_another_campaigns_longest_call(
    store: Store, state: AttemptState
) -> None:
    async def case(desk: Desk) -> None:
        other = await desk.other()
        await desk.read([a_job(1)])
        await other.read([a_job(9, to_number=a_job(1).to_number)])
        made = await desk.ledger.claim(replace(desk.request(), call_max_s=LONG_S))
        assert isinstance(made, Attempt)
        if state is not AttemptState.CLAIMED:
            await desk.move(made, AttemptState.UNCERTAIN, call_max_s=LONG_S)
        if state not in (AttemptState.CLAIMED, AttemptState.UNCERTAIN):
            await desk.move(made, state, call_max_s=LONG_S)
        await other.elapse(LONG_S - WAIT_S_MAX)
        assert isinstance(await other.ask(), NothingDue)
        await other.elapse(WAIT_S_MAX + 1000.0)
        assert isinstance(await other.ask(), Attempt)

    store.work(case)


def test_who_is_followed_for_longer_is_on_the_phone(store: Store) -> None:
    async def case(a: CrewDesk) -> None:
        other = await a.beside()
        await a.beat()
        await a.read([a_job(1)])
        await other.read([a_job(9, to_number=a_job(1).to_number)])
        await a.to_state(AttemptState.PLACED)
        await other.elapse(2 * CALL_MAX_S)
        assert isinstance(await other.ask(), NothingDue)

    crew(store, case)


@pytest.mark.parametrize("state", [AttemptState.UNCERTAIN, AttemptState.PLACED, AttemptState.UNKNOWN])
def test_a_call_lasts_from_when_its_request_may_last_have_left(store: Store, state: AttemptState) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        made = await desk.claim()
        await desk.elapse(1000.0)
        if state is AttemptState.UNKNOWN:
            await desk.move(made, AttemptState.UNCERTAIN)
        await desk.elapse(1000.0)
        assert CALL_MAX_S - 2000.0 - WAIT_S_MAX < (await left(desk)) <= CALL_MAX_S - 2000.0
        await desk.move(made, state, call_max_s=LONG_S)
        assert LONG_S - WAIT_S_MAX < (await left(desk)) <= LONG_S

    store.work(case)


async def left(desk: Desk) -> float:
    """How long the only attempt may last yet."""
    [made] = await desk.ledger.open_attempts(desk.campaign_id, frozenset(LEFT))
    assert made.live_for_s is not None
    return made.live_for_s


@pytest.mark.parametrize("step_s", [STEP_S, -STEP_S], ids=["forward", "back"])
def test_what_was_left_in_another_campaign_is_found_until_it_is_over(store: Store, step_s: float) -> None:
    async def case(desk: Desk) -> None:
        other = await desk.other()
        await desk.read([a_job(1)])
        await desk.claim()
        other.now += step_s
        [found] = await other.ledger.left_beside(other.campaign_id, 60.0, other.now)
        assert found.live_for_s is not None
        assert CALL_MAX_S - WAIT_S_MAX < found.live_for_s <= CALL_MAX_S
        await other.elapse(CALL_MAX_S)
        assert await other.ledger.left_beside(other.campaign_id, LONG_S, NOW) == []

    store.work(case)


@pytest.mark.parametrize("call_max_s", [CALL_MAX_S, LONG_S])
def test_of_what_an_older_program_left_a_wall_clock_decides(store: Store, call_max_s: float) -> None:
    async def case(a: CrewDesk) -> None:
        other = await a.beside()
        await a.read([a_job(1), a_job(2)])
        await other.read([a_job(9, to_number=a_job(1).to_number)])
        await a.to_state(AttemptState.PLACED)
        await a.sql("UPDATE attempt SET live_until = NULL")
        other.now = NOW + call_max_s - 1.0
        assert isinstance(await other.ask(), NothingDue)
        assert await a.shared.live_calls(call_max_s, other.now) == 1
        assert await a.ledger.left_beside(other.campaign_id, call_max_s, other.now) != []
        other.now = NOW + call_max_s + 1000.0
        assert await a.shared.live_calls(call_max_s, other.now) == 0
        assert await a.ledger.left_beside(other.campaign_id, call_max_s, other.now) == []
        assert isinstance(await other.ask(), Attempt)

    crew(store, case, slots=1, call_max_s=call_max_s)


@pytest.mark.parametrize("how", ["reopened", "resolved"])
def test_a_call_that_is_shown_late_may_be_going_on(store: Store, how: str) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        made = await desk.claim()
        shown = desk.finishing(made).news
        assert shown is not None
        if how == "resolved":
            await desk.to_state(AttemptState.UNKNOWN, made)
        else:
            await desk.put_back(made)
        await desk.elapse(CALL_MAX_S)
        if how == "resolved":
            await desk.ledger.resolve_called(made.id, shown.call_id, "ann", desk.now)
        else:
            assert await desk.ledger.contradict(replace(shown, attempt_id=made.id), "shown", desk.now)
        assert CALL_MAX_S - WAIT_S_MAX < (await left(desk)) <= CALL_MAX_S

    store.work(case)


@dataclass
class SetClock:
    """A wall clock that somebody sets."""

    at: float

    def now(self) -> float:
        return self.at


def test_a_file_goes_by_the_clock_of_the_process_that_dials_from_it(file: Store) -> None:
    clock = SetClock(NOW)

    async def case() -> None:
        opened = open_sqlite(file.path, dispatches=True, on_thread=False, clock=clock)
        async with opened as ledger:
            desk = Desk(ledger, await ledger.open_campaign("spring", NOW, simulated=False))
            await desk.read([a_job(1)])
            await desk.claim()
            clock.at += STEP_S
            assert CALL_MAX_S - WAIT_S_MAX < (await left(desk)) <= CALL_MAX_S, "it was set while it dialled"
        clock.at = NOW + 1000.0
        opened = open_sqlite(file.path, dispatches=True, on_thread=False, clock=clock)
        async with opened as ledger:
            desk = Desk(ledger, desk.campaign_id)
            assert abs(await left(desk) - (CALL_MAX_S - 1000.0)) < WAIT_S_MAX

    file.run(case)
