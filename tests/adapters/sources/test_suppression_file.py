"""Do-not-call files as people have them: read in full or not at all, and read again when they change."""

import os
import resource
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from dialer.adapters.sources.records import ROW_CHARS_MAX
from dialer.adapters.sources.suppression_file import LINES_AT_ONCE, STILL_S, SuppressionFile
from dialer.domain.errors import BadInput
from dialer.domain.suppression import NumberSet

A, B, C = "+12125550100", "+14155550101", "+13125550102"


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def load(path: Path, content: str | bytes, region: str | None = None) -> SuppressionFile:
    file = SuppressionFile(write(path, content), region=region)
    assert file.reload_if_changed()
    return file


def held(file: SuppressionFile) -> set[str]:
    return {number for number in (A, B, C) if file.find(number) is not None}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "dnc.csv"


@pytest.mark.parametrize(
    "content",
    [
        f"{A}\n{B}\n",
        f"{A}\r\n{B}",
        f"{A}\r{B}\r",
        f"# ours, 2027\n\n  \n{A} # Ann\n\t{B}\n# {C}\n",
        "+1 (212) 555-0100\n+1.415.555.0101\n",
        f"\ufeff{A}\n{B}\n",
        "212,5550100\n415,5550101\n",
        f'"{A}"\n"{B}"\n',
        f"phone\n{A}\n{B}\n",
        f"Name,Phone\nAnn,{A}\nBob,{B}\n",
        f"\ufeffName;Telefon\r\nJürgen;{A}\r\nAnn;{B}\r\n",
        f"sep=;\r\nname;phone\r\nAnn;{A}\r\nBob;{B}\r\n",
        f'phone\tnote\n{A}\t"two\nlines"\n{B}\t\n',
        f"# exported\n# twice\nphone|name\n# {C}|x\n{A}|x\n\n ||\n{B}\n",
        f"name,phone,mobile\nAnn,{A},\nBob,,{B}\n",
        f"name,phone,mobile\nAnn,{A},{B}\n",
        f"phone,to_number\nnone,{A}\nnone,{B}\n",
        f"phone\n{A}\n{A}\n{B}\n{B}\n",
        f"phone,note\n{A},x\n{B},x,\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_lists_and_tables(path: Path, content: str, encoding: str) -> None:
    if encoding == "cp1252":
        content = content.lstrip("\ufeff")
    file = load(path, content.encode(encoding))
    assert held(file) == {A, B}
    assert len(file) == 2


def test_national_numbers_need_a_region(path: Path) -> None:
    assert held(load(path, "212-555-0100\n", "US")) == {A}
    with pytest.raises(BadInput, match="has no country code"):
        SuppressionFile(path).reload_if_changed()


def test_what_it_says_of_a_number(path: Path) -> None:
    file = load(path, f"{A}\n")
    os.utime(path, ns=(0, 1_800_000_000_500_000_000))
    assert file.reload_if_changed()
    found = file.find(A)
    assert found is not None
    assert (found.number, found.source, found.at) == (A, str(path), 1_800_000_000.5)
    assert file.find(B) is None


def test_a_list_of_comments_holds_nobody(path: Path) -> None:
    assert len(load(path, "# nobody yet\n\n")) == 0
    assert len(load(path, "phone\n")) == 0


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        (f"{A}\nAnn\n{B}\n", 2, "the line is not a phone number"),
        (f"# x\n\n{A}\n+1212555010\n", 4, "is in no numbering plan"),
        (f"{A}\n1.21256E+10\n", 2, "rounded by the spreadsheet"),
        ("Name;City\nAnn;Berlin\n", 1, "the line is not a phone number"),
        (f"Ann,{A}\n", 1, "the line"),
        (f"{A},Ann\n", 1, "the line"),
        (f"name,phone\nAnn,{A}\nBob,\n", 3, "the row has no number"),
        (f"name,phone\nAnn,{A}\nBob\n", 3, "the row has no number"),
        (f"name,phone\nSmith, Ann,{A}\n", 2, "the row has 3 cells and the header 2"),
        (f"name,phone,mobile\nAnn,{A},none\n", 2, "column 'mobile' is not a phone number"),
        (f"name,phone\nAnn,{A}\n\nBob,x\n", 4, "column 'phone' is not a phone number"),
        (f'name,phone\n"Ann,{A}\nBob,{B}\n', 2, "a quote"),
        (f'name,phone\n"Ann,{A}\nBob",{B}\n', 2, "quoted cell runs over lines"),
        (f"name,phone\nAnn,{A}\n{'x' * ROW_CHARS_MAX},{B}\n", 3, "longer than"),
        (f"{A}\n{'1' * ROW_CHARS_MAX}\n", 2, "the line"),
        (f"{A}\n{B}\0\n", 2, "NUL"),
        (f"{A}\n# J\udcfcrgen: {'ü' * 9}\n", 2, "bytes that are no text"),
        (f"name,phone\nJ\udcfcrgen {'ü' * 9},{A}\n", 2, "bytes that are no text"),
        (f"# J\udcfcrgen {'ü' * 9}\n{A}\n", 1, "bytes that are no text"),
        ("\n" * LINES_AT_ONCE + f"{A}\n" * LINES_AT_ONCE + "x\n", 2 * LINES_AT_ONCE + 1, "the line"),
    ],
)
def test_one_bad_line_refuses_the_file_and_is_named(path: Path, content: str, line: int, what: str) -> None:
    file = SuppressionFile(write(path, content.encode("utf-8", "surrogateescape")))
    for _ in range(2):
        with pytest.raises(BadInput) as caught:
            file.reload_if_changed()
        assert str(caught.value).startswith(f"{path}, line {line}: ")
        assert what in str(caught.value)
        assert "Nobody is called" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "say so in a # comment"),
        (b"PK\x03\x04" + bytes(99), "Excel"),
        (bytes(range(32)) * 9, "not a text file"),
    ],
)
def test_what_is_no_list_at_all(path: Path, content: bytes, what: str) -> None:
    with pytest.raises(BadInput, match=what):
        SuppressionFile(write(path, content)).reload_if_changed()


def test_a_file_that_is_not_there_or_not_readable(path: Path) -> None:
    with pytest.raises(BadInput, match="No such file"):
        SuppressionFile(path).reload_if_changed()
    path.mkdir()
    with pytest.raises(BadInput, match="directory"):
        SuppressionFile(path).reload_if_changed()


def test_it_is_read_again_when_it_changed_and_only_then(path: Path) -> None:
    file = load(path, f"{A}\n")
    assert not file.reload_if_changed()
    with path.open("a") as stream:
        stream.write(f"{B}\n")
    assert file.reload_if_changed()
    assert held(file) == {A, B}
    assert not file.reload_if_changed()


def test_another_file_in_its_place_is_seen_whatever_its_time_and_size(path: Path) -> None:
    file = load(path, f"{A}\n")
    stat = path.stat()
    new = write(path.with_name("new"), f"{B}\n")
    os.utime(new, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    new.replace(path)
    assert file.reload_if_changed()
    assert held(file) == {B}


def test_a_change_in_place_is_seen_though_time_and_size_were_set_back(path: Path) -> None:
    file = load(path, f"{A}\n")
    stat = path.stat()
    deadline = time.perf_counter() + 5
    while path.stat().st_ctime_ns == stat.st_ctime_ns and time.perf_counter() < deadline:
        write(path, f"{B}\n")
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with pytest.raises(BadInput, match="1 numbers are gone"):
        file.reload_if_changed()
    assert file.reload_if_changed(STILL_S)
    assert held(file) == {B}


def test_while_it_cannot_be_read_it_is_refused_each_time_and_keeps_what_it_had(path: Path) -> None:
    file = load(path, f"{A}\n")
    write(path, f"{B}\nnobody\n")
    for _ in range(2):
        with pytest.raises(BadInput, match="line 2"):
            file.reload_if_changed()
        assert held(file) == {A}
    path.rename(path.with_name("old"))
    with pytest.raises(BadInput, match="No such file"):
        file.reload_if_changed()
    assert held(file) == {A}
    write(path.with_name("new"), f"{B}\n").replace(path)
    assert file.reload_if_changed()
    assert held(file) == {B}


def test_a_file_that_is_half_written_at_a_lines_end_is_not_believed(path: Path) -> None:
    file = load(path, f"{A}\n{B}\n")
    with path.open("w") as stream:
        stream.write(f"{A}\n")
        stream.flush()
        for now in (100.0, 100.0 + STILL_S - 1):
            with pytest.raises(BadInput, match=r"1 numbers are gone .*half written"):
                file.reload_if_changed(now)
        assert held(file) == {A, B}
        stream.write(f"{C}\n")
        stream.flush()
        with pytest.raises(BadInput, match="1 numbers are gone"):  # it was written to: the time begins anew
            file.reload_if_changed(100.0 + STILL_S)
        stream.write(f"{B}\n")
    assert file.reload_if_changed(100.0 + STILL_S)
    assert held(file) == {A, B, C}


def test_numbers_that_are_gone_for_a_while_are_gone(path: Path) -> None:
    file = load(path, f"{A}\n{B}\n")
    write(path, f"{A}\n")
    with pytest.raises(BadInput, match="gone"):
        file.reload_if_changed(5.0)
    assert file.reload_if_changed(5.0 + STILL_S)
    assert not file.reload_if_changed(5.0 + STILL_S)
    assert held(file) == {A}


@pytest.mark.parametrize("header", ["", "name,phone\n"])
def test_an_import_names_every_line_that_cannot_be_understood(path: Path, header: str) -> None:
    name = "x," if header else ""
    lines = [f"{name}{each}" for each in (A, "nobody", B, "12")]
    file = SuppressionFile(write(path, header + "\n".join(lines) + "\n"), until="Nothing is taken in")
    with pytest.raises(BadInput) as refused:
        list(file.each())
    first, *others = str(refused.value).splitlines()
    assert "2 lines cannot be understood. Nothing is taken in" in first
    at = 2 if header else 1
    assert [each.split(":")[0] for each in others] == [f"  line {at + 1}", f"  line {at + 3}"]


def test_a_passing_trouble_of_the_machine_is_not_held_against_the_file(path: Path) -> None:
    file = SuppressionFile(write(path, f"{A}\n"))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with path.open() as stream:
        free = stream.fileno()
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, limits[1]))
    try:
        with pytest.raises(BadInput, match="Too many open files"):
            file.reload_if_changed()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert file.reload_if_changed()
    assert held(file) == {A}


class Restless(SuppressionFile):
    """A file to which somebody writes during its first readings."""

    def __init__(self, path: Path, writes: int) -> None:
        super().__init__(path)
        self._writes = writes
        self.readings = 0

    def _read(self, version: Any) -> NumberSet:
        self.readings += 1
        numbers = super()._read(version)
        if self._writes:
            self._writes -= 1
            with Path(self.name).open("a") as stream:
                stream.write(f"{B}\n")
        return numbers


def test_what_is_written_during_a_reading_is_not_missed(path: Path) -> None:
    file = Restless(write(path, f"{A}\n"), writes=1)
    assert file.reload_if_changed()
    assert held(file) == {A, B}
    file = Restless(write(path, f"{A}\n"), writes=99)
    with pytest.raises(BadInput, match="changes while it is read"):
        file.reload_if_changed()
    assert held(file) == set()


def test_a_bad_file_is_not_read_again_before_it_changes(path: Path) -> None:
    file = Restless(write(path, f"{A}\nnobody\n"), writes=0)
    for _ in range(3):
        with pytest.raises(BadInput, match="line 2"):
            file.reload_if_changed()
    assert file.readings == 1


def test_a_stray_quote_does_not_swallow_the_rows_below(path: Path) -> None:
    file = SuppressionFile(write(path, f'name,phone\n",{A}\n",{B}\n'))
    with pytest.raises(BadInput, match=r"line 2: a cell of several lines has a number in it"):
        file.reload_if_changed()


names = st.sampled_from(("", "Ann", "x y", '"Ann"', '"', "# Ann", "é", A))
numbers = st.sampled_from((A, B, C, A, B, C, "212-555-0100", "+1 415 555 0101", f'"{C}"', "", "x"))


@settings(max_examples=300)
@given(
    st.lists(st.tuples(names, numbers), max_size=6), st.sampled_from(",;\t|"), st.booleans(), st.booleans()
)
def test_no_number_of_any_file_is_passed_over(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str]],
    delimiter: str,
    has_header: bool,
    is_table: bool,
) -> None:
    """Whatever it is: refused, or each number in it is held, but for comments."""
    body = [delimiter.join(row) if is_table else row[1] for row in rows]
    header = [delimiter.join(("name", "phone")) if is_table else "phone"] if has_header else ["# no header"]
    path = tmp_path_factory.mktemp("dnc") / "dnc.csv"
    file = SuppressionFile(write(path, "\n".join([*header, *body])))
    try:
        file.reload_if_changed()
    except BadInput:
        event("refused")
        return
    event(f"taken, {'table' if is_table else 'list'} of {len(rows)}")
    wanted = {
        number.strip('"')
        for number in {row[1] for row, line in zip(rows, body, strict=True) if line[:1] != "#"}
    }
    assert wanted & {A, B, C} <= held(file)
    assert (A in held(file)) == (A in wanted)
