"""What is PostgreSQL's own: a server that goes away, its locks, a database that is something else."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import anyio
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from ledger_contract import NOW, Desk, Store, a_job, together
from sqlalchemy.ext.asyncio import create_async_engine

from dialer.adapters.ledger.commit import TRIES_MAX
from dialer.adapters.ledger.operators import campaigns
from dialer.adapters.ledger.postgres import open_postgres
from dialer.adapters.ledger.schema.tables import SCHEMA_VERSION, metadata
from dialer.adapters.ledger.schema.versions import upgrade
from dialer.adapters.ledger.store import SqlLedger
from dialer.domain.calls import Attempt, CampaignId
from dialer.domain.errors import LedgerError
from dialer.domain.lifecycle import AttemptState
from dialer.ports.engine import Operation
from tests.support.cut import At, Way, a_way
from tests.support.postgres import sql

WAIT_S_MAX = 30.0
either = pytest.mark.parametrize("dispatches", [True, False], ids=["to dial", "to look"])


def refusal(url: str, dispatches: bool = True) -> str:
    """What opening says."""

    async def case() -> None:
        async with open_postgres(url, dispatches=dispatches):
            pass

    with pytest.raises(LedgerError) as caught:
        Store("postgres", url=url).run(case)
    return str(caught.value)


def url_of(store: Store) -> str:
    assert store.url is not None
    return store.url


def on_the_way(store: Store, case: Callable[[Way, Desk], Awaitable[Any]]) -> None:
    """At a desk whose server can be cut off."""

    async def main() -> None:
        with anyio.fail_after(WAIT_S_MAX):
            async with a_way(url_of(store)) as way, Store("postgres", url=way.url).desk() as desk:
                await desk.read([a_job(1), a_job(2)])
                await case(way, desk)

    store.run(main)


async def is_whole(desk: Desk, claimed: int) -> None:
    made = await desk.ledger.open_attempts(desk.campaign_id, frozenset({AttemptState.CLAIMED}))
    assert len(made) == claimed
    assert await desk.problems() == []


def test_a_commit_whose_answer_is_lost_has_happened(postgres: Store) -> None:
    async def case(way: Way, desk: Desk) -> None:
        way.cut_at = At.AFTER_COMMIT
        claimed = await desk.claim()
        assert way.cut_at is None
        made = await desk.ledger.open_attempts(desk.campaign_id, frozenset({AttemptState.CLAIMED}))
        assert [each.id for each in made] == [claimed.id]
        await desk.finish(claimed)
        await is_whole(desk, 0)

    on_the_way(postgres, case)


def test_a_commit_that_did_not_arrive_has_not_happened(postgres: Store) -> None:
    async def case(way: Way, desk: Desk) -> None:
        way.cut_at = At.BEFORE_COMMIT
        answers = await together(desk.ask, desk.ask)
        assert [isinstance(each, LedgerError) for each in answers] == [True, True]
        await is_whole(desk, 0)
        assert (await desk.claim()).number == 1
        await is_whole(desk, 1)

    on_the_way(postgres, case)


def test_a_connection_that_was_lost_is_made_again(postgres: Store) -> None:
    async def case(way: Way, desk: Desk) -> None:
        await desk.claim()
        way.cut()
        with pytest.raises(LedgerError):
            await desk.ask()
        await desk.claim()
        await is_whole(desk, 2)

    on_the_way(postgres, case)


def test_nothing_is_claimed_while_there_is_no_server_and_then_it_goes_on(postgres: Store) -> None:
    async def case(way: Way, desk: Desk) -> None:
        way.is_closed = True
        way.cut()
        for tries in (0, 1, 2):  # the first one only hears that its connection is lost
            answers = await together(desk.ask, desk.ask, desk.ask)
            assert [isinstance(each, LedgerError) for each in answers] == [True] * 3
            assert way.sent_away == tries  # once for all who ask, not once for each
        assert "does not answer" in str(answers[0])
        way.is_closed = False
        await desk.claim()
        await is_whole(desk, 1)

    on_the_way(postgres, case)


def test_only_one_process_dials_and_others_may_look_and_write_a_little(postgres: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        made = await desk.to_state(AttemptState.UNKNOWN)
        with pytest.raises(LedgerError, match="is in use: another dialer is dialling from it"):
            async with postgres.open():
                pass
        async with postgres.open(dispatches=False) as other:
            assert list(await other.campaigns()) == ["spring"]
            await Desk(other, desk.campaign_id).finish(made)
        assert await desk.problems() == []

    postgres.work(case)
    postgres.work(lambda desk: desk.problems())  # the lock went with the connection


def test_who_lost_its_connection_dials_no_more_if_another_does(postgres: Store) -> None:
    async def case(way: Way, desk: Desk) -> None:
        way.is_closed = True
        way.cut()
        with pytest.raises(LedgerError):
            await desk.ask()
        way.is_closed = False
        async with postgres.open():
            with pytest.raises(LedgerError, match="is in use"):
                await desk.ask()
        await desk.claim()

    on_the_way(postgres, case)


def test_processes_that_write_at_once_number_their_lines_one_by_one(postgres: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(60)])
        made = [await desk.claim() for _ in range(60)]
        async with postgres.open(dispatches=False) as second, postgres.open(dispatches=False) as third:
            desks = [desk, Desk(second, desk.campaign_id), Desk(third, desk.campaign_id)]

            async def finish(at: Desk, attempts: list[Attempt]) -> None:
                for each in attempts:
                    await at.finish(each)

            async with anyio.create_task_group() as tasks:
                for n, each in enumerate(desks):
                    tasks.start_soon(finish, each, made[n::3])
        lines = await desk.ledger.results_after(desk.campaign_id, 0, 1000)
        assert [each.seq for each in lines] == list(range(1, 121))
        assert await desk.problems() == []
        assert await desk.ledger.decision_problems(desk.campaign_id) == []

    postgres.work(case)


def set_in(campaign_id: CampaignId, changes: dict[str, int], by: Operation, conn: sa.Connection) -> None:
    campaigns.change(conn, campaign_id, changes, by)


def test_processes_that_change_the_same_at_once_lose_nothing(postgres: Store) -> None:
    async def case(desk: Desk) -> None:
        async def change(ledger: SqlLedger, who: str) -> None:
            for n in range(10):
                changes, by = {f"{who} {n}": n}, Operation(who, NOW)
                await ledger.operate(partial(set_in, desk.campaign_id, changes, by))

        async with (
            postgres.open(dispatches=False) as second,
            postgres.open(dispatches=False) as third,
            anyio.create_task_group() as tasks,
        ):
            for who, ledger in (("ann", desk.ledger), ("bob", second), ("eve", third)):
                tasks.start_soon(change, ledger, who)
        control = await desk.ledger.control(desk.campaign_id)
        assert (control.version, len(control.changes)) == (30, 30)

    postgres.work(case)


@pytest.mark.parametrize("gives_way", [1, TRIES_MAX - 1, TRIES_MAX])
def test_what_had_to_give_way_is_tried_again(postgres: Store, gives_way: int) -> None:
    tried: list[int] = []

    def act(conn: sa.Connection) -> None:
        tried.append(1)
        if len(tried) <= gives_way:
            conn.exec_driver_sql("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40P01'; END $$")

    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        answers = await together(partial(desk.ledger.operate, act), desk.ask)
        kind = LedgerError if gives_way == TRIES_MAX else type(None)
        assert isinstance(answers[0], kind)
        assert len(tried) == min(gives_way + 1, TRIES_MAX)

    postgres.work(case)


def indexes(url: str) -> list[tuple[Any, ...]]:
    schema = url.rpartition("search_path=")[2]
    found = sql(url, f"SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = '{schema}'")  # noqa: S608
    return sorted((name, text.replace(schema, "")) for name, text in found)


async def migrate(url: str, to: str = "head") -> list[Any]:
    """Run the migrations; how their end differs from the tables."""
    server, _, path = url.rpartition("?search_path=")
    settings = {"server_settings": {"search_path": path}}
    engine = create_async_engine(
        server.replace("postgresql://", "postgresql+asyncpg://"),
        connect_args=settings,
        poolclass=sa.pool.NullPool,
    )

    def migrate(conn: sa.Connection) -> list[Any]:
        upgrade(conn, to)
        return list(compare_metadata(MigrationContext.configure(conn, opts={"compare_type": True}), metadata))

    async with engine.begin() as conn:
        return await conn.run_sync(migrate)


def test_migrating_and_creating_give_the_same_schema(postgres: Store, another: Store) -> None:
    postgres.work(lambda desk: desk.problems())

    async def case() -> None:
        assert await migrate(url_of(another)) == []

    another.run(case)
    assert indexes(url_of(another)) == indexes(url_of(postgres))
    assert len([text for _, text in indexes(url_of(another)) if "WHERE" in text]) == 3


def test_a_ledger_of_the_first_version_goes_on(postgres: Store) -> None:
    async def first() -> None:
        await migrate(url_of(postgres), "0001")

    async def after(desk: Desk) -> None:
        assert await desk.sql("SELECT version_num FROM alembic_version") == [(SCHEMA_VERSION,)]
        await desk.read([a_job(1)])
        await desk.to_state(AttemptState.ENDED)
        assert await desk.problems() == []

    postgres.run(first)
    postgres.work(after)


@either
def test_a_newer_ledger(postgres: Store, dispatches: bool) -> None:
    postgres.work(lambda desk: desk.sql("UPDATE alembic_version SET version_num = '0917'"))
    message = refusal(url_of(postgres), dispatches)
    assert f"newer dialer (schema 0917, this one knows {SCHEMA_VERSION})" in message


@either
def test_a_database_that_is_not_a_ledger(postgres: Store, dispatches: bool) -> None:
    sql(url_of(postgres), "CREATE TABLE customer (id integer)")
    assert "not a ledger of dialer" in refusal(url_of(postgres), dispatches)


def test_looking_at_a_ledger_that_is_not_there_makes_none(postgres: Store) -> None:
    assert "there is no ledger at postgresql://" in refusal(url_of(postgres), dispatches=False)
    assert sql(url_of(postgres), "SELECT 1 FROM pg_tables WHERE schemaname = current_schema()") == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://me:secret@127.0.0.1:1/x", "does not answer"),
        ("postgresql://me:secret@127.0.0.1:1/x?password=secret", "does not answer"),
        ("postgresql://me:secret@127.0.0.1:port/x", "cannot be opened"),
    ],
)
@either
def test_a_server_that_is_not_there(url: str, said: str, dispatches: bool) -> None:
    message = refusal(url, dispatches)
    assert said in message
    assert "secret" not in message
