"""Placing one attempt: the request, and what to do when nobody can say whether it made a call.

    fresh ──► send ──201──────────────────────────────────────────► Placed
                │  429, unreachable: slow down, send again; in the end ► PutBack
                │  4xx, and what it is about ──────────────────────► Refused
                └─ uncertain, or found open after a restart:
                     wait the settle time ► look ──found────────────► Placed
                          ▲                   └──not found: send the same bytes under the same key
                          └─────────────────────────┘ ... at most `looks_max` looks ► Parked

Looking alone is not enough, since a listing lags; repeating alone is not, since a key may be ignored: the
order wait, look, repeat is what makes a second ring impossible as long as one of the two holds. Where the API
keeps no keys, a repeat has only the look before it: it goes out if that look came when the listing, by the
operator's word on its lag, had to show the call, and else never.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from random import Random

import anyio
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from dialer.domain.calls import Attempt, CallUpdate, JobKind
from dialer.domain.errors import (
    AccountBlocked,
    Blame,
    CallError,
    CallNotStarted,
    CallRefused,
    CallUncertain,
    Limit,
)
from dialer.domain.lifecycle import AttemptState
from dialer.domain.records import record
from dialer.domain.screening import HOLD, UNHEARD_OF, CampaignPolicy, Dial, Drop, NumberFacts, Wait
from dialer.engine.account_gate import AccountGate, Asked
from dialer.engine.attempts.tracking import Followed, Tracker
from dialer.engine.capacity.pacing import Pace
from dialer.engine.clock import loop_time
from dialer.engine.events import AttemptUncertain, Observe
from dialer.ports.engine import AttemptUpdate, CallApi, Clock, Ledger

DOUBLINGS_MAX = 64
"""Of the first wait; after so many any wait has reached its bound."""
FRESH_S = 1.0
"""So long after its claim a request goes by what the claim knew of the number; then by the next answer."""
PAST_LAG_S = 1.0
"""So long after the bound on the lag is looked; a call that is listed just at the bound is then there."""
BLIND_S_MAX = 900.0
"""An attempt becomes unknown if nobody could look for its call for so long."""
LEAVE_S_MAX = 2.0
"""A request that has its connection waits so long for the pace; then it gives the connection back and has its
turn again."""


@dataclass(frozen=True, slots=True)
class PlacingConfig:
    settle_s: float
    """Before looking for an uncertain call: longer than a new call takes to be listed."""
    looks_max: int
    tries_max: int
    """Tries for a request that made no call (429, unreachable) before the job is put back."""
    backoff_initial_s: float
    backoff_max_s: float
    key_lifetime_s: float
    """How long after the claim the API surely knows the idempotency key."""
    api_honours_key: bool
    listing_lag_max_s: float | None
    """Only where keys are not honoured: how long after its request a call is listed at the latest.

    None: nobody can say, so that no request is repeated.
    """


@record
class Placed:
    """The call exists."""

    news: CallUpdate
    adopted: bool


@dataclass(frozen=True, slots=True)
class PutBack:
    """No call was made; the job goes back."""

    why: str
    account_full: bool = False
    at_once: bool = False
    """Due again now, since nothing was tried."""


@dataclass(frozen=True, slots=True)
class Refused:
    """No call was made, and the same request will make none before something is mended."""

    why: str
    blame: Blame


@dataclass(frozen=True, slots=True)
class Parked:
    """Nobody could tell."""

    why: str


Placement = Placed | PutBack | Refused | Parked


class _Stays(Exception):
    """The request does not leave, at the last moment: nothing of it has."""

    def __init__(self, instead: Placement) -> None:
        super().__init__()
        self.instead = instead


def backoff_s(error: CallNotStarted, failures: int, config: PlacingConfig, chance: Random) -> float:
    """What the API asks for, else exponential with full jitter above a half."""
    if error.retry_after_s is not None:
        return error.retry_after_s
    doubled_s = config.backoff_initial_s * 2.0 ** min(failures - 1, DOUBLINGS_MAX)
    return min(config.backoff_max_s, doubled_s) * (0.5 + chance.random() / 2)


class Placer:
    """Places attempts on one line."""

    def __init__(
        self,
        api: CallApi,
        ledger: Ledger,
        tracker: Tracker,
        pace: Pace,
        clock: Clock,
        chance: Random,
        config: PlacingConfig,
        observe: Observe,
        *,
        gate: AccountGate,
        screen: Callable[[bool], CampaignPolicy],
        leave: Callable[[Attempt], Awaitable[Attempt]],
    ) -> None:
        """`gate`: whether the API takes the account. `screen`: the rules now, for what has waited since its
        claim; True: for the repeat of a request.

        `leave`: as `Capacity.leave`.
        """
        self._api = api
        self._ledger = ledger
        self._tracker = tracker
        self._pace = pace
        self._clock = clock
        self._chance = chance
        self._config = config
        self._observe = observe
        self._gate_of_account = gate
        self._screen = screen
        self._leave = leave
        self._pages = 0
        """Answers in a row that came from the way to the API, and not from it."""

    async def send(self, attempt: Attempt, followed: Followed) -> Placement | CallUncertain:
        """Send a fresh attempt's request, again while that surely made no call and none is heard of.

        Raises `AccountBlocked`, `PaceStopped`: the API, or we, made no call as far as the request goes. What
        else was heard of the attempt meanwhile goes before that.
        """
        try:
            return await self._try(attempt, followed)
        except CallNotStarted as error:
            if error.limit is Limit.CONCURRENCY:
                return self._put_back(error)
            self._pace.hold(str(error), self._backoff_s(error, 1))
            if self._config.tries_max <= 1:
                return self._put_back(error)
            return await self._try_again(attempt, followed)

    async def _try(self, attempt: Attempt, followed: Followed) -> Placement | CallUncertain:
        while True:
            try:
                return await self._try_once(attempt, followed)
            except CallNotStarted as error:
                if error.limit is not Limit.SHARED:
                    raise  # else the rules are asked again, and it waits on: it has its turn, not its time
                attempt = _placeless(attempt)

    async def _try_once(self, attempt: Attempt, followed: Followed) -> Placement | CallUncertain:
        asked_at, learnt = -inf, None

        async def passes() -> bool:
            nonlocal asked_at, learnt
            learnt = await self._learnt(attempt)
            asked_at = loop_time()
            return learnt is None

        async def ask() -> None:
            if loop_time() - asked_at >= FRESH_S:
                await passes()

        def object_() -> None:
            heard = followed.evidence.news
            if heard is not None:
                why = f"an answer said that no call was made, but call {heard.call_id} was heard of"
                self._observe(AttemptUncertain(attempt, why))
                raise _Stays(Placed(heard, adopted=True))
            objection = learnt or self._objection(attempt, self._screen(False))
            if objection is not None:
                raise _Stays(PutBack(f"not sent after all: {_why(objection)}", at_once=True))

        await self._gate(attempt, passes)
        try:
            object_()  # before a connection is sought, which may be had at no price
            return Placed(await self._create(attempt, object_, ask), adopted=False)
        except _Stays as why:
            return why.instead
        except CallRefused as error:
            return Refused(str(error), error.blame)
        except CallUncertain as error:
            if error.on_the_way:
                self._wait_for_the_way(error)
            return error

    def _wait_for_the_way(self, error: CallUncertain) -> None:
        """Nobody's request gets through at the moment: the fewer leave, the fewer are uncertain."""
        self._pages += 1
        plain = CallNotStarted(str(error), limit=Limit.CONNECTION)
        self._pace.hold(str(error), self._backoff_s(plain, self._pages))

    async def _create(
        self, attempt: Attempt, object_: Callable[[], None], ask: Callable[[], Awaitable[None]]
    ) -> CallUpdate:
        leave = partial(self._at_the_first_byte, attempt, object_, ask)
        news = await self._api.create(attempt.job.job.kind, attempt.body, leave)
        is_ours = news.attempt_id in (None, attempt.id)
        if not is_ours or self._tracker.is_anothers(news.call_id, attempt.id):
            raise CallUncertain(f"the answer shows call {news.call_id}, which is another attempt's")
        self._pages = 0
        return news

    async def _at_the_first_byte(
        self, attempt: Attempt, object_: Callable[[], None], ask: Callable[[], Awaitable[None]]
    ) -> None:
        """Wait, with a connection in hand, until the request may leave, and count it as sent.

        `ask`: asks the ledger, where its last answer is old. `object_`: raises what speaks against it at this
        very moment. Raises `CallNotStarted` if the pace leaves no room in time, and `PaceStopped`.
        """
        line, cps, by = attempt.from_number, self._cps_of(attempt), loop_time() + LEAVE_S_MAX
        while True:
            await ask()
            object_()  # also where no place comes at all
            if not await self._pace.until_it_may_leave(line, cps, by):
                raise CallNotStarted("the pace leaves no room now", limit=Limit.SHARED)
            attempt = await self._leave(attempt)
            object_()
            if self._pace.leaves(line, cps):
                return

    async def _try_again(self, attempt: Attempt, followed: Followed) -> Placement | CallUncertain:
        """Entered only after a first failure: the retry machinery costs more than a request."""

        def wait_s(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            assert isinstance(error, CallNotStarted)  # noqa: S101 - the only error that is retried
            seconds = self._backoff_s(error, state.attempt_number + 1)
            self._pace.hold(str(error), seconds)
            return seconds

        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._config.tries_max - 1),
            wait=wait_s,
            retry=retry_if_exception(
                lambda error: isinstance(error, CallNotStarted) and error.limit is not Limit.CONCURRENCY
            ),
            sleep=_at_the_gate,
            reraise=True,
        )
        try:
            return await retrying(self._try, _placeless(attempt), followed)
        except CallNotStarted as error:
            return self._put_back(error)

    def _put_back(self, error: CallNotStarted) -> PutBack:
        return PutBack(str(error), account_full=error.limit is Limit.CONCURRENCY)

    def _backoff_s(self, error: CallNotStarted, failures: int) -> float:
        return backoff_s(error, failures, self._config, self._chance)

    async def settle(self, attempt: Attempt, followed: Followed, why: str) -> Placed | Parked:
        """Find out whether an uncertain attempt made a call; if not, repeat it as it was.

        Raises `PaceStopped`: the attempt stays uncertain.
        """
        age = self._age_of(attempt)
        # only phone calls carry a key; the others stay `registered`, which a listing may never show
        repeats, looks = attempt.job.job.kind is JobKind.PHONE_CALL, 0
        while looks < self._config.looks_max:
            try:
                news = await self._search(followed)
            except CallError as error:
                why = f"nobody could look for its call for {BLIND_S_MAX / 60:g} minutes: {error}"
                break
            if news is not None:
                return Placed(news, adopted=True)
            looks += 1
            if repeats and self._may_repeat(age):
                answer = await self._repeat(attempt, followed, age)
                if isinstance(answer, Placed):
                    return answer
                why = answer.why
                repeats = not isinstance(answer, Refused)
                looks -= isinstance(answer, PutBack)  # it was not carried out: deferring is not failing
        if followed.evidence.news is not None:  # a webhook came while the last request was under way
            return Placed(followed.evidence.news, adopted=True)
        return Parked(why)

    async def _search(self, followed: Followed) -> CallUpdate | None:
        """Look after the settle time and, where keys are not honoured, once the call has to be listed."""
        # by the loop's clock and from now on: only now no request is under way any more
        now, lag_s = loop_time(), self._config.listing_lag_max_s
        news = await self._look(followed, now + self._config.settle_s)
        if news is None and not self._config.api_honours_key and lag_s is not None:
            news = await self._look(followed, now + lag_s + PAST_LAG_S)
        return news

    async def _look(self, followed: Followed, not_before: float) -> CallUpdate | None:
        """Wait until that time of the loop or for news, then look until somebody could."""
        while followed.news is None and (left_s := not_before - loop_time()) > 0.0:
            with anyio.move_on_after(left_s):
                await followed.until_found()
        failures, since = 0, loop_time()
        while True:
            try:
                return await self._tracker.look(followed)
            except CallError as error:
                if loop_time() - since >= BLIND_S_MAX:
                    raise
                failures += 1
                plain = CallNotStarted(str(error), limit=Limit.CONNECTION)
                await anyio.sleep(self._backoff_s(plain, failures))

    async def _repeat(self, attempt: Attempt, followed: Followed, age: Callable[[], float]) -> Placement:
        """Send the stored bytes once more. Whatever the answer, the first request may have made a call."""
        asked_at, suppressed = -inf, UNHEARD_OF

        async def ask() -> None:
            nonlocal asked_at, suppressed
            if loop_time() - asked_at >= FRESH_S:
                suppressed = await self._suppressed(attempt)
                asked_at = loop_time()

        def object_() -> None:
            if followed.evidence.news is not None:
                raise _Stays(Placed(followed.evidence.news, adopted=True))
            if not self._may_repeat(age):
                raise _Stays(Parked("the idempotency key is too old to repeat the request"))
            if not is_probe and (held := self._gate_of_account.held) is not None:
                raise _Stays(PutBack(held))
            objection = self._objection(attempt, self._screen(True), suppressed)
            if isinstance(objection, Wait) and objection.rule == HOLD:
                raise _Stays(PutBack(objection.why))  # it waits until that is over, or its key is too old
            if objection is not None:
                raise _Stays(Parked("it may not be called any more, so it is only looked for"))

        await self._gate(attempt)
        if (held := self._gate_of_account.may_claim()) is not None:
            return PutBack(held)
        # there may be nobody else to call, and so no other request that asks whether the account is taken
        is_probe = self._gate_of_account.held is not None
        again = attempt
        try:
            object_()
            await ask()
            object_()
            now = self._clock.now()
            again = replace(attempt, state=AttemptState.UNCERTAIN, last_sent_at=now)
            await self._ledger.update(
                AttemptUpdate(
                    again,
                    AttemptState.UNCERTAIN,
                    now,
                    last_sent_at=now,
                    call_max_s=self._tracker.call_max_s,
                )
            )
            news = await self._create(_placeless(attempt), object_, ask)
            self._gate_of_account.accepted()
            return Placed(news, adopted=False)
        except _Stays as why:
            return why.instead
        except CallNotStarted as error:
            if error.limit is not Limit.SHARED:
                self._pace.hold(str(error), self._backoff_s(error, 1))
            return self._put_back(error)
        except AccountBlocked as error:
            self._gate_of_account.refused(error, Asked.CREATE)
            return PutBack(str(error))
        except CallRefused as error:
            self._gate_of_account.accepted()
            return Refused(str(error), error.blame)
        except CallUncertain as error:
            self._observe(AttemptUncertain(again, str(error)))
            if error.on_the_way:  # it waits until the way is free, or its key is too old
                self._wait_for_the_way(error)
                return PutBack(str(error))
            return Parked(str(error))

    async def _learnt(self, attempt: Attempt) -> Wait | Drop | None:
        """What the ledger has heard since the claim that speaks against a request that waited long."""
        now, screen = self._clock.now(), self._screen(False)
        if 0.0 <= now - attempt.claimed_at < FRESH_S:
            return None
        if not await self._ledger.line_allows(attempt, screen.breakers):
            return Wait(now, "line_rest", "its line rests by now")
        return self._objection(attempt, screen, await self._suppressed(attempt))

    async def _suppressed(self, attempt: Attempt) -> NumberFacts:
        number = attempt.job.job.to_number
        return UNHEARD_OF if number is None else NumberFacts(suppressed=await self._ledger.suppressed(number))

    def _objection(
        self, attempt: Attempt, screen: CampaignPolicy, number: NumberFacts = UNHEARD_OF
    ) -> Wait | Drop | None:
        """What the rules that let it be claimed say against it now.

        Caps and the bounds of lines are no longer asked: the attempt itself is in their counts.
        """
        verdict = screen.judge(attempt.job, self._clock.now(), number)
        return None if isinstance(verdict, Dial) else verdict

    async def _gate(self, attempt: Attempt, passes: Callable[[], Awaitable[bool]] | None = None) -> None:
        await self._pace.gate(attempt.from_number, self._cps_of(attempt), passes)

    def _cps_of(self, attempt: Attempt) -> float | None:
        """Of its line, if that has a bound of its own."""
        pool = self._screen(False).pool
        return next((line.cps for line in pool if line.number == attempt.from_number), None)

    def _may_repeat(self, age: Callable[[], float]) -> bool:
        """Whether something keeps a request that did make a call from making another, after this look."""
        if not self._config.api_honours_key:
            return self._config.listing_lag_max_s is not None
        # claimed in the future: the clock was set back, and nobody knows how old the key is
        return 0.0 <= age() < self._config.key_lifetime_s

    def _age_of(self, attempt: Attempt) -> Callable[[], float]:
        """Seconds since the claim, by the wall clock or by the loop's since now, whichever is more."""
        age, since = self._clock.now() - attempt.claimed_at, loop_time()
        return lambda: max(self._clock.now() - attempt.claimed_at, age + loop_time() - since)


def _placeless(attempt: Attempt) -> Attempt:
    """To be sent again: its place in the account's schedule may have been used, and is not given back."""
    return replace(attempt, leaves_by=None, place_at=None)


def _why(objection: Wait | Drop) -> str:
    return objection.reason if isinstance(objection, Drop) else objection.why or objection.rule


async def _at_the_gate(_: float) -> None:
    """The next try waits there for the line, which is held as long: a stop reaches it there."""
