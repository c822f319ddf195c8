"""A run: a service of one campaign, with an intake that ends; it ends when its work does."""

from collections.abc import Collection

import anyio
import anyio.lowlevel

from dialer.domain.calls import Attempt, CallUpdate, CampaignId
from dialer.domain.errors import AccountBlocked
from dialer.engine.attempts.untracked import Strangers
from dialer.engine.campaign import Campaign, contradiction
from dialer.engine.capacity.capacity import Capacity
from dialer.engine.events import WebhookFault
from dialer.engine.intake import Intake
from dialer.ports.engine import Clock, Ledger

LAST_S_MAX = 1.0
"""For what is told the others last."""


class Run:
    """Works through one campaign. Build it, `work` once; `campaign.stop` from anywhere in the same loop."""

    def __init__(self, campaign: Campaign, ledger: Ledger, capacity: Capacity, clock: Clock) -> None:
        """`capacity`: the campaign's."""
        self.campaign = campaign
        self._ledger = ledger
        self._capacity = capacity
        self._clock = clock
        self._strangers = Strangers(self._meet)

    async def work(self, campaign_id: CampaignId, intake: Intake) -> None:
        """Work until every job is final or open for a reason, or until the campaign is stopped.

        Raises `BadInput` and `LedgerError`, alone or in an exception group.
        """
        campaign, self._campaign_id = self.campaign, campaign_id
        async with anyio.create_task_group() as self._tasks:
            self._tasks.start_soon(campaign.operators.follow, campaign_id, lambda: campaign.config.control_s)
            self._tasks.start_soon(self._strangers.run)
            await campaign.work(campaign_id, intake, self._begin)
            self._tasks.cancel_scope.cancel()
        await campaign.settle_up(campaign_id)
        with anyio.move_on_after(LAST_S_MAX):
            await self._capacity.sign_off()

    def heard(self, news: CallUpdate) -> None:
        """Take in what a webhook says, at any time and any number of times."""
        if not self._capacity.tracker.heard(news, by_webhook=True):
            self._strangers.heard(news)
        self.campaign.analyses.heard(news)

    def webhook_refused(self, fault: WebhookFault) -> None:
        """A webhook was not taken."""
        self._capacity.tracker.webhook_refused(fault)

    async def take_over(self, attempts: list[Attempt]) -> None:
        """See `capacity.Campaigns`."""
        for attempt in attempts:
            self.campaign.under_way.take_over(attempt)

    async def attend(self, attempts: list[Attempt]) -> None:
        """See `capacity.Campaigns`."""
        for attempt in attempts:
            self.campaign.under_way.attend(attempt)

    def news(self, of: Collection[CampaignId] | None) -> None:
        """See `capacity.Campaigns`."""
        del of
        self.campaign.news()

    def has_room(self) -> None:
        """See `capacity.Campaigns`."""
        self.campaign.has_room()

    def refused(self, error: AccountBlocked) -> None:
        """See `capacity.Campaigns`."""
        self.campaign.refused(error)

    async def _begin(self) -> None:
        """What an earlier process left, and what the account allows, before anything new is claimed."""
        campaign = self.campaign
        if await self._ledger.has_dialled():
            campaign.pace.assume_full()
        await self._capacity.begin(self)
        self._tasks.start_soon(self._capacity.run, self)
        await self._capacity.look()

    async def _meet(self, news: CallUpdate) -> None:
        """Hear of a call that nobody follows."""
        why = contradiction(news)
        shown = await self._ledger.contradict(news, why, self._clock.now())
        if shown is None:
            return
        self.campaign.contradicted(shown.attempt, why)
        is_mine = shown.attempt.job.campaign_id == self._campaign_id
        # of another campaign it is its own workers', where there may be any
        if shown.is_followed and (is_mine or self._capacity.limits() is None):
            self.campaign.under_way.take_over(shown.attempt)
            await anyio.lowlevel.checkpoint()  # its life begins
            self._capacity.tracker.heard(news)
