"""Workers at once on a real PostgreSQL, and what becomes of a worker whose server is lost."""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import Any

import anyio
import pytest
from crew_kit import WAIT_S_MAX, CrewDesk, a_desk, claimed, crew, shared
from ledger_contract import NOW, Store, a_job, together

from dialer.domain.calls import Attempt, CampaignId
from dialer.domain.errors import LedgerError, LedgerLost
from dialer.domain.lifecycle import AttemptState
from dialer.ports.engine import NothingDue
from tests.support.cut import At, Way, a_way

CPS, GUARD_S = 20, 0.05


def url_of(store: Store) -> str:
    assert store.url is not None
    return store.url


# --- at once --------------------------------------------------------------------------------------------


def test_workers_that_claim_at_once_never_pass_the_pace_together(postgres: Store) -> None:
    async def case(a: CrewDesk) -> None:
        await a.read([a_job(n) for n in range(200)])
        places: list[float] = []
        async with shared(postgres) as second, shared(postgres) as third, shared(postgres) as fourth:
            over = anyio.current_time() + 2.5

            async def work(desk: CrewDesk) -> None:
                while anyio.current_time() < over or len(places) <= CPS:
                    made = claimed(await together(*[desk.ask] * 4))
                    places.extend(each.place_at for each in made if each.place_at is not None)

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(work, a)
                for worker, ledger in (("b", second), ("c", third), ("d", fourth)):
                    tasks.start_soon(work, a.as_worker(worker, ledger))
        times = sorted(places)
        gaps = [last - first for first, last in zip(times, times[CPS:], strict=False)]
        assert min(gaps) >= 1.0 + GUARD_S - 1e-6
        workers = await a.sql("SELECT DISTINCT worker FROM attempt ORDER BY 1")
        assert len(workers) > 1, workers

    crew(postgres, case, cps=float(CPS), guard_s=GUARD_S)


def test_workers_that_claim_at_once_never_pass_the_slots_together(postgres: Store) -> None:
    async def case(a: CrewDesk) -> None:
        await a.read([a_job(n) for n in range(60)])
        async with shared(postgres) as second, shared(postgres) as third:
            desks = [a, a.as_worker("b", second), a.as_worker("c", third)]

            async def work(desk: CrewDesk) -> list[Attempt]:
                return claimed(await together(*[desk.ask] * 20))

            answers = await together(*(partial(work, desk) for desk in desks))
            made = [each for one in answers for each in one]
            assert len(made) == 7
            assert len({each.id for each in made}) == len({each.job.id for each in made}) == 7
            await together(*(partial(desk.finish, made[n]) for n, desk in enumerate(desks)))
            answers = await together(*(partial(work, desk) for desk in desks))
            assert sum(len(each) for each in answers) <= 3, "one may not finish another's"
            assert await a.shared.live_calls(7200.0, a.now) <= 7

    crew(postgres, case, slots=7)


def test_what_one_writes_is_news_to_the_others_and_not_to_itself(postgres: Store) -> None:
    async def case() -> None:
        counts, changed = Counter[str](), anyio.Event()
        told: dict[str, Collection[CampaignId] | None] = {}

        def tell(who: str, of: Collection[CampaignId] | None) -> None:
            counts[who] += 1
            told[who] = of
            changed.set()

        async def until(**wanted: int) -> None:
            """Exactly so many by then: one who is told of too much is seen at the next look."""
            nonlocal changed
            with anyio.fail_after(WAIT_S_MAX):
                while any(counts[who] < number for who, number in wanted.items()):
                    await changed.wait()
                    changed = anyio.Event()
            assert counts == wanted

        async with (
            shared(postgres, partial(tell, "a")) as first,
            shared(postgres, partial(tell, "b")) as second,
        ):
            await until(a=1, b=1)  # that they listen
            assert told == {"a": None, "b": None}
            await first.campaign_named("winter", NOW)
            a = CrewDesk(first, await first.campaign_named("spring", NOW), worker="a")
            b = a.as_worker("b", second)
            await a.read([a_job(1), a_job(2)])
            await until(a=1, b=2)
            assert told["b"] == [a.campaign_id]
            made = await a.claim()
            await a.beat()
            await a.shared.hold(0.001, 0.0)
            await a.shared.allow("lists", 1, 1.0, 0.0)
            await b.finish(await b.claim())
            await until(a=2, b=2)  # what frees nothing is no news, nor is what oneself has written
            assert told["a"] == [a.campaign_id]
            await a.finish(made)
            await until(a=2, b=3)
            await a.beat(0.0)
            await until(a=2, b=4)  # what it leaves open is anybody's
            assert told["b"] is None

    postgres.run(case)


# --- a lost server --------------------------------------------------------------------------------------


def on_the_way(store: Store, case: Callable[[Way, CrewDesk], Awaitable[Any]]) -> None:
    """At a worker's desk whose server can be cut off."""

    async def main() -> None:
        with anyio.fail_after(WAIT_S_MAX):
            async with a_way(url_of(store)) as way, a_desk(Store("postgres", url=way.url)) as desk:
                await desk.read([a_job(n) for n in range(4)])
                await case(way, desk)

    store.run(main)


def test_while_the_server_is_lost_claims_fail_at_once_and_ends_are_written_when_it_is_back(
    postgres: Store,
) -> None:
    async def case(way: Way, a: CrewDesk) -> None:
        first, second, third = [await a.claim() for _ in range(3)]
        written: list[str] = []

        async def write(name: str, act: Callable[[], Awaitable[None]]) -> None:
            await act()
            written.append(name)

        way.is_closed = True
        way.cut()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(write, "placed", partial(a.move, first, AttemptState.PLACED))
            tasks.start_soon(write, "finished", partial(a.finish, second))
            for _ in range(3):
                with anyio.fail_after(5.0), pytest.raises(LedgerLost):
                    await a.ask()
            assert written == []
            way.is_closed = False
        assert sorted(written) == ["finished", "placed"]
        assert await a.sql("SELECT state, count(*) FROM attempt GROUP BY state ORDER BY 1") == [
            ("claimed", 1),
            ("ended", 1),
            ("placed", 1),
        ]
        assert [line["kind"] for line in await a.said()] == ["attempt", "job"]
        assert await a.problems() == []
        await a.finish(third)
        assert isinstance(await a.ask(), Attempt)

    on_the_way(postgres, case)


@pytest.mark.parametrize("at", list(At))
def test_an_end_whose_commit_was_cut_is_written_once(postgres: Store, at: At) -> None:
    async def case(way: Way, a: CrewDesk) -> None:
        made = await a.claim()
        way.cut_at = at
        await a.finish(made)
        assert way.cut_at is None
        assert [line["kind"] for line in await a.said()] == ["attempt", "job"]
        assert await a.problems() == []

    on_the_way(postgres, case)


@pytest.mark.parametrize("at", list(At))
def test_a_claim_whose_commit_was_cut_is_answered_as_it_went(postgres: Store, at: At) -> None:
    async def case(way: Way, a: CrewDesk) -> None:
        way.cut_at = at
        if at is At.AFTER_COMMIT:
            assert isinstance(await a.ask(), Attempt)
        else:
            with pytest.raises(LedgerLost):
                await a.ask()
        made = await a.ledger.open_attempts(a.campaign_id, frozenset({AttemptState.CLAIMED}))
        assert len(made) == (at is At.AFTER_COMMIT)
        assert await a.problems() == []

    on_the_way(postgres, case)


def test_a_claim_that_failed_is_not_made_up_for_later(postgres: Store) -> None:
    async def case(way: Way, a: CrewDesk) -> None:
        way.cut()
        answers = await together(a.ask, partial(a.beat), a.ask)
        assert [type(each) for each in answers] == [LedgerLost, type(None), LedgerLost]
        assert await a.sql("SELECT count(*) FROM attempt") == [(0,)]

    on_the_way(postgres, case)


def test_one_process_that_dials_alone_keeps_a_crew_out_and_the_other_way_round(postgres: Store) -> None:
    async def case(a: CrewDesk) -> None:
        with pytest.raises(LedgerError, match="in use"):
            async with postgres.open():
                pass
        async with shared(postgres) as second:
            assert isinstance(await a.as_worker("b", second).ask(), NothingDue)

    async def alone() -> None:
        async with postgres.open():
            with pytest.raises(LedgerError, match="in use"):
                async with shared(postgres):
                    pass

    crew(postgres, case)
    postgres.run(alone)
