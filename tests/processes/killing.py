"""`python -m tests.processes.killing`: one campaign whose process is killed with -9 again and again."""

import argparse
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from threading import Event
from time import perf_counter
from typing import Any

from tests.processes.places import campaign, each_called_once, numbers
from tests.processes.programs import Program

FAULTS = "drop_after=0.12,error_after=0.12,drop_before=0.05,error_before=0.05,unreadable=0.05,only_first=3"
LATENCY_S = 0.05
LISTING_LAG_S = 0.5
"""Real seconds; shorter than the settle time."""
SPEED = 20.0
"""The simulator forgets a key after its own hour: an attempt has three minutes to live to its repeat."""
STARTING_S = 1.5
"""Within this a process has begun to dial."""
JITTER_S = 0.06
MOMENT_S_MAX = 6.0
"""How long a moment is waited for; then it is killed where it stands."""
LAST_S_MAX = 900.0
"""For what is left after the last kill."""
MOMENTS = {
    "starting": 2,
    "attempt.claimed": 4,
    "call.placed": 3,
    "attempt.uncertain": 2,
    "attempt.closed": 3,
}
"""When to kill: while it starts, or at the n-th event of a kind; and how often each is drawn."""


@dataclass(slots=True)
class Killed:
    """What came of it."""

    seed: int
    moments: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    report: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def rounds(self) -> int:
        return self.moments.total()


def kill_rounds(
    folder: Path,
    rounds: int,
    leads: int,
    seed: int,
    told: Callable[[str], None],
    speed: float = SPEED,
    ledger: str | None = None,
) -> Killed:
    """Kill so often, then let it come to its end. AssertionError: a promise was broken.

    `ledger`: where it is; None: in a file.
    """
    people = numbers(leads)
    killed, dice, began = Killed(seed), Random(seed), perf_counter()
    with campaign(folder, people, *_account(seed, speed), speed=speed) as (account, place):
        if ledger is not None:
            place = replace(place, env={**place.env, "DIALER_LEDGER__URL": ledger})
        each = max(2, leads // rounds)
        for _ in range(rounds):
            with place.run("--cps", f"{each / 2:g}") as program:
                moment = _kill_somewhere(program, dice, each)
            killed.moments[moment] += 1
            killed.seen += _counted(program)
            told(f"{killed.rounds} of {rounds}: killed at {moment}")
        with place.run() as program:
            done = program.ended(LAST_S_MAX)
        killed.seen += _counted(program)
        assert done.code == 0, done.said
        killed.report = account.report()
        each_called_once(place, killed.report, people)
        killed.seen["lines"] = len(place.lines())
    killed.seconds = perf_counter() - began
    return killed


def _account(seed: int, speed: float) -> tuple[str, ...]:
    slow = ("--latency", str(LATENCY_S * speed), "--listing-lag", str(LISTING_LAG_S * speed))
    return (*slow, "--faults", FAULTS, "--seed", str(seed))


def _kill_somewhere(program: Program, dice: Random, each: int) -> str:
    """Kill it at a moment that the dice name; what moment it was."""
    moment = dice.choices(list(MOMENTS), list(MOMENTS.values()))[0]
    count = 1 if moment == "attempt.uncertain" else dice.randint(1, max(2, each // 2))
    wait_s = dice.uniform(0.0, STARTING_S if moment == "starting" else JITTER_S)
    if moment != "starting" and program.reached(moment, count, MOMENT_S_MAX) is None:
        moment = "later"  # it did not come to that any more
    Event().wait(wait_s)
    done = program.killed()
    assert done.code == -signal.SIGKILL, f"it ended before it was killed: {done.said[-2000:]}"
    return moment


def _counted(program: Program) -> Counter[str]:
    claimed, placed = program.logged("attempt.claimed"), program.logged("call.placed")
    return Counter(
        resumed=sum(line["resumed"] for line in claimed),
        adopted=sum(line["adopted"] for line in placed),
        uncertain=len(program.logged("attempt.uncertain")),
        parked=len(program.logged("attempt.parked")),
    )


def main() -> int:
    """The exit code: 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.processes.killing", description=__doc__)
    parser.add_argument("--rounds", type=int, default=50, help="how often it is killed")
    parser.add_argument("--leads", type=int, default=500, help="people to call")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with TemporaryDirectory(prefix="dialer-killing-") as folder:
        try:
            killed = kill_rounds(Path(folder), options.rounds, options.leads, options.seed, _say)
        except AssertionError:
            traceback.print_exc()
            _say(f"seed {options.seed}: a promise was broken")
            return 1
    for line in totals(killed, options.leads):
        _say(line)
    return 0


def totals(killed: Killed, leads: int) -> Iterator[str]:
    """What came of it, for people."""
    report, seen = killed.report, killed.seen
    moments = ", ".join(f"{count} {moment}" for moment, count in killed.moments.most_common())
    yield f"seed {killed.seed}: {killed.rounds} kills ({moments}) in {killed.seconds:.0f} s"
    yield (
        f"{leads} people, {report['calls']} calls, {report['doubled_calls']} doubled, "
        f"{report['create_requests']} requests of which {report['replays']} repeats of a made call"
    )
    yield (
        f"{seen['resumed']} attempts resumed, {seen['uncertain']} times uncertain, "
        f"{seen['adopted']} adopted, {seen['parked']} parked as unknown, "
        f"{seen['lines']} lines in the results log"
    )
    yield f"faults {report['faults']}"
    yield "every promise held"


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
