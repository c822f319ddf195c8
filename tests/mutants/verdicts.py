"""What became of the mutants of a round, as mutmut writes it beside each module."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path

from mutmut.stats import status_by_exit_code

KILLED_SHARE_MIN = 0.9
KILLED = ("killed", "timeout", "segfault")
NOT_LEFT = (*KILLED, "not checked")
LEFT = ("survived", "no tests")
COLUMNS = ("mutants", "killed", "timeout", "survived", "not judged", "share")

Verdicts = dict[str, dict[str, str]]
"""For each module the status of every mutant by its name."""


def counted(mutants: Path, modules: Iterable[str] = ("*",)) -> Verdicts:
    return {
        module: verdicts
        for module, verdicts in _all(mutants)
        if verdicts and any(fnmatch(module, pattern) for pattern in modules)
    }


def _all(mutants: Path) -> Iterator[tuple[str, dict[str, str]]]:
    for meta in sorted(mutants.rglob("*.py.meta")):
        statuses = json.loads(meta.read_text())["exit_code_by_key"]
        module = str(meta.relative_to(mutants)).removesuffix(".meta")
        yield module, {name: status_by_exit_code[status] for name, status in statuses.items()}


def survivors(mutants: Path) -> list[str]:
    return [
        name for verdicts in counted(mutants).values() for name, status in verdicts.items() if status in LEFT
    ]


def show(rounds: Iterable[Verdicts]) -> int:
    """Print a line for each module, and who is left; 1 if too few are killed, or none was judged."""
    together: Counter[str] = Counter()
    print(f"\n{'module':34}" + "".join(f"{column:>12}" for column in COLUMNS))  # noqa: T201
    left: list[str] = []
    for verdicts in rounds:
        for module, statuses in verdicts.items():
            tally = Counter(statuses.values())
            together += tally
            print(_row(module.removeprefix("dialer/"), tally))  # noqa: T201
            left += [
                f"{name}: {status}"
                for name, status in statuses.items()
                if status not in (*KILLED, "not checked")
            ]
    print(_row("together", together))  # noqa: T201
    for each in left:
        print("   ", each)  # noqa: T201
    return int(_killed(together) < KILLED_SHARE_MIN * max(together.total(), 1))


def _killed(tally: Counter[str]) -> int:
    return sum(tally[state] for state in KILLED)


def _row(name: str, tally: Counter[str]) -> str:
    survived, killed = sum(tally[state] for state in LEFT), _killed(tally)
    judged = survived + killed
    share = f"{killed / judged:.1%}" if judged else "-"
    columns = (tally.total(), killed, tally["timeout"], survived, tally.total() - judged, share)
    return f"{name:34}" + "".join(f"{column:>12}" for column in columns)
