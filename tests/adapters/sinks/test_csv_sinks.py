"""Results and rejects as spreadsheets see them."""

import csv
import io
from pathlib import Path

import orjson
import pytest

from dialer.adapters.sinks.csv_file import (
    FIXED_COLUMNS,
    RejectsFile,
    harmless,
    variable_names,
    write_results_csv,
)
from dialer.domain.calls import RejectedRow
from dialer.domain.errors import BadInput, DialerError


@pytest.mark.parametrize(
    "text", ["=1+1", "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "＝1", "+1 212"]
)
def test_what_a_spreadsheet_would_run_is_made_harmless(text: str) -> None:
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("text", ["+12125550100", "-5", "+1.50", "Ana", "", "a=b", "12 - 3", "2026-12-01"])
def test_what_is_harmless_stays_as_it_is(text: str) -> None:
    assert harmless(text) == text


LINES = [
    orjson.dumps(
        {
            "seq": 1,
            "kind": "attempt",
            "to_number": "+12125550100",
            "variables": {"name": '=HYPERLINK("x")', "note": 'a "b",\nc'},
            "duration_s": 2.5,
            "error": None,
        }
    ),
    orjson.dumps({"seq": 2, "kind": "job", "variables": {"=evil": "x"}}),
    orjson.dumps({"seq": 3, "kind": "analysis", "analysis": {"user_sentiment": "Positive"}}),
]


def test_results_are_flat_with_a_column_for_each_variable() -> None:
    out = io.StringIO(newline="")
    names = variable_names(LINES)
    assert names == ["name", "note", "=evil"]
    write_results_csv(LINES[:1], out, names)
    write_results_csv(LINES[1:], out, names, with_header=False)
    out.seek(0)
    first, second, third = csv.DictReader(out)
    assert list(first) == [*FIXED_COLUMNS, "variables.name", "variables.note", "variables.=evil"]
    assert (first["seq"], first["to_number"], first["duration_s"]) == ("1", "+12125550100", "2.5")
    assert (first["error"], first["variables.name"]) == ("", '\'=HYPERLINK("x")')
    assert first["variables.note"] == 'a "b",\nc'
    assert second["variables.=evil"] == "x"
    assert third["analysis"] == '{"user_sentiment":"Positive"}'


def row(line: int, *cells: str) -> RejectedRow:
    return RejectedRow(line, "not_a_number", "column 'phone' is not a phone number", cells)


def content(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        return list(csv.reader(file))


def test_rejects_keep_each_row_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "new" / "r.rejects.csv"
    with RejectsFile(path) as rejects:
        assert not path.exists()
        rejects.write(row(3, "=1+1", 'a "b",\r\nc', "\udcff", "\0"))
        rejects.write(row(4))
        assert len(content(path)) == 3
    assert content(path) == [
        ["line", "code", "reason", "row"],
        ["3", "not_a_number", "column 'phone' is not a phone number", "=1+1", 'a "b",\r\nc', "\udcff", "\0"],
        ["4", "not_a_number", "column 'phone' is not a phone number"],
    ]
    assert b",\xff," in path.read_bytes()


def test_rejects_are_written_anew_for_each_reading(tmp_path: Path) -> None:
    path = tmp_path / "r.rejects.csv"
    for line in (2, 3):
        with RejectsFile(path) as rejects:
            rejects.write(row(line, "x"))
        assert [cells[0] for cells in content(path)] == ["line", str(line)]
    with RejectsFile(path):
        assert path.exists()
    assert not path.exists()


def test_rejects_of_a_reading_that_failed_leave_the_earlier_ones(tmp_path: Path) -> None:
    path = tmp_path / "r.rejects.csv"
    with RejectsFile(path) as rejects:
        rejects.write(row(2, "x"))
    with pytest.raises(BadInput), RejectsFile(path):
        raise BadInput("no such list")
    assert path.exists()


def test_rejects_never_replace_another_file(tmp_path: Path) -> None:
    path = tmp_path / "r.rejects.csv"
    path.write_text("to_number,name\n+12125550100,corrected\n")
    with pytest.raises(BadInput, match="another file"):
        RejectsFile(path)
    assert "corrected" in path.read_text()
    with pytest.raises(BadInput):
        RejectsFile(tmp_path)


def test_rejects_that_cannot_be_written_say_so(tmp_path: Path) -> None:
    with RejectsFile(tmp_path / "dir" / "r.csv") as rejects:
        (tmp_path / "dir").touch()
        with pytest.raises(DialerError, match="refused rows"):
            rejects.write(row(2, "x"))
        (tmp_path / "dir").unlink()
