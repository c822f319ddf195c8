"""Headers as people write them, and columns that seem to be about a rule and are not understood."""

from pathlib import Path

import pytest
from csv_kit import job, read_text, rejected

from dialer.adapters.sources.csv_file import CsvFile
from dialer.adapters.sources.options import CsvOptions
from dialer.domain.errors import BadInput
from dialer.domain.headers import Looks, fold

N = "+12125550100"
DENVER = "America/Denver"


@pytest.mark.parametrize(
    "header",
    [
        *(
            "Phone #",
            "Mobile No.",
            "Phone No.",
            "Tel.",
            "Tel. No.",
            "Telefon-Nr.",
            "Contact No.",
            "phone.number",
        ),
        *("phoneNumber", "PHONE-NUMBER", "to.number", "ToNumber", "Cell.Phone"),
    ],
)
def test_the_number_is_found_whatever_the_signs_in_its_name(tmp_path: Path, header: str) -> None:
    (row,) = read_text(tmp_path, f"Name,{header}\nAna,{N}\n")
    assert (job(row).to_number, job(row).content.variables) == (N, {"Name": "Ana"})


def test_so_are_all_other_columns(tmp_path: Path) -> None:
    (row,) = read_text(tmp_path, f"phone,Job.ID,jobId2,Time-Zone,notBefore\n{N},a,b,{DENVER},2026-12-01\n")
    assert (job(row).job_id, job(row).timezone, job(row).not_before is None) == ("a", DENVER, False)
    assert job(row).content.variables == {"jobId2": "b"}


def unclear(tmp_path: Path, header: str) -> dict[str, Looks]:
    path = tmp_path / "leads.csv"
    path.write_text(f"{header}\n{N}\n")
    file = CsvFile(path)
    file.examine()
    return dict(file.unclear)


def test_what_looks_like_a_rule_and_is_not_understood_is_named(tmp_path: Path) -> None:
    header = "phone,City,tz,TCPA Consent,Email Opt Out,note"
    assert unclear(tmp_path, header) == {
        "City": Looks.PLACE,
        "tz": Looks.ZONE,
        "TCPA Consent": Looks.CONSENT,
        "Email Opt Out": Looks.CONSENT,
    }
    assert unclear(tmp_path, "phone,City,Mailing State,zip") == {}
    assert unclear(tmp_path, "phone,City,tz,timezone") == {}
    assert unclear(tmp_path, "phone,dnc") == {}


@pytest.mark.parametrize("header", ["DNC Date", "phone opt-out", "suppressed", "Unsubscribed"])
def test_one_that_looks_like_do_not_call_refuses_the_list_until_it_is_passed_over(
    tmp_path: Path, header: str
) -> None:
    text = f"phone,{header}\n{N},x\n"
    with pytest.raises(BadInput, match="--ignore-column") as refused:
        read_text(tmp_path, text)
    assert repr(header) in str(refused.value)
    assert "do_not_call" in str(refused.value)
    (row,) = read_text(tmp_path, text, ignored=frozenset({fold(header)}))
    assert job(row).content.variables == {}


def test_a_cell_of_do_not_call_says_yes_or_no(tmp_path: Path) -> None:
    rows = read_text(tmp_path, f"phone,DNC\n{N},yes\n+12125550101,\n+12125550102,2026-01-31\n")
    assert rejected(rows) == {4: "bad_do_not_call"}
    assert [job(row).content.variables for row in rows[:2]] == [{"DNC": "yes"}, {}]


def test_a_number_column_that_is_passed_over_is_no_choice_any_more(tmp_path: Path) -> None:
    (row,) = read_text(tmp_path, f"phone,mobile\n{N},+12125550101\n", ignored=frozenset({"mobile"}))
    assert (job(row).to_number, job(row).content.variables) == (N, {})


def test_rejects_of_a_file_with_ignored_columns_keep_their_cells(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text("phone,DNC date,x\n1,2026,y\n")
    options = CsvOptions(ignored=frozenset({"dncdate"}))
    assert CsvFile(path, options).name == str(path)
    rows = read_text(tmp_path, path.read_text(), ignored=options.ignored)
    assert [row.row for row in rows] == [("1", "2026", "y")]
