"""What a stranger wrote is printed so that it does nothing to the terminal, whichever command prints it."""

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from cli_process import dialer

import dialer as program
from dialer.cli import formatting
from dialer.domain.texts import printable

NUMBER = "+12125550100"
EVIL = "x\x1b]0;owned\x07\x9b2J\u202eevil\r\u2028y"
STEERS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with a campaign, and texts of strangers wherever it keeps some."""
    folder = tmp_path_factory.mktemp("printing")
    (folder / "leads.csv").write_text(f"phone_number\n{NUMBER}\n")
    ran = dialer("run", "leads.csv", "--simulate", "--speed", "max", "--ledger", "dialer.db", cwd=folder)
    assert ran.code == 0, ran.said
    with closing(sqlite3.connect(folder / "dialer.db")) as ledger, ledger:
        ledger.execute("UPDATE attempt SET error = ?, state = 'unknown', reason = ?", (EVIL, EVIL))
        ledger.execute("UPDATE campaign SET name = ?, paused = ?", (EVIL, EVIL))
        ledger.execute("UPDATE job SET state = 'unknown'")
        ledger.execute(
            "INSERT INTO suppressed (number, source, reason, at) VALUES (?, ?, ?, 1)", (NUMBER, EVIL, EVIL)
        )
    return folder


@pytest.mark.parametrize(
    "command",
    [
        "status",
        "status --json",
        f"why {NUMBER}",
        f"why {NUMBER} --json",
        "verify",
        "verify --json",
        "resolve",
        "resolve --json",
        "dnc list",
        "dnc list --json",
        f"dnc check {NUMBER}",
        "pause nobody",
        f"run none.csv --campaign ../{EVIL} --simulate",
        f"set nobody {EVIL}",
    ],
)
def test_nothing_that_is_printed_steers_the_terminal(folder: Path, command: str) -> None:
    ended = dialer(*command.split(" "), "--ledger", "dialer.db", cwd=folder)
    assert "Traceback" not in ended.said
    assert not STEERS.search(ended.said), repr(ended.said)
    if "--json" in command:
        assert "evil" in json.dumps(json.loads(ended.out)) or command.startswith("resolve")


def test_a_line_of_ours_keeps_its_colours_and_of_others_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    formatting.echo(formatting.styled(f"a{EVIL}", fg="red"), f"\x1b[31m{EVIL}\n2026-01-01 forged")
    ours, theirs = capsys.readouterr().out.splitlines()
    assert not STEERS.search(theirs)
    assert printable(EVIL) in ours
    assert "forged" in theirs


def test_every_command_prints_through_the_one_edge() -> None:
    folder = Path(program.__file__).parent / "cli"
    direct = re.compile(r"typer\.(echo|secho)|click\.(echo|secho)|(?<![.\w])print\(")
    found = {path.name: direct.findall(path.read_text()) for path in folder.glob("*.py")}
    assert {name: len(each) for name, each in found.items() if each} == {"main.py": 2, "formatting.py": 2}
