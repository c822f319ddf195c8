"""Engines that lack one rule, which the drawn campaigns themselves have to find: `--broken NAME`."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import anyio

from dialer.domain.calls import Attempt, CallUpdate
from dialer.domain.lifecycle import AttemptState
from dialer.domain.screening import UNHEARD_OF, NumberFacts
from dialer.engine.attempts.placing import Parked, Placed, Placement, PutBack
from dialer.engine.attempts.tracking import Followed
from dialer.engine.campaign import Campaign
from dialer.ports.engine import AttemptUpdate
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
    placer: Any = campaign._lives._placer
    repeat: Callable[..., Awaitable[Any]] = placer._repeat
    settle: Callable[..., Awaitable[Placed | Parked]] = placer.settle

    async def refusing(*asked: Any) -> Any:
        answer = await repeat(*asked)
        if isinstance(answer, PutBack) and "429" in answer.why:
            raise _NoCall(answer)
        return answer

    async def settling(attempt: Attempt, followed: Followed, why: str) -> Placement:
        try:
            return await settle(attempt, followed, why)
        except _NoCall as no_call:
            return no_call.answer

    placer._repeat, placer.settle = refusing, settling


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
    "webhook-without-id": Broken(Parts(alter=ignores_webhooks_without_a_known_id), None),
    "dnc-at-the-claim-only": Broken(Parts(alter=asks_for_do_not_call_at_the_claim_only), 34),
    "429-of-a-repeat": Broken(Parts(alter=takes_a_repeats_429_for_no_call), 16),
    "key-age-once": Broken(Parts(alter=asks_for_a_keys_age_once), 34),
    "first-byte": Broken(Parts(alter=asks_nothing_at_the_first_byte), 9),
    "repeat-unwritten": Broken(Parts(ledger=WritesNoRepeat), 5),
    "key-age-by-the-wall": Broken(Parts(alter=asks_the_wall_clock_for_a_keys_age), None),
}
