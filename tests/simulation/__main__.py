"""`python -m tests.simulation`: campaigns with faults and crashes in virtual time, each drawn from a seed."""

import argparse
import sys
import time
from collections import Counter

from tests.simulation.batch import COUNTED, PROMISED, Summary, reproduce, say, summaries
from tests.simulation.broken_rules import BROKEN
from tests.simulation.checks import violations
from tests.simulation.evidence import Evidence
from tests.simulation.plan import draw
from tests.simulation.process import Parts
from tests.simulation.reached import BATCH_MIN, expected
from tests.simulation.run import run

PROGRESS_EVERY_S = 10.0
SHOWN_MAX = 20
"""Broken runs that are shown; the others are counted."""


def main() -> int:
    """The exit code: 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many runs")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--seed", type=int, help="this one run only")
    parser.add_argument("--services", type=int, help="how many runs of services; else a tenth as many")
    parser.add_argument("--service", type=int, help="this one run of services only")
    parser.add_argument("--trace", action="store_true", help="with --seed: everything that happened")
    parser.add_argument("--hash", action="store_true", help="a hash of each run's trace")
    parser.add_argument(
        "--broken", choices=sorted(BROKEN), help="an engine that lacks this rule, until it is found"
    )
    options = parser.parse_args()
    if options.seed is not None and options.trace:
        return _trace(options.seed, options.broken)
    seeds = range(options.first, options.first + options.seeds)
    if options.broken is not None and options.seed is None:
        return _find(options.broken, seeds, options.jobs)
    services = range(options.seeds // 10 if options.services is None else options.services)
    if options.seed is not None:
        seeds, services = range(options.seed, options.seed + 1), range(0)
    if options.service is not None:
        seeds, services = range(0), range(options.service, options.service + 1)
    return _many(seeds, services, options)


def _find(broken: str, seeds: range, jobs: int) -> int:
    """The exit code: 1 if none of the seeds shows that the rule is missing."""
    for nth, one in enumerate(summaries(seeds, jobs, broken), start=1):
        if one.broken:
            say(f"{broken}: found by seed {one.seed}, the {nth}th: {one.broken[0]}")
            return 0
    say(f"{broken}: NOT found in {len(seeds)} seeds")
    return 1


def _many(seeds: range, services: range, options: argparse.Namespace) -> int:
    totals: Counter[str] = Counter()
    hours, broken = 0.0, 0
    times: Counter[str] = Counter()
    began = told = time.perf_counter()
    many = len(seeds) + len(services)
    for nth, one in enumerate(summaries(seeds, min(options.jobs, many), services=services), start=1):
        totals += one.totals
        hours += one.hours
        times.update(one.reached)
        if options.hash:
            say(f"{one.seed} {one.trace}")
        if one.broken:
            broken += 1
            if broken <= SHOWN_MAX:
                _show(one)
        if time.perf_counter() - told > PROGRESS_EVERY_S:
            told = time.perf_counter()
            say(f"{nth} of {many} runs, {totals['crashes']} crashes, {broken} broken")
    numbers = ", ".join(f"{totals[name]} {name}" for name in COUNTED)
    say(f"{numbers}, {hours:.0f} virtual hours in {time.perf_counter() - began:.0f} s")
    say(", ".join(f"{totals[name]} {name}" for name in PROMISED))
    say(f"{broken} runs broke a promise" if broken else "every promise held")
    missing = sorted(expected() - times.keys()) if len(seeds) >= BATCH_MIN else []
    if missing:
        say(f"never happened in {len(seeds)} runs: {'; '.join(missing)}")
    return 1 if broken or missing else 0


def _show(one: Summary) -> None:
    say(f"{one.kind} {one.seed}:")
    for check, problem in one.broken[:5]:
        say(f"  {check}: {problem}")
    say(f"  {reproduce(one)}")


def _trace(seed: int, broken: str | None) -> int:
    plan = draw(seed)
    seen = run(plan, Parts() if broken is None else BROKEN[broken].parts)
    say(f"account {plan.account}\nfaults {plan.faults}\nconfig {plan.config}\ntimeout {plan.timeout_s} s")
    for line in _lines(seen):
        say(line)
    broken = violations(seen)
    for check, problem in broken:
        say(f"BROKEN {check}: {problem}")
    return 1 if broken else 0


def _lines(seen: Evidence) -> list[str]:
    """Everything in the order of the loop's time."""
    found: list[tuple[float, str]] = []
    for life in seen.heard.lives:
        found.append((life.began, f"PROCESS starts with {life.slots} slots"))
        found.append((life.ended, "PROCESS crashed" if life.crashed else "PROCESS ended"))
    found += [(change.at, f"CHANGE {change}") for change in seen.plan.changes]
    found += [(at, f"CLOCK steps by {seconds} s") for at, seconds in seen.steps]
    found += [(at, f"event {event}") for at, event in seen.heard.events]
    found += [(at, f"asked {request}: {answer}") for at, request, answer in seen.heard.requests]
    for call in seen.calls:
        what = f"{call.call_id} of {call.attempt_id} to {call.to_number}"
        found.append((call.created_at, f"WORLD made {what}, listed at {call.listed_at:.3f}"))
        if call.ended_at is not None:
            found.append((call.ended_at, f"WORLD ended {what}: {call.status} {call.reason}"))
    return [f"{at:12.4f} {line}" for at, line in sorted(found, key=lambda each: each[0])]


if __name__ == "__main__":
    sys.exit(main())
