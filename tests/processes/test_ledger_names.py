"""One ledger under two names: refused before anybody is called, whatever became of the process before."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes.places import Place, campaign, each_called_once, numbers

PEOPLE = numbers(12)
MOUNT_S_MAX = 30


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """Where a file can be mounted alone, as a container has it: an empty file."""
    if os.geteuid() != 0:
        pytest.skip("mounting a file needs root")
    where = tmp_path / "inside" / "dialer.db"
    where.parent.mkdir()
    where.touch()
    yield where
    subprocess.run(["umount", "--lazy", str(where)], timeout=MOUNT_S_MAX, check=False, capture_output=True)


def bind(file: Path, where: Path) -> None:
    command = ["mount", "--bind", str(file), str(where)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=MOUNT_S_MAX, check=False)
    if said.returncode:
        pytest.skip(f"mounting a file is not permitted here: {said.stderr.strip()}")


def killed_under_way(place: Place) -> None:
    with place.run("--cps", "2") as first:
        first.until("call.placed")
        first.killed()


def is_refused(place: Place, other: Path, why: str) -> None:
    for arguments in (("status",), ("dnc", "add", PEOPLE[0], "--by", "me")):
        assert why in place.ask(*arguments, "--ledger", str(other)).err
    second = place.run_to_end("--ledger", str(other), "--results", "elsewhere")
    assert second.code != 0
    assert why in second.err


def test_a_ledger_that_is_mounted_alone_is_refused(tmp_path: Path, mounted: Path) -> None:
    with campaign(tmp_path / "host", PEOPLE, "--concurrency", "4") as (account, place):
        killed_under_way(place)
        bind(place.database, mounted)
        is_refused(place, mounted, "Mount the folder that it is in")
        assert place.run_to_end().code == 0
        each_called_once(place, account.report(), PEOPLE)


def test_a_ledger_with_a_hard_link_is_refused(tmp_path: Path) -> None:
    with campaign(tmp_path / "one", PEOPLE, "--concurrency", "4") as (account, place):
        killed_under_way(place)
        other = tmp_path / "other.db"
        other.hardlink_to(place.database)
        is_refused(place, other, "2 hard links")
        other.unlink()
        assert place.run_to_end().code == 0
        each_called_once(place, account.report(), PEOPLE)


def test_a_symbolic_link_is_the_same_ledger(tmp_path: Path) -> None:
    with campaign(tmp_path / "one", PEOPLE, "--concurrency", "4") as (account, place):
        killed_under_way(place)
        other = tmp_path / "other.db"
        other.symlink_to(place.database)
        assert place.run_to_end("--ledger", str(other)).code == 0
        each_called_once(place, account.report(), PEOPLE)
