"""`dialer doctor`, against the simulator and real servers."""

import json
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import aio_pika
import aiormq
import anyio
import nats
import pytest
import redis.asyncio
from cli_process import Served, dialer, simulator
from nats.js.errors import NotFoundError
from typer.testing import CliRunner

from dialer.adapters.ledger.schema.tables import SCHEMA_VERSION
from dialer.cli import exits
from dialer.cli.main import app
from tests.support.postgres import a_schema, sql
from tests.support.services import KINDS, a_queue

KEY = "key_0123456789abcdef"
FROM = ("--from", "+12125550100")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with simulator("--concurrency", "7", cwd=tmp_path_factory.mktemp("simulator")) as served:
        yield served


def found(served: Served, place: Path, *flags: str, **env: str) -> tuple[int, dict[str, tuple[str, str]]]:
    """The exit code, and for each check its mark and what was said, the way out too.

    In this process: one of its own takes a second to begin.
    """
    with chdir(place):
        ended = CliRunner().invoke(app, ["doctor", *FROM, *flags, "--json"], env=served.settings(**env))
    assert ended.stderr == "", ended.output
    shown: dict[str, Any] = json.loads(ended.stdout)
    assert shown["fit"] is (ended.exit_code == exits.DONE)
    findings = shown["findings"]
    return ended.exit_code, {
        each["check"]: (each["mark"], f"{each['said']} {each['way_out']}".strip()) for each in findings
    }


def test_all_is_well_and_nothing_is_changed(served: Served, tmp_path: Path) -> None:
    code, checks = found(served, tmp_path, "--slots", "7", "--webhook-listen", "127.0.0.1:0")
    assert (code, {mark for mark, _ in checks.values()}) == (exits.DONE, {"good", "skipped"}), checks
    assert checks["room"][1] == "the account allows 7 calls at once; 0 are going on now; pace.slots = 7"
    assert checks["clock"][1] == "this machine's clock agrees with the API's"
    assert checks["ledger"][1] == "./dialer.db: not created yet; the first run creates it"
    assert checks["webhooks"] == ("good", "127.0.0.1:0 is free")
    assert checks["metrics"][0] == "skipped"
    assert list(tmp_path.iterdir()) == []
    ended = dialer("doctor", *FROM, "--json", cwd=tmp_path, env=served.settings())
    assert (ended.code, ended.err, json.loads(ended.out)["fit"]) == (exits.DONE, "", True)
    assert list(tmp_path.iterdir()) == []


def test_lines_for_people(served: Served, tmp_path: Path) -> None:
    ended = dialer("doctor", *FROM, "--slots", "8", cwd=tmp_path, env=served.settings())
    assert ended.code == exits.DONE, ended.said
    lines = [" ".join(line.split()) for line in ended.out.splitlines()]
    assert any(line.startswith("✓ key the API took it and answered in ") for line in lines)
    assert "! room the account allows 7 calls at once; 0 are going on now" in lines
    assert "→ pace.slots = 8 will not be reached: lower it to 7, or buy concurrency" in lines
    assert "– metrics metrics.listen is not set" in lines


def test_a_key_that_the_api_refuses(served: Served, tmp_path: Path) -> None:
    code, checks = found(served, tmp_path, RETELL_API_KEY=KEY)
    assert code == exits.FAILED
    assert checks["key"][0] == "bad"
    assert "401" in checks["key"][1]
    assert "check RETELL_API_KEY" in checks["key"][1]
    assert KEY not in str(checks)
    assert "room" not in checks


def test_settings_that_are_refused_and_no_key(tmp_path: Path) -> None:
    wrong = dialer("doctor", "--slots", "0", cwd=tmp_path)
    assert (wrong.code, wrong.err) == (exits.FAILED, "")
    assert "✗ settings  --slots: pace.slots = 0 must be a whole number from 1" in wrong.out
    unset = dialer("doctor", cwd=tmp_path)
    assert unset.code == exits.FAILED
    assert "RETELL_API_KEY is not set" in unset.out


def test_an_api_that_is_not_there(served: Served, tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:1"
    code, checks = found(served, tmp_path, DIALER_RETELL__BASE_URL=nowhere)
    assert (code, checks["key"][0]) == (exits.FAILED, "bad")
    assert "the API at 127.0.0.1:1 gave no good answer: ClientConnectorError" in checks["key"][1]


def test_an_address_that_is_taken_by_another_or_twice(served: Served, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        code, checks = found(served, tmp_path, "--metrics-listen", listen)
    assert (code, checks["metrics"][0]) == (exits.FAILED, "bad")
    assert f"metrics.listen {listen}: cannot listen there: Address already in use" in checks["metrics"][1]
    twice = ("--metrics-listen", listen, "--webhook-listen", listen)
    code, checks = found(served, tmp_path, *twice)
    assert (code, checks["webhooks"][0], checks["metrics"][0]) == (exits.FAILED, "good", "bad")


def test_folders_that_cannot_be(served: Served, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, checks = found(served, tmp_path, "--results", "file/results", "--ledger", "file/dialer.db")
    assert (code, checks["results"][0], checks["ledger"][0]) == (exits.FAILED, "bad", "bad")
    assert "file is not a folder" in checks["results"][1]
    assert "no file can be made in" in checks["ledger"][1]
    assert "commit" not in checks


def marked(path: Path, version: str) -> None:
    with sqlite3.connect(path) as conn:
        conn.execute("CREATE TABLE campaign (id INTEGER)")
        conn.execute("CREATE TABLE alembic_version (version_num TEXT)")
        conn.execute("INSERT INTO alembic_version VALUES (?)", (version,))
    conn.close()


@pytest.mark.parametrize(
    ("version", "mark", "says"),
    [
        ("0001", "doubtful", f"of version 0001, this program's is {SCHEMA_VERSION} `dialer migrate` brings"),
        (SCHEMA_VERSION, "good", f"of version {SCHEMA_VERSION}"),
        ("0917", "bad", f"was written by a newer dialer (schema 0917, this one knows {SCHEMA_VERSION})"),
    ],
)
def test_the_version_of_a_ledger(version: str, mark: str, says: str, served: Served, tmp_path: Path) -> None:
    marked(tmp_path / "dialer.db", version)
    before = (tmp_path / "dialer.db").read_bytes()
    code, checks = found(served, tmp_path)
    assert (code == exits.FAILED, checks["ledger"][0]) == (mark == "bad", mark)
    assert says in checks["ledger"][1]
    assert checks["commit"][0] == "good"
    assert (tmp_path / "dialer.db").read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["dialer.db"]


def test_a_file_that_is_no_ledger(served: Served, tmp_path: Path) -> None:
    (tmp_path / "dialer.db").write_text("Dear diary, " * 100)
    code, checks = found(served, tmp_path)
    assert (code, checks["ledger"][0]) == (exits.FAILED, "bad")
    assert "is damaged or is not a SQLite file" in checks["ledger"][1]


def test_a_ledger_that_another_process_is_writing_to_can_be_written(served: Served, tmp_path: Path) -> None:
    marked(tmp_path / "dialer.db", SCHEMA_VERSION)
    conn = sqlite3.connect(tmp_path / "dialer.db", isolation_level=None)
    conn.execute("PRAGMA journal_mode=WAL")
    conn.execute("BEGIN IMMEDIATE")
    code, checks = found(served, tmp_path)
    conn.close()
    assert (code, checks["ledger"]) == (exits.DONE, ("good", f"./dialer.db: of version {SCHEMA_VERSION}"))


def test_a_server(served: Served, tmp_path: Path) -> None:
    with a_schema() as url:
        code, checks = found(served, tmp_path, "--ledger", url)
        assert (code, checks["ledger"][0], checks["commit"][0]) == (exits.DONE, "good", "good")
        assert "not created yet" in checks["ledger"][1]
        assert " (network " in checks["commit"][1]
        assert checks["ledger's clock"][1] == "this machine's clock agrees with the PostgreSQL server's"
        assert sql(url, "SELECT 1 FROM pg_tables WHERE schemaname = current_schema()") == []
        sql(url, "CREATE TABLE customer (id integer)")
        code, checks = found(served, tmp_path, "--ledger", url)
        assert (code, checks["ledger"][0]) == (exits.FAILED, "bad")
        assert "is a database, but not a ledger of dialer" in checks["ledger"][1]


def test_a_server_that_only_reads_and_one_that_is_not_there(served: Served, tmp_path: Path) -> None:
    with a_schema() as url:
        code, checks = found(served, tmp_path, "--ledger", f"{url}&default_transaction_read_only=on")
        assert (code, checks["ledger"][0]) == (exits.FAILED, "bad")
        assert "cannot be written: its transactions are read-only" in checks["ledger"][1]
        code, checks = found(served, tmp_path, "--ledger", f"{url}_gone")
        assert (code, checks["ledger"][0]) == (exits.FAILED, "bad")
        assert "there is no such schema" in checks["ledger"][1]
    code, checks = found(served, tmp_path, "--ledger", "postgresql://me:secret@127.0.0.1:1/x")
    assert (code, checks["ledger"][0]) == (exits.FAILED, "bad")
    assert "its server does not answer" in checks["ledger"][1]
    assert "secret" not in str(checks)


@pytest.mark.parametrize("kind", KINDS)
def test_a_broker_is_reached_and_nothing_is_made_there(kind: str, served: Served, tmp_path: Path) -> None:
    with a_queue(kind) as place:
        config = place.config
        anyio.run(place.put, b"{}")  # so that it can be seen what is there
        names = {"DIALER_QUEUE__NAME": f"{config.name}-2", "DIALER_QUEUE__DEAD_LETTER": f"{config.name}-3"}
        code, checks = found(served, tmp_path, DIALER_QUEUE__URL=config.url, **names)
        assert (code, checks["queue"][0], checks["publish"][0]) == (exits.DONE, "good", "skipped"), checks
        assert "answered in" in checks["queue"][1]
        assert "guest:guest" not in checks["queue"][1]
        made = [anyio.run(is_there, kind, config.url, name) for name in (config.name, *names.values())]
        assert made == [True, False, False]


async def is_there(kind: str, url: str, name: str) -> bool:
    """Whether the broker has a stream or queue of this name."""
    match kind:
        case "redis":
            client = redis.asyncio.Redis.from_url(url)
            there = bool(await client.exists(name))
            await client.aclose()
            return there
        case "rabbitmq":
            connection = await aio_pika.connect(url)
            try:
                await (await connection.channel()).get_queue(name, ensure=True)
            except aiormq.exceptions.ChannelNotFoundEntity:
                return False
            finally:
                await connection.close()
            return True
    client = await nats.connect(url)
    try:
        await client.jetstream().find_stream_name_by_subject(name)
    except NotFoundError:
        return False
    finally:
        await client.close()
    return True


@pytest.mark.parametrize("scheme", ["redis", "amqp"])  # NATS is looked for for ten seconds
def test_a_broker_that_is_not_there(scheme: str, served: Served, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        where = f"127.0.0.1:{gone.getsockname()[1]}"
    code, checks = found(served, tmp_path, DIALER_PUBLISH__URL=f"{scheme}://me:hidden@{where}")
    assert (code, checks["publish"][0], checks["queue"][0]) == (exits.FAILED, "bad", "skipped")
    assert f"queue {scheme}://{where}: cannot be reached" in checks["publish"][1]
    assert "hidden" not in str(checks)
