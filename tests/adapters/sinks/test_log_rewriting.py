"""A results log is written anew, or stays as it is."""

import stat
from pathlib import Path

import pytest
from test_jsonl_log import goes_on, lines, written

from dialer.adapters.sinks.jsonl import JsonlLog, last_file
from dialer.adapters.sinks.log_rewriting import rewriting
from dialer.domain.errors import BadInput, DialerError

DAMAGED = [b"", written(1, 3), written(4, 9), written(1, 2) + written(5, 9), written(1, 9)[:-4], b"\0" * 400]


@pytest.mark.parametrize("before", DAMAGED)
def test_whatever_became_of_it_it_is_whole(tmp_path: Path, before: bytes) -> None:
    path = tmp_path / "new" / "r.jsonl"
    path.parent.mkdir()
    path.write_bytes(before)
    with rewriting(path) as write:
        write(lines(1, 4))
        write(lines(5, 9))
        assert path.read_bytes() == before, "it is as it was until all is written"
    assert path.read_bytes() == written(1, 9)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {each.name for each in path.parent.iterdir()} == {"r.jsonl", "r.last"}
    assert goes_on(path, 11) == 9
    path.unlink()
    assert goes_on(path, 12) == 11, "and what is kept beside it is its last line"


def test_one_that_is_not_there_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "r.jsonl"
    with rewriting(path) as write:
        write(lines(1, 2))
    assert path.read_bytes() == written(1, 2)


def test_not_while_a_process_writes_it_nor_the_other_way_round(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with JsonlLog(path), pytest.raises(BadInput, match="stop that first"), rewriting(path):
        pass
    with rewriting(path) as write:
        write(lines(1, 2))
        with pytest.raises(BadInput, match="another process writes"):
            JsonlLog(path)
    assert goes_on(path, 3) == 2


def test_what_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(written(1, 3))

    def lose_the_ledger() -> None:
        with rewriting(path) as write:
            write(lines(1, 2))
            raise DialerError("the ledger is lost")

    with pytest.raises(DialerError, match="is lost"):
        lose_the_ledger()
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("r.jsonl", written(1, 3))]
    assert not last_file(path).exists()


def test_a_file_that_is_somebody_elses_stays(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text("name,phone\n")
    with pytest.raises(BadInput, match="no results log"), rewriting(path):
        pass
    assert path.read_text() == "name,phone\n"
