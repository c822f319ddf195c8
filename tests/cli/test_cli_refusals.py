"""What cannot work is refused: what and where, what to do, the exit code, and not one call."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli_process import Ended, Served, dialer, simulator

from dialer.cli import exits

NUMBERS = b"phone_number\n+12125550100\n+12125550101\n"
FROM = ("--from", "+12125550199")


@pytest.fixture(scope="module")
def retell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An API that would take every call; at the end nobody has asked it for one."""
    with simulator(cwd=tmp_path_factory.mktemp("retell")) as served:
        yield served
        assert served.report()["create_requests"] == 0


def run(tmp_path: Path, served: Served, *arguments: str, **env: str) -> Ended:
    ended = dialer("run", "leads.csv", "--json", *arguments, cwd=tmp_path, env=served.settings(**env))
    assert "Traceback" not in ended.said
    return ended


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", ["leads.csv: the file is empty", "it needs a header line"]),
        (b"\n\n", ["leads.csv: the file is blank", "it needs a header line"]),
        (b"phone_number\n", ["leads.csv: the file has a header but no rows", "add one line"]),
        (b"name,city\nAnn,Bonn\n", ["leads.csv: no column holds the number", "'name', 'city'", "to_number"]),
        (b"+12125550100,Ann\n", ["leads.csv: the first line holds a phone number", "put a line"]),
        (b"mobile,phone\n1,2\n", ["leads.csv: the columns 'mobile' and 'phone'", "rename the right one"]),
        (b"PK\x03\x04" + bytes(100), ["leads.csv: this is an Excel workbook", "save it as CSV (UTF-8)"]),
        (bytes(range(32)) * 10, ["leads.csv: not a text file", "save it as CSV (UTF-8)"]),
    ],
)
def test_leads_that_are_none(retell: Served, tmp_path: Path, content: bytes, says: list[str]) -> None:
    (tmp_path / "leads.csv").write_bytes(content)
    ended = run(tmp_path, retell, *FROM)
    assert ended.code == exits.BAD_INPUT
    assert [part for part in says if part not in ended.err] == []


@pytest.mark.parametrize("name", ["春" * 84, "../x", "a\x1b[2Jb", "a\u202eb"])
def test_a_name_that_no_campaign_can_have(retell: Served, tmp_path: Path, name: str) -> None:
    (tmp_path / "leads.csv").write_bytes(NUMBERS)
    ended = run(tmp_path, retell, *FROM, "--campaign", name)
    assert ended.code == exits.BAD_INPUT
    assert "--campaign: " in ended.err
    assert "is no campaign's name" in ended.err
    assert "\x1b" not in ended.said
    assert "\u202e" not in ended.said
    assert not (tmp_path / "dialer.db").exists()


def test_leads_that_cannot_be_opened(retell: Served, tmp_path: Path) -> None:
    ended = run(tmp_path, retell, *FROM)
    assert ended.code == exits.BAD_INPUT
    assert "leads.csv: cannot be read: No such file" in ended.err
    (tmp_path / "leads.csv").mkdir()
    ended = run(tmp_path, retell, *FROM)
    assert ended.code == exits.BAD_INPUT
    assert "leads.csv: cannot be read: Is a directory" in ended.err


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        (
            '[intake]\ntimezone = "Mars/Olympus"\n',
            "dialer.toml line 2: intake.timezone = Mars/Olympus is not",
        ),
        ('from_numbers = ["5550100"]\n', "dialer.toml line 1: from_numbers number 1 of 1: not E.164"),
        (
            "[call]\nagent_override = {agent = {voice_speed = 3}}\n",
            "setting call.agent_override.agent.voice_speed",
        ),
        ("[pace]\ncps = 0\n", "dialer.toml line 2: pace.cps = 0 must be a number from 0.01 to 1,000"),
    ],
)
def test_settings_that_cannot_work(retell: Served, tmp_path: Path, toml: str, says: str) -> None:
    (tmp_path / "leads.csv").write_bytes(NUMBERS)
    (tmp_path / "dialer.toml").write_text(toml)
    ended = run(tmp_path, retell, "--config", "dialer.toml")
    assert ended.code == exits.BAD_INPUT
    assert ended.err.startswith(f"error: {says}")


def _no_ledger_at_all(path: Path) -> None:
    path.write_bytes(b"this is no database" * 100)


def _of_somebody_else(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE recipe (name TEXT)")
    database.close()


def _of_a_newer_version(path: Path) -> None:
    path.with_name("leads.csv").write_bytes(NUMBERS)
    dialer("run", "leads.csv", "--simulate", "--speed", "max", "--ledger", str(path), cwd=path.parent)
    with sqlite3.connect(path) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (_no_ledger_at_all, ["is damaged or is not a SQLite file", "restore it from a back-up"]),
        (_of_somebody_else, ["is a database, but not a ledger of dialer", "--ledger"]),
        (_of_a_newer_version, ["was written by a newer dialer (schema 9999", "upgrade dialer"]),
        (Path.mkdir, ["cannot be opened"]),
    ],
)
def test_a_ledger_that_cannot_be_used(
    retell: Served, tmp_path: Path, make: Callable[[Path], None], says: list[str]
) -> None:
    make(tmp_path / "dialer.db")
    (tmp_path / "leads.csv").write_bytes(NUMBERS)
    ended = run(tmp_path, retell, *FROM, "--ledger", "dialer.db")
    assert ended.code == exits.FAILED
    assert "dialer.db" in ended.err
    assert [part for part in says if part not in ended.err] == []


def test_no_number_to_call_from(retell: Served, tmp_path: Path) -> None:
    (tmp_path / "leads.csv").write_bytes(NUMBERS)
    ended = run(tmp_path, retell)
    assert ended.code == exits.BAD_INPUT
    assert [
        part for part in ("--from", "`from_numbers`", "a column from_number") if part not in ended.err
    ] == []
    assert [each.name for each in tmp_path.iterdir()] == ["leads.csv"], "nothing is left behind"


def test_a_key_that_is_refused(retell: Served, tmp_path: Path) -> None:
    (tmp_path / "leads.csv").write_bytes(NUMBERS)
    ended = run(tmp_path, retell, *FROM, RETELL_API_KEY="key_0123456789abcdef")
    assert ended.code == exits.ACCOUNT_REFUSED
    summary = json.loads(ended.out)
    assert (summary["calls"], summary["account_refused"]) == (0, True)
    assert "RETELL_API_KEY" in summary["next"][0]
    assert "0123456789" not in ended.said


def test_an_account_that_has_not_paid(tmp_path: Path) -> None:
    (tmp_path / "leads.csv").write_bytes(NUMBERS)
    with simulator("--unpaid", cwd=tmp_path) as unpaid:
        ended = run(tmp_path, unpaid, *FROM)
        assert unpaid.report()["calls"] == 0
    assert ended.code == exits.ACCOUNT_REFUSED
    summary = json.loads(ended.out)
    assert (summary["calls"], summary["jobs"]["open"], summary["account_refused"]) == (0, 2, True)
    assert "402" in summary["stopped"]
    assert summary["next"]
