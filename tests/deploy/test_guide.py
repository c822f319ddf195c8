"""The operator's guide: what it tells to type exists, and a back-up made so is whole."""

import json
import re
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.cli.cli_process import dialer
from tests.processes.places import campaign, numbers
from tests.support.postgres import a_database
from tests.support.tools import tool

GUIDE = (Path(__file__).parents[2] / "deploy" / "README.md").read_text()
BACKUPS = re.findall(r"^    sqlite3 /var/lib/dialer/dialer\.db \"(.*)\"$", GUIDE, re.MULTILINE)
POSTGRES = re.findall(r"^    ((?:pg_dump|pg_restore) .*)$", GUIDE, re.MULTILINE)
COMMAND = re.compile(r"(?:^|/bin/)\s*dialer ((?:dnc )?[a-z]+)\b")
CODE = re.findall(r"^    (.*)$|`([^`]+)`", GUIDE, re.MULTILINE)


def test_the_commands_exist(tmp_path: Path) -> None:
    typed = (found for snippet in CODE for found in COMMAND.findall("".join(snippet)))
    commands = set(typed)
    assert {"check", "run", "status", "verify", "why", "resolve", "pause", "resume", "set"} <= commands
    assert {"doctor", "migrate", "serve"} <= commands
    for command in commands:
        ended = dialer(*command.split(), "--help", cwd=tmp_path)
        assert ended.code == 0, (command, ended.said)


def test_files_that_are_named_are_there() -> None:
    root = Path(__file__).parents[2]
    named = set(re.findall(r"\b(?:deploy|config)/[\w@./-]+\w", GUIDE))
    assert named
    for name in named:
        assert (root / name).exists(), name


def test_a_back_up_made_while_it_dials_is_whole(tmp_path: Path) -> None:
    copies = [tmp_path / f"copy-{number}.db" for number in range(len(BACKUPS))]
    with campaign(tmp_path, numbers(12)) as (_, place), place.run("--slots", "2") as program:
        program.until("attempt.closed", 2)
        for copy, command in zip(copies, BACKUPS, strict=True):
            here = re.sub(r"/var/backups/[\w.-]+", str(copy), command)
            sqlite3 = tool("sqlite3", "Debian: sqlite3")
            subprocess.run([sqlite3, str(place.database), here], check=True, timeout=30)
    for copy in copies:
        verified = dialer("verify", "--ledger", str(copy), cwd=tmp_path)
        assert verified.code == 0, verified.said


def test_a_dump_made_while_it_dials_is_whole(tmp_path: Path) -> None:
    dump, restore = (shlex.split(command) for command in POSTGRES)
    with a_database() as url, a_database() as other, campaign(tmp_path, numbers(12)) as (_, place):
        names = {
            "postgresql://dialer@HOST/dialer": url,
            "postgresql://dialer@HOST/dialer_check": other,
            "/var/backups/dialer.dump": str(tmp_path / "dialer.dump"),
        }
        with place.run("--slots", "2", env={"DIALER_LEDGER__URL": url}) as program:
            program.until("attempt.closed", 2)
            told(dump, names)
        told(restore, names)
        verified = dialer("verify", "--ledger", other, "--json", cwd=tmp_path)
    assert verified.code == 0, verified.said
    jobs = json.loads(verified.out)[0]["jobs"]
    assert jobs["open"] > 0, "it is the moment of the dump"
    assert sum(jobs.values()) == 12


def told(command: list[str], names: Mapping[str, str]) -> None:
    """Do what the guide says, with the names as they are here."""
    program, *arguments = command
    done = subprocess.run(
        [
            tool(program, "Debian: postgresql-client"),
            *(_named(argument, names) for argument in arguments),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def _named(argument: str, names: Mapping[str, str]) -> str:
    before, equals, value = argument.rpartition("=")
    return f"{before}{equals}{names.get(value, value)}"


def test_there_are_two_ways_to_back_up() -> None:
    assert [command.split()[0] for command in BACKUPS] == [".backup", "VACUUM"]
