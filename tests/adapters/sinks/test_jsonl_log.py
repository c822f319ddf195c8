"""The results log after crashes, power failures and full disks, on real files."""

import os
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.adapters.sinks.jsonl import SYNC_BYTES, TAIL_BYTES, JsonlLog, last_file
from dialer.app.clock_loop import run_virtual
from dialer.domain.errors import BadInput, DialerError, LogShortened
from dialer.domain.results import ResultLine


def lines(first: int, last: int, text: str = "Núñez") -> list[ResultLine]:
    return [ResultLine(seq, orjson.dumps({"seq": seq, "v": text})) for seq in range(first, last + 1)]


def written(first: int, last: int, text: str = "Núñez") -> bytes:
    return b"".join(line.line + b"\n" for line in lines(first, last, text))


def append(log: JsonlLog, more: list[ResultLine]) -> None:
    run_virtual(log.append, more)


def goes_on(path: Path, last: int) -> int:
    """Reopen, add what is missing up to `last`, and give the number from which it went on."""
    with JsonlLog(path) as log:
        seq = log.last_seq()
        append(log, lines(seq + 1, last))
        assert log.last_seq() == last
    return seq


def test_it_begins_at_nothing_and_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "new" / "dir" / "results.jsonl"
    with JsonlLog(path) as log:
        assert log.last_seq() == 0
        append(log, [])
        append(log, lines(1, 3))
        append(log, lines(4, 4))
        assert path.read_bytes() == written(1, 4)
    assert goes_on(path, 6) == 4
    assert path.read_bytes() == written(1, 6)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_cut_at_every_byte_it_goes_on_without_gap_or_repeat(tmp_path: Path) -> None:
    path, whole = tmp_path / "r.jsonl", written(1, 12)
    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size])
        assert goes_on(path, 12) == whole[:size].count(b"\n")
        assert path.read_bytes() == whole


def test_nul_bytes_from_any_byte_on_are_cut(tmp_path: Path) -> None:
    path, whole = tmp_path / "r.jsonl", written(1, 6)
    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size] + b"\0" * (len(whole) - size) + b"\0" * 20)
        assert goes_on(path, 6) == whole[:size].count(b"\n")
        assert path.read_bytes() == whole


def test_a_lost_block_in_the_middle_is_written_again(tmp_path: Path) -> None:
    path, whole = tmp_path / "r.jsonl", written(1, 9)
    for at in range(len(whole) - 30):
        path.write_bytes(whole[:at] + b"\0" * 30 + whole[at + 30 :])
        assert goes_on(path, 9) == whole[:at].count(b"\n")
        assert path.read_bytes() == whole


@settings(deadline=None)
@given(cut=st.integers(0, 400), tail=st.binary(max_size=40).filter(lambda tail: b"\n" not in tail))
def test_any_unfinished_tail_is_cut(tmp_path_factory: pytest.TempPathFactory, cut: int, tail: bytes) -> None:
    path, whole = tmp_path_factory.getbasetemp() / "tail.jsonl", written(1, 5)
    first_end = whole.index(b"\n") + 1
    path.write_bytes(whole[: max(first_end, cut)] + tail)
    seq = goes_on(path, 7)
    assert seq >= whole[: max(first_end, cut)].count(b"\n")
    numbers = [orjson.loads(line)["seq"] for line in path.read_bytes().splitlines()]
    assert numbers == list(range(1, 8))


@pytest.mark.parametrize(
    "content",
    [
        b"to_number,name\n+12125550100,Ana\n",
        b"my notes",
        b"[1]\n",
        b'{"a": 1}\n',
        b'{"seq": "1"}\n',
        b'{"seq": true}\n',
        b"\n",
        written(1, 3) + b"and a note\n",
        written(1, 3) + b"and a note\n" + written(4, 4),
        written(1, 3) + written(5, 6),
        written(1, 3) + written(3, 4),
        b"x" * (TAIL_BYTES + 10),
    ],
)
def test_a_file_that_is_not_ours_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"r\.jsonl.*move the file away"):
        JsonlLog(path)
    assert path.read_bytes() == content


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be opened"):
        JsonlLog(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="cannot be opened"):
        JsonlLog(tmp_path / "file" / "r.jsonl")


def test_only_the_end_of_a_long_log_is_read(tmp_path: Path) -> None:
    path, text = tmp_path / "r.jsonl", "x" * 100_000
    with JsonlLog(path) as log:
        for seq in range(1, 101):
            append(log, lines(seq, seq, text))
    assert path.stat().st_size > TAIL_BYTES + SYNC_BYTES
    with path.open("ab") as file:
        file.write(b'{"seq":101,"v":"torn')
    assert goes_on(path, 102) == 100


def test_lines_that_do_not_follow_are_not_written(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with JsonlLog(path) as log:
        append(log, lines(1, 2))
        for wrong in (lines(4, 5), lines(2, 3), [*lines(3, 3), *lines(5, 5)]):
            with pytest.raises(DialerError, match="ends with line 2"):
                append(log, wrong)
        assert log.last_seq() == 2
    assert path.read_bytes() == written(1, 2)


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """As on a full disk: a write is taken in part, and the next one fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    path, batch = tmp_path / "r.jsonl", written(1, 5)
    with JsonlLog(path) as log:
        append(log, lines(1, 5))
        for room in range(0, len(batch), 7):
            with (
                files_no_larger_than(len(batch) + room),
                pytest.raises(DialerError, match=r"r\.jsonl.*Nothing is lost"),
            ):
                append(log, lines(6, 10, "Núñez" * 3))
            assert path.read_bytes() == batch
            assert log.last_seq() == 5
        append(log, lines(6, 7))
    assert path.read_bytes() == written(1, 7)


def test_closing_twice_is_fine_and_the_file_is_closed(tmp_path: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    log = JsonlLog(tmp_path / "r.jsonl")
    log.close()
    log.close()
    assert len(os.listdir("/dev/fd")) == before


def test_where_it_was_moved_away_or_emptied_it_goes_on_behind_its_last_line(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with JsonlLog(path) as log:
        append(log, lines(1, 5))
    for last in (7, 9):
        path.unlink()
        if last == 9:  # as logrotate's `create` leaves it
            path.touch()
        assert goes_on(path, last) == last - 2
        assert path.read_bytes() == written(last - 1, last)
    last_file(path).unlink()
    path.unlink()
    assert goes_on(path, 3) == 0, "without that line all is written anew"


def test_what_was_not_synced_is_not_taken_for_written(tmp_path: Path) -> None:
    """A power failure: the file lost its lines, and what is kept beside it must not know of them."""
    path, batch = tmp_path / "r.jsonl", lines(1, 5)
    log = JsonlLog(path)
    append(log, batch)
    assert not last_file(path).exists()
    log.close()
    assert last_file(path).read_bytes() == batch[-1].line + b"\n"
    log = JsonlLog(path)
    append(log, lines(6, 8))
    path.rename(tmp_path / "lost")
    assert goes_on(path, 8) == 5
    log.close()


def test_cut_while_it_is_written_it_is_told_and_mended(tmp_path: Path) -> None:
    """As logrotate's copytruncate does, or somebody with an editor."""
    path, whole = tmp_path / "r.jsonl", written(1, 5)
    with JsonlLog(path) as log:
        append(log, lines(1, 5))
        for size in range(len(whole)):
            os.truncate(path, size)
            left = whole[:size].count(b"\n")
            with pytest.raises(LogShortened, match=f"lines {left + 1} to 5 are written again"):
                append(log, lines(6, 6))
            assert log.last_seq() == left
            append(log, lines(left + 1, 5))
            assert path.read_bytes() == whole
        append(log, lines(6, 6))
    assert goes_on(path, 7) == 6


def test_cut_while_a_write_fails_it_does_not_grow(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with JsonlLog(path) as log:
        append(log, lines(1, 5))
        os.truncate(path, 0)
        with files_no_larger_than(len(written(1, 5)) + 7), pytest.raises(OSError, match="too large"):
            log._write(written(6, 6, "x" * 1000))
        assert path.read_bytes() == b""
