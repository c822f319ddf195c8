"""Never twice, never lost: drawn campaigns with faults and crashes keep every promise, again and again alike."""

import os
import subprocess
import sys

import pytest

from tests.simulation.batch import reproduce, summarize
from tests.simulation.plan import Life, draw
from tests.simulation.run import run


@pytest.mark.parametrize("seed", range(30))
def test_a_drawn_campaign_keeps_every_promise(seed: int) -> None:
    broken = summarize(seed).broken
    assert not broken, f"{broken[:5]}: {reproduce(seed)}"


def test_the_runs_are_stormy_enough_to_prove_something() -> None:
    totals = sum((summarize(seed).totals for seed in range(12)), start=summarize(12).totals)
    for what in ("crashes", "restarts", "uncertain", "adopted", "repeated", "unknown"):
        assert totals[what] > 0, f"no {what} in 13 runs"


def test_the_same_seed_is_the_same_run() -> None:
    """In fresh processes, in which sets and addresses are ordered differently."""
    told = [_hashes(hash_seed) for hash_seed in ("1", "4711")]
    assert told[0] == told[1]
    assert len(set(told[0])) == len(told[0]) == 6


def _hashes(hash_seed: str) -> list[str]:
    command = [sys.executable, "-m", "tests.simulation", "--seeds", "6", "--first", "3", "--jobs", "1", "--hash"]
    told = subprocess.run(
        command, env=os.environ | {"PYTHONHASHSEED": hash_seed}, capture_output=True, text=True, check=False
    )
    assert told.returncode in (0, 1), told.stderr
    return [line for line in told.stdout.splitlines() if line.split()[0].isdigit() and len(line.split()) == 2]


def test_a_crash_leaves_nothing_of_its_transaction() -> None:
    """A process that dies at every single claim, before its commit, has never called anybody."""
    plan = next(plan for plan in map(draw, range(100)) if plan.lives[0].crash is not None)
    assert isinstance(plan.lives[0], Life)
    seen = run(plan)
    assert seen.heard.lives[0].crashed or seen.heard.lives[0].ended > 0
