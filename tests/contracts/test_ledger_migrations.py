"""The migrations end where the tables are."""

from importlib.resources import files
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from ledger_contract import NOW, Desk, Store, a_job, number, raw

from dialer.adapters.ledger.drivers.database import dispatcher_lock, sqlite_engine
from dialer.adapters.ledger.schema.tables import SCHEMA_VERSION, metadata
from dialer.adapters.ledger.schema.versions import upgrade
from dialer.adapters.ledger.store import open_sqlite
from dialer.domain.caps import CapsRule
from dialer.domain.errors import LedgerError
from dialer.domain.lifecycle import AttemptState
from dialer.domain.lines import Line
from dialer.domain.screening import CampaignPolicy
from dialer.ports.engine import NothingDue


def migrated() -> sa.Engine:
    engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool)
    with engine.begin() as conn:
        upgrade(conn)
    return engine


def schema(engine: sa.Engine) -> set[tuple[str, ...]]:
    """Every column and index as SQLite has it; an added column stands behind a table's constraints."""
    with engine.connect() as conn:
        rows = conn.exec_driver_sql("SELECT type, name, tbl_name, sql FROM sqlite_master").all()
        found = {
            ("index", name, " ".join((sql or "").split())) for kind, name, _, sql in rows if kind == "index"
        }
        for _, name, _, sql in [row for row in rows if row[0] == "table"]:
            columns = conn.exec_driver_sql(f"PRAGMA table_xinfo({name})").all()
            found |= {("column", name, *map(str, column)) for column in columns}
            found.add(("table", name, str("WITHOUT ROWID" in sql)))
            keys = conn.exec_driver_sql(f"PRAGMA foreign_key_list({name})").all()
            found |= {("key", name, *map(str, key)) for key in keys}
    return found


def test_migrating_and_creating_give_the_same_schema() -> None:
    created, by_steps = sqlite_engine(None, dispatches=True), migrated()
    try:
        assert schema(by_steps) == schema(created)
        partial = {each for each in schema(by_steps) if each[0] == "index" and "WHERE" in each[2]}
        assert len(partial) == 3
        with by_steps.connect() as conn:
            context = MigrationContext.configure(conn, opts={"compare_type": True})
            assert compare_metadata(context, metadata) == []
            assert context.get_current_revision() == SCHEMA_VERSION
    finally:
        created.dispose()
        by_steps.dispose()


def test_the_program_knows_the_newest_migration_and_there_is_one_line_of_them() -> None:
    config = Config()
    config.set_main_option("script_location", "dialer.adapters.ledger.schema:migrations")
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_heads() == [SCHEMA_VERSION]
    revisions = [script.revision for script in scripts.walk_revisions()]
    assert revisions == sorted(revisions, reverse=True), "versions are compared as words"


def test_migrations_do_not_lean_on_tables_that_change() -> None:
    versions = files("dialer.adapters.ledger.schema") / "migrations" / "versions"
    texts = [each.read_text() for each in versions.iterdir() if each.name.endswith(".py")]
    assert texts
    assert not [text for text in texts if "dialer.adapters" in text]


@pytest.fixture
def older(file: Store) -> Path:
    """A ledger of a version before the first: the same tables, and a migration that has to run."""
    file.work(lambda desk: desk.read([a_job(1)]))
    assert file.path is not None
    conn = raw(file.path)
    conn.execute("UPDATE alembic_version SET version_num = '0000'")
    conn.close()
    return file.path


def test_a_migration_that_fails_changes_nothing(older: Path, file: Store) -> None:
    def dumped() -> list[str]:
        conn = raw(older)
        try:
            return list(conn.iterdump())
        finally:
            conn.close()

    before = dumped()
    with pytest.raises(Exception, match="0000"):
        file.work(lambda desk: desk.ask())
    assert dumped() == before


def test_a_look_does_not_migrate_under_a_running_dialer(older: Path, file: Store) -> None:
    async def look() -> None:
        async with open_sqlite(older, dispatches=False, on_thread=False):
            pass

    with dispatcher_lock(older), pytest.raises(LedgerError, match="is in use"):
        file.run(look)


def test_a_file_that_was_migrated_works(file: Store) -> None:
    assert file.path is not None
    engine = sa.create_engine(f"sqlite:///{file.path}")
    with engine.begin() as conn:
        upgrade(conn)
    engine.dispose()

    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        await desk.finish(await desk.claim())
        assert await desk.problems() == []

    file.work(case)


def test_a_ledger_of_the_first_version_goes_on(file: Store) -> None:
    """It has no analyses, no rules and no decisions yet."""
    assert file.path is not None
    engine = sa.create_engine(f"sqlite:///{file.path}")
    with engine.begin() as conn:
        upgrade(conn, "0001")
        conn.exec_driver_sql(
            "INSERT INTO campaign VALUES (1, 'spring', 1.0, 0, 2)",
        )
        conn.exec_driver_sql("INSERT INTO intake VALUES (1, 1, 'leads.csv', 1.0, 1, 2, 2, 0, 0, 0, 0)")
        for n, state in ((1, "open"), (2, "done")):
            conn.exec_driver_sql(
                "INSERT INTO job VALUES (?, 1, 1, ?, NULL, 2, 'phone_call', ?, NULL, NULL, 0, NULL, NULL,"
                " ?, ?, 1.0, ?, '', ?, ?)",
                (n, f"job-{n}", number(n), b"{}", state, n - 1, None if n == 1 else "reached", 2.0),
            )
        conn.exec_driver_sql(
            "INSERT INTO attempt VALUES ('a', 1, 2, 1, 'ended', ?, ?, 1.0, 1.0, 'call_1', 1.0, 2.0,"
            " 'reached', 'ended', 'agent_hangup', 9.0, 1.0, NULL)",
            (number(99), b"{}"),
        )
        for seq, kind in ((1, "attempt"), (2, "job")):
            conn.exec_driver_sql(
                "INSERT INTO result VALUES (1, ?, ?, 2, 'a', ?)", (seq, kind, b'{"seq":%d}' % seq)
            )
    engine.dispose()

    async def after(desk: Desk) -> None:
        assert await desk.sql("SELECT version_num FROM alembic_version") == [(SCHEMA_VERSION,)]
        assert await desk.sql("SELECT to_number FROM attempt") == [(number(2),)]
        await desk.to_state(AttemptState.ENDED)
        assert await desk.problems() == []

    file.work(after)


@pytest.mark.parametrize("version", ["0001", "0002"])
def test_rules_go_by_what_happened_before_there_were_any(file: Store, version: str) -> None:
    """Calls of today, a live one, and who was called from where."""
    assert file.path is not None
    engine = sa.create_engine(f"sqlite:///{file.path}")
    mine, other = "+13055550190", "+13055550191"
    with engine.begin() as conn:
        upgrade(conn, version)
        conn.exec_driver_sql("INSERT INTO campaign VALUES (1, 'spring', 1.0, 0, 0)")
        conn.exec_driver_sql("INSERT INTO intake VALUES (1, 1, 'leads.csv', 1.0, 1, 4, 4, 0, 0, 0, 0)")
        for n, state in enumerate(("ended", "placed", "unspent", "ended")):
            conn.exec_driver_sql(
                "INSERT INTO job VALUES (?, 1, 1, ?, NULL, 2, 'phone_call', ?, NULL, NULL, 0, NULL, NULL,"
                " '{}', ?, ?, 1, '', NULL, NULL)",
                (n, f"job-{n}", number(n), "busy" if state == "placed" else "open", NOW + 60),
            )
            claimed = NOW - (100_000 if n == 3 else 60)
            conn.exec_driver_sql(
                "INSERT INTO attempt VALUES (?, 1, ?, 1, ?, ?, '{}', ?, ?, ?, ?, ?, NULL, NULL, NULL, NULL,"
                " NULL, NULL)",
                (f"a{n}", n, state, mine, claimed, claimed, f"c{n}", claimed, None if n == 1 else NOW),
            )
    engine.dispose()

    async def after(desk: Desk) -> None:
        desk.now = NOW + 60
        for bounds in ({"per_day": 2}, {"slots": 1}):
            assert isinstance(await desk.ask(CampaignPolicy(lines=(Line(mine, **bounds),))), NothingDue)
        two = CampaignPolicy(lines=(Line(other), Line(mine, per_day=3)), caps=CapsRule(gap_s=121.0))
        made = await desk.claim(two)
        assert (made.job.job.key, made.from_number) == ("job-2", other), "a call to job-0 was a moment ago"
        desk.now = NOW + 61
        assert [
            (made.job.job.key, made.from_number) for made in [await desk.claim(two), await desk.claim(two)]
        ] == [
            ("job-3", mine),  # by which it was called before, for the third time today
            ("job-0", other),
        ]
        assert await desk.ledger.decision_problems(desk.campaign_id) == []

    file.work(after)
