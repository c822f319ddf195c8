"""The do-not-call list by hand: before the first run, with and without a reason, from files."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cli_process import Ended, dialer, simulator

from dialer.cli import exits

ONE, TWO = "+12125550100", "+12125550101"


def dnc(cwd: Path, *arguments: str) -> Ended:
    ended = dialer("dnc", *arguments, cwd=cwd)
    assert "Traceback" not in ended.said
    return ended


def listed(cwd: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(dnc(cwd, "list", "--json").out)
    return found


def acts(cwd: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(cwd / "dialer.db")) as connection:
        asked = "SELECT command, who, number, detail, reason FROM operation ORDER BY id"
        return connection.execute(asked).fetchall()


def test_a_number_goes_on_the_list_before_the_first_run_and_off_it(tmp_path: Path) -> None:
    added = dnc(tmp_path, "add", "(212) 555-0100", "--region", "US", "--reason", "mail", "--by", "ana")
    assert added.code == exits.DONE, added.said
    assert added.out == f"{ONE} is not called any more, in any campaign.\n"
    assert "There was no ledger at ./dialer.db: a new one was made." in added.err
    again = dnc(tmp_path, "add", ONE, "--reason", "other")
    assert f"{ONE} is on the do-not-call list already: mail (operator), since 20" in again.out
    assert f"{ONE} is not called: mail (operator)" in dnc(tmp_path, "check", ONE).out
    assert (
        f"{TWO} is on no do-not-call list: not among the 1 of ./dialer.db." in dnc(tmp_path, "check", TWO).out
    )
    assert [(each["number"], each["reason"]) for each in listed(tmp_path)] == [(ONE, "mail")]
    removed = dnc(tmp_path, "remove", ONE, "--reason", "signed the form", "--by", "ben")
    assert f"{ONE} is off the list. It was on it: mail (operator), since" in removed.out
    assert listed(tmp_path) == []
    assert acts(tmp_path) == [
        ("dnc add", "ana", ONE, "operator", "mail"),
        ("dnc remove", "ben", ONE, "operator: mail", "signed the form"),
    ]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["add", "12"], "'12' "),
        (["add", "2125550100"], "has no country code"),
        (["remove", ONE], "Missing option '--reason'"),
        (["remove", ONE, "--reason", " "], "say why it may be called again"),
        (["import", "none.txt"], "none.txt: cannot be read: No such file or directory"),
    ],
)
def test_a_mistake_is_said_plainly_and_makes_no_ledger(
    arguments: list[str], says: str, tmp_path: Path
) -> None:
    ended = dnc(tmp_path, *arguments)
    assert (ended.code, ended.out) == (exits.BAD_INPUT, "")
    assert says in ended.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments", [["list"], ["check", ONE], ["remove", ONE, "--reason", "x"]])
def test_a_question_to_no_ledger_is_no_answer(arguments: list[str], tmp_path: Path) -> None:
    """Somebody in the wrong folder must not hear that a number may be called."""
    ended = dnc(tmp_path, *arguments)
    assert (ended.code, ended.out) == (exits.FAILED, "")
    assert "there is no ledger at dialer.db" in ended.err


def test_a_file_is_taken_in_whole_or_not_at_all(tmp_path: Path) -> None:
    numbers = [f"+1212555{last:04}" for last in range(100, 200)]
    (tmp_path / "stop.txt").write_text("\n".join(["# our own", *numbers, numbers[3], "nonsense"]) + "\n")
    refused = dnc(tmp_path, "import", "stop.txt")
    assert refused.code == exits.BAD_INPUT
    assert "stop.txt, line 103: the line" in refused.err
    assert "Nothing is taken in before the whole file can be read" in refused.err
    (tmp_path / "stop.txt").write_text("\n".join(["# our own", *numbers, numbers[3]]) + "\n")
    dnc(tmp_path, "add", numbers[7])
    done = dnc(tmp_path, "import", "stop.txt", "--source", "ours", "--by", "ana")
    assert done.out == "stop.txt: 99 numbers are not called any more, 2 were on it already.\n"
    assert [each["number"] for each in listed(tmp_path)] == numbers
    assert {each["source"] for each in listed(tmp_path)} == {"ours", "operator"}
    assert acts(tmp_path)[1:] == [
        ("dnc import", "ana", None, "ours: 101 numbers", "in an imported do-not-call file")
    ]


def test_a_file_of_the_settings_counts_too(tmp_path: Path) -> None:
    (tmp_path / "stop.txt").write_text(f"{TWO}\n")
    (tmp_path / "dialer.toml").write_text('[rules]\ndo_not_call = ["stop.txt"]\n')
    dnc(tmp_path, "add", ONE)
    found = json.loads(dnc(tmp_path, "check", TWO, "--config", "dialer.toml", "--json").out)
    assert (found["suppressed"], found["by"][0]["source"]) == (True, "stop.txt")
    asked = dnc(tmp_path, "remove", TWO, "--reason", "x", "--config", "dialer.toml")
    assert (asked.code, asked.out) == (exits.BAD_INPUT, "")
    assert "is not on the ledger's list but in stop.txt: edit that file" in asked.err


def test_both_lists_take_over_what_the_other_has_and_say_where_it_is_from(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    with simulator(cwd=tmp_path) as served:
        env = served.settings()
        dnc(here, "add", ONE, "--reason", "mail")
        pulled = dialer("dnc", "sync", cwd=here, env=env)
        assert pulled.out == (
            "0 contacts are marked do-not-call in Retell.\n0 numbers are new on this list.\n"
        ), pulled.said
        pushed = dialer("dnc", "sync", "--push", cwd=here, env=env)
        assert pushed.out.endswith("1 numbers were marked there.\n"), pushed.said
        for _ in range(2):
            other = dialer("dnc", "sync", "--push", "--by", "ana", cwd=there, env=env)
            assert other.code == exits.DONE, other.said
        (entry,) = listed(there)
        assert (entry["number"], entry["source"]) == (ONE, "retell")
        assert entry["reason"] == "is marked do-not-call in Retell's contacts"
        assert [act[:4] for act in acts(there)] == [
            ("dnc sync", "ana", None, "1 there, 1 new here, 0 marked there"),
            ("dnc sync", "ana", None, "1 there, 0 new here, 0 marked there"),
        ]
        refused = dialer("dnc", "sync", cwd=there, env=env | {"RETELL_API_KEY": "key_wrong_0123456"})
        assert refused.code == exits.FAILED
        assert "HTTP 401" in refused.err
