"""A real process that works with a ledger, to be killed. Run as `python ledger_process.py PATH COMMAND`."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
from ledger_contract import NOW, Desk, a_job

from dialer.adapters.ledger.store import open_sqlite
from dialer.domain.errors import LedgerError
from dialer.domain.lifecycle import AttemptState

LINE_S_MAX = 60
PLACES = os.pathsep.join(str(Path(__file__).parents[each]) for each in (0, 2))


async def hold(desk: Desk) -> None:
    """Claim, say so, place, say so; then wait to be killed."""
    await desk.read([a_job(n) for n in range(3)])
    made = await desk.claim()
    print("claimed", made.id, made.body.hex(), flush=True)  # noqa: T201
    await desk.move(made, AttemptState.PLACED)
    print("placed", flush=True)  # noqa: T201
    await desk.claim()
    print("claimed again", flush=True)  # noqa: T201
    await anyio.sleep_forever()


async def work(path: Path, dispatches: bool) -> None:
    async with open_sqlite(path, dispatches=dispatches, on_thread=True) as ledger:
        if dispatches:
            await hold(Desk(ledger, await ledger.open_campaign("spring", NOW, simulated=False)))
        for name, campaign_id in (await ledger.campaigns()).items():
            print(name, (await ledger.counts(campaign_id)).attempts, flush=True)  # noqa: T201


@contextmanager
def process(path: Path, command: str) -> Iterator[subprocess.Popen[str]]:
    """The process; killed with -9 at the end, whatever it does."""
    child = subprocess.Popen(
        [sys.executable, "-W", "error", __file__, str(path), command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": PLACES, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate(timeout=LINE_S_MAX)


def said(path: Path, command: str) -> tuple[str, str]:
    """What a process that comes to its own end says, on stdout and stderr."""
    with process(path, command) as child:
        return child.communicate(timeout=LINE_S_MAX)


def until(child: subprocess.Popen[str], start: str) -> list[str]:
    """The lines of the process up to and with the one that starts like this."""
    lines: list[str] = []
    assert child.stdout is not None
    for line in child.stdout:
        lines.append(line.rstrip("\n"))
        if line.startswith(start):
            return lines
    raise AssertionError(f"the process ended after {lines}: {child.stderr and child.stderr.read()}")


if __name__ == "__main__":
    try:
        anyio.run(work, Path(sys.argv[1]), sys.argv[2] == "dial")
    except BaseExceptionGroup as group:
        plain, _ = group.split(LedgerError)
        sys.exit(str(plain and plain.exceptions[0]))
    except LedgerError as error:
        sys.exit(str(error))
