"""`dialer check`: who would be called when, who never and why, before anybody is."""

import json
import re
from pathlib import Path

import anyio
import pytest
from cli_process import dialer, dialer_on_terminal

from dialer.adapters.ledger.operators import campaigns
from dialer.adapters.ledger.store import open_sqlite
from dialer.commands.check import check_leads
from dialer.domain.errors import BadInput
from dialer.domain.suppression import Suppressed
from dialer.ports.engine import Operation
from dialer.settings import load

DENVER, ANCHORAGE, MIAMI, TOLL_FREE = "+13035550100", "+19075550101", "+13055550102", "+18005550103"
MONDAY = ("--at", "2026-11-23T08:30", "--from", "+12125550190")
"""In New York; in Denver it is 06:30."""


def leads(folder: Path, *rows: str, header: str = "to_number") -> None:
    (folder / "leads.csv").write_text("\n".join([header, *rows]) + "\n")


def shown(folder: Path, *arguments: str) -> list[tuple[str, str]]:
    """Label and text of each line."""
    ended = dialer("check", "leads.csv", *MONDAY, *arguments, cwd=folder)
    assert (ended.code, ended.err) == (0, "")
    found = [re.fullmatch(r"(.*?)  +(.*)", line) for line in ended.out.splitlines()]
    return [(each[1], each[2]) for each in found if each is not None]


def test_how_many_now_how_many_later_and_where_how_many_never_and_why(tmp_path: Path) -> None:
    leads(tmp_path, DENVER, "+13035550101", ANCHORAGE, MIAMI, TOLL_FREE, "+13035550104", "nonsense")
    (tmp_path / "no.txt").write_text("+13035550104\n")
    (tmp_path / "spring.toml").write_text('[rules]\ndo_not_call = ["no.txt"]\n')
    lines = shown(tmp_path, "--config", "spring.toml")
    assert lines[:3] == [("leads", "leads.csv"), ("rows", "7, 1 rejected"), ("to call", "4")]
    assert ("now", "1") in lines
    assert [text for label, text in lines if label == "later"] == [
        "2 at 08:00 in Denver",
        "1 at 08:00 in Adak (or Anchorage)",
    ]
    assert [text for label, text in lines if label == "never"] == [
        "1: it is not known where this number is: give the row a `timezone` column, or `state` or "
        "`postal_code`",
        "1: on the do-not-call list no.txt",
    ]
    assert not any(label == "hours" for label, _ in lines)


def test_places_with_the_same_clock_stand_together(tmp_path: Path) -> None:
    rows = [
        f"+1303555010{n},America/{zone}" for n, zone in enumerate(("Boise", "Boise", "Denver", "Phoenix"))
    ]
    leads(tmp_path, *rows, f"{MIAMI},", header="to_number,timezone")
    assert [text for label, text in shown(tmp_path) if label == "later"] == [
        "4 at 08:00 in Boise, Denver, Phoenix"
    ]


def test_the_same_for_programs(tmp_path: Path) -> None:
    leads(
        tmp_path, f"{DENVER},2026-11-24T12:00-07:00", f"{MIAMI},", f"{TOLL_FREE},", header="phone,not_before"
    )
    ended = dialer("check", "leads.csv", *MONDAY, "--json", cwd=tmp_path)
    report = json.loads(ended.out)
    assert (report["rows"], report["to_call"], report["now"]) == (3, 2, 1)
    assert report["at"] == "2026-11-23T13:30:00.000Z"
    assert report["later"] == [
        {"at": "2026-11-24T19:00:00.000Z", "zones": ["America/Denver"], "rule": "not_before", "people": 1}
    ]
    assert [(each["rule"], each["people"]) for each in report["never"]] == [("hours", 1)]
    assert (report["hours"], report["ledger"], report["calls_today_max"]) == ("us", None, None)


def test_without_calling_hours_it_is_said_each_time(tmp_path: Path) -> None:
    leads(tmp_path, DENVER, TOLL_FREE)
    (tmp_path / "any.toml").write_text('[rules]\nhours = "always"\n')
    lines = shown(tmp_path, "--config", "any.toml")
    assert ("now", "2") in lines
    notice = 'rules.hours is "always": no law\'s calling hours are kept, and people may be called at any hour'
    assert ("hours", notice) in lines
    ended = dialer("run", "leads.csv", "--simulate", "--speed", "max", "--config", "any.toml", cwd=tmp_path)
    assert notice in ended.out
    assert notice in [json.loads(line).get("why") for line in ended.err.splitlines()]
    status = ("status", "--ledger", "simulated/dialer.db")
    assert notice in dialer(*status, "--config", "any.toml", cwd=tmp_path).out
    assert (
        json.loads(dialer(*status, "--config", "any.toml", "--json", cwd=tmp_path).out)[0]["hours_notice"]
        == notice
    )
    assert "rules.hours" not in dialer(*status, cwd=tmp_path).out


def test_nobody_who_can_be_called_is_a_failure(tmp_path: Path) -> None:
    leads(tmp_path, TOLL_FREE)
    ended = dialer("check", "leads.csv", *MONDAY, cwd=tmp_path)
    assert ended.code == 2
    assert "no row can be called" in ended.err


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ('[rules]\nhours = "none.toml"', "none.toml: cannot be read"),
        ('[rules]\ndo_not_call = ["none.txt"]', "none.txt: cannot be read"),
    ],
)
def test_a_file_of_the_rules_that_cannot_be_read_is_refused(tmp_path: Path, settings: str, says: str) -> None:
    leads(tmp_path, MIAMI)
    (tmp_path / "bad.toml").write_text(settings)
    for command in (["check", "leads.csv"], ["run", "leads.csv", "--simulate", "--speed", "max"]):
        ended = dialer(*command, "--config", "bad.toml", cwd=tmp_path)
        assert ended.code == 2
        assert says in ended.err


def test_a_time_that_is_none_is_refused(tmp_path: Path) -> None:
    leads(tmp_path, MIAMI)
    ended = dialer("check", "leads.csv", "--at", "soon", cwd=tmp_path)
    assert (ended.code, "--at: 'soon' is not a date and time" in ended.err) == (2, True)


def test_who_is_suppressed_in_the_ledger_is_never_called(tmp_path: Path) -> None:
    leads(tmp_path, MIAMI, "+13055550105")
    path = tmp_path / "real.db"

    async def suppress() -> None:
        async with open_sqlite(path, dispatches=True, on_thread=False) as ledger:
            said = Suppressed(MIAMI, "operator", "by letter", 1.0)
            await ledger.operate(lambda conn: campaigns.suppress(conn, said, Operation("ann", 1.0)))

    anyio.run(suppress)
    before = path.read_bytes()
    loaded = load(None, {"ledger": {"url": str(path)}, "from_numbers": ["+12125550190"]}, {}, None)
    report = check_leads(loaded, tmp_path / "leads.csv", at=1795442400.0)
    assert (report.people, report.forecast.now, report.ledger) == (1, 1, str(path))
    assert [never.why for never in report.forecast.never] == ["on the do-not-call list: by letter (operator)"]
    assert path.read_bytes() == before
    without = load(None, {"ledger": {"url": str(tmp_path / "none.db")}}, {}, None)
    assert check_leads(without, tmp_path / "leads.csv", at=1795442400.0).forecast.now == 2
    assert not (tmp_path / "none.db").exists()


def test_a_ledger_that_cannot_be_read_is_no_ledger_without_suppressed_numbers(tmp_path: Path) -> None:
    leads(tmp_path, MIAMI)
    (tmp_path / "dialer.db").write_text("no ledger at all, but some text")
    ended = dialer("check", "leads.csv", *MONDAY, cwd=tmp_path)
    assert ended.code != 0
    assert "dialer.db" in ended.err


def test_who_stands_twice_or_is_refused_is_not_forecast(tmp_path: Path) -> None:
    leads(tmp_path, f"{MIAMI},Ana", f"{MIAMI},Ana", "+13055550106,", "+13055550107,Bo", header="phone,name")
    settings = load(None, {"variables": {"needed": ["name"]}}, {}, None)
    report = check_leads(settings, tmp_path / "leads.csv", at=1795442400.0)
    assert report.rejected == {"duplicate_number": 1, "empty_variable": 1}
    assert [row.line for row in report.first_rejects] == [3, 4]
    assert (report.people, report.forecast.now) == (2, 2)


def test_lines_with_a_daily_bound_are_added_up(tmp_path: Path) -> None:
    leads(tmp_path, MIAMI)
    (tmp_path / "lines.toml").write_text(
        '[[lines]]\nnumber = "+12125550190"\nper_day = 1000\n'
        '[[lines]]\nnumber = "+12125550191"\nwarm_up = [[0, 20]]\nsince = 2026-11-20\n'
    )
    lines = shown(tmp_path, "--config", "lines.toml", "--from", "+12125550190")
    assert ("lines", "together at most 1,020 calls today") in lines
    unbounded = shown(tmp_path, "--config", "lines.toml", "--from", "+12125550192")
    assert not any(label == "lines" for label, _ in unbounded)


def test_run_shows_the_same_before_it_asks(tmp_path: Path) -> None:
    leads(tmp_path, DENVER, MIAMI, TOLL_FREE)
    ended = dialer_on_terminal(
        "run", "leads.csv", "--from", "+12125550190", cwd=tmp_path, env={"RETELL_API_KEY": "k"}, typed=b"n\n"
    )
    assert ended.out.index("it is not known where") < ended.out.index("This places real calls")
    assert "to call" in ended.out
    assert "nobody was called" in ended.out
    assert not (tmp_path / "dialer.db").exists()


def test_a_blank_list_is_refused(tmp_path: Path) -> None:
    (tmp_path / "leads.csv").write_text("to_number\n")
    with pytest.raises(BadInput, match="a header but no rows"):
        check_leads(load(None, {}, {}, None), tmp_path / "leads.csv")


def test_columns_that_no_rule_goes_by_are_named_and_do_not_call_refuses(tmp_path: Path) -> None:
    leads(tmp_path, f"{DENVER},Boise,2026", header="phone,City,DNC date")
    refused = dialer("check", "leads.csv", cwd=tmp_path)
    assert refused.code == 2
    assert "'DNC date' looks like do-not-call" in refused.err
    assert "--ignore-column 'DNC date'" in refused.err
    ignoring = ("--json", "--ignore-column", "dnc_date")
    checked = dialer("check", "leads.csv", *ignoring, cwd=tmp_path)
    run = dialer("run", "leads.csv", "--simulate", "--speed", "max", *ignoring, cwd=tmp_path)
    for done in (checked, run):
        assert json.loads(done.out)["columns_not_understood"] == {"City": "a place"}
