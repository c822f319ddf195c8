"""Encodings, delimiters, quotes and damage: a bad row never stops the file nor takes others with it."""

from pathlib import Path

import pytest
from csv_kit import accepted, job, read, read_text, refusal, rejected
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dialer.adapters.sources.csv_file import CsvFile
from dialer.adapters.sources.dialect import detect_encoding
from dialer.adapters.sources.records import ROW_CHARS_MAX, ROW_LINES_MAX
from dialer.app.clock_loop import run_virtual
from dialer.domain.calls import CallJob, RejectedRow
from dialer.domain.errors import BadInput
from dialer.settings.contact import Variables

N = "+12125550100"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", ",;\t|")
def test_encoding_delimiter_and_line_ends_are_found(
    tmp_path: Path, encoding: str, end: str, delimiter: str
) -> None:
    lines = [["name", "phone"], ["Jürgen Groß", N], ["Søren", "+14155550101"]]
    text = end.join(delimiter.join(line) for line in lines)
    rows = read_text(tmp_path, text.encode(encoding))
    assert [job(row).content.variables["name"] for row in rows] == ["Jürgen Groß", "Søren"]
    assert [row.line for row in rows] == [2, 3]


def test_an_encoding_that_is_told_is_used(tmp_path: Path) -> None:
    rows = read_text(tmp_path, f"phone,name\n{N},Łukasz\n".encode("cp1250"), encoding="cp1250")
    assert job(rows[0]).content.variables == {"name": "Łukasz"}
    rows = read_text(
        tmp_path, f"phone,name\n{N},田中\n{N},\n".encode("shift_jis") + b"x,\xff", encoding="shift_jis"
    )
    assert job(rows[0]).content.variables == {"name": "田中"}
    assert rejected(rows) == {4: "bad_encoding"}


def test_a_file_of_utf8_with_a_bad_row_stays_utf8() -> None:
    assert detect_encoding("Núñez, Jürgen".encode() + b" \xff") == "utf-8"
    assert detect_encoding(b"J\xfcrgen") == "cp1252"
    assert detect_encoding(b"J\xfcrgen \0") == "utf-8"
    assert detect_encoding("Núñez".encode()[:-3]) == "utf-8"


@pytest.mark.parametrize(
    "text",
    [
        "Jürgen Groß, Straße 5",
        "João Conceição, 1º",
        "Väänänen, Søren",
        "¿Quién? “José” – 5 €",
    ],
)
def test_western_letters_are_cp1252(text: str) -> None:
    assert detect_encoding(text.encode("cp1252")) == "cp1252"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("张三,李娜", "gb18030"),
        ("王,x", "gb18030"),
        ("佐藤,鈴木", "shift_jis"),
        ("陳大文", "big5"),
        ("김철수", "euc_kr"),
        ("Иван,Мария", "cp1251"),
        ("Paweł,Łukasz", "cp1250"),
    ],
)
def test_what_has_two_likely_readings_is_refused_until_the_encoding_is_told(
    tmp_path: Path, text: str, encoding: str
) -> None:
    content = f"phone;name\n{N};{text}\n+12125550101;Ann\n".encode(encoding)
    rows = read_text(tmp_path, content)
    assert (rejected(rows), accepted(rows)) == ({2: "bad_encoding"}, {3: "+12125550101"})
    assert "--encoding" in refusal(rows[0]).reason
    assert job(read_text(tmp_path, content, encoding=encoding)[0]).content.variables == {"name": text}
    assert detect_encoding(content, only_numbers=True) in ("cp1252", "utf-8")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16", "utf-32-le"])
def test_the_encoding_that_is_told_is_what_is_read(tmp_path: Path, encoding: str) -> None:
    rows = read_text(tmp_path, f"phone,name\n{N},Zoë\n".encode(encoding), encoding=encoding)
    assert job(rows[0]).content.variables == {"name": "Zoë"}


WORDS = ("NULL", "nan", "\\N", "None", "#N/A", "<null>", " null ")


@pytest.mark.parametrize("word", WORDS)
def test_words_for_nothing_are_empty_where_a_variable_is_needed(tmp_path: Path, word: str) -> None:
    text = f"phone,first_name,last_name\n{N},{word},Null\n"
    empty = [each.casefold() for each in Variables().empty_words]
    rows = read_text(tmp_path, text, needed={"first_name": None}, empty_words=frozenset(empty))
    assert rejected(rows) == {2: "empty_variable"}
    (row,) = read_text(tmp_path, text, needed={"first_name": "you"}, empty_words=frozenset(empty))
    assert job(row).content.variables == {"first_name": "you", "last_name": "Null"}


@pytest.mark.parametrize(
    "text",
    [
        f'"Name, first";Telefon\nx;{N}\n',
        f"a,b;phone;c\nx;{N};y\n",
        f'phone,"a;b;c;d"\n{N},x\n',
        f"notes, with, commas|phone\nx|{N}\n",
        f"sep=|\nphone|a;b;c\n{N}|x\n",
        f'"sep=;"\r\nphone;a,b,c\r\n{N};x\r\n',
        f"\n \n,,\nphone,x\n{N},y\n",
    ],
)
def test_neither_odd_names_nor_lines_above_the_header_mislead(tmp_path: Path, text: str) -> None:
    rows = read_text(tmp_path, text)
    assert accepted(rows) == {text.count("\n"): N}
    assert rejected(rows) == {}


def test_blank_lines_are_no_rows(tmp_path: Path) -> None:
    rows = read_text(tmp_path, f"\n\nphone,a\n\n{N},x\n,,\n  , \n\n+14155550101,\n\n")
    assert accepted(rows) == {5: N, 9: "+14155550101"}
    assert len(rows) == 2


def test_many_blank_lines_end_no_batch_early(tmp_path: Path) -> None:
    rows = read_text(tmp_path, "phone\n" + "\n" * 500 + f"{N}\n" + ",\n" * 500 + f"{N}\n", rows_max=3)
    assert [row.line for row in rows] == [502, 1003]


def test_quoted_cells_may_hold_anything(tmp_path: Path) -> None:
    rows = read_text(tmp_path, f'phone,a,b\r\n"{N}","x, ""y""\r\n\r\nz",w\r\n{N},u,5" pipe\r\n')
    assert job(rows[0]).content.variables == {"a": 'x, "y"\r\n\r\nz', "b": "w"}
    assert job(rows[1]).content.variables == {"a": "u", "b": '5" pipe'}
    assert [row.line for row in rows] == [2, 5]


def test_an_unclosed_quote_costs_one_row(tmp_path: Path) -> None:
    good = [f"+1212555{line:04d},name" for line in range(100, 200)] * 5
    text = "\n".join(["phone,name", good[0], f'{N},"open', *good[1:]])
    rows = read_text(tmp_path, text)
    assert rejected(rows) == {3: "unclosed_quote"}
    assert [row.to_number for row in rows if isinstance(row, CallJob)] == [
        line.split(",")[0] for line in good
    ]
    assert [row.line for row in rows] == list(range(2, 503))


def test_a_quote_that_swallows_whole_leads_is_never_taken(tmp_path: Path) -> None:
    rows = read_text(tmp_path, f'phone,name\n{N},"open\n+14155550101,next\n+13125550102,5"\n{N},x\n')
    assert rejected(rows) == {2: "unclosed_quote"}
    assert "+14155550101,next" in refusal(rows[0]).row[1]
    assert accepted(rows) == {5: N}


def test_a_quote_that_never_closes_is_given_up_after_a_while(tmp_path: Path) -> None:
    cell = "\n".join(["text"] * (ROW_LINES_MAX - 1))
    assert job(read_text(tmp_path, f'phone,a\n{N},"{cell}"\n')[0]).content.variables == {"a": cell}
    cell = "\n".join(["text"] * (ROW_LINES_MAX + 1))
    rows = read_text(tmp_path, f'phone,a\n{N},"{cell}"\n{N},\n')
    codes = rejected(rows)
    assert codes.pop(2) == "unclosed_quote"
    assert set(codes.values()) == {"not_a_number"}
    assert accepted(rows) == {ROW_LINES_MAX + 3: N}


def test_a_line_longer_than_memory_is_passed_over(tmp_path: Path) -> None:
    long = f"{N},{'x' * (3 * ROW_CHARS_MAX)}"
    rows = read_text(tmp_path, f'phone,a\n{N},"open\n{long}\r\n{N},\n{long}')
    assert rejected(rows) == {2: "unclosed_quote", 3: "row_too_long", 5: "row_too_long"}
    assert accepted(rows) == {4: N}
    assert len(refusal(rows[1]).row[1]) <= ROW_CHARS_MAX


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\0" * 1000, "not a text file"),
        (bytes(range(256)) * 10, "not a text file"),
        (b"PK\x03\x04 and so on", "Excel workbook"),
        (b"\n\n \n", "blank"),
        (b"\xff\xfe", "blank"),
        ("phone\n+12125550100\n".encode("utf-16-le"), "UTF-16"),
    ],
)
def test_what_is_no_text_is_refused_whole(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        read_text(tmp_path, content)


def test_batches_are_full_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text("phone\n" + "".join(f"+1212555{line:04d}\n" for line in range(100, 190)))

    async def sizes() -> list[int]:
        return [len(batch) async for batch in CsvFile(path).batches(40)]

    assert run_virtual(sizes) == [40, 40, 10]
    assert CsvFile(path).name == str(path)


ODD = st.text('+1205,;"\n\r\t \0aé=', max_size=60).map(str.encode)
FILES = st.one_of(
    st.binary(max_size=300),
    st.lists(ODD | st.binary(max_size=20), max_size=12).map(b"\n".join),
    st.lists(ODD | st.binary(max_size=9), max_size=12).map(lambda lines: b"phone,a\n" + b"\n".join(lines)),
)


@settings(deadline=None)
@given(content=FILES, encoding=st.sampled_from([None, "utf-8", "utf-16", "cp1252", "shift_jis", "utf-7"]))
@example(content=b'phone,a\n+12125550100,"\n"', encoding=None)
@example(content=b"phone\r+12125550100\r\n\r", encoding=None)
def test_any_bytes_are_a_list_or_refused_with_a_message(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, encoding: str | None
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(content)
    try:
        rows = read(path, rows_max=3, region="US", encoding=encoding)
    except BadInput as error:
        rows, message = [], str(error)
    else:
        message = ""
    assert bool(rows) != (str(path) in message)
    lines = [row.line or 0 for row in rows]
    assert lines == sorted(set(lines))
    assert len(accepted(rows)) + len(rejected(rows)) == len(rows)
    for row in rows:
        if isinstance(row, RejectedRow):
            assert row.reason
        else:
            row.content.variables.get("a", "").encode()


CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 99), CELL), min_size=1, max_size=20))
def test_no_row_between_two_good_ones_is_lost(
    tmp_path_factory: pytest.TempPathFactory, leads: list[tuple[int, str]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "good.csv"
    quoted = ['"' + cell.replace('"', '""') + '"' for _, cell in leads]
    lines = [f"+121255501{number:02d},{cell}" for (number, _), cell in zip(leads, quoted, strict=True)]
    path.write_bytes("\r\n".join(["phone,a", *lines, ""]).encode())
    rows = read(path, encoding="utf-8")
    assert [job(row).to_number for row in rows] == [f"+121255501{number:02d}" for number, _ in leads]
    kept = {index: cell for index, (_, cell) in enumerate(leads) if cell.strip()}
    assert {i: job(row).content.variables["a"] for i, row in enumerate(rows) if i in kept} == kept
