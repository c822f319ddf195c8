"""Never twice, never lost: drawn campaigns with faults and crashes keep every promise."""

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from functools import cache

import pytest

from dialer.simulator.faults import Faults
from tests.simulation.batch import reproduce, summarize
from tests.simulation.broken import calm_plan
from tests.simulation.checks import violations
from tests.simulation.crash import Crash, Moment
from tests.simulation.plan import Life
from tests.simulation.rows import Rows
from tests.simulation.run import run

SEEDS = range(30)
once = cache(summarize)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_drawn_campaign_keeps_every_promise(seed: int) -> None:
    one = once(seed)
    assert not one.broken, f"{one.broken[:5]}: {reproduce(one)}"


def test_the_runs_are_stormy_enough_to_prove_something() -> None:
    totals: Counter[str] = sum((once(seed).totals for seed in SEEDS), start=Counter())
    for what in ("crashes", "restarts", "uncertain", "adopted", "repeated", "unknown"):
        assert totals[what] > 0, f"no {what} in {len(SEEDS)} runs"


def test_the_same_seed_is_the_same_run() -> None:
    """In fresh processes, in which sets and addresses are ordered differently."""
    told = [_hashes(hash_seed) for hash_seed in ("1", "4711")]
    assert told[0] == told[1]
    assert len(set(told[0])) == len(told[0]) == 4


def _hashes(hash_seed: str) -> list[str]:
    command = [
        sys.executable,
        "-m",
        "tests.simulation",
        *["--seeds", "4", "--first", "3", "--jobs", "1", "--hash"],
    ]
    told = subprocess.run(
        command, env=os.environ | {"PYTHONHASHSEED": hash_seed}, capture_output=True, text=True, check=False
    )
    assert told.returncode in (0, 1), told.stderr
    return [line for line in told.stdout.splitlines() if line.split()[0].isdigit() and len(line.split()) == 2]


def test_a_process_that_dies_at_each_claim_calls_nobody() -> None:
    dies = Crash(Moment.CLAIM, nth=1, after_s=0.0, commits=False)
    plan = calm_plan(lives=(Life(20, dies),) * 3, readings=calm_plan().readings * 2)
    seen = run(plan)
    assert [life.crashed for life in seen.heard.lives] == [True, True, True, False]
    assert seen.heard.creates[0][0] >= seen.heard.lives[3].began
    assert violations(seen) == []


@pytest.mark.parametrize("hears", [False, True], ids=["polling", "webhooks"])
def test_a_crash_at_every_transaction_in_turn(hears: bool) -> None:
    """Before and after each commit of a small campaign that loses answers."""
    faults = Faults(drop_after=0.5, drop_before=0.3, only_first=1, webhook_doubled=0.5 if hears else 0.0)
    small = calm_plan(faults=faults, hears_webhooks=hears)
    readings = (Rows(small.readings[0].rows[:4]),) * 2
    crashes = analyses = 0
    for nth in range(1, 100):
        for commits in (False, True):
            crash = Crash(Moment.COMMIT, nth, after_s=0.0, commits=commits)
            seen = run(replace(small, readings=readings, lives=(Life(2, crash),)))
            assert violations(seen) == [], f"crash {crash}"
            crashes += seen.heard.lives[0].crashed
            analyses += sum(line["kind"] == "analysis" for line in seen.results)
        if not seen.heard.lives[0].crashed:
            break
    assert crashes > 40
    assert analyses > crashes
