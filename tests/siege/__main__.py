"""`python -m tests.siege`: three workers on one PostgreSQL, and each broker in turn, under all there is.

An API, a ledger and a broker that fail, workers that are killed and stopped, files that are moved and full,
hostile names and bytes, campaigns by the hundred: no worker ends but by a kill, nobody is called twice,
nothing is lost, and each event is told within its bound.
"""

import argparse
import sys
import traceback
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.siege.causes import CAUSES
from tests.siege.siege import Siege
from tests.support.services import KINDS


def main() -> int:
    """The exit code: 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.siege", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0, help="for all brokers together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--brokers", default=",".join(KINDS))
    parser.add_argument("--event", action="append", choices=[*CAUSES], help="this one; else all")
    options = parser.parse_args()
    events = options.event or [*CAUSES]
    kinds = options.brokers.split(",")
    for number, kind in enumerate(kinds):
        seed = options.seed + number
        with TemporaryDirectory(prefix="dialer-siege-") as folder:
            try:
                say(Siege(Path(folder), kind, 60 * options.minutes / len(kinds), seed, events, say).run())
            except AssertionError:
                traceback.print_exc()
                say(f"{kind}, seed {seed}: a promise was broken")
                return 1
    say("every promise held")
    return 0


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - for the one who runs it


if __name__ == "__main__":
    sys.exit(main())
