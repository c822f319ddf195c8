"""Who a rehearsal's people are, drawn from what came of the real calls so far."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from dialer.adapters.ledger.reports.counts import real_outcomes
from dialer.app.event_loop import run_on_loop
from dialer.app.ledger import open_ledger
from dialer.domain.errors import BadInput
from dialer.domain.outcomes import Outcome
from dialer.settings import Settings
from dialer.simulator.population import WORDS, Population

PAST_CALLS_MIN: Final = 50
"""Fewer calls than these say too little of who will be reached."""

_WORD: Final = {
    Outcome.REACHED: "answers",
    Outcome.CALLBACK: "answers",
    Outcome.VOICEMAIL: "voicemail",
    Outcome.NO_ANSWER: "no-answer",
    Outcome.BUSY: "busy",
    Outcome.DECLINED: "declines",
    Outcome.INVALID_NUMBER: "invalid",
    Outcome.DIAL_FAILED: "failed",
    Outcome.PROVIDER_UNAVAILABLE: "failed",
    Outcome.DO_NOT_CALL: "do-not-call",
}
"""What people did, in the simulator's words; other outcomes say nothing of people."""


def past_population(settings: Settings) -> Population:
    """Shares of the outcomes of all real calls of the ledger.

    Raises `BadInput` where there are fewer than `PAST_CALLS_MIN`, and `LedgerError`.
    """
    counted = run_on_loop(partial(_outcomes, settings), speed=1.0)
    by_word = dict.fromkeys(WORDS, 0)
    for outcome, calls in counted.items():
        if outcome in _WORD:
            by_word[_WORD[Outcome(outcome)]] += calls
    whole = sum(by_word.values())
    if whole < PAST_CALLS_MIN:
        raise BadInput(
            f"--people past: the ledger holds {whole} real calls that are over, and {PAST_CALLS_MIN} are "
            "needed: leave it out, or give shares as voicemail=0.4"
        )
    return Population({word: calls / whole for word, calls in by_word.items()})


async def _outcomes(settings: Settings) -> Mapping[str, int]:
    async with open_ledger(settings, dispatches=False) as ledger:
        return await ledger.ask(real_outcomes)
