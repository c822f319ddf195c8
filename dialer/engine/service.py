"""Many campaigns at work for months: whichever the ledger has something to do for, as one of a crew."""

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager

import anyio
import anyio.abc
import anyio.lowlevel

from dialer.domain.calls import Attempt, CallUpdate, CampaignId
from dialer.domain.errors import AccountBlocked, DialerError, LedgerError
from dialer.domain.lifecycle import OPEN_ATTEMPTS, AttemptState
from dialer.engine.attempts.analyses import Analyses
from dialer.engine.attempts.untracked import Strangers
from dialer.engine.campaign import Campaign, contradiction
from dialer.engine.capacity.shared import Crew
from dialer.engine.events import WebhookFault
from dialer.ports.engine import Clock, Ledger
from dialer.ports.sharing import Sharing

LOOK_S = 5.0
"""Between two looks which campaigns have something to do, where nobody told of any."""
LOOK_SHARE = 20
"""After a look there is a pause of so many times its length: many campaigns are looked at less often."""
SOON_S = 60.0
"""A campaign with a job that is due within so long is made, and one without is let go."""
CAMPAIGNS_MAX = 2000
IDLE_S = 60.0
"""A campaign with nothing to do is kept at hand for so long."""
LAST_S_MAX = 1.0
"""For what is written last, at each of its two steps."""
LEAVING_LOOK_S = 0.05
"""Between two looks whether a campaign that was let go has gone."""
NOTHING_TO_DO = "there is nothing to do"

FAULT_REST_S = 30.0
"""A campaign that failed is left alone for so long; the others go on."""

Make = Callable[[str, CampaignId], AbstractAsyncContextManager[Campaign]]
Failing = Callable[[str, str | None], None]
"""Told a campaign's name, and why nobody of it can be called now; None: they can again."""


class Service:
    """Works on all campaigns of a ledger. Build it, `run` it once, `stop` it from anywhere in its loop."""

    def __init__(
        self,
        ledger: Ledger,
        sharing: Sharing,
        crew: Crew,
        clock: Clock,
        make: Make,
        *,
        grace_s: float = 12.0,
        control_s: float = 0.5,
        failing: Failing = lambda name, why: None,
        campaigns_max: Callable[[], int] = lambda: CAMPAIGNS_MAX,
    ) -> None:
        """`ledger` and `sharing`: the same one. `make`: a campaign to be served, with its own rules.
        `grace_s`: after a stop, for requests under way to answer. `control_s`: between two looks what
        operators want. `failing`: told why a campaign cannot be worked on, and None once it can again.
        `campaigns_max`: at work at once; those beyond wait, but calls under way are followed whatever it is.
        """
        self._failing = failing
        self._campaigns_max = campaigns_max
        self._stood_back_at: dict[CampaignId, float] = {}
        self._is_crowded = False
        self._failed_at: dict[CampaignId, float] = {}
        self._grace_s = grace_s
        self._control_s = control_s
        self._ledger = ledger
        self._clock = clock
        self._sharing = sharing
        self._crew = crew
        self._make = make
        self._campaigns: dict[CampaignId, Campaign] = {}
        self._idle_since: dict[CampaignId, float] = {}
        self._serving: anyio.abc.TaskGroup | None = None
        self._behind: set[CampaignId] = set()
        self._strangers = Strangers(self._meet)
        self._starting = anyio.Lock()
        self._unknown = anyio.Event()
        self._stopped = anyio.Event()
        self.why_stopped: str | None = None
        self.analyses = Analyses(ledger, clock, self._tell_reporters)

    @property
    def at_work(self) -> Mapping[CampaignId, Campaign]:
        """Those at work now, and those that were a moment ago."""
        return self._campaigns

    @property
    def campaigns(self) -> list[Campaign]:
        """The same."""
        return [*self._campaigns.values()]

    async def run(self) -> None:
        """Work until `stop`. Raises `LedgerError` and `BadInput`, alone or in an exception group."""
        await self._begin()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._crew.run, self)
            tasks.start_soon(self.analyses.run)
            tasks.start_soon(self._strangers.run)
            tasks.start_soon(self._follow_operators)
            async with anyio.create_task_group() as self._serving:
                self._serving.start_soon(self._look)
                await self._stopped.wait()
                for campaign in self.campaigns:
                    campaign.stop(self.why_stopped or "")
                # a lost ledger is not waited for: what is open is anybody's after a lease
                self._serving.cancel_scope.deadline = anyio.current_time() + self._grace_s + LAST_S_MAX
            tasks.cancel_scope.cancel()
        with anyio.move_on_after(LAST_S_MAX):
            await self.analyses.write()
            await self._crew.sign_off()

    async def _begin(self) -> None:
        """An account that does not answer, or a ledger, keeps nobody from stopping."""

        async def give_up(scope: anyio.CancelScope) -> None:
            await self._stopped.wait()
            scope.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(give_up, tasks.cancel_scope)
            await self._crew.begin(self)
            await self._crew.look()
            tasks.cancel_scope.cancel()

    def stop(self, why: str) -> None:
        """Claim nothing more, let requests under way answer, leave the rest to the other workers."""
        if self.why_stopped is None:
            self.why_stopped = why
            self._stopped.set()
            self._unknown.set()

    def heard(self, news: CallUpdate) -> None:
        """Take in what a webhook says of a call, whichever worker placed it."""
        self.analyses.heard(news)
        is_ours = self._crew.tracker.heard(news, by_webhook=True)
        if not is_ours:
            self._strangers.heard(news)

    def webhook_refused(self, fault: WebhookFault) -> None:
        """A webhook was not taken."""
        self._crew.tracker.webhook_refused(fault)

    def news(self, of: Collection[CampaignId] | None) -> None:
        """The ledger may hold work of these campaigns, or lines for their results logs; None: of any."""
        for campaign_id in self._campaigns if of is None else of:
            campaign = self._campaigns.get(campaign_id)
            if campaign is None:
                self._unknown.set()
            else:
                campaign.news()

    def has_room(self) -> None:
        """See `capacity.Campaigns`."""
        for campaign in self._campaigns.values():
            campaign.has_room()

    def refused(self, error: AccountBlocked) -> None:
        """See `capacity.Campaigns`: the service goes on, and claims nothing meanwhile."""

    async def take_over(self, attempts: list[Attempt]) -> None:
        """See `capacity.Campaigns`."""
        for attempt in attempts:
            campaign = await self._campaign_of(attempt)
            if campaign is not None:
                campaign.under_way.take_over(attempt)

    async def attend(self, attempts: list[Attempt]) -> None:
        """See `capacity.Campaigns`."""
        for attempt in attempts:
            campaign = await self._campaign_of(attempt)
            if campaign is not None:
                campaign.under_way.attend(attempt)

    def _tell_reporters(self, of: Collection[CampaignId]) -> None:
        for campaign_id in of:
            campaign = self._campaigns.get(campaign_id)
            if campaign is None:
                self._behind.add(campaign_id)
                self._unknown.set()
            else:
                campaign.reporter.tell()

    async def _write_behind(self) -> None:
        """An analysis came for a campaign that sleeps: it is made, for its results log."""
        while self._behind:
            campaign_id = self._behind.pop()
            campaign = await self._start(await self._sharing.campaign_name(campaign_id), campaign_id)
            if campaign is not None:
                campaign.reporter.tell()

    async def _follow_operators(self) -> None:
        """One question for all campaigns, which may be hundreds."""
        while True:
            await anyio.sleep(self._control_s)
            wanted = await self._ledger.controls(self._campaigns.keys()) if self._campaigns else {}
            for campaign_id, campaign in self._campaigns.items():
                if campaign_id in wanted:
                    campaign.operators.take(wanted[campaign_id])

    async def _meet(self, news: CallUpdate) -> None:
        attempt = await self._sharing.placed_call(news.call_id)
        if attempt is None:
            attempt = await self._contradicted(news)
        if attempt is not None and attempt.id not in self._crew.tracker.known():
            await self.attend([attempt])
            await anyio.lowlevel.checkpoint()  # its life begins
        self._crew.tracker.heard(news)

    async def _contradicted(self, news: CallUpdate) -> Attempt | None:
        """The attempt to be followed again, if this shows a call or a ring that a closed attempt denies."""
        why = contradiction(news)
        shown = await self._ledger.contradict(news, why, self._clock.now())
        if shown is None:
            return None
        campaign = await self._campaign_of(shown.attempt)
        if campaign is not None:
            campaign.contradicted(shown.attempt, why)
        return shown.attempt if shown.is_followed else None

    async def _campaign_of(self, attempt: Attempt) -> Campaign | None:
        """The one that is at work, made if there is none. None: this process is ending, or the campaign has
        failed; then it goes on with all that is this worker's when it is made again."""
        campaign_id = attempt.job.campaign_id
        while not self._stopped.is_set():
            known = self._campaigns.get(campaign_id)
            if known is None:
                break
            if not known.is_leaving:
                return known
            await anyio.sleep(LEAVING_LOOK_S)
        if self._stopped.is_set():
            return None
        return await self._start(await self._sharing.campaign_name(campaign_id), campaign_id)

    async def _look(self) -> None:
        while not self._stopped.is_set():
            began = anyio.current_time()
            at_work = await self._sharing.campaigns_at_work(self._clock.now() + SOON_S)
            for name, campaign_id in self._next_in_turn(at_work):
                await self._start(name, campaign_id)
            self._retire(set(at_work.values()))
            await self._write_behind()
            with anyio.move_on_after(LOOK_SHARE * (anyio.current_time() - began)):
                await self._stopped.wait()
            with anyio.move_on_after(LOOK_S):
                await self._unknown.wait()
            self._unknown = anyio.Event()

    def _next_in_turn(self, at_work: Mapping[str, CampaignId]) -> list[tuple[str, CampaignId]]:
        """Those to be made now: no more than there is room for, the longest waiting first."""
        waiting = [(name, each) for name, each in at_work.items() if each not in self._campaigns]
        room = max(0, self._campaigns_max() - len(self._campaigns))
        self._is_crowded = len(waiting) > room
        if not self._is_crowded:
            self._stood_back_at.clear()
        waiting.sort(key=lambda of: self._stood_back_at.get(of[1], 0.0))
        return waiting[:room]

    def _retire(self, at_work: set[CampaignId]) -> None:
        """Let go who has nothing to do. While others wait, also who has no call, as one that is paused."""
        now = anyio.current_time()
        kept: Collection[CampaignId] = () if self._is_crowded else at_work
        for campaign_id, campaign in self._campaigns.items():
            if campaign_id in kept or not campaign.is_idle:
                self._idle_since.pop(campaign_id, None)
            elif now - self._idle_since.setdefault(campaign_id, now) >= IDLE_S:
                if campaign_id in at_work:
                    self._stood_back_at[campaign_id] = now
                campaign.stop(NOTHING_TO_DO)

    async def _start(self, name: str, campaign_id: CampaignId) -> Campaign | None:
        """None: it has failed, and rests."""
        async with self._starting:
            known = self._campaigns.get(campaign_id)
            if known is not None:
                return known
            failed_at = self._failed_at.get(campaign_id)
            if failed_at is not None and anyio.current_time() - failed_at < FAULT_REST_S:
                return None
            assert self._serving is not None  # noqa: S101 - set by run
            campaign: Campaign | None = await self._serving.start(self._serve, name, campaign_id)
            return campaign

    async def _serve(
        self,
        name: str,
        campaign_id: CampaignId,
        *,
        task_status: anyio.abc.TaskStatus[Campaign | None] = anyio.TASK_STATUS_IGNORED,
    ) -> None:
        """A fault of the campaign is its own: it is told, and the campaign is made again after a rest."""
        is_started = False

        def started(campaign: Campaign) -> None:
            nonlocal is_started
            is_started = True
            task_status.started(campaign)

        try:
            await self._work_on(name, campaign_id, started)
        except Exception as error:
            why = _fault(error)
            if why is None:  # it is the ledger's, which all campaigns share
                raise
            self._failed_at[campaign_id] = anyio.current_time()
            self._failing(name, why)
            if not is_started:
                task_status.started(None)

    async def _work_on(self, name: str, campaign_id: CampaignId, started: Callable[[Campaign], None]) -> None:
        async with self._make(name, campaign_id) as campaign:
            campaign.operators.take(await self._ledger.control(campaign_id))
            self._campaigns[campaign_id] = campaign
            if self._stopped.is_set():
                campaign.stop(self.why_stopped or "")
            started(campaign)
            if self._failed_at.pop(campaign_id, None) is not None:
                self._failing(name, None)
                await self._take_up(campaign, campaign_id)
            try:
                await campaign.work(campaign_id)
                await campaign.settle_up(campaign_id)
            finally:
                del self._campaigns[campaign_id]
                self._idle_since.pop(campaign_id, None)

    async def _take_up(self, campaign: Campaign, campaign_id: CampaignId) -> None:
        """What was this worker's when the campaign failed."""
        for states in (OPEN_ATTEMPTS, frozenset({AttemptState.UNKNOWN})):
            for attempt in await self._ledger.open_attempts(campaign_id, states):
                if attempt.worker == self._crew.worker:
                    campaign.under_way.take_over(attempt)


def _fault(error: Exception) -> str | None:
    """What is wrong with one campaign alone; None: the ledger is at fault."""
    if isinstance(error, LedgerError):
        return None
    if not isinstance(error, ExceptionGroup):
        return str(error) if isinstance(error, DialerError) else repr(error)
    of_all, of_one = error.split(LedgerError)
    return None if of_all is not None or of_one is None else _fault(of_one.exceptions[0])
