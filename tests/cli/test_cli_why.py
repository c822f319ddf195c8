"""`dialer why`: each decision about a number with its rule, what the rule was given, and its clock."""

import json
from pathlib import Path
from typing import Any

import pytest
from cli_process import Ended, dialer

from dialer.cli import exits

LEDGER = ("--ledger", "simulated/dialer.db")
REACHED, NO_ANSWER, NEVER_TRIED = "+12125550101", "+13055550131", "+12125550105"
LEADS = f"phone_number,first_name\n{REACHED},Ana\n{NO_ANSWER},Ben\n{NEVER_TRIED},Cy\n"
SETTINGS = """
[rules]
caps = ["3 per 7d", "1 per 4h"]
do_not_call = ["stop.txt"]
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A campaign of a Monday evening in New York, which is too late for a number of Florida."""
    folder = tmp_path_factory.mktemp("why")
    (folder / "leads.csv").write_text(LEADS)
    (folder / "dialer.toml").write_text(SETTINGS)
    (folder / "stop.txt").write_text(f"{NEVER_TRIED}\n")
    start = ("--speed", "max", "--start", "2026-11-23T20:57", "--config", "dialer.toml")
    ended = dialer("run", "leads.csv", "--simulate", *start, cwd=folder)
    assert ended.code == exits.DONE, ended.said
    return folder


def why(place: Path, *arguments: str) -> Ended:
    ended = dialer("why", *arguments, *LEDGER, cwd=place)
    assert "Traceback" not in ended.said
    return ended


def entries(place: Path, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(why(place, *arguments, "--json").out)["entries"]
    return found


def test_a_call_in_the_evening_is_explained(place: Path) -> None:
    said = why(place, REACHED, "--at", "20:58").out
    for words in (
        "where        America/New_York (US-NY)",
        "job          leads line 2: done (reached), 1 attempt",
        "At Mon 2026-11-23 20:58:59 EST  (2026-11-24 01:58:59 UTC) this held:",
        "Mon 2026-11-23 20:57:00 EST  (2026-11-24 01:57:00 UTC)",
        "DIALLED   leads line 2, attempt 1 from +1212555",
        "hours      open: US (47 CFR 64.1200(c)(1)), Monday, 08:00-21:00 in America/New_York: it is 20:57",
        "until Mon 2026-11-23 20:59:15 EST a call may begin",
        "caps       0 of 1 per 4h, 0 of 3 per 1w",
        "last rung  never",
        "call       call_",
        "reached (user_hangup)",
    ):
        assert words in said, said


def test_a_wait_tells_its_rule_and_its_end(place: Path) -> None:
    said = why(place, NO_ANSWER).out
    assert "HELD      leads line 3 by the rule hours until Tue 2026-11-24 08:00:00 EST" in said
    assert "because    US-FL (Fla. Stat. 501.616(6)), Monday, 08:00-20:00 in America/New_York" in said
    assert said.index("TAKEN IN") < said.index("HELD") < said.index("DIALLED") < said.index("CLOSED")


def test_a_number_that_is_never_called_says_so(place: Path) -> None:
    said = why(place, NEVER_TRIED).out
    assert "NEVER     leads line 4 by the rule do_not_call" in said
    assert "because    on the do-not-call list stop.txt" in said
    assert "do-not-call  in stop.txt" in why(place, NEVER_TRIED, "--config", "dialer.toml").out


def test_what_programs_get(place: Path) -> None:
    made = [each for each in entries(place, NO_ANSWER) if each["kind"] == "decision"]
    first = made[0]
    assert (first["verdict"], first["rule"]) == ("wait", "hours")
    assert first["at"].startswith("2026-11-24T01:57:0")
    assert first["local"].startswith("2026-11-23T20:57:0")
    assert first["local"].endswith("-05:00")
    assert first["until_local"] == "2026-11-24T08:00:00.000-05:00"
    dialled = [each for each in made if each["verdict"] == "dial"]
    assert all(each["attempt"]["call_id"].startswith("call_") for each in dialled)
    assert [each["attempt"]["number"] for each in dialled] == list(range(1, len(dialled) + 1))


def test_a_time_before_and_a_time_between(place: Path) -> None:
    early = why(place, NO_ANSWER, "--at", "2026-11-01T10:00").out
    assert "nothing was known of this number yet" in early
    assert "next:" in early
    assert "TAKEN IN" in early
    night = entries(place, NO_ANSWER, "--at", "2026-11-24T03:00Z")
    assert [(each["verdict"], each["rule"]) for each in night if each["kind"] == "decision"] == [
        ("wait", "hours")
    ]


def test_what_operators_did_is_told(place: Path) -> None:
    dialer("pause", "leads", "--by", "ana", "--reason", "wrong name", *LEDGER, cwd=place)
    dialer("dnc", "add", REACHED, "--by", "ben", "--reason", "by mail", *LEDGER, cwd=place)
    said = why(place, REACHED).out
    assert "OPERATOR  ana: pause (leads): wrong name" in said
    assert "OPERATOR  ben: dnc add: by mail" in said
    assert "do-not-call  on the list: by mail (operator), since" in said
    assert "a simulation has a clock of its own" in said
    dialer("resume", "leads", *LEDGER, cwd=place)
    dialer("dnc", "remove", REACHED, "--reason", "wrong number", *LEDGER, cwd=place)


def test_an_unknown_number_is_no_error(place: Path) -> None:
    ended = why(place, "+12125550199")
    assert ended.code == exits.DONE
    assert "+12125550199 is in no campaign of the ledger simulated/dialer.db" in ended.out
    assert "Its campaigns: leads." in ended.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["12"], "'12' "),
        ([REACHED, "--at", "noon"], "--at: 'noon' is no time such as 2026-11-24T20:58 or 20:58"),
    ],
)
def test_a_mistake_is_said_plainly(place: Path, arguments: list[str], says: str) -> None:
    ended = why(place, *arguments)
    assert (ended.code, ended.out) == (exits.BAD_INPUT, "")
    assert says in ended.err
