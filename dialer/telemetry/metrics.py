"""What is measured of a run. It takes the engine's events; Prometheus' classes come in at a scrape only.

Adding to a number is all that happens on a call's path: an event costs a microsecond or two. What only the
ledger knows is a sample that somebody else takes now and then.
"""

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, assert_never

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from dialer import __version__
from dialer.domain.service_parts import ServicePart
from dialer.domain.standing import Standing
from dialer.engine.events import (
    ApiAnswered,
    AttemptClaimed,
    AttemptClosed,
    AttemptParked,
    AttemptTakenOver,
    AttemptUncertain,
    CallPlaced,
    CampaignChanged,
    CampaignFailing,
    CampaignHeld,
    CampaignPart,
    CampaignStopping,
    Event,
    IntakeProgressed,
    LogWasShortened,
    MessageFailed,
    MessageRefused,
    QueueLost,
    QueueReached,
    RequestHeld,
    ServiceFailing,
    SlotsChanged,
    WebhookFault,
    WebhookRefused,
)
from dialer.ports.engine import CampaignCounts
from dialer.telemetry import metric_names as names
from dialer.telemetry.metric_names import Kind, Metric
from dialer.telemetry.tally import Tally

LINES_MAX = 500
"""From-numbers with a label of their own; leads can name any, and later ones are counted together."""
OTHER_LINES = "other"
TAKEN = "taken"
WEBHOOK_RESULTS: tuple[str, ...] = (TAKEN, *WebhookFault)
RATE_LIMITED, UNREACHABLE = "rate_limited", "unreachable"
FREED_MAX = 10_000
"""Freed slots that are remembered: as many as there can be."""
QUICK_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SLOW_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0)


class Buckets:
    """How often each duration was seen."""

    __slots__ = ("bounds", "counts", "sum_s")

    def __init__(self, bounds: Sequence[float]) -> None:
        """`bounds`: upper ones, seconds, rising."""
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum_s = 0.0

    def observe(self, seconds: float) -> None:
        """Below zero, as when a clock was set back, counts as zero."""
        if seconds < 0.0:
            seconds = 0.0
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.sum_s += seconds

    def cumulated(self) -> list[tuple[str, float]]:
        """As an exposition wants them."""
        total, rising = 0, []
        for bound, count in zip((*map(str, self.bounds), "+Inf"), self.counts, strict=True):
            total += count
            rising.append((bound, float(total)))
        return rising


@dataclass(frozen=True, slots=True)
class Sample:
    """What only the ledger knows."""

    counts: CampaignCounts
    standing: Standing
    at: float
    """Unix seconds."""


Values = Mapping[tuple[str, ...], float]
"""By the values of the labels."""


@dataclass(eq=False, slots=True)
class Metrics(Collector):
    """Give its `observe` to the engine; a registry collects from it. For one thread, the loop's."""

    campaign: str
    slots: int
    """Calls at once that are configured."""
    budget_usd: float | None = None
    """What the campaign may cost, as configured."""
    tally: Tally = field(default_factory=Tally)
    samples: Mapping[str, Sample] = field(default_factory=dict)
    """By campaign."""
    webhooks: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(WEBHOOK_RESULTS, 0)))
    due_to_dialled: Buckets = field(default_factory=lambda: Buckets(SLOW_S))
    answer: Buckets = field(default_factory=lambda: Buckets(SLOW_S))
    refill: Buckets = field(default_factory=lambda: Buckets(SLOW_S))
    commit: Buckets = field(default_factory=lambda: Buckets(QUICK_S))
    loop_lag: Buckets = field(default_factory=lambda: Buckets(QUICK_S))
    webhook_lag: Buckets = field(default_factory=lambda: Buckets(SLOW_S))
    _asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    _answered_at: dict[str, float] = field(default_factory=dict)
    _closed: Counter[tuple[str, str]] = field(default_factory=Counter)
    _held: Counter[str] = field(default_factory=lambda: Counter({RATE_LIMITED: 0, UNREACHABLE: 0}))
    _changes: Mapping[str, Any] = field(default_factory=dict)
    _lines: set[str] = field(default_factory=set)
    _freed: deque[float] = field(default_factory=lambda: deque(maxlen=FREED_MAX))
    _slots_why: str = "configured"
    _failing: dict[CampaignPart, bool] = field(default_factory=lambda: dict.fromkeys(CampaignPart, False))

    def observe(self, event: Event) -> None:
        """Take one event."""
        self.tally.observe(event)
        match event:
            case AttemptClaimed():
                self._on_claimed(event)
            case CallPlaced(adopted=adopted, answer_s=answer_s):
                if not adopted:
                    self.answer.observe(answer_s)
            case AttemptClosed():
                self._freed.append(event.at)
                self._closed[event.outcome, self._line(event.attempt.from_number)] += 1
            case RequestHeld(why=why):
                self._held[RATE_LIMITED if why.startswith("HTTP 429") else UNREACHABLE] += 1
            case SlotsChanged(why=why):
                self._slots_why = why
            case CampaignChanged(changes=changes):
                self._changes = changes
            case AttemptUncertain() | AttemptParked() | AttemptTakenOver() | IntakeProgressed():
                pass
            case CampaignFailing(part=part, why=why):
                self._failing[part] = why is not None
            case CampaignHeld() | CampaignStopping() | ServiceFailing() | LogWasShortened():
                pass
            case QueueReached() | QueueLost() | MessageRefused() | MessageFailed():
                pass
            case ApiAnswered(endpoint=endpoint, status=status, at=at):
                self._asked[endpoint, "none" if status is None else str(status)] += 1
                if event.is_good and at is not None:
                    self._answered_at[endpoint] = at
            case WebhookRefused(fault=fault):
                self.webhooks[fault] += 1
            case _:
                assert_never(event)

    def _on_claimed(self, event: AttemptClaimed) -> None:
        if event.resumed:
            return
        claimed_at, due_at = event.attempt.claimed_at, event.attempt.job.due_at
        self.due_to_dialled.observe(claimed_at - due_at)
        # slots were taken away, or are held by an unknown attempt: their ends do not wait for anybody
        while len(self._freed) > max(1, self._allowed - self.tally.live + 1):
            self._freed.popleft()
        if self._freed:
            self.refill.observe(claimed_at - max(self._freed.popleft(), due_at))

    @property
    def _allowed(self) -> int:
        return self.slots if self.tally.slots is None else self.tally.slots

    def _line(self, number: str | None) -> str:
        if number is None:
            return ""
        if number not in self._lines:
            if len(self._lines) >= LINES_MAX:
                return OTHER_LINES
            self._lines.add(number)
        return number

    def collect(self) -> Iterable[Family]:
        """Everything, as it is now."""
        return families([(self.campaign, self.told()), *self.sampled()])

    def told(self) -> dict[Metric, Values | Buckets]:
        """What is known without the ledger."""
        return {**self._values(), **self._buckets()}

    def sampled(self) -> list[tuple[str, Mapping[Metric, Values | Buckets]]]:
        """What the ledger said, by campaign."""
        return [(campaign, _sampled(sample)) for campaign, sample in self.samples.items()]

    def _values(self) -> dict[Metric, Values]:
        tally = self.tally
        known: dict[Metric, Values] = {
            metric: _by_label(read(tally)) for metric, read in names.TALLIED.items()
        }
        known[names.CLOSED] = {(outcome, line): count for (outcome, line), count in self._closed.items()}
        known[names.HELD] = {(reason,): count for reason, count in self._held.items()}
        known[names.SLOTS] = {(): self._allowed}
        known[names.SLOTS_INFO] = {(self._slots_why,): 1}
        known[names.CAMPAIGN_STOPPING] = {(): tally.stopping is not None}
        refused = tally.stopping is not None and tally.stopping.account
        known[names.ACCOUNT_REFUSED] = {(): refused or ServicePart.ACCOUNT in tally.failing}
        known[names.SERVICE_FAILING] = {(part.value,): part in tally.failing for part in ServicePart}
        known[names.CAMPAIGN_FAILING] = {(part.value,): fails for part, fails in self._failing.items()}
        known[names.WEBHOOKS] = {(result,): count for result, count in self.webhooks.items()}
        known[names.API_REQUESTS] = {(*of,): count for of, count in self._asked.items()}
        known[names.API_ANSWERED] = {(endpoint,): at for endpoint, at in self._answered_at.items()}
        known[names.BUDGET] = _by_label(self._changes.get("budget.per_campaign_usd", self.budget_usd))
        known[names.BUILD] = {(__version__,): 1}
        return known

    def _buckets(self) -> dict[Metric, Buckets]:
        return {
            names.DUE_TO_DIALLED: self.due_to_dialled,
            names.ANSWER: self.answer,
            names.REFILL: self.refill,
            names.COMMIT: self.commit,
            names.LOOP_LAG: self.loop_lag,
            names.WEBHOOK_LAG: self.webhook_lag,
        }


def families(told: Sequence[tuple[str, Mapping[Metric, Values | Buckets]]]) -> Iterator[Family]:
    """Each metric once, whichever campaigns tell of it."""
    for metric in names.METRICS:
        found = [(campaign, said[metric]) for campaign, said in told if metric in said]
        if found:
            yield _family(metric, found)


def _family(metric: Metric, found: Iterable[tuple[str, Values | Buckets]]) -> Family:
    labels = ("campaign", *metric.labels)
    histogram = HistogramMetricFamily(metric.name, metric.help, labels=labels)
    made = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    family = made(metric.name, metric.help, labels=labels)
    for campaign, said in found:
        if isinstance(said, Buckets):
            histogram.add_metric((campaign,), said.cumulated(), said.sum_s)
        else:
            for values, value in said.items():
                family.add_metric((campaign, *values), float(value))
    return histogram if metric.kind is Kind.HISTOGRAM else family


def _by_label(value: float | Mapping[str, float] | None) -> Values:
    if isinstance(value, Mapping):
        return {(label,): count for label, count in value.items()}
    return {} if value is None else {(): value}


def _sampled(sample: Sample) -> dict[Metric, Values | Buckets]:
    counts, standing = sample.counts, sample.standing
    due_at = counts.next_due_at
    return {
        names.JOBS: {(str(state),): count for state, count in counts.jobs.items()},
        names.OLDEST_DUE: {(): 0.0 if due_at is None else max(0.0, sample.at - due_at)},
        names.CAMPAIGN_HELD: {(): standing.held},
        names.CAMPAIGN_PAUSED: {(): standing.paused},
        names.SPENT: {(): standing.spent_cents / 100},
        names.RESERVED: {(): standing.reserved_cents / 100},
        names.BREAKER: {(name,): is_open for name, is_open in standing.breakers.items()},
        names.LINE_BREAKER: {
            (line, name): is_open for (line, name), is_open in standing.line_breakers.items()
        },
        names.SAMPLED: {(): sample.at},
    }
