"""The disk is full: nothing more is claimed, it says so, nothing is lost, and with room it goes on."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.processes.places import Place, SimulatedAccount, campaign, each_called_once, numbers
from tests.processes.programs import Done

PEOPLE = numbers(16)
DISK_BYTES = 4 * 1024 * 1024
BLOCK = 4096
MOUNT_S_MAX = 30


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    if os.geteuid() != 0:
        pytest.skip("a small disk needs a mount, and that needs root")
    where = tmp_path / "disk"
    where.mkdir()
    options = ("-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=700", "tmpfs", str(where))
    mounted = subprocess.run(
        ["mount", *options], capture_output=True, text=True, timeout=MOUNT_S_MAX, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"root may not mount a tmpfs here: {mounted.stderr.strip()}")
    try:
        yield where
    finally:
        subprocess.run(["umount", "--lazy", str(where)], timeout=MOUNT_S_MAX, check=True)


@contextmanager
def full(disk: Path, left: int = 0, name: str = "ballast") -> Iterator[None]:
    """Everything but so many bytes is taken by a file."""
    ballast = disk / name
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(BLOCK)):
                pass
        except OSError:
            pass
        if left:
            file.truncate(max(0, file.tell() - left))
    try:
        yield
    finally:
        ballast.unlink()


def said_once(done: Done) -> str:
    """The one line of the error message."""
    assert "Traceback" not in done.err
    (error,) = done.errors
    return error


def finishes(place: Place, account: SimulatedAccount) -> None:
    """With room again, the same command."""
    done = place.run_to_end()
    assert done.code == 0, done.said
    each_called_once(place, account.report(), PEOPLE)


@pytest.mark.slow
def test_no_room_for_the_ledger(disk: Path, tmp_path: Path) -> None:
    with campaign(tmp_path, PEOPLE, "--concurrency", "8") as (account, place):
        place = replace(place, ledger=disk / "dialer.db")
        with place.run() as program:
            program.until("call.placed", 3)
            with full(disk):
                done = program.ended()
                assert done.code == 1, done.said
                assert "the ledger cannot be read or written: database or disk is full" in said_once(done)
                made = account.calls()
                with full(disk, name="what its journal held"):
                    again = place.run_to_end()
                assert again.code == 1, again.said
                assert "cannot be opened" in said_once(again)
                assert account.calls() == made
        finishes(place, account)


@pytest.mark.slow
@pytest.mark.parametrize("left", [0, 40_960], ids=["at once", "soon"])
def test_no_room_for_a_new_ledger(left: int, disk: Path, tmp_path: Path) -> None:
    with campaign(tmp_path, PEOPLE) as (account, place):
        place = replace(place, ledger=disk / "dialer.db")
        with full(disk, left):
            done = place.run_to_end()
            assert done.code == 1, done.said
            assert "full" in said_once(done) or "No space left" in said_once(done)
            # in the room that there was it may have begun, and then it has written down whom it called
            assert left or account.calls() == 0
        finishes(place, account)


@pytest.mark.slow
def test_no_room_for_the_results_log(disk: Path, tmp_path: Path) -> None:
    with campaign(tmp_path, PEOPLE, "--concurrency", "8") as (account, place):
        place = replace(place, results=disk / "results")
        with place.run() as program:
            program.until("attempt.closed", 3)
            with full(disk):
                done = program.ended()
                assert done.code == 1, done.said
                assert "the results log cannot be written: No space left on device" in said_once(done)
                assert "make room and run the same command again" in said_once(done)
        finishes(place, account)
