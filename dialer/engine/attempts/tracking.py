"""Hearing of calls: what became of the placed ones, and whether an uncertain one exists.

News comes from webhooks and from a sweep of the listing, in any order and any number of times. The first
word that a call is over wins; everything after it changes nothing. The one doubt: where that word says that
nobody was rung, get-call has to agree that the call is over.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from math import inf

import anyio

from dialer.domain.calls import Attempt, AttemptId, CallId, CallUpdate
from dialer.domain.errors import AccountBlocked, CallError, CallNotStarted, CallRefused, CallUncertain
from dialer.domain.evidence import Evidence, shows_ring
from dialer.domain.service_parts import ServicePart
from dialer.engine.attempts.webhook_watch import LOST, WebhookWatch
from dialer.engine.clock import loop_time
from dialer.engine.events import WebhookFault
from dialer.engine.failures import Failures
from dialer.ports.engine import CallApi

GETS_PER_SWEEP_MAX = 15
"""Calls that one sweep asks for one by one, because the listing does not show them."""


SILENT_SWEEPS_MAX = 4
"""After so many slow sweeps without a webhook they are quick again."""
FALLBACK_GETS_MAX = 60
"""The same while the listing fails: about as many as get-call answers in ten seconds."""
FALLBACK_FAILURES_MAX = 3
"""Then get-call fails as well, and the next sweep tries again."""
NOBODY = AttemptId("no-attempt")
"""Looked for where nothing else is, to see whether the listing works again."""
ASK_BY_ID = (
    "each call is asked for by its id meanwhile; check the network and status.retellai.com, and if the API "
    "has changed list-calls, update this program"
)

GATHER_S = 0.25
"""A look waits so long for others, to go with them in one request."""


@dataclass(frozen=True, slots=True)
class TrackingConfig:
    poll_s: float
    """Between two sweeps."""
    poll_with_webhooks_s: float
    """Between two sweeps while webhooks arrive and nothing is looked for."""
    call_max_s: float
    """The longest possible call; later a call id that the API does not know is given up."""
    missing_s: float
    """A call that the listing has not shown for so long is asked for by its id."""
    expects_webhooks: bool = False
    """The process listens for them."""


@dataclass(eq=False, slots=True)
class Followed:
    """An attempt whose call we want to hear of."""

    attempt_id: AttemptId
    since: float
    """The loop's time."""
    call_id: CallId | None = None
    news: CallUpdate | None = None
    evidence: Evidence = field(default_factory=Evidence)
    """All that was heard, also what came after the first word that the call is over."""
    analysed: CallUpdate | None = None
    """The first news with the call's analysis, which may come before the call's end is told."""
    is_over: bool = False
    """The call is over, or lost, or nobody follows any more."""
    is_doubted: bool = False
    """What says that it is over may not be so: the API is being asked."""
    closed_elsewhere: bool = False
    """It is over because another worker has closed the attempt."""
    has_anothers_call: bool = False
    """It is over because the call that it was given is another attempt's."""
    lost: bool = False
    """The API does not know the call id, long after any call would have ended."""
    looking: anyio.Event | None = None
    """Set by the sweep that has looked for the attempt."""
    look_error: CallError | None = None
    free_slot: Callable[[], None] = lambda: None
    """Gives back the place that its call had; any number of times."""
    _found: anyio.Event | None = None
    _analysed: anyio.Event | None = None
    _over: asyncio.Future[None] | None = None

    async def until_over(self) -> None:
        """Wait until `is_over`. For one to wait."""
        if not self.is_over:
            # a bare future: there are as many of these as calls
            self._over = asyncio.get_running_loop().create_future()
            await self._over

    def end(self) -> None:
        """It is over."""
        self.is_over = True
        if self._over is not None and not self._over.done():
            self._over.set_result(None)

    def forget(self) -> None:
        """Nothing that was heard was of its call."""
        self.call_id = self.news = self.analysed = None
        self.evidence = Evidence()

    def analyse(self, news: CallUpdate) -> None:
        """The call's analysis has come."""
        self.analysed = news
        if self._analysed is not None:
            self._analysed.set()

    async def until_analysed(self) -> None:
        """Wait for the call's analysis."""
        if self.analysed is None:
            self._analysed = self._analysed or anyio.Event()
            await self._analysed.wait()

    async def until_found(self) -> None:
        """Wait for the first news: the call exists."""
        if self.news is None:
            self._found = self._found or anyio.Event()
            await self._found.wait()

    def tell(self, news: CallUpdate) -> None:
        """Take news in; it changes nothing but the evidence if the call was over before."""
        self.evidence.add(news)
        if self.is_over:
            return
        self.news = news
        if news.is_over:
            self.end()
        for waiting in (self._found, self.looking):
            if waiting is not None:
                waiting.set()


class Tracker:
    """Follows every open attempt of one account."""

    def __init__(
        self,
        api: CallApi,
        config: TrackingConfig,
        failures: Failures,
        lists: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        """`lists`: whether it is this process that asks for all calls; None: it is the only one."""
        self._listing = failures.watch(ServicePart.LISTING, "cannot hear how calls end", ASK_BY_ID)
        self._lists = lists
        self._api = api
        self._config = config
        self._by_attempt: dict[AttemptId, Followed] = {}
        self._by_call: dict[CallId, Followed] = {}
        self._wake = anyio.Event()
        self._webhooks = WebhookWatch(
            failures,
            fresh_s=SILENT_SWEEPS_MAX * config.poll_with_webhooks_s,
            expected=config.expects_webhooks,
        )
        self._swept_at = -inf
        self._was_listed = False

    @property
    def call_max_s(self) -> float:
        """The longest possible call."""
        return self._config.call_max_s

    def known(self) -> Collection[AttemptId]:
        """The attempts that are followed."""
        return self._by_attempt.keys()

    def closed(self, attempt_id: AttemptId) -> None:
        """Another worker has closed the attempt: there is nothing to wait for any more."""
        followed = self._by_attempt.get(attempt_id)
        if followed is not None and not followed.is_over:
            followed.closed_elsewhere = True
            followed.end()

    def follow(
        self,
        attempt: Attempt,
        among: set[Followed] | None = None,
        on_closed_elsewhere: Callable[[], None] | None = None,
    ) -> "Following":
        """Follow from before the request until the attempt is closed: news may come before the answer.

        `among`: has it as long. `on_closed_elsewhere`: told behind it, if another worker closed the attempt.
        """
        followed = Followed(attempt.id, loop_time())
        self._by_attempt[attempt.id] = followed
        if attempt.call_id is not None:
            self.placed(followed, attempt.call_id)
        return Following(self, followed, among, on_closed_elsewhere)

    def let_go(self, followed: Followed) -> None:
        """Nobody follows it any more."""
        self._by_attempt.pop(followed.attempt_id, None)
        self._let_go_of_call(followed)

    def _let_go_of_call(self, followed: Followed) -> None:
        if followed.call_id is not None and self._by_call.get(followed.call_id) is followed:
            del self._by_call[followed.call_id]

    def placed(self, followed: Followed, call_id: CallId) -> None:
        """The attempt's call id is known. Whoever had it first keeps it."""
        followed.call_id = call_id
        self._by_call.setdefault(call_id, followed)

    def is_anothers(self, call_id: CallId, attempt_id: AttemptId) -> bool:
        """Whether another attempt is followed by this call."""
        holder = self._by_call.get(call_id)
        return holder is not None and holder.attempt_id != attempt_id

    def not_its_call(self, followed: Followed) -> None:
        """The call whose id it was given is another attempt's: nothing is known of its own."""
        self._let_go_of_call(followed)
        followed.forget()

    def heard(self, news: CallUpdate, *, by_webhook: bool = False) -> bool:
        """Take news in; False if it is of no call we follow."""
        if by_webhook:
            self._webhooks.heard()
        followed = self._by_call.get(news.call_id)
        if followed is not None and news.attempt_id not in (None, followed.attempt_id):
            self._let_go_of_call(followed)  # an answer that named no attempt gave it another one's call
            followed.has_anothers_call = True
            followed.end()
            followed = None
        if followed is None and news.attempt_id is not None:
            followed = self._by_attempt.get(news.attempt_id)
        if followed is None:
            return False
        if followed.call_id is None:
            self.placed(followed, news.call_id)
        if news.analysis is not None and followed.analysed is None:
            followed.analyse(news)
        was_over = followed.is_over
        followed.tell(news)
        if followed.is_over and not was_over and not by_webhook:
            self._webhooks.ended()
        return True

    async def look(self, followed: Followed) -> CallUpdate | None:
        """Look for the attempt's call once, together with all others that are looked for.

        None: it is not listed. Raises `CallNotStarted` or `AccountBlocked` if nobody could look.
        """
        if followed.news is None:
            followed.looking, followed.look_error = anyio.Event(), None
            self._wake.set()
            await followed.looking.wait()
            followed.looking = None
            if followed.news is None and followed.look_error is not None:
                raise followed.look_error
        return followed.news

    async def ask_until_over(self, followed: Followed, call_id: CallId) -> None:
        """Ask for a call by its id that is said to be over, until get-call agrees or does not know the call.

        An answer that does not come is asked for again: what was heard before a restart is not in memory any
        more. Bounded by the longest possible call; then, in doubt, the person was rung.
        """
        until, goes_on = loop_time() + self._config.call_max_s, False
        while loop_time() < until:
            try:
                said = await self._get_one(followed, call_id)
            except CallError:
                await anyio.sleep(self._config.poll_s)
                continue
            if followed.has_anothers_call:
                return
            if said is not None:
                goes_on = not said.is_over
                if said.is_over and shows_ring(said):
                    followed.news = said
            if not goes_on:
                return
            await anyio.sleep(self._config.poll_s)
        followed.evidence.doubt()

    async def ask(self, followed: Followed, call_id: CallId) -> CallUpdate | None:
        """Ask once, and take in what is said of this call; that nobody answers is no news."""
        try:
            return await self._get_one(followed, call_id)
        except CallError:
            return None

    async def _get_one(self, followed: Followed, call_id: CallId) -> CallUpdate | None:
        """As `ask`. Raises `CallError`."""
        news = await self._api.get(call_id)
        if news is None or news.call_id != call_id:
            return None
        if news.attempt_id not in (None, followed.attempt_id):
            self._let_go_of_call(followed)
            followed.has_anothers_call = True
            return None
        followed.evidence.add(news)
        if news.analysis is not None and followed.analysed is None:
            followed.analyse(news)
        return news

    async def run(self, on_blocked: Callable[[AccountBlocked], None]) -> None:
        """Sweep for ever."""
        while True:
            self._swept_at = loop_time()
            while (left_s := self._sweep_at() - loop_time()) > 0.0 and not self._wake.is_set():
                with anyio.move_on_after(left_s):
                    await self._wake.wait()
                    await anyio.sleep(GATHER_S)
            self._wake = anyio.Event()
            await self._sweep(on_blocked)

    def _sweep_at(self) -> float:
        """When the next sweep is due, as far as is known now: sooner once webhooks stop."""
        late = self._swept_at + self._config.poll_with_webhooks_s
        return max(self._swept_at + self._config.poll_s, min(late, self._webhooks.fresh_until))

    def webhook_refused(self, fault: WebhookFault) -> None:
        """A webhook was not taken: what it told is asked for."""
        self._webhooks.refused(fault, awaited=bool(self._by_call))
        if (fault in LOST or self._by_call) and loop_time() - self._swept_at >= self._config.poll_s:
            self._wake.set()

    async def _sweep(self, on_blocked: Callable[[AccountBlocked], None]) -> None:
        """Look for attempts, then follow calls: neither waits for what the other runs into."""
        looked_for = [each for each in self._by_attempt.values() if each.looking is not None]
        unseen = await self._carry_out(self._find(looked_for), on_blocked) if looked_for else None
        self._answer(looked_for, unseen)
        is_ours = self._lists is None or await self._lists()
        unheard = await self._carry_out(self._list(), on_blocked) if is_ours else None
        if unheard is not None:
            self._listing.failed(unheard)
        elif unseen is not None:
            self._listing.failed(unseen, "cannot look for uncertain attempts")
        elif looked_for or self._was_listed or not is_ours:
            self._listing.answered()
        if unheard is not None and self._listing.is_failing:
            await self._carry_out(self._ask_each(), on_blocked)

    async def _carry_out(
        self, part: Awaitable[None], on_blocked: Callable[[AccountBlocked], None]
    ) -> CallError | None:
        try:
            await part
        except CallError as error:
            if isinstance(error, AccountBlocked):
                on_blocked(error)
            return error
        return None

    async def _find(self, looked_for: list[Followed]) -> None:
        for news in await self._api.find([each.attempt_id for each in looked_for]):
            self.heard(news)

    def _answer(self, looked_for: list[Followed], error: CallError | None) -> None:
        for each in looked_for:
            each.look_error = error
            if each.looking is not None:
                each.looking.set()

    def _waiting(self) -> dict[CallId, Followed]:
        return {call_id: each for call_id, each in self._by_call.items() if not each.is_over}

    async def _list(self) -> None:
        """Ask for every call that is going on; those the listing leaves out for long, one by one."""
        waiting = self._waiting()
        is_probed = self._listing.is_failing and not self._by_attempt
        self._was_listed = bool(waiting) or is_probed
        if is_probed:
            await self._api.find([NOBODY])
        if not waiting:
            return
        for news in await self._api.list(list(waiting)):
            waiting.pop(news.call_id, None)
            self.heard(news)
        now = loop_time()
        missing = [item for item in waiting.items() if now - item[1].since > self._config.missing_s]
        for call_id, each in missing[:GETS_PER_SWEEP_MAX]:
            await self._get(each, call_id)

    async def _ask_each(self) -> None:
        """In place of the listing: ask for call by call, the next time for others first."""
        failures = 0
        for call_id, each in [*self._waiting().items()][:FALLBACK_GETS_MAX]:
            failures = 0 if await self._get(each, call_id) else failures + 1
            if failures >= FALLBACK_FAILURES_MAX:
                return

    async def _get(self, followed: Followed, call_id: CallId) -> bool:
        """Whether there was an answer; if not the next sweep asks again, and the others need not wait."""
        # while others were asked for it may have ended, or nobody follows it any more
        if self._by_call.get(call_id) is not followed or followed.is_over:
            return True
        self._by_call[call_id] = self._by_call.pop(call_id)  # next time the others go first
        try:
            news = await self._api.get(call_id)
        except (CallNotStarted, CallUncertain, CallRefused):
            return False
        if news is not None and news.call_id == call_id:
            self.heard(news)
        elif loop_time() - followed.since > self._config.call_max_s:
            followed.lost = True
            followed.end()
        return True


class Following:
    """While an attempt is followed. Not a generator's context, which costs more than what is done here."""

    __slots__ = ("_among", "_on_closed_elsewhere", "_tracker", "followed")

    def __init__(
        self,
        tracker: Tracker,
        followed: Followed,
        among: set[Followed] | None,
        on_closed_elsewhere: Callable[[], None] | None,
    ) -> None:
        self._tracker = tracker
        self.followed = followed
        self._among = among
        self._on_closed_elsewhere = on_closed_elsewhere

    def __enter__(self) -> Followed:
        if self._among is not None:
            self._among.add(self.followed)
        return self.followed

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        followed = self.followed
        if self._among is not None:
            self._among.discard(followed)
        self._tracker.let_go(followed)
        if error is None and followed.closed_elsewhere and self._on_closed_elsewhere is not None:
            self._on_closed_elsewhere()
