"""What single rows become: columns, times, kinds, and every code of refusal."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest
from csv_kit import accepted, job, read_text, refusal, rejected

from dialer.adapters.sources.reject_codes import REJECT_CODES, MessageFault, RowFault
from dialer.domain.calls import CallContent, JobKind
from dialer.domain.errors import BadInput
from dialer.domain.phone import NumberFault
from dialer.domain.variables import VariableFault

N = "+12125550100"


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    "name",
    [
        *("to_number", "To Number", "PHONE", "phone-number", "Mobile", "number", "Telephone", "tel", "cell"),
        *("Contact Number", "Telefon", "Handy", "Téléphone", "  Phone_Number  ", '"Phone\nNumber"'),
    ],
)
def test_the_number_is_found_by_its_usual_names(tmp_path: Path, name: str) -> None:
    assert job(read_text(tmp_path, f"name,{name}\nAna,{N}\n")[0]).to_number == N


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("phone,mobile", ["'phone' and 'mobile'", "to_number"]),
        ("to_number,To Number", ["'to_number' and 'To Number'"]),
        ("phone,name,name", ["2 columns", "'name'"]),
        ("phone,job_id,Job ID", ["'job_id' and 'Job ID'", "job_id"]),
        ("phone,metadata.a,metadata.a", ["'a'"]),
        ("phone,metadata.", ["'metadata.'"]),
        (f"{N},Ana", ["header is missing"]),
        ("name,\udcff", ["leads.csv", "header", "encoding"]),
        ("phone,na\0me", ["header", "NUL"]),
    ],
)
def test_a_header_that_leaves_doubt_is_refused(tmp_path: Path, header: str, said: list[str]) -> None:
    with pytest.raises(BadInput) as error:
        read_text(tmp_path, f"{header}\n{N},x,y\n".encode(errors="surrogateescape"), encoding="utf-8")
    assert all(words in str(error.value) for words in said), str(error.value)


def test_to_number_goes_before_other_columns_that_may_hold_it(tmp_path: Path) -> None:
    row = job(read_text(tmp_path, f"phone,to_number\n+14155550101,{N}\n")[0])
    assert (row.to_number, row.content.variables) == (N, {"phone": "+14155550101"})


def test_other_columns_are_variables_as_they_are_spelt(tmp_path: Path) -> None:
    row = job(read_text(tmp_path, f"phone, First Name ,x_Y,empty,blank\n{N}, Ana ,=1+1,,  \n")[0])
    assert row.content.variables == {"First Name": " Ana ", "x_Y": "=1+1"}
    assert row.row == (N, " Ana ", "=1+1", "", "  ")


def test_every_known_column(tmp_path: Path) -> None:
    header = (
        "To Number;From-Number;JOB_ID;Kind;time zone;Priority;not before;expires_at;override_agent_id;"
        "override_agent_version;agent_override;metadata.a.b;Custom_SIP_Headers.X-A"
    )
    cells = (
        f"{N};+13125550102;j 1;register_phone_call;Europe/Berlin;-100;2026-12-01 08:30;2026-12-24;ag;3;"
        '"{""retell_llm"": {""temp"": 0.5}}";m;s'
    )
    row = job(read_text(tmp_path, f"{header}\n{cells}\n")[0])
    assert row.key == row.job_id == "j 1"
    assert row.kind is JobKind.REGISTER_PHONE_CALL
    assert (row.from_number, row.timezone, row.priority) == ("+13125550102", "Europe/Berlin", -100)
    assert row.not_before == at("2026-12-01T08:30:00+01:00")
    assert row.expires_at == at("2026-12-25T00:00:00+01:00")
    assert row.content == CallContent(
        agent_id="ag",
        agent_version=3,
        agent_override={"retell_llm": {"temp": 0.5}},
        metadata={"a.b": "m"},
        sip_headers={"X-A": "s"},
    )


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-12-01", "2026-12-01T00:00:00-10:00"),
        ("2026-12-01T09:00", "2026-12-01T09:00:00-10:00"),
        ("2026-12-01 09:00:30.5", "2026-12-01T09:00:30.500000-10:00"),
        ("2026-12-01T09:00:00Z", "2026-12-01T09:00:00+00:00"),
        ("2026-12-01t09:00:00z", "2026-12-01T09:00:00+00:00"),
        ("2026-12-01T09:00:00+0530", "2026-12-01T09:00:00+05:30"),
    ],
)
def test_times_without_offset_are_meant_in_the_default_zone(tmp_path: Path, text: str, moment: str) -> None:
    rows = read_text(tmp_path, f"phone,not_before\n{N},{text}\n", default_timezone="Pacific/Honolulu")
    assert job(rows[0]).not_before == at(moment)


def test_a_web_call_needs_a_job_id_and_no_number(tmp_path: Path) -> None:
    text = f"kind,job_id,to_number\nweb_call,w1,\nweb_call,,{N}\nWEB_CALL,w2,{N}\n,w3,\n"
    rows = read_text(tmp_path, text)
    assert [(job(rows[i]).key, job(rows[i]).to_number) for i in (0, 2)] == [("w1", None), ("w2", None)]
    assert rejected(rows) == {3: "no_job_id", 5: "no_number"}


def test_a_list_of_web_calls_needs_no_number_column(tmp_path: Path) -> None:
    rows = read_text(tmp_path, "job_id,name\nw1,Ana\n,Bob\n", default_kind=JobKind.WEB_CALL)
    assert job(rows[0]).content.variables == {"name": "Ana"}
    assert rejected(rows) == {3: "no_job_id"}
    rows = read_text(tmp_path, "job_id,kind\nw1,web_call\nw2,\n")
    assert rejected(rows) == {3: "no_number"}


REFUSED = [
    (NumberFault.NO_NUMBER, "phone,a\n,x\n"),
    (NumberFault.NOT_A_NUMBER, "phone\nnone\n"),
    (NumberFault.NOT_A_VALID_NUMBER, "phone\n+15555550100\n"),
    (NumberFault.NO_COUNTRY_CODE, "phone\n2125550100\n"),
    (NumberFault.SPOILED_BY_SPREADSHEET, "phone\n1.41578E+10\n"),
    (NumberFault.FORMULA, "phone\n=A1\n"),
    (NumberFault.TWO_NUMBERS, f'phone\n"{N}, +14155550101"\n'),
    (NumberFault.HAS_EXTENSION, f"phone\n{N} x1\n"),
    (NumberFault.EMERGENCY_OR_SHORT, "phone\n911\n"),
    (NumberFault.PREMIUM_RATE, "phone\n+19005550100\n"),
    (RowFault.UNCLOSED_QUOTE, f'phone,a\n{N},"x\n'),
    (RowFault.TOO_MANY_CELLS, f"phone,a\n{N},x,y\n"),
    (RowFault.TOO_MANY_CELLS, f"phone,a,,\n{N},x,y,\n"),
    (RowFault.ROW_TOO_LONG, f"phone,a\n{N},{'x' * 70_000}\n"),
    (RowFault.BAD_ENCODING, f"phone,a\n{N},é\udcff\n"),
    (RowFault.NUL_CHARACTER, f"phone,a\n{N},\0 and a long text around it\n"),
    (RowFault.UNKNOWN_KIND, f"phone,kind\n{N},fax\n"),
    (RowFault.NO_JOB_ID, f"phone,kind\n{N},web_call\n"),
    (RowFault.BAD_JOB_ID, f"phone,job_id\n{N},{'x' * 201}\n"),
    (RowFault.BAD_JOB_ID, f'phone,job_id\n{N},"a\nb"\n'),
    (RowFault.BAD_FROM_NUMBER, f"phone,from_number\n{N},911\n"),
    (RowFault.UNKNOWN_TIMEZONE, f"phone,timezone\n{N},EST5\n"),
    (RowFault.UNKNOWN_TIMEZONE, f"phone,timezone\n{N},../../etc/passwd\n"),
    (RowFault.UNKNOWN_TIMEZONE, f"phone,timezone\n{N},America\n"),
    (RowFault.BAD_PRIORITY, f"phone,priority\n{N},101\n"),
    (RowFault.BAD_PRIORITY, f"phone,priority\n{N},high\n"),
    (RowFault.BAD_TIME, f"phone,not_before\n{N},12/24/2026\n"),
    (RowFault.BAD_TIME, f"phone,not_before\n{N},2026-02-30\n"),
    (RowFault.BAD_TIME, f"phone,expires_at\n{N},9999-12-31\n"),
    (RowFault.BAD_TIME, f"phone,not_before,expires_at\n{N},2026-12-02,2026-12-01\n"),
    (RowFault.BAD_AGENT_OVERRIDE, f"phone;agent_override\n{N};{{\n"),
    (RowFault.BAD_AGENT_OVERRIDE, f"phone;agent_override\n{N};[1]\n"),
]


@pytest.mark.parametrize(("code", "text"), REFUSED)
def test_a_bad_row_is_refused_with_its_code_and_the_next_is_read(
    tmp_path: Path, code: str, text: str
) -> None:
    rows = read_text(tmp_path, f"{text}+13125550102\n".encode(errors="surrogateescape"))
    row = refusal(rows[0])
    assert (row.line, row.code) == (2, code)
    assert row.reason
    assert any(row.row)
    assert list(accepted(rows).values()) == ["+13125550102"]
    assert len(rows) == 2


def test_each_code_is_documented() -> None:
    assert set(REJECT_CODES) == {*NumberFault, *RowFault, *VariableFault, *MessageFault}
    tried = {code for code, _ in REFUSED}
    untold = {RowFault.BAD_CONTENT, RowFault.NO_FROM_NUMBER, RowFault.BAD_PLACE, RowFault.BAD_DO_NOT_CALL}
    elsewhere = {NumberFault.NO_AREA_CODE, *untold, *VariableFault, *MessageFault}
    assert set(REJECT_CODES) - tried == elsewhere


def test_reasons_name_the_column_by_its_own_spelling(tmp_path: Path) -> None:
    rows = read_text(tmp_path, "Handy Nr,Mobil,Time Zone\n,n/a,\n,+12125550100,Nowhere\n")
    assert refusal(rows[0]).reason.startswith("column 'Mobil' is not a phone number")
    assert refusal(rows[1]).reason.startswith("column 'Time Zone' is no IANA zone")


def test_problems_of_the_content_refuse_the_row(tmp_path: Path) -> None:
    seen: list[JobKind] = []

    def check(kind: JobKind, content: CallContent) -> Sequence[str]:
        seen.append(kind)
        return [f"variable {name} is too long" for name, text in content.variables.items() if len(text) > 3]

    rows = read_text(tmp_path, f"phone,a,b\n{N},x,y\n{N},long,longer\n", check=check)
    assert job(rows[0]).content.variables == {"a": "x", "b": "y"}
    row = refusal(rows[1])
    assert (row.code, row.reason) == ("bad_content", "variable a is too long; variable b is too long")
    assert seen == [JobKind.PHONE_CALL] * 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"region": "us"}, "`intake.region`"),
        ({"default_timezone": "Mars/Olympus"}, "`intake.timezone`"),
        ({"encoding": "no-such"}, "`intake.encoding`"),
        ({"encoding": "hex"}, "`intake.encoding`"),
    ],
)
def test_options_that_mean_nothing_are_refused(tmp_path: Path, options: dict[str, str], said: str) -> None:
    with pytest.raises(BadInput) as error:
        read_text(tmp_path, f"phone\n{N}\n", **options)
    assert said in str(error.value)
