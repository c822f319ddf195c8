"""Many runs on several cores, and what they add up to."""

import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
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
from tests.simulation.service_checks import service_violations
from tests.simulation.service_plan import draw_service
from tests.simulation.service_process import run_service

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
    kind: str = "seed"
    """By which option it is run again."""
    reached: frozenset[str] = frozenset()
    """What of `reached.expected` happened."""


class StuckError(BaseException):
    """The run does not end in real time. Nothing in the engine may catch it."""


def summarize(seed: int, broken: str | None = None) -> Summary:
    """Run one seed and judge it. `broken`: with the engine that lacks this rule."""
    parts = Parts() if broken is None else BROKEN[broken].parts

    def judged() -> Summary:
        seen = run(draw(seed), parts)
        happened = frozenset(reached(seen))
        return Summary(seed, violations(seen), _totals(seen), seen.hours, seen.trace(), reached=happened)

    return _bounded(seed, "seed", judged)


def summarize_service(seed: int) -> Summary:
    """The same of a run of services."""

    def judged() -> Summary:
        seen = run_service(draw_service(seed))
        rung = Counter(call.attempt_id for call in seen.calls)
        totals = Counter(
            runs=1,
            crashes=seen.crashes,
            restarts=len(seen.lives) - 1,
            leads=len(seen.jobs),
            calls=len(seen.calls),
            doubled=len(seen.calls) - len(rung),
        )
        return Summary(seed, service_violations(seen), totals, seen.hours, "", kind="service")

    return _bounded(seed, "service", judged)


def _bounded(seed: int, kind: str, judged: Callable[[], Summary]) -> Summary:
    """In real time, too."""

    def stuck(number: int, frame: FrameType | None) -> None:
        raise StuckError

    before = signal.signal(signal.SIGALRM, stuck)
    signal.alarm(RUN_MAX_S)
    try:
        return judged()
    except StuckError:
        stuck_for = [("it_ends", f"no end after {RUN_MAX_S} real seconds")]
        return Summary(seed, stuck_for, Counter(runs=1), 0.0, "", kind)
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


def summaries(
    seeds: Iterable[int], jobs: int, broken: str | None = None, services: Iterable[int] = ()
) -> Iterator[Summary]:
    """Each seed's, in their order, and those of the services behind them."""
    one = partial(summarize, broken=broken)
    if jobs == 1:
        yield from map(one, seeds)
        yield from map(summarize_service, services)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(one, seeds, chunksize=4)
        yield from pool.map(summarize_service, services, chunksize=4)


def reproduce(one: Summary) -> str:
    """The command that shows this run again."""
    return f"python -m tests.simulation --{one.kind} {one.seed}{' --trace' if one.kind == 'seed' else ''}"


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
