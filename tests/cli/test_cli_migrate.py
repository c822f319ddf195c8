"""`dialer migrate`, as a process, on files and on a server."""

import json
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from cli_process import Ended, dialer

from dialer.adapters.ledger.drivers.database import dispatcher_lock
from dialer.adapters.ledger.schema.tables import SCHEMA_VERSION
from dialer.adapters.ledger.schema.versions import upgrade
from dialer.cli import exits
from tests.support.postgres import a_schema, sql


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A ledger of the first version."""
    path = tmp_path / "dialer.db"
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as conn:
        upgrade(conn, "0001")
    engine.dispose()
    return path


def version(path: Path) -> str:
    conn = sqlite3.connect(path)
    found: str = conn.execute("SELECT version_num FROM alembic_version").fetchone()[0]
    conn.close()
    return found


def migrated(place: Path, *flags: str) -> Ended:
    return dialer("migrate", *flags, cwd=place)


def test_a_file_is_brought_up_and_it_says_how(older: Path, tmp_path: Path) -> None:
    asked = migrated(tmp_path, "--check")
    assert (asked.code, version(older)) == (exits.FAILED, "0001")
    assert f"ledger ./dialer.db would be brought from version 0001 to {SCHEMA_VERSION}:" in asked.out
    done = migrated(tmp_path)
    assert (done.code, done.err, version(older)) == (exits.DONE, "", SCHEMA_VERSION)
    lines = done.out.splitlines()
    assert lines[0] == f"ledger ./dialer.db is brought from version 0001 to {SCHEMA_VERSION}:"
    assert lines[1] == "  0002  At most one analysis of each attempt among the results."
    assert lines[-1].startswith(f"  {SCHEMA_VERSION}  ")
    again = migrated(tmp_path, "--check")
    assert (again.code, again.out) == (
        exits.DONE,
        f"ledger ./dialer.db is up to date (version {SCHEMA_VERSION})\n",
    )
    assert dialer("verify", cwd=tmp_path).code == exits.DONE


def test_as_json(older: Path, tmp_path: Path) -> None:
    shown = json.loads(migrated(tmp_path, "--json").out)
    assert (shown["before"], shown["after"], shown["needed"]) == ("0001", SCHEMA_VERSION, True)
    assert [step["version"] for step in shown["steps"]][:2] == ["0002", "0003"]


@pytest.mark.parametrize("flags", [(), ("--check",)])
def test_a_newer_one_is_refused(older: Path, tmp_path: Path, flags: tuple[str, ...]) -> None:
    conn = sqlite3.connect(older)
    conn.execute("UPDATE alembic_version SET version_num = '0917'")
    conn.commit()
    conn.close()
    ended = migrated(tmp_path, *flags)
    assert (ended.code, version(older)) == (exits.FAILED, "0917")
    assert f"written by a newer dialer (schema 0917, this one knows {SCHEMA_VERSION})" in ended.err


def test_a_file_that_is_not_there_or_being_dialled_from(older: Path, tmp_path: Path) -> None:
    none = migrated(tmp_path, "--ledger", "other.db")
    assert (none.code, (tmp_path / "other.db").exists()) == (exits.FAILED, False)
    assert "there is no ledger at other.db" in none.err
    with dispatcher_lock(older):
        assert "is in use: another dialer is dialling from it" in migrated(tmp_path).err
        assert migrated(tmp_path, "--check").code == exits.FAILED
    assert version(older) == "0001"


def test_a_server(tmp_path: Path) -> None:
    with a_schema() as url:
        flags = ("--ledger", url)
        asked = migrated(tmp_path, *flags, "--check")
        assert (asked.code, "would be made, of version" in asked.out) == (exits.FAILED, True), asked.said
        assert sql(url, "SELECT 1 FROM pg_tables WHERE schemaname = current_schema()") == []
        assert f"is made, of version {SCHEMA_VERSION}" in migrated(tmp_path, *flags).out
        assert migrated(tmp_path, *flags, "--check").code == exits.DONE
        assert dialer("verify", *flags, cwd=tmp_path).code == exits.DONE
        sql(url, "UPDATE alembic_version SET version_num = '0917'")
        assert "written by a newer dialer" in migrated(tmp_path, *flags).err


def test_something_else_is_left_alone(tmp_path: Path) -> None:
    with a_schema() as url:
        sql(url, "CREATE TABLE customer (id integer)")
        ended = migrated(tmp_path, "--ledger", url)
        assert (ended.code, "is a database, but not a ledger of dialer" in ended.err) == (exits.FAILED, True)
    (tmp_path / "dialer.db").write_text("Dear diary, " * 100)
    assert "is damaged or is not a SQLite file" in migrated(tmp_path).err
