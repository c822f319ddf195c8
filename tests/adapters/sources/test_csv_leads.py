"""Each lead list of tests/leads: exactly which lines become jobs and which are refused, and why."""

from datetime import datetime
from pathlib import Path

import pytest
from csv_kit import EXAMPLE, LEADS, accepted, job, read, read_text, rejected

from dialer.domain.calls import CallContent, CallJob
from dialer.domain.errors import BadInput

AREAS = (
    *("212", "415", "312", "305", "808", "907", "602", "303"),
    *("404", "206", "503", "617", "702", "787", "689"),
)


def us_number(index: int) -> str:
    return f"+1{AREAS[index % len(AREAS)]}55501{index:02d}"


def test_clean_list_is_taken_whole() -> None:
    rows = read(LEADS / "clean_us.csv")
    assert rejected(rows) == {}
    assert accepted(rows) == {line: us_number(line - 2) for line in range(2, 42)}
    assert job(rows[0]) == CallJob(
        key="+12125550100",
        to_number="+12125550100",
        line=2,
        content=CallContent(variables={"customer_name": "Ana Núñez", "appointment": "2026-12-01 10:00"}),
    )
    assert job(rows[3]).content.variables["customer_name"] == 'Dmitri "Dima" Orlov'
    assert job(rows[5]).content.variables["customer_name"] == "Fatima, Dr."
    assert job(rows[7]).content.variables["customer_name"] == "Hiroshi 田中"


def test_what_excel_did_to_a_us_list() -> None:
    rows = read(LEADS / "excel_us_bom_crlf.csv", region="US")
    assert rejected(rows) == {
        7: "has_extension",
        14: "has_extension",
        20: "has_extension",
        27: "has_extension",
        34: "has_extension",
        36: "spoiled_by_spreadsheet",
        39: "no_area_code",
        40: "emergency_or_short",
    }
    # Line 35 is a row of commas only, and lines 11, 22 and 33 stand inside quotes.
    lines = [*range(2, 11), *range(12, 22), *range(23, 33), 34]
    expected = {line: us_number(index) for index, line in enumerate(lines) if line not in rejected(rows)}
    assert accepted(rows) == expected | {37: "+14155550123", 38: "+12125550100"}
    assert job(rows[3]).content.variables["Notes"] == '=HYPERLINK("http://x")'
    multiline = next(row for row in rows if row.line == 10)
    assert job(multiline).content.variables == {"First Name": "Ivan\nMultiline", "Balance": "$104.50"}


def test_without_a_region_only_numbers_with_a_plus_are_taken() -> None:
    rows = read(LEADS / "excel_us_bom_crlf.csv")
    assert list(accepted(rows)) == [4, 10, 17, 24, 30]
    codes = rejected(rows)
    assert (codes[2], codes[7], codes[37]) == ("no_country_code", "has_extension", "no_country_code")
    assert len(rows) == 35


def test_german_excel() -> None:
    rows = read(LEADS / "excel_de_semicolon_cp1252.csv", region="DE")
    assert rejected(rows) == {}
    assert accepted(rows) == {line: f"+49302312{4998 + line}" for line in range(2, 22)}
    assert job(rows[0]).content.variables == {
        "Kundennummer": "1000",
        "Name": "Jürgen Groß",
        "Straße": "Königsallee 1",
    }
    assert set(rejected(read(LEADS / "excel_de_semicolon_cp1252.csv")).values()) == {"no_country_code"}


def test_crm_export_with_every_column() -> None:
    rows = read(LEADS / "crm_export.tsv")
    assert rejected(rows) == dict.fromkeys((6, 11, 16, 21, 26), "unknown_timezone")
    assert accepted(rows) == {
        line: us_number(line - 2) for line in range(2, 27) if line not in rejected(rows)
    }
    first, second = job(rows[0]), job(rows[1])
    assert (first.key, first.job_id, first.timezone) == ("crm-0000", "crm-0000", "America/New_York")
    assert first.not_before == datetime.fromisoformat("2026-12-01T09:00:00-05:00").timestamp()
    assert first.expires_at == datetime.fromisoformat("2026-12-25T00:00:00-05:00").timestamp()
    assert first.content.agent_id is None
    assert second.priority == 1
    assert second.content == CallContent(
        agent_id="agent_b",
        metadata={"crm_id": "C1", "segment": "silver"},
        variables={"first_name": "Bob"},
        sip_headers={"X-Trace": "t1"},
    )


def test_broken_rows_take_no_others_with_them() -> None:
    rows = read(LEADS / "broken_bits.csv")
    assert rejected(rows) == {
        3: "unclosed_quote",
        6: "too_many_cells",
        8: "nul_character",
        9: "bad_encoding",
    }
    assert accepted(rows) == {2: "+12125550100", 4: "+12125550102", 5: "+12125550103", 7: "+12125550105"}
    assert job(rows[3]).content.variables == {"name": 'a "quoted" name'}
    assert job(rows[5]).content.variables == {}


def test_one_column_needs_no_delimiter() -> None:
    rows = read(LEADS / "one_column.csv")
    assert accepted(rows) == {line: us_number(line - 2) for line in range(2, 7)}
    assert rejected(rows) == {}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("only_header.csv", ["only_header.csv", "no rows"]),
        ("empty.csv", ["empty.csv", "empty"]),
        ("no_number_column.csv", ["no_number_column.csv", "'name', 'city'", "to_number", "phone"]),
        ("README.md", ["README.md", "no column holds the number"]),
        ("not_there.csv", ["not_there.csv", "cannot be read"]),
        (".", ["cannot be read"]),
    ],
)
def test_what_is_no_lead_list_is_refused_whole(name: str, said: list[str]) -> None:
    with pytest.raises(BadInput) as error:
        read(LEADS / name)
    assert all(words in str(error.value) for words in said), str(error.value)


def test_example_leads_are_all_valid_and_show_every_behaviour() -> None:
    rows = [job(row) for row in read(EXAMPLE)]
    numbers = [row.to_number or "" for row in rows]
    assert len(set(numbers)) == len({row.key for row in rows}) == 200
    assert all(number[5:10] == "55501" and number.startswith("+1") for number in numbers)
    assert {int(number[-2:]) for number in numbers} == set(range(93))
    assert len({number[2:5] for number in numbers}) > 30
    assert {row.content.metadata["crm_id"] for row in rows}


def test_the_marks_of_a_lead_ads_export_are_no_part_of_its_numbers(tmp_path: Path) -> None:
    text = (
        "id,created_time,phone_number,full_name\n"
        "l:100,2026-11-01T10:00:00-05:00,p:+12125550100,Ana\n"
        "l:101,2026-11-01T10:00:00-05:00,p:+12125550101,Bo\n"
    )
    assert accepted(read_text(tmp_path, text)) == {2: "+12125550100", 3: "+12125550101"}


def test_area_codes_are_let_in_for_both_numbers_of_a_row(tmp_path: Path) -> None:
    text = "to_number,from_number\n+12325550100,+12325550199\n(232) 555-0101,\n"
    assert list(rejected(read_text(tmp_path, text, region="US"))) == [2, 3]
    rows = read_text(tmp_path, text, region="US", area_codes=frozenset({"232"}))
    assert accepted(rows) == {2: "+12325550100", 3: "+12325550101"}
