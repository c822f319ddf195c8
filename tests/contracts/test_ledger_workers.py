"""Who has which attempt: what no live worker has is taken over, and who lost one changes nothing of it."""

from dataclasses import replace
from functools import partial
from socket import gethostname

import anyio
import pytest
from crew_kit import LEASE_S, CrewDesk, crew, shared
from ledger_contract import NOW, Desk, Store, a_job, together

from dialer import __version__
from dialer.adapters.ledger.operators import campaigns
from dialer.adapters.ledger.reports.audit import agreement
from dialer.adapters.ledger.reports.workers import GONE_SHOWN_S, WorkerState, workers
from dialer.app import campaign_control
from dialer.domain.calls import Attempt, CallId, CallUpdate
from dialer.domain.errors import BadInput
from dialer.domain.lifecycle import AttemptState, JobState, TakenOver
from dialer.domain.outcomes import Outcome
from dialer.ports.engine import AddedAs, NothingDue, Operation

ANN = Operation("ann", NOW)
SHORT_S = 0.2


# --- who they are ---------------------------------------------------------------------------------------


def test_who_dials_where_since_when_and_what_it_is_doing(store: Store) -> None:
    async def case(a: CrewDesk) -> None:
        async def states() -> list[WorkerState]:
            now, at = a.now, anyio.current_time()
            return await a.shared.ask(lambda conn: workers(conn, now, at))

        await a.read([a_job(n) for n in range(3)])
        began, b = a.now, a.as_worker("b")
        await a.beat()
        await b.beat()
        await a.claim()
        await a.claim()
        a.now += 5.0
        await a.beat()
        await b.beat(0.0)
        first, second = await states()
        me = (gethostname(), __version__)
        assert (first.name, first.host, first.version) == ("a", *me)
        assert (first.since, first.seen_at, first.is_alive) == (began, a.now, True)
        assert ([*first.live.values()], second.live) == ([2], {})
        assert (second.name, second.is_alive) == ("b", False), "it signed off"
        a.now += GONE_SHOWN_S
        await a.beat()
        assert [each.name for each in await states()] == ["a"], "nobody asks for b any more"

    crew(store, case)


# --- taking over ----------------------------------------------------------------------------------------


def test_from_a_file_whatever_is_open_is_the_next_process_s(sqlite: Store) -> None:
    async def case(a: CrewDesk) -> None:
        await a.read([a_job(n) for n in range(5)])
        kinds = (AttemptState.CLAIMED, AttemptState.UNCERTAIN, AttemptState.PLACED, AttemptState.UNKNOWN)
        made = [await a.to_state(each) for each in kinds]
        await a.to_state(AttemptState.ENDED)
        await a.beat()
        assert await a.adopted() == [], "its own are its own"
        b = a.as_worker("b")
        adopted = await b.adopted()
        assert [(each.id, each.state, each.worker) for each in adopted] == [
            (each.id, kind, "b") for each, kind in zip(made, kinds, strict=True)
        ]
        assert await b.adopted() == []

    crew(sqlite, case)


def test_no_more_at_a_time_than_asked_for_the_oldest_first(store: Store) -> None:
    async def case(a: CrewDesk) -> None:
        await a.read([a_job(n) for n in range(5)])
        made = []
        for _ in range(5):
            made.append((await a.claim()).id)
            a.now += 1.0
        b, c = a.as_worker("b"), a.as_worker("c")
        await b.beat()
        assert [each.id for each in await b.adopted(2)] == made[:2]
        await together(b.beat, c.beat)
        if store.url is not None:  # a is not known: it never gave a sign of life; b is alive
            assert [each.id for each in await c.adopted(2)] == made[2:4]
            assert [each.id for each in await b.adopted(9)] == made[4:]

    crew(store, case)


def test_who_is_alive_keeps_what_it_has(postgres: Store) -> None:
    async def case(a: CrewDesk) -> None:
        await a.read([a_job(1)])
        made, b = await a.claim(), a.as_worker("b")
        await a.beat()
        await b.beat()
        assert await b.adopted() == []
        await a.beat(0.0)
        assert [each.id for each in await b.adopted()] == [made.id], "it signed off"
        assert await a.adopted() == []

    crew(postgres, case)


def test_who_gives_no_sign_of_life_for_a_lease_is_gone(postgres: Store) -> None:
    async def case(a: CrewDesk) -> None:
        await a.read([a_job(1)])
        made, b = await a.claim(), a.as_worker("b")
        await a.beat(SHORT_S)
        began = anyio.current_time()
        while not (adopted := await b.adopted()):
            await a.sql("SELECT pg_sleep(0.02)")
        assert anyio.current_time() - began > 0.5 * SHORT_S
        assert [each.id for each in adopted] == [made.id]

    crew(postgres, case)


def test_what_a_process_left_that_knew_of_no_workers_is_taken_over(kept: Store) -> None:
    async def before() -> None:
        async with kept.desk() as desk:
            await desk.read([a_job(1)])
            await desk.claim()

    async def case(a: CrewDesk) -> None:
        assert [each.worker for each in await a.adopted()] == ["a"]

    kept.run(before)
    crew(kept, case)


def test_from_a_file_a_post_is_whose_who_dials(sqlite: Store) -> None:
    """Another holder is gone, by whatever clock it had."""

    async def case(a: CrewDesk) -> None:
        for who, at in (("a", 100.0), ("b", 101.0), ("a", 5.0)):
            assert await a.shared.lead("sweep", who, 10.0, at)

    crew(sqlite, case)


def test_a_post_at_a_server_goes_by_its_clock(postgres: Store) -> None:
    async def case(a: CrewDesk) -> None:
        async def lead(who: str, lease_s: float = LEASE_S) -> bool:
            return await a.shared.lead("sweep", who, lease_s, 0.0)

        assert await together(partial(lead, "a"), partial(lead, "b")) == [True, False]
        assert await lead("a", SHORT_S)
        async with shared(postgres) as other:
            assert not await other.lead("sweep", "b", LEASE_S, 1e9)
            while not await other.lead("sweep", "b", LEASE_S, 0.0):
                await a.sql("SELECT pg_sleep(0.02)")
        assert not await lead("a")

    crew(postgres, case)


# --- who lost an attempt --------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [AttemptState.CLAIMED, AttemptState.UNCERTAIN])
def test_who_lost_an_attempt_changes_nothing_of_it(store: Store, state: AttemptState) -> None:
    async def case(a: CrewDesk) -> None:
        await a.read([a_job(1), a_job(2)])
        made = await a.to_state(state)
        b = a.as_worker("b")
        [taken] = await b.adopted()
        before = await a.dump()
        for act in (
            partial(a.move, made, AttemptState.UNCERTAIN),
            partial(a.move, made, AttemptState.PLACED),
            partial(a.finish, made, JobState.OPEN, AttemptState.UNSPENT, Outcome.NOT_RUNG, a.now),
            partial(a.finish, made),
        ):
            with pytest.raises(TakenOver):
                await act()
        assert await a.dump() == before
        # in one group with what is right only the wrong one fails
        answers = await together(partial(a.move, made, AttemptState.PLACED), a.ask)
        assert [type(each) for each in answers] == [TakenOver, Attempt]
        await b.move(taken, AttemptState.UNCERTAIN)
        await b.move(taken, AttemptState.PLACED)

    crew(store, case)


def test_a_placed_call_is_finished_by_anybody_once(store: Store) -> None:
    async def case(a: CrewDesk) -> None:
        await a.read([a_job(1)])
        await a.to_state(AttemptState.PLACED)
        b, c = a.as_worker("b"), a.as_worker("c")
        [beside] = await b.shared.placed_beside([])
        assert await b.shared.placed_beside([beside.id]) == []
        found = await c.shared.placed_call(CallId(f"call-{beside.id}"))
        assert found is not None
        timed = {"live_for_s": beside.live_for_s}  # by the ledger's clock, which went on
        assert replace(found, **timed) == beside
        assert await c.shared.placed_call(CallId("another")) is None
        assert await b.shared.closed_of([beside.id]) == set()
        answers = await together(partial(b.finish, beside), partial(c.finish, beside))
        assert [type(each) for each in answers] == [type(None), TakenOver]
        for desk in (a, b):
            with pytest.raises(TakenOver):
                await desk.finish(beside)
        assert await b.shared.closed_of([beside.id]) == {beside.id}
        assert await c.shared.placed_call(CallId(f"call-{beside.id}")) is None
        assert [line["kind"] for line in await a.said()] == ["attempt", "job"]
        assert await a.problems() == []

    crew(store, case)


def test_what_ended_and_is_dialled_again_is_another_attempt(store: Store) -> None:
    async def case(a: CrewDesk) -> None:
        await a.read([a_job(1)])
        await a.to_state(AttemptState.PLACED)
        [old] = await a.shared.placed_beside([])
        await a.finish(old, JobState.OPEN, AttemptState.ENDED, Outcome.NO_ANSWER, a.now)
        again = await a.as_worker("b").claim()
        assert (again.number, again.worker) == (2, "b")
        with pytest.raises(TakenOver):
            await a.finish(old)
        assert await a.problems() == []

    crew(store, case)


# --- jobs that come ---------------------------------------------------------------------------------------


def test_a_message_that_comes_ten_times_is_one_job(store: Store) -> None:
    async def case(a: CrewDesk) -> None:
        first, later = await a.begin("queue"), await a.begin("queue")

        async def add(intake: object, *jobs: object) -> list[AddedAs]:
            added = await a.ledger.add(
                intake, a.campaign_id, jobs, lambda _: a.intakes[first], a.now, is_stream=True
            )
            return [each.how for each in added]

        assert await add(first, *[a_job(1)] * 3) == [AddedAs.NEW, AddedAs.SAME, AddedAs.SAME]
        for intake in (first, later, first, later):
            assert await add(intake, a_job(1)) == [AddedAs.SAME]
        made = await a.claim()
        assert await add(first, a_job(1)) == [AddedAs.SAME]
        await a.finish(made)
        assert await add(later, a_job(1), a_job(1)) == [AddedAs.FINISHED, AddedAs.SAME]
        assert isinstance(await a.ask(), NothingDue)
        assert await a.sql("SELECT count(*) FROM job") == [(1,)]

    crew(store, case)


def test_another_job_id_with_the_same_number_is_another_job(store: Store) -> None:
    async def case(a: CrewDesk) -> None:
        intake, same = await a.begin("queue"), a_job(1).to_number
        for jobs in ([a_job(1), a_job(2, to_number=same)], [a_job(3, to_number=same)]):
            added = await a.ledger.add(
                intake, a.campaign_id, jobs, lambda _: a.intakes[intake], a.now, is_stream=True
            )
            assert {each.how for each in added} == {AddedAs.NEW}
        assert await a.shared.open_jobs() == 3
        assert (await a.claim()).job.job.job_id == "job-1"
        assert isinstance(await a.ask(), NothingDue), "not while the same person is called"
        # a list is read otherwise: there a number that stands twice is one person
        twice = [a_job(4), a_job(5, to_number=a_job(4).to_number)]
        assert [each.how for each in await a.add(await a.begin(), twice)] == [AddedAs.NEW, AddedAs.DUPLICATE]

    crew(store, case)


# --- what there is to do ------------------------------------------------------------------------------------


def test_published_never_goes_back(store: Store) -> None:
    async def case(a: CrewDesk) -> None:
        await a.read([a_job(1), a_job(2)])
        assert await a.shared.unpublished("stream") == []
        await a.to_state(AttemptState.ENDED)
        assert await a.shared.unpublished("stream") == [("spring", a.campaign_id, 0)]
        await a.shared.published(a.campaign_id, "stream", 1)
        await a.shared.published(a.campaign_id, "stream", 0)
        assert await a.shared.unpublished("stream") == [("spring", a.campaign_id, 1)]
        await a.shared.published(a.campaign_id, "stream", 2)
        await a.shared.published(a.campaign_id, "stream", 1)
        assert await a.shared.unpublished("stream") == []
        assert await a.shared.unpublished("another") == [("spring", a.campaign_id, 0)]
        await a.to_state(AttemptState.ENDED)
        assert await a.shared.unpublished("stream") == [("spring", a.campaign_id, 2)]

    crew(store, case)


def test_campaigns_with_something_to_do(store: Store) -> None:
    async def case(a: CrewDesk) -> None:
        async def at_work() -> list[str]:
            return [*await a.shared.campaigns_at_work(a.now)]

        await a.shared.campaign_named("empty", a.now)
        assert await at_work() == []
        await a.read([a_job(1)])
        other = await a.beside()
        await other.read([a_job(2), a_job(3)])
        assert await at_work() == ["spring", "autumn"]
        assert await a.shared.open_jobs() == 3
        made = await a.claim()
        assert await at_work() == ["spring", "autumn"], "it has a call under way"
        await a.finish(made)
        assert await at_work() == ["autumn"]
        assert await a.shared.campaign_name(other.campaign_id) == "autumn"
        await other.to_state(AttemptState.UNKNOWN)
        await other.operate(partial(campaigns.cancel, campaign_id=other.campaign_id, by=ANN))
        await a.ledger.cancel_open(other.campaign_id, a.now)
        assert await at_work() == [], "nothing is done for a cancelled one"

    crew(store, case)


def test_a_campaign_whose_jobs_are_all_due_later_is_asleep(store: Store) -> None:
    async def case(a: CrewDesk) -> None:
        later = [a_job(n, priority=n % 3, not_before=a.now + 100 - n) for n in range(1, 7)]
        await a.read(later)
        for waits_s, found in ((0.0, []), (93.9, []), (94.0, ["spring"]), (100.0, ["spring"])):
            assert [*await a.shared.campaigns_at_work(a.now + waits_s)] == found

    crew(store, case)


def test_a_rehearsal_is_no_work_of_a_service(store: Store) -> None:
    async def case(a: CrewDesk) -> None:
        rehearsal = Desk(a.ledger, await a.ledger.open_campaign("try", a.now, simulated=True))
        await rehearsal.read([a_job(1)])
        assert await a.shared.campaigns_at_work(a.now) == {}
        with pytest.raises(BadInput, match="was simulated"):
            await a.shared.campaign_named("try", a.now)

    crew(store, case)


@pytest.mark.parametrize("paused", [False, True], ids=["stopped", "paused, too"])
def test_what_a_rule_has_stopped_goes_on_when_an_operator_resumes_it(store: Store, paused: bool) -> None:
    """A service opens no campaign anew: nothing else lets it go on."""

    async def case(a: CrewDesk) -> None:
        await a.read([a_job(n) for n in range(9)])
        news = CallUpdate(CallId("call"), "not_connected", reason="sip_routing_error")
        for _ in range(3):
            made = await a.claim()
            await a.put_back(made, Outcome.CONFIGURATION, news=replace(news, call_id=CallId(made.id)))
        stopped = await a.ask()
        assert isinstance(stopped, NothingDue)
        assert stopped.stop is not None
        assert (await a.ledger.control(a.campaign_id)).stopped == stopped.stop
        if paused:
            await campaign_control.pause(a.ledger, a.campaign_id, ANN)
        await campaign_control.resume(a.ledger, a.campaign_id, ANN)
        assert (await a.ledger.control(a.campaign_id)).stopped is None
        assert isinstance(await a.ask(), Attempt)
        await campaign_control.resume(a.ledger, a.campaign_id, ANN)
        done = await a.operate(lambda conn: campaigns.operations(conn, a.campaign_id))
        assert [command for command, _, _ in done] == ["pause", "resume"][not paused :]

    crew(store, case)


def test_workers_whose_clocks_differ_keep_one_record(store: Store) -> None:
    """What the one with the clock behind claims later is older than the first decision, and was decided."""

    async def case(a: CrewDesk) -> None:
        await a.read([a_job(n) for n in range(6)])
        await a.sql("UPDATE job SET due_at = 0")
        b = a.as_worker("b")
        for behind_s in (0.0, 5.0, 3600.0):
            b.now = NOW - behind_s
            await a.claim()
            await b.claim()
        assert await a.ledger.ask(lambda conn: agreement(conn, a.campaign_id)) == ([], [])
        await a.sql("DELETE FROM decision WHERE seq = 1")
        problems, notes = await a.ledger.ask(lambda conn: agreement(conn, a.campaign_id))
        assert (len(problems), notes) == (1, [])

    crew(store, case)
