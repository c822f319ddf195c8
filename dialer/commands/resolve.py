"""What an operator decides about attempts of which nobody could tell whether they made a call."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from dialer.adapters.ledger.store import SqlLedger
from dialer.adapters.retell.client import open_api
from dialer.adapters.system.clock import SystemClock
from dialer.app.engine_config import retell_config
from dialer.app.event_loop import run_on_loop
from dialer.app.ledger import open_ledger
from dialer.domain.calls import Attempt, AttemptId, CallId, CallUpdate
from dialer.domain.errors import BadInput, CallError
from dialer.ports.engine import CallApi
from dialer.settings import Loaded

T = TypeVar("T")
PREFIX_MIN = 4
"""Characters of an id that may stand for it."""
Look = Callable[[Sequence[AttemptId]], Awaitable[Mapping[AttemptId, CallId]]]
"""Gives the calls of these attempts that the API lists."""


def list_unknown(loaded: Loaded, before: float | None = None) -> Sequence[Attempt]:
    """Every unknown attempt of the ledger (claimed before that time), oldest first. Raises `LedgerError`."""
    return _with_ledger(loaded, lambda ledger: ledger.unknown_attempts(before))


def unknown_named(loaded: Loaded, text: str) -> AttemptId:
    """The unknown attempt whose id begins so. Raises as `named`, `LedgerError`."""
    return named([each.id for each in list_unknown(loaded)], text)


def named(ids: Sequence[AttemptId], text: str) -> AttemptId:
    """That of them which begins so; the text itself where none does. Raises `BadInput` if several do."""
    alike = [each for each in ids if each.startswith(text)]
    if text in alike or not alike or len(text) < PREFIX_MIN:
        return AttemptId(text)
    if len(alike) > 1:
        raise BadInput(f"{len(alike)} unknown attempts begin with {text}: write more of the id")
    return alike[0]


def resolve_called(loaded: Loaded, attempt_id: AttemptId, call_id: CallId, who: str, *, force: bool) -> None:
    """The attempt made this call, an operator says; the API is asked for it before that is believed.

    `force`: believe it without asking; the record says so. Raises `BadInput` if the attempt is not unknown,
    or if the API knows no such call of it or cannot be asked; then nothing is changed. And `LedgerError`.
    """
    ask = partial(_ask_api, loaded, lambda api: api.get(call_id))
    _with_ledger(
        loaded,
        lambda ledger: settle_called(ledger, ask, attempt_id, call_id, who, SystemClock().now(), force=force),
    )


async def settle_called(
    ledger: SqlLedger,
    look: Callable[[], Awaitable[CallUpdate | None]],
    attempt_id: AttemptId,
    call_id: CallId,
    who: str,
    at: float,
    *,
    force: bool,
) -> None:
    """See `resolve_called`. `look`: asks the API for the call."""
    is_unknown = attempt_id in {each.id for each in await ledger.unknown_attempts()}
    if is_unknown and not force:
        _check_own(await look(), attempt_id, call_id)
    looked = ", without a look (--force)" if force else ""
    await ledger.resolve_called(attempt_id, call_id, f"{who}{looked}", at)


def _check_own(call: CallUpdate | None, attempt_id: AttemptId, call_id: CallId) -> None:
    """Raises `BadInput` unless it is the attempt's call."""
    if call is None:
        wrong = f"the API knows no call {call_id}"
    elif call.attempt_id is None:
        wrong = f"call {call_id} names no attempt in its metadata: it is not one of this program's"
    elif call.attempt_id != attempt_id:
        wrong = f"call {call_id} is attempt {call.attempt_id}'s by its metadata"
    else:
        return
    raise BadInput(
        f"{wrong}. Nothing was changed: look in the Retell dashboard for the call of attempt {attempt_id}; "
        "--force takes one that the API no longer knows, and is written to the record"
    )


def resolve_not_called(
    loaded: Loaded, attempt_ids: Sequence[AttemptId], who: str, *, force: bool
) -> Mapping[AttemptId, CallId]:
    """These attempts made no call, an operator says; the API is asked before that is believed.

    Gives the calls that it knows all the same: their attempts are followed by the next run, not put back.
    `force`: believe it without asking; the record says so. Raises `BadInput` if an attempt is not unknown or
    the API cannot be asked; then nothing is changed.
    """

    return _with_ledger(
        loaded,
        lambda ledger: settle_not_called(
            ledger, partial(_look, loaded), attempt_ids, who, SystemClock().now(), force=force
        ),
    )


async def settle_not_called(
    ledger: SqlLedger, look: Look, attempt_ids: Sequence[AttemptId], who: str, at: float, *, force: bool
) -> Mapping[AttemptId, CallId]:
    """See `resolve_not_called`. `look`: asks the API."""
    unknown = {each.id for each in await ledger.unknown_attempts()}
    found: Mapping[AttemptId, CallId] = {}
    if not force and unknown.intersection(attempt_ids):
        found = await look([each for each in attempt_ids if each in unknown])
    rest = [each for each in attempt_ids if each not in found]
    looked = "without a look (--force)" if force else "and the API listed none"
    await ledger.resolve_not_called(rest, f"{who}, {looked}", at)
    for attempt_id, call_id in found.items():
        await ledger.resolve_called(attempt_id, call_id, f"{who} (who said that none was)", at)
    return found


async def _look(loaded: Loaded, attempt_ids: Sequence[AttemptId]) -> Mapping[AttemptId, CallId]:
    """The calls that the API lists for these attempts. Raises `BadInput` if it cannot be asked."""
    return await _ask_api(loaded, lambda api: calls_of(api, attempt_ids))


async def _ask_api(loaded: Loaded, ask: Callable[[CallApi], Awaitable[T]]) -> T:
    """Raises `BadInput` if it cannot be asked."""
    try:
        config = retell_config(loaded.settings, base_url=None)
        async with open_api(config, connections_max=1, clock=SystemClock()) as api:
            return await ask(api)
    except (CallError, BadInput) as error:
        raise BadInput(
            f"the API could not be asked for these calls: {error}. Nothing was changed: try again later, or "
            "look in the Retell dashboard and add --force, which is written to the record"
        ) from error


async def calls_of(api: CallApi, attempt_ids: Sequence[AttemptId]) -> Mapping[AttemptId, CallId]:
    """The calls that the API lists for these attempts. Raises `CallError`."""
    listed = await api.find(attempt_ids)
    return {news.attempt_id: news.call_id for news in listed if news.attempt_id is not None}


def _with_ledger(loaded: Loaded, ask: Callable[[SqlLedger], Awaitable[T]]) -> T:
    async def main() -> T:
        async with open_ledger(loaded.settings, dispatches=False) as ledger:
            return await ask(ledger)

    return run_on_loop(main)
