"""The do-not-call list of the ledger: numbers that nobody may call, in any campaign, from this moment on."""

from array import array
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio

from dialer.adapters.ledger.drivers.server import is_server
from dialer.adapters.ledger.operators import campaigns
from dialer.adapters.ledger.operators.do_not_call import (
    live_calls,
    record_import,
    suppress_many,
    suppressed_count,
)
from dialer.adapters.ledger.store import SqlLedger
from dialer.adapters.sources.suppression_file import SuppressionFile
from dialer.adapters.system.clock import SystemClock
from dialer.app.event_loop import run_on_loop
from dialer.app.ledger import open_ledger
from dialer.domain.errors import BadInput, LedgerError, NoLedger
from dialer.domain.phone import NotANumber
from dialer.domain.suppression import Suppressed, parse_suppressed_number
from dialer.ports.engine import Operation
from dialer.settings import Loaded, Settings

IMPORT_ROWS = 5000
"""Numbers that are written in one transaction."""
LIST_ROWS = 5000
TELL_ROWS = 1000
OPERATOR = "operator"
"""The source of a number that was added by hand."""

T = TypeVar("T")
Tell = Callable[[str, int], None]
"""Hears what is being done and how far it is."""


@dataclass(frozen=True, slots=True)
class Added:
    number: str
    """E.164."""
    before: Suppressed | None
    """It was on the list already, and this word stands."""
    live: int
    """Calls to it that are under way."""
    made_ledger: bool


@dataclass(frozen=True, slots=True)
class Imported:
    rows: int
    new: int
    made_ledger: bool


@dataclass(frozen=True, slots=True)
class Checked:
    number: str
    listed: Suppressed | None
    """By the ledger."""
    in_files: Sequence[Suppressed]
    """By the do-not-call files of the settings."""
    files: Sequence[str]
    count: int
    """How many numbers the ledger's list has."""


def add(loaded: Loaded, number: str, reason: str, who: str) -> Added:
    """Put a number on the list. Raises `BadInput` if it is none, `LedgerError`."""
    wanted = parse_number(loaded.settings, number)
    now = SystemClock().now()
    said, by = Suppressed(wanted, OPERATOR, reason, now), Operation(who, now, reason)

    async def act(ledger: SqlLedger) -> tuple[Suppressed | None, int]:
        before = await ledger.ask(lambda conn: campaigns.suppressed_number(conn, wanted))
        await ledger.operate(lambda conn: campaigns.suppress(conn, said, by))
        return before, await ledger.ask(lambda conn: live_calls(conn, wanted))

    made = make_ledger(loaded.settings)
    before, live = with_ledger(loaded.settings, act)
    return Added(wanted, before, live, made)


def remove(loaded: Loaded, number: str, reason: str, who: str) -> tuple[Suppressed, Sequence[Suppressed]]:
    """Take a number off the list; what was known of it, and the files that still have it.

    Raises `BadInput` if it is not on it, `LedgerError`.
    """
    wanted, by = parse_number(loaded.settings, number), Operation(who, SystemClock().now(), reason)
    in_files = find_in_files(loaded.settings, wanted)

    async def act(ledger: SqlLedger) -> Suppressed | None:
        before = await ledger.ask(lambda conn: campaigns.suppressed_number(conn, wanted))
        if before is None and in_files:
            raise BadInput(
                f"{wanted} is not on the ledger's list but in {in_files[0].source}: edit that file"
            )
        await ledger.operate(lambda conn: campaigns.unsuppress(conn, wanted, by))
        return before

    before = with_ledger(loaded.settings, act)
    if before is None:
        raise BadInput(f"{wanted} is not on the ledger's do-not-call list: `dialer dnc list` shows it")
    return before, in_files


def check(loaded: Loaded, number: str) -> Checked:
    """Whether a number is on the list or in a do-not-call file. Raises `BadInput`, `LedgerError`."""
    wanted = parse_number(loaded.settings, number)

    async def ask(ledger: SqlLedger) -> tuple[Suppressed | None, int]:
        return (
            await ledger.ask(lambda conn: campaigns.suppressed_number(conn, wanted)),
            await ledger.ask(suppressed_count),
        )

    listed, count = with_ledger(loaded.settings, ask)
    files = find_in_files(loaded.settings, wanted)
    return Checked(wanted, listed, files, loaded.settings.rules.do_not_call, count)


def each(loaded: Loaded, show: Callable[[Sequence[Suppressed]], None]) -> int:
    """Show the list, some numbers at a time; how many there are. Raises `LedgerError`."""

    async def ask(ledger: SqlLedger) -> int:
        after, shown = "", 0
        while page := await ledger.ask(partial(campaigns.suppressed_after, number=after, rows_max=LIST_ROWS)):
            show(page)
            after, shown = page[-1].number, shown + len(page)
        return shown

    return with_ledger(loaded.settings, ask)


def bring_in(loaded: Loaded, file: Path, source: str, reason: str, who: str, tell: Tell) -> Imported:
    """Put every number of a file on the list: all of them, or `BadInput` and none.

    Eight bytes a number are kept meanwhile. Raises `LedgerError`; then the same command goes on.
    """
    numbers = _read(loaded.settings, file, tell)
    by = Operation(who, SystemClock().now(), reason)

    async def act(ledger: SqlLedger) -> int:
        await ledger.operate(lambda conn: record_import(conn, by, f"{source}: {len(numbers)} numbers"))
        new = 0
        for start in range(0, len(numbers), IMPORT_ROWS):
            some = [f"+{number}" for number in numbers[start : start + IMPORT_ROWS]]
            began = anyio.current_time()
            new += await ledger.operate(
                partial(suppress_many, numbers=some, source=source, reason=reason, at=by.at)
            )
            tell("written", start + len(some))
            await anyio.sleep(anyio.current_time() - began)  # whoever dials writes in between
        return new

    made = make_ledger(loaded.settings)
    return Imported(len(numbers), with_ledger(loaded.settings, act), made)


def parse_number(settings: Settings, text: str) -> str:
    """E.164. Raises `BadInput`."""
    number = parse_suppressed_number(text.strip(), settings.intake.region)
    if isinstance(number, NotANumber):
        raise BadInput(f"{text!r} {number.reason}")
    return number


def _read(settings: Settings, file: Path, tell: Tell) -> "array[int]":
    whole = SuppressionFile(
        file, region=settings.intake.region, until="Nothing is taken in before the whole file can be read"
    )
    numbers = array("Q")
    for number in whole.each():
        numbers.append(int(number[1:]))
        if len(numbers) % TELL_ROWS == 0:
            tell("read", len(numbers))
    return numbers


def find_in_files(settings: Settings, number: str) -> list[Suppressed]:
    """What the do-not-call files of the settings say. Raises `BadInput` if one cannot be read."""
    found: list[Suppressed] = []
    for path in settings.rules.do_not_call:
        file = SuppressionFile(Path(path), region=settings.intake.region)
        file.reload_if_changed()
        if (said := file.find(number)) is not None:
            found.append(said)
    return found


def make_ledger(settings: Settings) -> bool:
    """Whether there was none: who must not be called is known before the first run.

    Only a process that holds the dispatcher's lock makes one; others may be dialling from one that is there.
    """
    path = Path(settings.ledger.url)
    on_server = is_server(settings.ledger.url)
    if not on_server and path.exists() and path.stat().st_size:
        return False

    async def open_it(*, dispatches: bool) -> None:
        async with open_ledger(settings, dispatches=dispatches):
            return

    if on_server:
        try:
            run_on_loop(partial(open_it, dispatches=False))
        except NoLedger:
            pass
        else:
            return False
    try:
        run_on_loop(partial(open_it, dispatches=True))
    except LedgerError:
        if on_server or not path.exists():
            raise
        return False  # a run began at this moment and makes it
    return True


def with_ledger(settings: Settings, ask: Callable[[SqlLedger], Awaitable[T]]) -> T:
    async def main() -> T:
        async with open_ledger(settings, dispatches=False) as ledger:
            return await ask(ledger)

    return run_on_loop(main)
