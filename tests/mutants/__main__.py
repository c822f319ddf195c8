"""Mutation testing with mutmut: what is changed in the rules, is it noticed? CONTRIBUTING.md has the results.

    python -m tests.mutants                    every round; exits with 1 if less than 90 % is killed
    python -m tests.mutants hours tracking     these rounds
    python -m tests.mutants hours --again      what survived in this round the last time, once more
    python -m tests.mutants hours --anew       all of it, whatever was judged before
    python -m tests.mutants domain --names "dialer.domain.caps.*"         these
    python -m tests.mutants --only-show        the table of what is judged so far, and who survived
    cd .mutants/hours && ../../.venv/bin/mutmut show NAME       what one of them changed

A round that was stopped goes on where it was: a verdict stands until its function changes. Other changes it
does not see: after one of a constant or of the tests, or a new function, take --anew. Works on a copy, in
`.mutants`, which is kept to look at: never on the tree itself.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from mutmut.stats import status_by_exit_code

from tests.mutants.rounds import ROUNDS, Round
from tests.mutants.soonest import TIMED_OUT
from tests.mutants.verdicts import LEFT, counted, show, survivors

ROOT = Path(__file__).parents[2]
WORK = ROOT / ".mutants"
COPIED = ("dialer", "config", "tests", "pyproject.toml")
ARGUMENTS = ("-p", "no:cacheprovider", "--hypothesis-profile=ci")
"""The profile: the same examples each time, and no deadline that a busy machine could miss."""
TEST_MAX_S = 60.0


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutants",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("rounds", nargs="*", default=list(ROUNDS), metavar="|".join(ROUNDS))
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--again", action="store_true", help="try what survived the last time once more")
    how.add_argument("--anew", action="store_true", help="forget what was judged before")
    how.add_argument(
        "--names", nargs="+", default=(), metavar="PATTERN", help="try these, whatever they were"
    )
    how.add_argument("--only-show", action="store_true", help="try nothing")
    given = parser.parse_args()
    try:
        for name in given.rounds if not given.only_show else ():
            run(name, ROUNDS[name], given.names, again=given.again, anew=given.anew)
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from here")  # noqa: T201
    return show([counted(WORK / name / "mutants", ROUNDS[name].modules) for name in given.rounds])


def run(name: str, each: Round, names: Sequence[str], *, again: bool, anew: bool) -> None:
    """Mutate and test what is not judged yet, or these."""
    folder = WORK / name
    if anew:
        shutil.rmtree(folder, ignore_errors=True)
    names = survivors(folder / "mutants") if again else names
    if again and not names:
        return
    for path in COPIED:
        copy(ROOT / path, folder / path)
    shutil.rmtree(folder / "mutants" / "tests", ignore_errors=True)  # mutmut removes none that is gone
    (folder / "setup.cfg").write_text(settings(each))
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", "1", *names]
    subprocess.run(command, cwd=folder, check=True, env=os.environ | {"TZ": "UTC"})
    if each.on_import is not None:
        for meta in (folder / "mutants").rglob("*.py.meta"):
            judge_on_import(each, each.on_import, folder / "mutants", meta)


def judge_on_import(each: Round, function: str, mutants: Path, meta: Path) -> None:
    """A process of its own for each mutant of a function that runs on import."""
    kept = json.loads(meta.read_text())
    for name, status in list(kept["exit_code_by_key"].items()):
        if name.startswith(function) and status_by_exit_code[status] in LEFT:
            command = [sys.executable, "-m", "pytest", "-x", *ARGUMENTS, *each.arguments, *each.tests]
            env = os.environ | {"TZ": "UTC", "PYTHONPATH": str(mutants), "MUTANT_UNDER_TEST": name}
            try:
                ran = subprocess.run(command, cwd=mutants, env=env, capture_output=True, timeout=TEST_MAX_S)
                kept["exit_code_by_key"][name] = int(ran.returncode != 0)
            except subprocess.TimeoutExpired:
                kept["exit_code_by_key"][name] = TIMED_OUT
            meta.write_text(json.dumps(kept))


def copy(path: Path, to: Path) -> None:
    """With its times: by them mutmut knows what has changed."""
    if path.is_dir():
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(path, to, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, to)


def settings(each: Round) -> str:
    """What mutmut reads."""
    listed = {
        "source_paths": ("dialer",),
        "only_mutate": each.modules,
        "do_not_mutate": each.left_out,
        "also_copy": ("config",),
        "pytest_add_cli_args": (*ARGUMENTS, "-p", "tests.mutants.soonest", *each.arguments),
        "pytest_add_cli_args_test_selection": each.tests,
    }
    lines = [f"{key} =\n    " + "\n    ".join(values) for key, values in listed.items() if values]
    lines.append("timeout_multiplier = 20")  # a last resort: `soonest` bounds each test
    # from a process that has run no test: what one has left in a cache would hide a mutant
    lines.append("process_isolation = forkserver")
    return "[mutmut]\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
