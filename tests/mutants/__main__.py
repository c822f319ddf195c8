"""Mutation testing with mutmut: what is changed in the rules, is it noticed? CONTRIBUTING.md has the results.

    python -m tests.mutants                    every round; exits with 1 below 90 % killed
    python -m tests.mutants domain --again     only what survived in this round the last time
    cd .mutants/domain && ../../.venv/bin/mutmut results        the survivors; `mutmut show NAME` is one

Works on a copy, in `.mutants`, which is kept to look at: never on the tree itself.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from mutmut.stats import status_by_exit_code

ROOT = Path(__file__).parents[2]
WORK = ROOT / ".mutants"
KILLED_SHARE_MIN = 0.9
COPIED = ("dialer", "config", "tests", "pyproject.toml")
ARGUMENTS = ("-p", "no:cacheprovider", "--hypothesis-profile=ci")
"""The profile: the same examples each time, and no deadline that a busy machine could miss."""
TEST_MAX_S = 120.0
TIMED_OUT = 36
"""As mutmut writes it."""
KILLED = ("killed", "timeout")
LEFT = ("survived", "no tests")


@dataclass(frozen=True, slots=True)
class Round:
    """Modules, and the tests that are to notice a change in them."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    on_import: str | None = None
    """A function that is called when its module is imported, once: mutmut has no test for it."""


HOURS = tuple(f"dialer/domain/{name}.py" for name in ("hours", "local_hours", "wall_clock", "windows"))
ROUNDS = {
    "domain": Round(
        modules=("dialer/domain/*.py",),
        left_out=("dialer/domain/north_america.py", *HOURS),  # the first is data
        tests=("tests/domain",),
        arguments=("--deselect=tests/domain/test_hours.py",),
    ),
    "hours": Round(
        modules=HOURS,
        tests=(
            "tests/domain/test_hours.py",
            "tests/domain/test_windows.py",
            "tests/domain/test_screening_rules.py",
        ),
        arguments=("--deselect=tests/domain/test_hours.py::test_any_rules_in_any_zones_together",),  # 15 s
    ),
    "engine": Round(
        modules=("dialer/engine/placing.py", "dialer/engine/tracking.py"),
        tests=(
            "tests/engine/test_analyses.py",
            "tests/engine/test_backoff.py",
            "tests/engine/test_control.py",
            "tests/engine/test_placing_edges.py",
            "tests/engine/test_placing_limits.py",
            "tests/engine/test_placing_uncertain.py",
            "tests/engine/test_placing_unkeyed.py",
            "tests/engine/test_stopping.py",
            "tests/engine/test_tracking.py",
            "tests/engine/test_tracking_edges.py",
        ),
    ),
    "claims": Round(
        modules=("dialer/adapters/ledger/claims.py",),
        tests=("tests/contracts/test_ledger_claims.py", "tests/contracts/test_ledger_claims_edges.py"),
        arguments=("-k", "memory"),  # the store in memory alone
        on_import="dialer.adapters.ledger.claims.x__priorities__",
    ),
}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutants",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("rounds", nargs="*", default=list(ROUNDS), metavar="|".join(ROUNDS))
    parser.add_argument(
        "--again", action="store_true", help="try those that survived the last time once more"
    )
    given = parser.parse_args()
    table: dict[str, Counter[str]] = {}
    for name in given.rounds:
        table |= run(name, ROUNDS[name], again=given.again)
    return show(table)


def run(name: str, each: Round, *, again: bool) -> dict[str, Counter[str]]:
    """Mutate, test, and count per module."""
    folder = WORK / name
    names = survivors(folder / "mutants") if again else []
    if not again:
        shutil.rmtree(folder, ignore_errors=True)
    for path in COPIED:
        copy(ROOT / path, folder / path)
    (folder / "setup.cfg").write_text(settings(each))
    if names or not again:
        command = [sys.executable, "-m", "mutmut", "run", "--max-children", "1", *names]
        subprocess.run(command, cwd=folder, check=True, env=os.environ | {"TZ": "UTC"})
    if each.on_import is not None:
        for meta in (folder / "mutants").rglob("*.py.meta"):
            judge_on_import(each, folder / "mutants", meta)
    return count(folder / "mutants")


def judge_on_import(each: Round, mutants: Path, meta: Path) -> None:
    """A process of its own for each mutant of a function that runs on import."""
    kept = json.loads(meta.read_text())
    for name in kept["exit_code_by_key"]:
        if name.startswith(str(each.on_import)):
            command = [sys.executable, "-m", "pytest", "-x", *ARGUMENTS, *each.arguments, *each.tests]
            env = os.environ | {"TZ": "UTC", "PYTHONPATH": str(mutants), "MUTANT_UNDER_TEST": name}
            try:
                ran = subprocess.run(command, cwd=mutants, env=env, capture_output=True, timeout=TEST_MAX_S)
                kept["exit_code_by_key"][name] = int(ran.returncode != 0)
            except subprocess.TimeoutExpired:
                kept["exit_code_by_key"][name] = TIMED_OUT
    meta.write_text(json.dumps(kept))


def copy(path: Path, to: Path) -> None:
    if path.is_dir():
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(path, to, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, to)


def settings(each: Round) -> str:
    """What mutmut reads."""
    listed = {
        "source_paths": ("dialer",),
        "only_mutate": each.modules,
        "do_not_mutate": each.left_out,
        "also_copy": ("config",),
        "pytest_add_cli_args": (*ARGUMENTS, *each.arguments),
        "pytest_add_cli_args_test_selection": each.tests,
    }
    lines = [f"{key} =\n    " + "\n    ".join(values) for key, values in listed.items() if values]
    lines.append("timeout_multiplier = 6")
    # from a process that has run no test: what one has left in a cache would hide a mutant
    lines.append("process_isolation = forkserver")
    return "[mutmut]\n" + "\n".join(lines) + "\n"


def ends(mutants: Path) -> dict[str, dict[str, int]]:
    """For each module the exit status of every mutant that was run."""
    found: dict[str, dict[str, int]] = {}
    for meta in sorted(mutants.rglob("*.py.meta")):
        statuses = json.loads(meta.read_text())["exit_code_by_key"]
        ran = {name: status for name, status in statuses.items() if status is not None}
        if ran:
            found[str(meta.relative_to(mutants)).removesuffix(".py.meta")] = ran
    return found


def survivors(mutants: Path) -> list[str]:
    return [
        name
        for statuses in ends(mutants).values()
        for name, status in statuses.items()
        if status_by_exit_code[status] in LEFT
    ]


def count(mutants: Path) -> dict[str, Counter[str]]:
    """How many of each module's mutants came to which end."""
    return {
        module: Counter(status_by_exit_code[status] for status in statuses.values())
        for module, statuses in ends(mutants).items()
    }


def show(table: dict[str, Counter[str]]) -> int:
    """Print it; 1 if too few were killed."""
    whole: Counter[str] = sum(table.values(), Counter())
    print(f"\n{'module':36} {'mutants':>8} {'killed':>8} {'left':>8} {'share':>8}")  # noqa: T201
    for name, counted in [*table.items(), ("together", whole)]:
        killed, total = sum(counted[state] for state in KILLED), counted.total()
        print(f"{name:36} {total:8} {killed:8} {total - killed:8} {killed / total:8.1%}")  # noqa: T201
    return int(sum(whole[state] for state in KILLED) < KILLED_SHARE_MIN * whole.total())


if __name__ == "__main__":
    sys.exit(main())
