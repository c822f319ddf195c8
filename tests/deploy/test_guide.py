"""The operator's guide: what it tells to type exists, and a back-up made so is whole."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.cli_process import dialer
from tests.processes.places import campaign, numbers

GUIDE = (Path(__file__).parents[2] / "deploy" / "README.md").read_text()
BACKUPS = re.findall(r"^    sqlite3 /var/lib/dialer/dialer\.db \"(.*)\"$", GUIDE, re.MULTILINE)
COMMAND = re.compile(r"(?:^|/bin/)\s*dialer ((?:dnc )?[a-z]+)\b")
CODE = re.findall(r"^    (.*)$|`([^`]+)`", GUIDE, re.MULTILINE)


def test_the_commands_exist(tmp_path: Path) -> None:
    typed = (found for snippet in CODE for found in COMMAND.findall("".join(snippet)))
    commands = set(typed)
    assert {"check", "run", "status", "verify", "why", "resolve", "pause", "resume", "set"} <= commands
    for command in commands:
        ended = dialer(*command.split(), "--help", cwd=tmp_path)
        assert ended.code == 0, (command, ended.said)


def test_files_that_are_named_are_there() -> None:
    root = Path(__file__).parents[2]
    named = set(re.findall(r"\b(?:deploy|config)/[\w@./-]+\w", GUIDE))
    assert named
    for name in named:
        assert (root / name).exists(), name


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="sqlite3 (Debian: sqlite3) is not installed")
@pytest.mark.parametrize("command", BACKUPS)
def test_a_back_up_made_while_it_dials_is_whole(tmp_path: Path, command: str) -> None:
    copy = tmp_path / "copy.db"
    with campaign(tmp_path, numbers(12)) as (_, place), place.run("--slots", "2") as program:
        program.until("attempt.closed", 2)
        here = re.sub(r"/var/backups/[\w.-]+", str(copy), command)
        subprocess.run(["sqlite3", str(place.database), here], check=True, timeout=30)
        done = program.ended()
    assert done.code == 0, done.said
    verified = dialer("verify", "--ledger", str(copy), cwd=tmp_path)
    assert verified.code == 0, verified.said


def test_there_are_two_ways_to_back_up() -> None:
    assert [command.split()[0] for command in BACKUPS] == [".backup", "VACUUM"]
