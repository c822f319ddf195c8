"""Engines that lack one rule, which the drawn campaigns themselves have to find: `--broken NAME`."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import anyio

from dialer.adapters.ledger.queue import add_jobs
from dialer.domain import lifecycle
from dialer.domain.calls import Attempt, CallUpdate, Capacity
from dialer.domain.evidence import Evidence
from dialer.domain.lifecycle import AttemptState
from dialer.domain.screening import UNHEARD_OF, NumberFacts
from dialer.engine.attempts.placing import PutBack
from dialer.engine.attempts.tracking import Followed
from dialer.engine.campaign import Campaign
from dialer.engine.capacity.slots import Others
from dialer.ports.engine import AttemptUpdate
from tests.simulation import broken_evidence as evidence
from tests.simulation.crash import CrashingLedger
from tests.simulation.process import Parts


@dataclass(frozen=True, slots=True)
class Broken:
    """An engine that lacks a rule, and a seed that is known to show it."""

    parts: Parts
    seed: int | None
    """None: only `--broken NAME` looks for it."""


def ignores_webhooks_without_a_known_id(campaign: Campaign) -> None:
    real = campaign.tracker.heard

    def heard(news: CallUpdate, *, by_webhook: bool = False) -> bool:
        if by_webhook and news.call_id not in campaign.tracker._by_call:
            return False
        return real(news, by_webhook=by_webhook)

    campaign.tracker.heard = heard  # type: ignore[method-assign]


def asks_for_do_not_call_at_the_claim_only(campaign: Campaign) -> None:
    async def suppressed(_: Attempt) -> NumberFacts:
        await anyio.lowlevel.checkpoint()
        return UNHEARD_OF

    campaign._lives._placer._suppressed = suppressed  # type: ignore[method-assign]


class _NoCall(Exception):
    def __init__(self, answer: PutBack) -> None:
        super().__init__(answer.why)
        self.answer = answer


def takes_a_repeats_429_for_no_call(campaign: Campaign) -> None:
    lives: Any = campaign._lives
    repeat: Callable[..., Awaitable[Any]] = lives._placer._repeat
    settle: Callable[..., Awaitable[Any]] = lives._placer.settle
    take: Callable[..., Awaitable[Any]] = lives._take

    async def refusing(*asked: Any) -> Any:
        answer = await repeat(*asked)
        if isinstance(answer, PutBack) and "429" in answer.why:
            raise _NoCall(answer)
        return answer

    async def settling(attempt: Attempt, followed: Followed, why: str) -> Any:
        try:
            return await settle(attempt, followed, why)
        except _NoCall as no_call:
            return no_call.answer

    async def taking(attempt: Attempt, followed: Followed, placement: Any) -> Any:
        if not isinstance(placement, PutBack):
            return await take(attempt, followed, placement)
        await lives._close(attempt, lives._without_a_call(attempt, placement, Evidence().no_call()))
        return None

    lives._placer._repeat, lives._placer.settle, lives._take = refusing, settling, taking


def may_put_back_what_is_uncertain() -> AbstractContextManager[None]:
    ways = dict(lifecycle.ATTEMPT_TRANSITIONS)
    ways[AttemptState.UNCERTAIN] |= {AttemptState.UNSPENT}
    return evidence.instead((lifecycle, "ATTEMPT_TRANSITIONS", ways))


def asks_for_a_keys_age_once(campaign: Campaign) -> None:
    placer: Any = campaign._lives._placer
    repeat: Callable[..., Awaitable[Any]] = placer._repeat

    async def repeating(attempt: Attempt, followed: Followed, age: Callable[[], float]) -> Any:
        del age
        return await repeat(attempt, followed, lambda: 0.0)

    placer._repeat = repeating


def asks_the_wall_clock_for_a_keys_age(campaign: Campaign) -> None:
    placer: Any = campaign._lives._placer
    placer._age_of = lambda attempt: lambda: placer._clock.now() - attempt.claimed_at


def counts_before_there_is_a_connection(campaign: Campaign) -> None:
    async def at_once(*_: object) -> bool:
        await anyio.lowlevel.checkpoint()
        return True

    campaign.pace.until_it_may_leave = at_once  # type: ignore[method-assign]
    campaign.pace.leaves = lambda *_: True  # type: ignore[method-assign]


class _Nobody:
    """A statement that finds nothing."""

    def run(self, *_: object) -> tuple[()]:
        return ()


def gives_a_claimed_number_to_another_row() -> AbstractContextManager[None]:
    return evidence.instead((add_jobs, "_CLAIMED", _Nobody()))


def takes_what_has_not_left_for_its_own(campaign: Campaign) -> None:
    """Of the account's calls, all that were claimed are ours: so others have the fewer, and at once."""
    slots: Any = campaign.slots
    real: Callable[[Capacity, int], None] = slots.account_says

    def account_says(capacity: Capacity, ours: int) -> None:
        del ours
        slots._ceiling._others = Others()
        real(capacity, slots._calls)

    slots.account_says = account_says


def asks_nothing_at_the_first_byte(campaign: Campaign) -> None:
    async def at_once(*_: object) -> None:
        await anyio.lowlevel.checkpoint()

    campaign._lives._placer._at_the_first_byte = at_once  # type: ignore[method-assign]


class WritesNoRepeat(CrashingLedger):
    async def update(self, update: AttemptUpdate) -> None:
        if update.state is AttemptState.UNCERTAIN and update.error is None:
            return
        await super().update(update)


BROKEN: Mapping[str, Broken] = {
    "webhook-without-id": Broken(Parts(alter=ignores_webhooks_without_a_known_id), 19),
    "dnc-at-the-claim-only": Broken(Parts(alter=asks_for_do_not_call_at_the_claim_only), 34),
    "429-of-a-repeat": Broken(
        Parts(alter=takes_a_repeats_429_for_no_call, during=may_put_back_what_is_uncertain), 83
    ),
    "key-age-once": Broken(Parts(alter=asks_for_a_keys_age_once), 9),
    "number-free-again": Broken(Parts(during=gives_a_claimed_number_to_another_row), 63),
    "pace-before-the-connection": Broken(Parts(alter=counts_before_there_is_a_connection), 9),
    "others-undercounted": Broken(Parts(alter=takes_what_has_not_left_for_its_own), 36),
    "first-byte": Broken(Parts(alter=asks_nothing_at_the_first_byte), 9),
    "repeat-unwritten": Broken(Parts(ledger=WritesNoRepeat), 1),
    "key-age-by-the-wall": Broken(Parts(alter=asks_the_wall_clock_for_a_keys_age), 27),
    "reason-alone": Broken(Parts(alter=evidence.believes_a_reason_alone), 50),
    "answer-before-webhook": Broken(Parts(alter=evidence.believes_an_answer_before_a_webhook), 249),
    "concurrent-is-no-room": Broken(Parts(during=evidence.takes_any_concurrent_for_no_room), 30),
    "another-ones-call": Broken(
        Parts(alter=evidence.takes_any_call_for_its_own, during=evidence.gives_a_call_to_any_attempt), 14
    ),
    "operator-believed": Broken(Parts(during=evidence.believes_an_operator_without_a_look), 399),
    "figures-believed": Broken(Parts(during=evidence.believes_every_figure), 63),
}
