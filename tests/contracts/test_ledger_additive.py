"""Each migration only adds: what a program of the version before reads and writes is there after it, too."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import anyio
import pytest
import sqlalchemy as sa
from ledger_contract import Store
from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.adapters.ledger.drivers.reaching import reached
from dialer.adapters.ledger.drivers.server import DISPATCHER, WRITER
from dialer.adapters.ledger.schema.tables import SCHEMA_VERSION
from dialer.adapters.ledger.schema.upgrade import steps_after
from dialer.adapters.ledger.schema.versions import upgrade
from dialer.commands.migrate import migrate_ledger
from dialer.domain.errors import LedgerError
from dialer.settings import load
from tests.support.postgres import a_schema

VERSIONS = [step.version for step in steps_after("")]
STEPS = list(pairwise(VERSIONS))
RULE_SINCE = "0004"
"""Since then processes of two versions may work on one ledger."""
VERSION_TABLE = "alembic_version"
WRITES = 60
LOCK = f"SELECT pg_advisory_xact_lock({WRITER}, hashtext(current_schema()))"


@contextmanager
def on_sqlite() -> Iterator[sa.Connection]:
    engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool)
    with engine.begin() as conn:
        yield conn
    engine.dispose()


def work_on(kind: str, case: Callable[[sa.Connection], None]) -> None:
    """Run a case on an empty database."""
    if kind == "sqlite":
        with on_sqlite() as conn:
            case(conn)
        return

    async def main(url: str) -> None:
        async with reached(url, statement_s_max=30.0) as conn, conn.begin():
            await conn.run_sync(case)

    with a_schema() as url:
        anyio.run(main, url)


Columns = Mapping[tuple[str, str], tuple[str, bool]]


def columns(conn: sa.Connection) -> Columns:
    """Table and column; its type, and whether a row may leave it out."""
    looks = sa.inspect(conn)
    return {
        (table, each["name"]): (
            str(each["type"]),
            each["nullable"] or each["default"] is not None or bool(each.get("autoincrement") is True),
        )
        for table in looks.get_table_names()
        for each in looks.get_columns(table)
    }


def rules(conn: sa.Connection) -> set[tuple[str, ...]]:
    """What a row may be refused for, by table: unique columns, keys, checks."""
    looks, found = sa.inspect(conn), set[tuple[str, ...]]()
    for table in looks.get_table_names():
        found |= {
            (table, "unique", *map(str, each["column_names"])) for each in looks.get_unique_constraints(table)
        }
        found |= {
            (table, "unique", *map(str, each["column_names"]))
            for each in looks.get_indexes(table)
            if each["unique"]
        }
        found |= {(table, "key", *each["constrained_columns"]) for each in looks.get_foreign_keys(table)}
        found |= {(table, "check", str(each["sqltext"])) for each in looks.get_check_constraints(table)}
    return found


@pytest.mark.parametrize(("before", "after"), STEPS)
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_migration_only_adds(kind: str, before: str, after: str) -> None:
    def case(conn: sa.Connection) -> None:
        upgrade(conn, before)
        old, old_rules = columns(conn), rules(conn)
        upgrade(conn, after)
        new = columns(conn)
        assert {name: new.get(name) for name in old} == old, "a column is gone, or another than it was"
        known = {table for table, _ in old}
        added = {name: may for name, (_, may) in new.items() if name not in old and name[0] in known}
        assert [name for name, may in added.items() if not may] == [], "an older program does not fill it"
        if after >= RULE_SINCE:
            assert {each for each in rules(conn) - old_rules if each[0] in known} == set()
            assert old_rules <= rules(conn)

    work_on(kind, case)


def a_value(column: sa.Column[Any], n: int) -> Any:
    match column.type.python_type.__name__:
        case "int":
            return n
        case "float":
            return float(n)
        case "bool":
            return n % 2 == 0
        case "bytes":
            return b"%d" % n
        case "str":
            return "open" if column.name == "state" else f"{n}"
    raise AssertionError(f"{column} is of a type that this test does not know")


def reflected(conn: sa.Connection) -> sa.MetaData:
    """The tables as they are now: those of a program of this version."""
    known = sa.MetaData()
    known.reflect(conn)
    known.remove(known.tables[VERSION_TABLE])
    return known


@pytest.mark.parametrize(("before", "after"), STEPS)
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_an_older_programs_statements_work(kind: str, before: str, after: str) -> None:
    def case(conn: sa.Connection) -> None:
        upgrade(conn, before)
        known = reflected(conn).sorted_tables
        upgrade(conn, after)
        for n in (1, 2):
            for table in known:
                values = {each.name: 1 if each.foreign_keys else a_value(each, n) for each in table.c}
                if "job_id" in values and table.name == "attempt":
                    values["job_id"] = n
                if table.name == "money":
                    values["campaign_id"] = n
                conn.execute(sa.insert(table).values(**values))
        for table in known:
            rows = conn.execute(sa.select(table)).all()
            assert len(rows) == 2, table.name
            some = [each for each in table.c if not each.primary_key and not each.foreign_keys][-1]
            conn.execute(sa.update(table).values({some.name: a_value(some, 3)}))
        for table in reversed(known):
            assert conn.execute(sa.delete(table)).rowcount == 2, table.name

    work_on(kind, case)


def test_a_server_is_migrated_while_others_write(postgres: Store) -> None:
    """Programs of the version before, as far as a server can see them: their lock, and their statements."""
    url, before = str(postgres.url), VERSIONS[-2]
    begun = threading.Event()

    async def prepare() -> None:
        async with reached(url, statement_s_max=30.0) as conn, conn.begin():
            await conn.run_sync(lambda sync: upgrade(sync, before))

    async def write(conn: AsyncConnection, known: sa.MetaData, n: int) -> None:
        async with conn.begin():
            await conn.exec_driver_sql(LOCK)
            made = sa.insert(known.tables["campaign"]).values(name=f"c{n}", created_at=1.0, simulated=False)
            campaign = (await conn.execute(made.returning(sa.text("id")))).scalar_one()
            read = sa.insert(known.tables["intake"]).values(
                campaign_id=campaign, source="a.csv", started_at=1.0
            )
            await conn.execute(read)

    async def work() -> None:
        async with reached(url, statement_s_max=30.0) as conn:
            known = await conn.run_sync(reflected)
            await conn.rollback()
            for n in range(WRITES):
                await write(conn, known, n)
                if n == 5:
                    begun.set()

    anyio.run(prepare)
    worker = threading.Thread(target=anyio.run, args=(work,))
    worker.start()
    assert begun.wait(20)
    done = migrate_ledger(load(None, {"ledger": {"url": url}}, {}, None), check=False)
    worker.join(30)

    async def count() -> tuple[int, str]:
        async with reached(url, statement_s_max=30.0) as conn:
            both = "SELECT (SELECT count(*) FROM intake), (SELECT version_num FROM alembic_version)"
            row = (await conn.exec_driver_sql(both)).one()
            return row[0], row[1]

    assert (done.before, [step.version for step in done.steps]) == (before, [SCHEMA_VERSION])
    assert anyio.run(count) == (WRITES, SCHEMA_VERSION)


def test_a_ledger_writes_under_the_lock_that_a_migration_takes(postgres: Store) -> None:
    async def case() -> None:
        async with (
            postgres.open() as ledger,
            reached(str(postgres.url), statement_s_max=30.0) as other,
            anyio.create_task_group() as tasks,
        ):
            wrote = anyio.Event()

            async def write() -> None:
                await ledger.campaigns()  # a question does not wait
                await ledger.open_campaign("spring", 1.0, simulated=False)
                wrote.set()

            await other.exec_driver_sql(LOCK)
            tasks.start_soon(write)
            with anyio.move_on_after(0.3):
                await wrote.wait()
            assert not wrote.is_set()
            await other.rollback()
            with anyio.fail_after(10):
                await wrote.wait()

    postgres.run(case)


def test_who_only_looks_brings_a_ledger_up_if_nobody_dials_from_it(postgres: Store) -> None:
    """Those who dial have a lock for as long as they do: an older program would go on, and is not asked."""
    url = str(postgres.url)

    async def version() -> str:
        async with reached(url, statement_s_max=30.0) as conn:
            found: str = (await conn.exec_driver_sql("SELECT version_num FROM alembic_version")).scalar_one()
            return found

    async def look() -> None:
        async with postgres.open(dispatches=False) as ledger:
            assert await ledger.campaigns() == {}

    async def case() -> None:
        async with reached(url, statement_s_max=30.0) as conn, conn.begin():
            await conn.run_sync(lambda sync: upgrade(sync, VERSIONS[-2]))
        async with reached(url, statement_s_max=30.0) as dialling:
            await dialling.exec_driver_sql(
                f"SELECT pg_advisory_lock_shared({DISPATCHER}, hashtext(current_schema()))"
            )
            with pytest.raises(LedgerError, match="is in use: another dialer is dialling from it"):
                await look()
        assert await version() == VERSIONS[-2]
        await look()
        assert await version() == SCHEMA_VERSION

    postgres.run(case)
