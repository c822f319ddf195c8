"""Files that were damaged, torn, emptied or taken away while nobody dialled."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.processes.places import Place, SimulatedAccount, campaign, each_called_once, numbers
from tests.processes.programs import Done

PEOPLE = numbers(24)
FIRST = 10
"""Attempts before the damage is done."""
PAGE = 4096
HalfDone = tuple[SimulatedAccount, Place]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HalfDone]:
    """A campaign that some of the people were called for, and no process that works on it."""
    with campaign(tmp_path_factory.mktemp("original"), PEOPLE) as (account, place):
        done = place.run_to_end("--limit", str(FIRST))
        jobs = [line for line in place.lines() if line["kind"] == "job"]
        assert (done.code, len(jobs)) == (0, FIRST), done.said
        yield account, place


@pytest.fixture
def half_done(original: HalfDone, tmp_path: Path) -> HalfDone:
    """A copy of it, to be damaged. The account is the same for all."""
    account, place = original
    shutil.copytree(place.root, tmp_path / "place")
    return account, replace(place, root=tmp_path / "place")


def refused(half_done: HalfDone, *said: str, code: int = 1) -> None:
    """The campaign does not go on, a plain message says why, and nobody is called."""
    account, place = half_done
    before = account.calls()
    done = place.run_to_end()
    assert done.code == code, done.said
    complains(done, *said)
    assert account.calls() == before


def complains(done: Done, *said: str) -> None:
    assert "Traceback" not in done.err
    assert done.errors, done.said
    for words in said:
        assert words in " ".join(done.errors)


@pytest.mark.parametrize("page", [0, 1, -2, -1])
def test_a_damaged_page_of_the_ledger(page: int, half_done: HalfDone) -> None:
    _, place = half_done
    with place.database.open("r+b") as file:
        file.seek(page * PAGE % place.database.stat().st_size)
        file.write(bytes(range(256)) * (PAGE // 256))
    refused(half_done, "ledger", "malformed" if page else "is not a SQLite file")


def test_a_ledger_that_ends_in_the_middle(half_done: HalfDone) -> None:
    _, place = half_done
    with place.database.open("r+b") as file:
        file.truncate(place.database.stat().st_size // PAGE // 2 * PAGE)
    refused(half_done, "ledger", "malformed")


def test_a_ledger_that_is_gone_while_its_log_is_there(half_done: HalfDone) -> None:
    """Else everybody would be called once more."""
    _, place = half_done
    before = place.log.read_bytes()
    place.database.unlink()
    refused(half_done, "another ledger", code=2)
    assert place.log.read_bytes() == before


def test_an_older_ledger_under_a_newer_log(half_done: HalfDone, tmp_path: Path) -> None:
    """As after a back-up was put back: who was called since then is not known to it."""
    _, place = half_done
    shutil.copy(place.database, tmp_path / "back-up.db")
    assert place.run_to_end("--limit", "1").code == 0
    shutil.copy(tmp_path / "back-up.db", place.database)
    refused(half_done, "an older copy", "put the newest ledger back", code=2)


def test_an_older_ledger_that_went_on_under_a_log_of_the_other(half_done: HalfDone, tmp_path: Path) -> None:
    """Both have lines of the same numbers, and not the same ones."""
    _, place = half_done
    shutil.copy(place.database, tmp_path / "back-up.db")
    before = place.log.read_bytes()
    assert place.run_to_end("--limit", "1").code == 0
    newer = place.log.read_bytes()
    shutil.copy(tmp_path / "back-up.db", place.database)
    place.log.write_bytes(before)
    assert place.run_to_end("--limit", "2").code == 0
    assert len(place.log.read_bytes().splitlines()) > len(newer.splitlines())
    place.log.write_bytes(newer)
    refused(half_done, "an older copy", "put the newest ledger back", code=2)


def test_a_file_of_somebody_else_is_not_touched(half_done: HalfDone) -> None:
    _, place = half_done
    theirs = b"name,phone\nA,1\n"
    place.log.write_bytes(theirs)
    refused(half_done, "is no results log", code=2)
    assert place.log.read_bytes() == theirs


TEARS: dict[str, Callable[[bytes], bytes]] = {
    "half a last line": lambda log: log[:-40],
    "no last newline": lambda log: log[:-1],
    "NULs at the end": lambda log: log[: -len(log) // 3] + bytes(len(log) // 3),
    "NULs after the end": lambda log: log + bytes(PAGE),
    "only NULs": lambda log: bytes(len(log)),
    "its last lines lost": lambda log: b"".join(log.splitlines(keepends=True)[:-3]),
}


@pytest.mark.slow
def test_a_results_log_that_is_torn_or_gone_is_made_whole(tmp_path: Path) -> None:
    """Torn in the middle of the campaign, and after its end in every way there is."""
    with campaign(tmp_path, PEOPLE) as (account, place):
        assert place.run_to_end("--limit", str(FIRST)).code == 0
        whole = place.log.read_bytes()
        place.log.write_bytes(TEARS["NULs at the end"](whole))
        done = place.run_to_end()
        assert done.code == 0, done.said
        assert place.log.read_bytes().startswith(whole)
        each_called_once(place, account.report(), PEOPLE)
        whole = place.log.read_bytes()
        for name, tear in TEARS.items():
            place.log.write_bytes(tear(whole))
            assert place.run_to_end().code == 0, name
            assert place.log.read_bytes() == whole, name
        place.log.unlink()
        assert place.run_to_end().code == 0
        assert place.log.read_bytes() == b"", "what is gone was moved away, and is not written again unasked"
        (place.log.parent / "leads.last").unlink()
        place.log.unlink()
        verified = place.ask("verify", "leads", "--json")
        assert verified.code == 0
        assert "there is no results log" in json.loads(verified.out)[0]["notes"][0]
        assert place.run_to_end().code == 0
        assert place.log.read_bytes() == whole
        assert place.ask("results", "leads").out.encode() == whole
