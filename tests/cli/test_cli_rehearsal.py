"""A rehearsal of one's own list runs to its end, says that it is simulated, sends nobody to a dashboard."""

import json
import sqlite3
from pathlib import Path

import pytest
from cli_process import dialer

from dialer.cli import exits

FAST = ("--simulate", "--speed", "max", "--slots", "100", "--cps", "50", "--log-level", "error")


def a_real_list(folder: Path, people: int) -> None:
    """Numbers as a CRM has them, of no range for fiction; nothing here could dial them."""
    rows = [f"+1212{n:07d},Ann" for n in range(2_000_000, 2_000_000 + people)]
    (folder / "leads.csv").write_text("to_number,name\n" + "\n".join(rows) + "\n")


def test_a_list_of_one_hundred_runs_to_its_end(tmp_path: Path) -> None:
    a_real_list(tmp_path, 100)
    ended = dialer("run", "leads.csv", *FAST, "--json", cwd=tmp_path)
    assert ended.code == exits.DONE, ended.err
    summary = json.loads(ended.out)
    assert summary["jobs"]["open"] == 0
    assert summary["stopped"] is None
    assert summary["outcomes"]["reached"] > 40


def test_the_shares_are_shown_and_can_be_changed(tmp_path: Path) -> None:
    a_real_list(tmp_path, 40)
    ended = dialer("run", "leads.csv", *FAST, "--people", "answers=1", cwd=tmp_path)
    assert "simulated: answers 100%" in " ".join(ended.out.split())
    assert "reached 40" in " ".join(ended.out.split())


def test_an_account_that_digits_stop_sends_nobody_to_a_dashboard(tmp_path: Path) -> None:
    (tmp_path / "leads.csv").write_text("to_number\n+12125550193\n")
    ended = dialer("run", "leads.csv", *FAST, cwd=tmp_path)
    assert ended.code == exits.ACCOUNT_REFUSED
    assert "dashboard" not in ended.out
    assert "the account is simulated" in " ".join(ended.out.split())


def test_people_as_the_past_had_them(tmp_path: Path) -> None:
    a_real_list(tmp_path, 60)
    before = ("--people", "answers=0.5,voicemail=0.5", "--ledger", "dialer.db")
    assert dialer("run", "leads.csv", *FAST, *before, "--campaign", "past", cwd=tmp_path).code == 0
    with sqlite3.connect(tmp_path / "dialer.db") as ledger:
        ledger.execute("UPDATE campaign SET simulated = 0")
    ended = dialer("run", "leads.csv", *FAST, "--people", "past", cwd=tmp_path)
    text = " ".join(ended.out.split())
    assert ended.code == exits.DONE, ended.err
    assert "simulated: answers" in text
    assert "busy" not in text.split("people", 1)[1].split("ledger", 1)[0]


@pytest.mark.parametrize(
    ("people", "said"),
    [("past", "holds 0 real calls that are over, and 50 are needed"), ("voicemial=1", "is not one of")],
)
def test_what_cannot_be_drawn_is_said(people: str, said: str, tmp_path: Path) -> None:
    a_real_list(tmp_path, 3)
    made = dialer("run", "leads.csv", *FAST, "--ledger", "dialer.db", cwd=tmp_path)
    assert made.code == exits.DONE
    ended = dialer("run", "leads.csv", *FAST, "--ledger", "dialer.db", "--people", people, cwd=tmp_path)
    assert ended.code == exits.BAD_INPUT
    assert said in ended.err
    assert "Traceback" not in ended.err


def test_outside_calling_hours_it_is_said_whom_nobody_calls_and_until_when(tmp_path: Path) -> None:
    rows = ["to_number,timezone", "+12125550101,", "+12125550102,", "+442079460012,Europe/London"]
    (tmp_path / "leads.csv").write_text("\n".join(rows) + "\n")
    night = ("--simulate", "--start", "2026-11-24T01:00", "--speed", "max", "--log-level", "error")
    ended = dialer("run", "leads.csv", *night, cwd=tmp_path)
    assert (
        "02:00   0 of 3 final   0 of 20 slots   0.0 a second   waiting: outside calling hours: "
        "1 from 08:00 London, 2 from 08:00 New York (in 60 min). Ctrl-C is safe."
    ) in ended.out


def test_a_results_log_of_another_ledger_is_not_written_over(tmp_path: Path) -> None:
    a_real_list(tmp_path, 4)
    for ledger, results in (("a.db", "results"), ("b.db", "elsewhere")):
        seed = ("--seed", "1" if ledger == "a.db" else "2")
        kept = ("--ledger", ledger, "--results", results)
        assert dialer("run", "leads.csv", *FAST, *seed, *kept, cwd=tmp_path).code == exits.DONE
    before = (tmp_path / "results" / "leads.jsonl").read_bytes()
    ended = dialer("results", "leads", "--rewrite", "--ledger", "b.db", "--results", "results", cwd=tmp_path)
    assert ended.code == exits.BAD_INPUT
    assert "belongs to another ledger" in ended.err
    assert (tmp_path / "results" / "leads.jsonl").read_bytes() == before
