"""A campaign that a run has to itself: who may claim from it, what others see of it, who may take it."""

from functools import partial

import anyio
import pytest
from crew_kit import CrewDesk, crew
from ledger_contract import NOW, Store, a_job

from dialer.adapters.ledger.operators import campaigns
from dialer.adapters.ledger.postgres import open_shared_postgres
from dialer.domain.calls import Attempt, AttemptId
from dialer.domain.errors import LedgerError
from dialer.domain.lifecycle import AttemptState
from dialer.ports.engine import NothingDue, Operation

ANN = Operation("ann", NOW)


async def taken(desk: CrewDesk) -> list[AttemptId]:
    now = anyio.current_time()
    return [each.id for each in await desk.shared.take_campaign(desk.campaign_id, desk.worker, now)]


def test_nobody_else_claims_from_it(store: Store) -> None:
    async def case(a: CrewDesk) -> None:
        await a.read([a_job(n) for n in range(3)])
        await a.beat()
        assert await taken(a) == []
        assert isinstance(await a.ask(), Attempt)
        b = a.as_worker("b")
        nothing = await b.ask()
        assert isinstance(nothing, NothingDue)
        assert nothing.held == "`dialer run` works on it"
        assert (await a.ledger.control(a.campaign_id)).held is None, "that is for the run to say"
        await a.beat(0.0)
        nothing = await b.ask()
        assert isinstance(nothing, NothingDue)
        assert "ended before its work was done" in str(nothing.held)
        assert (await a.ledger.control(a.campaign_id)).held == nothing.held

    crew(store, case)


def test_a_resume_leaves_it_to_all_once_the_run_is_gone(store: Store) -> None:
    async def case(a: CrewDesk) -> None:
        await a.read([a_job(1)])
        await a.beat()
        await taken(a)
        resume = partial(campaigns.resume, campaign_id=a.campaign_id, by=ANN)
        if store.url is not None:  # a file's clock is the loop's: no operator's process can tell who is alive
            await a.ledger.operate(resume)
            assert isinstance(await a.as_worker("b").ask(), NothingDue)
        await a.beat(0.0)
        await a.ledger.operate(resume)
        assert isinstance(await a.as_worker("b").ask(), Attempt)

    crew(store, case)


def test_others_leave_its_calls_alone_while_it_lives(postgres: Store) -> None:
    async def case(a: CrewDesk) -> None:
        await a.read([a_job(n) for n in range(2)])
        await a.beat()
        await taken(a)
        placed = await a.to_state(AttemptState.PLACED)
        (mine,) = await a.shared.placed_beside((), a.campaign_id)
        call_id = mine.call_id
        assert mine.id == placed.id and call_id is not None  # noqa: PT018
        assert await a.shared.campaigns_at_work(a.now) == {}
        assert await a.shared.placed_beside(()) == []
        assert await a.shared.placed_call(call_id) is None
        await a.beat(0.0)
        assert [*await a.shared.campaigns_at_work(a.now)] == ["spring"]
        assert [each.id for each in await a.shared.placed_beside(())] == [placed.id]
        found = await a.shared.placed_call(call_id)
        assert found is not None

    crew(postgres, case)


def test_the_next_run_has_at_once_what_the_one_before_left(postgres: Store) -> None:
    async def case(a: CrewDesk) -> None:
        await a.read([a_job(n) for n in range(3)])
        await a.beat()
        await taken(a)
        mine = await a.claim()
        service, again = a.as_worker("s"), a.as_worker("c")
        await service.beat()
        await again.beat()
        await a.ledger.operate(lambda conn: campaigns.resume(conn, a.campaign_id, ANN))
        assert await taken(again) == [mine.id], "a was alive, but it has lost the campaign's lock"
        assert await again.shared.others_at_work(again.campaign_id, "c") == 0
        assert await again.shared.others_at_work(again.campaign_id, "s") == 1

    crew(postgres, case)


def test_it_is_anybodys_when_its_work_is_done(store: Store) -> None:
    async def case(a: CrewDesk) -> None:
        await a.read([a_job(1)])
        await a.beat()
        await taken(a)
        await a.shared.leave_campaign(a.campaign_id, a.worker)
        assert (await a.ledger.control(a.campaign_id)).run_by == "a", "a job is open"
        await a.to_state(AttemptState.REFUSED)
        await a.shared.leave_campaign(a.campaign_id, "b")
        assert (await a.ledger.control(a.campaign_id)).run_by == "a", "it is not b's"
        await a.shared.leave_campaign(a.campaign_id, a.worker)
        assert (await a.ledger.control(a.campaign_id)).run_by is None

    crew(store, case)


def test_one_process_runs_it(postgres: Store) -> None:
    assert postgres.url is not None
    url = postgres.url

    async def main() -> None:
        heard = lambda of: None  # noqa: E731
        async with open_shared_postgres(url, heard, run="spring"):
            with pytest.raises(LedgerError, match="campaign spring is being run by another dialer"):
                async with open_shared_postgres(url, heard, run="spring"):
                    pass
            async with open_shared_postgres(url, heard, run="autumn"), open_shared_postgres(url, heard):
                pass
        async with open_shared_postgres(url, heard, run="spring"):
            pass

    postgres.run(main)
