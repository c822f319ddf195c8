"""`dialer dnc sync`: the lists of the ledger and of the Retell account take over what the other has."""

from array import array
from dataclasses import dataclass
from functools import partial

from dialer.adapters.ledger.operators import campaigns
from dialer.adapters.ledger.operators.do_not_call import record_import, suppress_many
from dialer.adapters.ledger.store import SqlLedger
from dialer.adapters.retell.client import open_api
from dialer.adapters.retell.contacts import Contacts
from dialer.adapters.system.clock import SystemClock
from dialer.app.engine_config import retell_config
from dialer.commands.dnc import LIST_ROWS, Tell, make_ledger, with_ledger
from dialer.domain.errors import BadInput, CallError, DialerError
from dialer.domain.phone import NotANumber
from dialer.domain.suppression import NumberSet, parse_suppressed_number
from dialer.ports.engine import Operation
from dialer.settings import Loaded, Settings

RETELL = "retell"
"""The source of a number that Retell's contacts have."""
MARKED = "is marked do-not-call in Retell's contacts"


@dataclass(frozen=True, slots=True)
class Synced:
    """What `sync` did. None: that way was not asked for."""

    marked_there: int
    """Contacts that Retell has marked do-not-call."""
    new_here: int | None
    unreadable: int
    """Of those, numbers that are none."""
    new_there: int | None
    made_ledger: bool


def sync(loaded: Loaded, who: str, tell: Tell, *, pull: bool, push: bool) -> Synced:
    """Take over the contacts that Retell has marked do-not-call, and mark there whom our list has.

    Eight bytes a number are kept meanwhile. Raises `BadInput`, `LedgerError`; then the same command goes on.
    """
    settings = loaded.settings
    if settings.retell_api_key is None:
        raise BadInput("RETELL_API_KEY is not set: without it nobody's contacts can be read")
    config = retell_config(settings, base_url=None)
    by = Operation(who, SystemClock().now(), "")

    async def act(ledger: SqlLedger) -> tuple[int, int, int, int]:
        try:
            async with open_api(config, connections_max=1, clock=SystemClock()) as api:
                return await _sync(ledger, Contacts(api), settings, by, tell, pull=pull, push=push)
        except CallError as error:
            said = f"the API gave no good answer: {error}. What was taken over stays; run it again"
            raise DialerError(said) from None

    made = make_ledger(settings)
    there, new, bad, sent = with_ledger(settings, act)
    return Synced(there, new if pull else None, bad, sent if push else None, made)


async def _sync(
    ledger: SqlLedger,
    contacts: Contacts,
    settings: Settings,
    by: Operation,
    tell: Tell,
    *,
    pull: bool,
    push: bool,
) -> tuple[int, int, int, int]:
    there, new, bad = array("Q"), 0, 0
    async for page in contacts.marked():
        read = [parse_suppressed_number(each, settings.intake.region) for each in page]
        numbers = [each for each in read if not isinstance(each, NotANumber)]
        bad += len(read) - len(numbers)
        there.extend(int(each[1:]) for each in numbers)
        if pull:
            said = partial(suppress_many, numbers=numbers, source=RETELL, reason=MARKED, at=by.at)
            new += await ledger.operate(said)
        tell("read", len(there))
    known = NumberSet(f"+{each}" for each in there)
    sent = await _mark(ledger, contacts, known, tell) if push else 0
    detail = f"{len(there)} there, {new} new here, {sent} marked there"
    await ledger.operate(lambda conn: record_import(conn, by, detail, "dnc sync"))
    return len(there) + bad, new, bad, sent


async def _mark(ledger: SqlLedger, contacts: Contacts, known: NumberSet, tell: Tell) -> int:
    """Mark there whom our list has and theirs has not; how many."""
    after, sent = "", 0
    while page := await ledger.ask(partial(campaigns.suppressed_after, number=after, rows_max=LIST_ROWS)):
        for said in page:
            if not known.covers(said.number):
                await contacts.mark(said.number)
                sent += 1
                tell("marked", sent)
        after = page[-1].number
    return sent
