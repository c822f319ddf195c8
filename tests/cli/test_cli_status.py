"""`dialer status`: what holds a campaign, by whom and since when, and what money and canary say."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from cli_process import dialer

from dialer.cli import exits

LEDGER = ("--ledger", "dialer.db", "--config", "dialer.toml")
FLAGGED = 60
"""An ending whose network blocks the line."""
SETTINGS = """
[budget]
per_campaign_usd = 20
per_day_usd = 5
per_minute_usd = 0.1

[canary]
calls = 2
failure_share_max = 0.5
"""


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A campaign that was stopped half-way; its only line rests."""
    folder = tmp_path_factory.mktemp("begun")
    rows = "\n".join(f"+121255501{ending:02}" for ending in (1, 2, 3, FLAGGED, 4, 5, 6, 7))
    (folder / "leads.csv").write_text(f"phone_number\n{rows}\n")
    (folder / "dialer.toml").write_text(SETTINGS)
    start = ("--speed", "max", "--start", "2026-11-23T12:00", "--limit", "4")
    ended = dialer("run", "leads.csv", "--simulate", *start, *LEDGER, cwd=folder)
    assert ended.code == exits.DONE, ended.said
    return folder


@pytest.fixture
def place(begun: Path, tmp_path: Path) -> Path:
    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    return tmp_path


def status(place: Path) -> tuple[str, dict[str, Any]]:
    text, shown = (dialer("status", *LEDGER, *more, cwd=place) for more in ((), ("--json",)))
    assert (text.code, shown.code) == (exits.DONE, exits.DONE), text.said
    found: dict[str, Any] = json.loads(shown.out)[0]
    return text.out, found


def test_a_line_that_rests_money_and_canary(place: Path) -> None:
    text, shown = status(place)
    (number, breaker), *others = shown["breakers"]["lines"].items()
    assert not others
    assert breaker["flagged"]["rests"]
    assert f"line      {number}: the line is flagged: " in text
    assert "rests until 2026-11-23 1" in text
    assert "then one trial call decides" in text
    assert f"budget    ${shown['budget']['spent_usd']:.2f} of $20.00 spent, today $" in text
    assert "of $5.00" in text
    assert "canary    passed: 2 of the first 2 calls have ended, 0 failed" in text
    assert shown["canary"] == {"calls": 2, "started": 2, "ended": 2, "failed": 0, "passed": True}
    assert (shown["simulated"], shown["paused"], shown["cancelled"], shown["held"]) == (
        True,
        None,
        None,
        None,
    )


def test_a_pause_and_a_change_say_by_whom(place: Path) -> None:
    said = dialer("pause", "leads", "--by", "ana", "--reason", "wrong name", *LEDGER, cwd=place)
    assert said.out.startswith("leads is paused: no further call is started. No call is under way.\n")
    again = dialer("pause", "leads", "--by", "ben", "--reason", "fire", *LEDGER, cwd=place)
    assert "\nIt was already paused, by ana, since 20" in again.out
    assert " UTC: wrong name.\n" in again.out
    said = dialer("set", "leads", "budget.per_day_usd=7", "rules.gap=30m", "--by", "ben", *LEDGER, cwd=place)
    assert said.out == "leads: budget.per_day_usd = 7\nleads: rules.gap = 30m\n"
    again = dialer("set", "leads", "budget.per_day_usd=8", "--by", "ben", *LEDGER, cwd=place)
    assert again.out == "leads: budget.per_day_usd = 8, was 7\n"
    text, shown = status(place)
    assert "paused    by ana, since 20" in text
    assert "changed   budget.per_day_usd = 8, rules.gap = 30m (by ben, since 20" in text
    assert (shown["paused"]["by"], shown["changes"]) == (
        "ana",
        {"budget.per_day_usd": 8, "rules.gap": "30m"},
    )
    assert shown["budget"]["per_day_usd"] == 8
    resumed = dialer("resume", "leads", *LEDGER, cwd=place).out
    assert resumed.startswith("Resumed: ")
    assert resumed.endswith(" still to call. It had been paused by ana: wrong name.\n")
    assert "was not paused" in dialer("resume", "leads", *LEDGER, cwd=place).out
    assert status(place)[1]["paused"] is None


def test_a_run_begins_with_what_holds_against_its_flags(place: Path) -> None:
    said = dialer("set", "leads", "pace.cps=150", "budget.per_day_usd=5", *LEDGER, cwd=place)
    assert said.code == exits.DONE
    again = ("run", "leads.csv", "--simulate", "--speed", "max", "--start", "2026-11-25T12:00", *LEDGER)
    ended = dialer(*again, "--cps", "100", "--log-format", "json", cwd=place)
    told = [json.loads(line) for line in ended.err.splitlines() if "settings.overridden" in line]
    assert [(each["setting"], each["holds"], each["configured"]) for each in told] == [("pace.cps", 150, 100)]
    assert told[0]["why"] == "changed with `dialer set`; `dialer set leads --unset pace.cps` takes it back"


def test_a_cancelled_campaign_says_so(place: Path) -> None:
    said = dialer("cancel", "leads", "--yes", "--by", "ana", "--reason", "old list", *LEDGER, cwd=place)
    assert "leads is cancelled: " in said.out
    text, shown = status(place)
    assert "cancelled  by ana, since 20" in text
    assert ": old list" in text
    assert (shown["cancelled"]["by"], shown["jobs"]["open"]) == ("ana", 0)
    assert dialer("verify", "leads", *LEDGER, "--results", "simulated", cwd=place).code == exits.DONE


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["pause", "spring"], "ledger dialer.db has no campaign 'spring'; it has: leads"),
        (["set", "leads", "cps=3"], "there is no setting cps to be changed; did you mean pace.cps?"),
        (["set", "leads", "pace.cps=3", "pace.cps=4"], "pace.cps is given twice"),
        (["set", "leads", "pace.cps=3", "--unset", "pace.cps"], "pace.cps is given twice"),
        (["set", "leads"], "say what to change: KEY=VALUE, such as pace.cps=10, or --unset KEY"),
        (["set", "leads", "rules.hours=9-18"], "9-18: cannot be read: No such file"),
        (["set", "leads", "--unset", "pace.cps"], "pace.cps was not changed with `dialer set`"),
        (["set", "leads", "pace.slots=0"], "pace.slots = 0 must be a whole number from 1 to 10,000"),
        (["set", "leads", "budget.per_minute_usd=none"], "budget has a ceiling but no per_minute_usd"),
        (["cancel", "leads"], "there is no terminal to ask on: add --yes"),
    ],
)
def test_a_mistake_changes_nothing(arguments: list[str], says: str, place: Path) -> None:
    before = status(place)
    ended = dialer(*arguments, *LEDGER, cwd=place)
    assert (ended.code, ended.out) == (exits.BAD_INPUT, "")
    assert says in ended.err
    assert status(place) == before
