"""What is measured of a service: of each of its campaigns, and of the account that they share."""

from collections.abc import Iterable

from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from dialer.engine.events import CampaignFailing, CampaignStopping, Event, LogWasShortened
from dialer.telemetry import metric_names as names
from dialer.telemetry.metrics import Metrics, families

CAMPAIGNS_MAX = 500
"""Campaigns with a label of their own; those that come later are counted together."""
OTHER_CAMPAIGNS = "other campaigns"
SHARED = frozenset(
    {
        names.SLOTS,
        names.SLOTS_INFO,
        names.ACCOUNT_REFUSED,
        names.SERVICE_FAILING,
        names.REFILL,
        names.COMMIT,
        names.LOOP_LAG,
        names.WEBHOOKS,
        names.WEBHOOK_LAG,
        names.API_REQUESTS,
        names.API_ANSWERED,
        names.BUILD,
    }
)
"""What campaigns have in common: told once, with an empty label `campaign`."""


class ServiceMetrics(Collector):
    """A registry collects from it. For one thread, the loop's."""

    def __init__(self, slots: int, budget_usd: float | None) -> None:
        """Both as configured. `budget_usd`: of each campaign."""
        self.account = Metrics("", slots, budget_usd)
        self._campaigns: dict[str, Metrics] = {}

    def observe(self, campaign: str, event: Event) -> None:
        """Take one event of a campaign."""
        self._of(campaign).observe(event)
        # the others go on
        is_its_own = isinstance(event, CampaignFailing | LogWasShortened) or (
            isinstance(event, CampaignStopping) and not event.account
        )
        if not is_its_own:
            self.account.observe(event)

    def _of(self, campaign: str) -> Metrics:
        known = self._campaigns.get(campaign)
        if known is None:
            name = campaign if len(self._campaigns) < CAMPAIGNS_MAX else OTHER_CAMPAIGNS
            shared = self.account
            known = self._campaigns.setdefault(name, Metrics(name, shared.slots, shared.budget_usd))
        return known

    def collect(self) -> Iterable[Family]:
        """Everything, as it is now."""
        shared = {metric: said for metric, said in self.account.told().items() if metric in SHARED}
        own = [
            (name, {metric: said for metric, said in metrics.told().items() if metric not in SHARED})
            for name, metrics in self._campaigns.items()
        ]
        return families([("", shared), *own, *self.account.sampled()])
