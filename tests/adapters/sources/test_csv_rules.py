"""Rows that a campaign's rules refuse as they are read: variables that are missing, places that are none."""

from pathlib import Path

from csv_kit import job, read_text, refusal, rejected

from dialer.app.calling_hours import hours_in_force
from dialer.app.engine_config import csv_options, screen_of
from dialer.domain.calls import CallJob, RejectedRow
from dialer.settings import Rules, Settings
from dialer.settings.contact import Variables

NOW = 1_795_000_000.0
HEAD = "to_number,first_name,company\n"


def read_with(tmp_path: Path, text: str, settings: Settings) -> list[CallJob | RejectedRow]:
    screen = screen_of(settings, "spring", hours_in_force(settings.rules, NOW))
    return read_text(tmp_path, text, place_of=csv_options(settings, screen).place_of)


def test_a_default_is_given_and_what_has_none_is_refused(tmp_path: Path) -> None:
    rows = read_text(
        tmp_path,
        f"{HEAD}+12125550100,Ana,\n+12125550101,,Acme\n+12125550102,{{{{name}}}},Acme\n+12125550103,Bo,Own\n",
        needed={"first_name": None, "company": "Dialer"},
    )
    assert job(rows[0]).content.variables == {"first_name": "Ana", "company": "Dialer"}
    assert job(rows[3]).content.variables == {"first_name": "Bo", "company": "Own"}
    assert rejected(rows) == {3: "empty_variable", 4: "unresolved_variable"}
    assert refusal(rows[1]).reason == (
        "column 'first_name' is empty, and the agent needs it: fill it, or give it a default"
    )


def test_a_missing_column_is_told_from_an_empty_cell(tmp_path: Path) -> None:
    (row,) = read_text(tmp_path, "phone,First_Name\n+12125550100,Ana\n", needed={"first_name": None})
    assert (refusal(row).code, "is missing, and" in refusal(row).reason) == ("missing_variable", True)


def test_a_file_of_numbers_alone_is_checked_too(tmp_path: Path) -> None:
    (row,) = read_text(tmp_path, "phone\n+12125550100\n", needed={"first_name": None})
    assert refusal(row).code == "missing_variable"
    (row,) = read_text(tmp_path, "phone\n+12125550100\n", needed={"first_name": "you"})
    assert job(row).content.variables == {"first_name": "you"}


def test_the_settings_say_what_is_needed(tmp_path: Path) -> None:
    settings = Settings(variables=Variables(needed=("first_name",), defaults={"company": "Acme"}))
    assert csv_options(settings).needed == {"first_name": None, "company": "Acme"}


PLACES = (
    "to_number,timezone,State,ZIP code\n"
    "+12125550100,,Florida,\n"
    "+12125550101,,Atlantis,\n"
    "+12125550102,,,00000\n"
    "+12125550103,Etc/GMT+5,,\n"
    "+18005550199,,,\n"
)


def test_nonsense_of_a_place_is_refused_with_its_column(tmp_path: Path) -> None:
    rows = read_with(tmp_path, PLACES, Settings())
    assert rejected(rows) == {3: "bad_place", 4: "bad_place", 5: "bad_place"}
    reasons = [refusal(rows[at]).reason for at in (1, 2, 3)]
    assert [reason.split()[0] for reason in reasons] == ["state", "postal_code", "timezone"]
    assert not any("+1212" in reason for reason in reasons)
    assert job(rows[4]).to_number == "+18005550199", "an unknown place is no nonsense: the hours rule says so"


def test_without_calling_hours_nobody_asks_for_the_place(tmp_path: Path) -> None:
    rows = read_with(tmp_path, PLACES, Settings(rules=Rules(hours="always")))
    assert rejected(rows) == {}
    own = Settings(rules=Rules(hours="always", windows={"mon": "09:00-10:00"}))
    assert len(rejected(read_with(tmp_path, PLACES, own))) == 3


def test_a_web_call_rings_nobody_anywhere(tmp_path: Path) -> None:
    text = "job_id,kind,state\na,web_call,Atlantis\n"
    assert rejected(read_with(tmp_path, text, Settings())) == {}
