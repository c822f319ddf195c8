"""Files that were damaged, torn, emptied or taken away while nobody dialled."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.processes.places import Place, SimulatedAccount, campaign, each_called_once, numbers

PEOPLE = numbers(24)
FIRST = 10
"""Attempts before the damage is done."""
PAGE = 4096
NOT_CHECKED = pytest.mark.xfail(
    strict=True,
    reason="a page that start-up does not read is found only when it is needed: calls go out before",
)


@contextmanager
def half_done(tmp_path: Path) -> Iterator[tuple[SimulatedAccount, Place]]:
    """A campaign that some of the people were called for, and no process that works on it."""
    with campaign(tmp_path, PEOPLE) as (account, place):
        done = place.run_to_end("--limit", str(FIRST))
        assert (done.code, len(place.lines())) == (0, 2 * FIRST), done.said
        yield account, place


def refused(place: Place, account: SimulatedAccount, *said: str, code: int = 1) -> None:
    """The campaign does not go on, a plain message says why, and nobody is called."""
    done = place.run_to_end()
    assert done.code == code, done.said
    assert "Traceback" not in done.err
    errors = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert errors, done.said
    for words in said:
        assert words in " ".join(errors)
    assert account.report()["calls"] == FIRST


def goes_on(place: Place, account: SimulatedAccount) -> None:
    """To its end, with a results log that is the ledger's."""
    done = place.run_to_end()
    assert done.code == 0, done.said
    each_called_once(place, account.report(), PEOPLE)
    assert place.ask("results", "leads").out == place.log.read_text()


def overwrite(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


@pytest.mark.slow
@pytest.mark.parametrize("page", [0, 1, pytest.param(-2, marks=NOT_CHECKED), -1])
def test_a_damaged_page_of_the_ledger(page: int, tmp_path: Path) -> None:
    with half_done(tmp_path) as (account, place):
        size = place.database.stat().st_size
        overwrite(place.database, page * PAGE % size, bytes(range(256)) * (PAGE // 256))
        refused(place, account, "ledger", "malformed" if page else "is not a SQLite file")


def test_a_ledger_that_ends_in_the_middle(tmp_path: Path) -> None:
    with half_done(tmp_path) as (account, place):
        with place.database.open("r+b") as file:
            file.truncate(place.database.stat().st_size // PAGE // 2 * PAGE)
        refused(place, account, "ledger", "malformed")


def test_a_ledger_that_is_gone_while_its_log_is_there(tmp_path: Path) -> None:
    """Else everybody would be called once more."""
    with half_done(tmp_path) as (account, place):
        before = place.log.read_bytes()
        place.database.unlink()
        refused(place, account, "another ledger", code=2)
        assert place.log.read_bytes() == before


def test_an_older_ledger_under_a_newer_log(tmp_path: Path) -> None:
    """As after a back-up was put back: who was called since then is not known to it."""
    with campaign(tmp_path, PEOPLE) as (account, place):
        assert place.run_to_end("--limit", str(FIRST // 2)).code == 0
        shutil.copy(place.database, tmp_path / "back-up.db")
        assert place.run_to_end("--limit", str(FIRST - FIRST // 2)).code == 0
        shutil.copy(tmp_path / "back-up.db", place.database)
        refused(place, account, "another ledger", code=2)


TEARS: dict[str, Callable[[bytes], bytes]] = {
    "half a last line": lambda log: log[:-40],
    "no last newline": lambda log: log[:-1],
    "NULs at the end": lambda log: log[: -len(log) // 3] + bytes(len(log) // 3),
    "NULs after the end": lambda log: log + bytes(PAGE),
    "only NULs": lambda log: bytes(len(log)),
    "its last lines lost": lambda log: b"".join(log.splitlines(keepends=True)[:-3]),
    "empty": lambda log: b"",
}


@pytest.mark.slow
def test_a_torn_results_log_is_mended(tmp_path: Path) -> None:
    """One tear after the other, and one call more after each."""
    with half_done(tmp_path) as (account, place):
        for name, tear in TEARS.items():
            whole = place.log.read_bytes()
            place.log.write_bytes(tear(whole))
            done = place.run_to_end("--limit", "1")
            assert done.code == 0, f"{name}: {done.said}"
            assert place.log.read_bytes().startswith(whole), name
            assert len(place.lines()) == whole.count(b"\n") + 2, name
        goes_on(place, account)


def test_a_results_log_that_is_gone_is_written_again(tmp_path: Path) -> None:
    with half_done(tmp_path) as (account, place):
        whole = place.log.read_bytes()
        place.log.unlink()
        verified = place.ask("verify", "leads", "--json")
        assert verified.code == 0
        assert "there is no results log" in json.loads(verified.out)[0]["notes"][0]
        goes_on(place, account)
        assert place.log.read_bytes().startswith(whole)


def test_a_file_of_somebody_else_is_not_touched(tmp_path: Path) -> None:
    with half_done(tmp_path) as (account, place):
        theirs = b"name,phone\nA,1\n"
        place.log.write_bytes(theirs)
        refused(place, account, "is no results log", code=2)
        assert place.log.read_bytes() == theirs
