"""Many runs on several cores, and what they add up to."""

import signal
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from types import FrameType

from dialer.domain.lifecycle import AttemptState
from dialer.engine.events import AttemptUncertain, CallPlaced
from tests.simulation.broken_rules import BROKEN
from tests.simulation.checks import one_final_result_each, violations
from tests.simulation.evidence import Evidence
from tests.simulation.plan import draw
from tests.simulation.process import Parts
from tests.simulation.reached import reached
from tests.simulation.run import run

RUN_MAX_S = 120
"""Real seconds after which a run is stuck: it makes no virtual time, or far too much work."""
COUNTED = ("runs", "crashes", "restarts", "leads", "calls", "uncertain", "adopted", "repeated", "unknown")
PROMISED = ("doubled", "lost")


@dataclass(frozen=True, slots=True)
class Summary:
    """One run in numbers."""

    seed: int
    broken: list[tuple[str, str]]
    """Which checker says what."""
    totals: Counter[str]
    hours: float
    trace: str
    reached: frozenset[str] = frozenset()
    """What of `reached.expected` happened."""


class StuckError(BaseException):
    """The run does not end in real time. Nothing in the engine may catch it."""


def summarize(seed: int, broken: str | None = None) -> Summary:
    """Run one seed and judge it. `broken`: with the engine that lacks this rule."""
    parts = Parts() if broken is None else BROKEN[broken].parts

    def stuck(number: int, frame: FrameType | None) -> None:
        raise StuckError

    before = signal.signal(signal.SIGALRM, stuck)
    signal.alarm(RUN_MAX_S)
    try:
        seen = run(draw(seed), parts)
        return Summary(
            seed, violations(seen), _totals(seen), seen.hours, seen.trace(), frozenset(reached(seen))
        )
    except StuckError:
        stuck_for = [("it_ends", f"no end after {RUN_MAX_S} real seconds")]
        return Summary(seed, stuck_for, Counter(runs=1), 0.0, "")
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _totals(seen: Evidence) -> Counter[str]:
    events = [event for _, event in seen.heard.events]
    created = [request for _, request, _ in seen.heard.requests if request.startswith("create ")]
    return Counter(
        runs=1,
        crashes=sum(life.crashed for life in seen.heard.lives),
        restarts=len(seen.heard.lives) - 1,
        leads=len(seen.jobs),
        calls=len(seen.calls),
        uncertain=sum(isinstance(event, AttemptUncertain) for event in events),
        adopted=sum(isinstance(event, CallPlaced) and event.adopted for event in events),
        repeated=len(created) - len(set(created)),
        unknown=sum(attempt["state"] == AttemptState.UNKNOWN for attempt in seen.attempts),
        doubled=len(seen.calls) - len({call.attempt_id for call in seen.calls}),
        lost=len(one_final_result_each(seen)),
    )


def summaries(seeds: Iterable[int], jobs: int, broken: str | None = None) -> Iterator[Summary]:
    """Each seed's, in their order."""
    one = partial(summarize, broken=broken)
    if jobs == 1:
        yield from map(one, seeds)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(one, seeds, chunksize=4)


def reproduce(seed: int) -> str:
    """The command that shows this run again."""
    return f"python -m tests.simulation --seed {seed} --trace"


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
