"""`python -m tests.week`: a week of calls in virtual time, and what an independent checker finds in it."""

import argparse
import sys
import time
from collections import Counter

from tests.week.checks import violations
from tests.week.plan import FULL_MANY, WEEKS, Plan
from tests.week.record import Record, disagreements
from tests.week.run import Evidence, run

SHOWN_MAX = 5
"""Problems of one checker that are shown; the others are counted."""


def main() -> int:
    """The exit code: 1 if a rule was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.week", description=__doc__)
    parser.add_argument("--leads", type=int, default=FULL_MANY, help="how many")
    parser.add_argument("--week", choices=WEEKS, default="clocks", help="which week")
    parser.add_argument("--days", type=int, default=7, help="its first days only")
    parser.add_argument("--seed", type=int, default=1, help="of all chance")
    options = parser.parse_args()
    plan = Plan(options.leads, options.week, options.seed, options.days)
    began, worked = time.perf_counter(), time.process_time()
    seen = run(plan)
    lasted, worked = time.perf_counter() - began, time.process_time() - worked
    _tell(seen)
    say(f"dialled in {lasted:.0f} s, {worked:.0f} s of them at work")
    began = time.perf_counter()
    found = violations(seen) | disagreements(seen)
    say(f"checked in {time.perf_counter() - began:.0f} s")
    for name, problems in found.items():
        say(f"  {name}: {len(problems) or 'no'} violations")
        for problem in problems[:SHOWN_MAX]:
            say(f"    {problem}")
    broken = sum(map(len, found.values()))
    say(f"{broken} violations")
    return 1 if broken else 0


def _tell(seen: Evidence) -> None:
    plan, entries = seen.plan, Record(seen).entries
    say(f"{plan.days} days from {plan.times.start:%A %d %B %Y}, {plan.many} leads, {len(plan.lines)} lines")
    say(f"{len(seen.calls)} calls: {_counted(Counter(call.reason for call in seen.calls))}")
    say(f"leads: {_counted(seen.jobs)}")
    for verdict in ("wait", "drop"):
        rules = Counter(entry.rule for entry in entries if entry.verdict == verdict)
        say(f"{rules.total()} {verdict}s: {_counted(rules)}")
    say(f"{len(seen.suppressed)} numbers suppressed by hand; {_counted(seen.seen)}")


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{many} {name}" for name, many in counts.most_common())


def say(line: str) -> None:
    """One line for whoever waits."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
