"""What is measured of a worker as a whole: its queue, its ledger, its settings."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import InitVar, dataclass, field

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from dialer.engine.events import (
    AttemptTakenOver,
    Event,
    MessageFailed,
    MessageRefused,
    QueueLost,
    QueueReached,
)
from dialer.telemetry import worker_metric_names as names
from dialer.telemetry.metric_names import Kind, Metric
from dialer.telemetry.metrics import Values


@dataclass(frozen=True, slots=True)
class Readings:
    """What others know, asked at each scrape. None: it is not known, or there is none, and is left out."""

    ledger_lost: Callable[[], bool]
    """The ledger cannot be used now."""
    heartbeat_at: Callable[[], float | None] = lambda: None
    """When the ledger last took a sign of life, Unix seconds."""
    started_at: Callable[[], float | None] = lambda: None
    """When the worker was started, Unix seconds."""
    clock_steps: Callable[[], int | None] = lambda: None
    """How often the machine's clock was set."""
    queue_waiting: Callable[[], int | None] = lambda: None
    """Messages that wait."""
    intake_held: Callable[[], bool | None] = lambda: None
    """Nothing is taken in, since the ledger has open jobs enough."""
    publishing_fails: Callable[[], bool | None] = lambda: None
    """Results cannot be published now."""


@dataclass(eq=False, slots=True)
class WorkerMetrics(Collector):
    """Give its `observe` the events of engine and queue; a registry collects from it. For one thread."""

    readings: Readings
    codes: InitVar[Iterable[str]] = ()
    """Why messages may be refused: told from the start, so that the first shows as an increase."""
    taken: int = 0
    """Messages that are jobs by now: whoever takes them counts here."""
    reload_failed: bool = False
    """The last reload was refused."""
    _reached: bool | None = None
    _losses: int = 0
    _refused: Counter[str] = field(default_factory=Counter)
    _failed: int = 0
    _taken_over: int = 0
    _asked: Counter[tuple[str, ...]] = field(default_factory=Counter)
    _answer_s: dict[tuple[str, ...], float] = field(default_factory=dict)

    def __post_init__(self, codes: Iterable[str]) -> None:
        self._refused = Counter(dict.fromkeys(codes, 0))

    def observe(self, event: Event) -> None:
        """Take one event; most are a campaign's, and are counted there."""
        match event:
            case AttemptTakenOver(closed=False):
                self._taken_over += 1
            case QueueReached():
                self._reached = True
            case QueueLost():
                self._reached = False
                self._losses += 1
            case MessageRefused(code=code):
                self._refused[code] += 1
            case MessageFailed():
                self._failed += 1
            case _:
                pass

    def answered(self, endpoint: str, status: int, seconds: float) -> None:
        """The HTTP API answered. `endpoint`: by its path in the OpenAPI document, so that there are few."""
        self._asked[endpoint, str(status)] += 1
        self._answer_s[(endpoint,)] = self._answer_s.get((endpoint,), 0.0) + seconds

    def collect(self) -> Iterable[Family]:
        """Everything that is known, as it is now."""
        for metric, values in self._values().items():
            made = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
            family = made(metric.name, metric.help, labels=metric.labels)
            for labels, value in values.items():
                family.add_metric(labels, float(value))
            yield family

    def _values(self) -> dict[Metric, Values]:
        asked = self.readings
        http: dict[Metric, Values] = {}
        if self._asked:
            http = {names.HTTP_REQUESTS: dict(self._asked), names.HTTP_SECONDS: dict(self._answer_s)}
        known: dict[Metric, float | None] = {
            names.LEDGER_LOST: asked.ledger_lost(),
            names.HEARTBEAT: asked.heartbeat_at(),
            names.TAKEN_OVER: self._taken_over,
            names.STARTED: asked.started_at(),
            names.CLOCK_STEPS: asked.clock_steps(),
            names.RELOAD_FAILED: self.reload_failed,
            names.PUBLISHING_FAILS: asked.publishing_fails(),
            names.INTAKE_HELD: asked.intake_held(),
        }
        if self._reached is None:  # there is no queue
            return _plain(known) | http
        known |= {
            names.QUEUE_REACHED: self._reached,
            names.QUEUE_LOSSES: self._losses,
            names.QUEUE_WAITING: asked.queue_waiting(),
            names.TAKEN: self.taken,
            names.FAILED: self._failed,
        }
        return (
            _plain(known) | http | {names.REFUSED: {(code,): count for code, count in self._refused.items()}}
        )


def _plain(values: Mapping[Metric, float | None]) -> dict[Metric, Values]:
    return {metric: {(): value} for metric, value in values.items() if value is not None}
