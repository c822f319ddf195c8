"""The wall clock is stepped while people are called. Only the dialer's own: libfaketime stands before it."""

import json
import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from time import monotonic_ns, time_ns

import pytest

from tests.processes.places import SPEED, campaign, each_called_once, numbers
from tests.processes.programs import Program, wait_for

PEOPLE = numbers(20)
FAULTS = "drop_after=0.2,drop_before=0.1,only_first=2"
STEPS = {"+864000": 10, "+0": 0, "+1728000": 20}
"""Seconds, and the days that they are."""
PROBE_S_MAX = 30
LIBRARIES = ("libfaketimeMT.so.1", "libfaketime.so.1")


def fake_clock(steps: Path) -> dict[str, str]:
    """The environment under which a process has the clock that this file names; skips where there is none."""
    found = shutil.which("faketime")
    if found is None:
        pytest.skip("faketime is not installed")
    libraries = [path for name in LIBRARIES for path in sorted(Path("/usr/lib").glob(f"*/faketime/{name}"))]
    if not libraries:
        pytest.skip("libfaketime is not where Debian puts it")
    env = {
        "LD_PRELOAD": str(libraries[0]),
        "FAKETIME_TIMESTAMP_FILE": str(steps),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    steps.write_text("+36000000")
    there = "import time; print(time.time(), time.monotonic())"
    shown = subprocess.run(
        [sys.executable, "-c", there],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=PROBE_S_MAX,
        check=False,
    )
    wall, monotonic = (float(text) for text in shown.stdout.split() or ("nan", "nan"))
    now, ticks = time_ns() / 1e9, monotonic_ns() / 1e9
    if not (wall - now > 35_000_000 and abs(monotonic - ticks) < PROBE_S_MAX):
        pytest.skip(f"libfaketime does not work with this Python: {shown.stderr.strip() or shown.stdout}")
    steps.write_text("+0")
    return env


@pytest.mark.slow
def test_hours_and_a_day_to_and_fro(tmp_path: Path) -> None:
    """Calls that are going on and calls that are over meet every step."""
    steps = tmp_path / "clock"
    env = fake_clock(steps)
    today = datetime.fromtimestamp(time_ns() / 1e9, UTC).date()
    with campaign(tmp_path, PEOPLE, "--concurrency", "2") as (account, place):
        with place.run(env=env) as program:
            for nth, (step, day) in enumerate(STEPS.items(), 1):
                program.until("attempt.closed", 3 * nth)
                steps.write_text(step)
                wait_for(partial(is_seen, program, today, day), f"{step} is seen")  # calls end all the time
            done = program.ended()
            assert done.code == 0, done.said
        each_called_once(place, account.report(), PEOPLE)


@pytest.mark.slow
@pytest.mark.parametrize("step", ["-7200", "+7200"], ids=["back", "forward"])
def test_killed_and_started_again_at_another_time(step: str, tmp_path: Path) -> None:
    """What was under way is then from the future, or older than a key lives: looked for, never sent again."""
    steps = tmp_path / "clock"
    env = {**fake_clock(steps), "DIALER_PLACING__LOOKS_MAX": "2"}
    with campaign(tmp_path, PEOPLE, "--faults", FAULTS, "--latency", str(0.2 * SPEED)) as (account, place):
        with place.run(env=env) as program:
            program.until("call.placed", 5)
            program.killed()
        steps.write_text(step)
        with place.run(env=env) as program:
            program.until("attempt.parked")
            program.signal(signal.SIGTERM)
            assert program.ended().code == 130
            parked = parked_of_resumed(program)
        steps.write_text("+0")  # what was due before a step back is due once more
        with place.run(env=env) as program:
            done = program.ended()
            assert done.code == 0, done.said
            parked |= parked_of_resumed(program)
        report = account.report()
        assert report["doubled_calls"] == 0
        assert report["calls_per_number"] == {"1": len(PEOPLE) - len(parked)}
        verdict = json.loads(place.ask("verify", "leads", "--json").out)[0]
        assert verdict["closes"], verdict
        assert verdict["jobs"]["unknown"] == len(parked)


def is_seen(program: Program, today: date, days: int) -> bool:
    """The newest line of the log is so many days from now; or one more, since midnight may have passed."""
    newest = date.fromisoformat(json.loads(program.err[-1])["timestamp"][:10])
    return (newest - today).days - days in (0, 1)


def parked_of_resumed(program: Program) -> set[str]:
    """Attempts that nobody could tell of; none of them was begun at the wrong time."""
    parked = {line["attempt_id"] for line in program.logged("attempt.parked")}
    claimed = program.logged("attempt.claimed")
    assert parked <= {line["attempt_id"] for line in claimed if line["resumed"]}
    return parked
