"""Traces: one span for each attempt, from its claim to its end, made of the engine's events and sent by OTLP.

    attempt            from the claim until its slot is free; events: claimed, sent, uncertain, parked, ended
    ├── place          from the claim until the API gave a call id, or until there was to be none
    └── call           from the call id until the call was over

They are made when the attempt ends, with the times that the events had, and sent by a thread of their own,
some at a time: a collector that hangs holds up no call, and what it cannot take is dropped. No attribute
holds a phone number. The trace's id is made of the attempt's: whoever knows the one finds the other.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context

from dialer import __version__
from dialer.domain.calls import Attempt, AttemptId
from dialer.engine.events import (
    AttemptClaimed,
    AttemptClosed,
    AttemptParked,
    AttemptTakenOver,
    AttemptUncertain,
    CallPlaced,
    Event,
    Observe,
)
from dialer.ports.engine import Clock
from dialer.telemetry.logs import mask_numbers

NOTES_MAX = 20
"""Events that are kept of one attempt; an attempt that nobody can find is uncertain again and again."""

Value = str | int | float | bool
Observer = Callable[[str, Clock], Observe]
"""Gives the observer of one campaign, by its name and clock."""


@contextmanager
def open_traces(endpoint: str, flush_s: float) -> Iterator[Observer]:
    """Send traces to that address; headers, sampling, resource and batches are as OTEL_* variables say.

    `flush_s`: real seconds that are waited in the end, until the last ones are sent.
    """
    ids = _Ids()
    resource = Resource({"service.name": "dialer", "service.version": __version__})
    provider = TracerProvider(
        resource=resource.merge(OTELResourceDetector().detect()), id_generator=ids, shutdown_on_exit=False
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    tracer = provider.get_tracer("dialer", __version__)
    try:
        yield lambda campaign, clock: _Attempts(tracer, ids, campaign, clock).observe
    finally:
        # the library's own end may take half a minute, and cannot be told to take less
        ending = threading.Thread(target=provider.shutdown, name="last traces", daemon=True)
        ending.start()
        ending.join(flush_s)


class _Ids(RandomIdGenerator):
    """Trace ids are made of attempts' ids."""

    def __init__(self) -> None:
        self._trace_id = 0

    def of(self, attempt_id: AttemptId) -> None:
        """The next trace is this attempt's."""
        self._trace_id = int.from_bytes(blake2b(attempt_id.encode(), digest_size=16).digest())

    def generate_trace_id(self) -> int:
        return self._trace_id


@dataclass(slots=True)
class _Known:
    """What was heard of an attempt that has not ended."""

    resumed: bool = False
    placed_at: float | None = None
    adopted: bool = False
    notes: list[tuple[str, float, str]] = field(default_factory=list)
    """What came in between: name, time, and why."""

    def note(self, name: str, at: float, why: str) -> None:
        if len(self.notes) < NOTES_MAX:
            self.notes.append((name, at, mask_numbers(why)))


class _Attempts:
    """Makes the spans of one campaign's attempts."""

    def __init__(self, tracer: Tracer, ids: _Ids, campaign: str, clock: Clock) -> None:
        self._tracer = tracer
        self._ids = ids
        self._campaign = mask_numbers(campaign)
        self._clock = clock
        self._known: dict[AttemptId, _Known] = {}

    def observe(self, event: Event) -> None:
        match event:
            case AttemptClaimed(attempt=attempt, resumed=resumed):
                self._known[attempt.id] = _Known(resumed, attempt.placed_at)
            case CallPlaced(attempt=attempt, adopted=adopted, answer_s=answer_s):
                known = self._of(attempt)
                known.placed_at, known.adopted = attempt.claimed_at + answer_s, adopted
            case AttemptUncertain(attempt=attempt, why=why):
                self._of(attempt).note("uncertain", self._clock.now(), why)
            case AttemptParked(attempt=attempt, why=why):
                self._of(attempt).note("parked", self._clock.now(), why)
            case AttemptClosed(attempt=attempt):
                self._trace(event, self._known.pop(attempt.id, _Known(placed_at=attempt.placed_at)))
            case AttemptTakenOver(attempt=attempt):
                self._known.pop(attempt.id, None)  # who closes it traces it
            case _:
                pass  # of no attempt

    def _of(self, attempt: Attempt) -> _Known:
        # one that was unknown from the start is first heard of when it is found
        return self._known.setdefault(attempt.id, _Known(True, attempt.placed_at))

    def _trace(self, event: AttemptClosed, known: _Known) -> None:
        attempt, ended_at = event.attempt, event.at
        self._ids.of(attempt.id)
        claimed_at = min(attempt.claimed_at, ended_at)
        whole = self._begin("attempt", claimed_at, _told(event, known, self._campaign))
        whole.add_event("claimed", timestamp=_ns(attempt.claimed_at))
        whole.add_event("sent", timestamp=_ns(attempt.last_sent_at))
        for name, at, why in known.notes:
            whole.add_event(name, {"dialer.why": why}, _ns(at))
        if event.error is not None:
            whole.set_status(Status(StatusCode.ERROR, mask_numbers(event.error)))
        within = set_span_in_context(whole, Context())
        placed_at = known.placed_at
        placing = self._begin("place", claimed_at, {"dialer.adopted": known.adopted}, within, SpanKind.CLIENT)
        placing.end(_ns(ended_at if placed_at is None else placed_at))
        if placed_at is not None:
            self._trace_call(event, placed_at, within)
        whole.add_event("ended", timestamp=_ns(ended_at))
        whole.end(_ns(ended_at))

    def _trace_call(self, event: AttemptClosed, placed_at: float, within: Context) -> None:
        news = event.news
        over_at = event.at if news is None or news.ended_at is None else news.ended_at
        # the API's clock is another one than ours
        call = self._begin("call", placed_at, _told_of_call(event), within)
        call.end(_ns(min(max(over_at, placed_at), max(event.at, placed_at))))

    def _begin(
        self,
        name: str,
        at: float,
        attributes: Mapping[str, Value],
        within: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
    ) -> Span:
        context = Context() if within is None else within
        return self._tracer.start_span(name, context, kind, attributes, start_time=_ns(at))


def _told(event: AttemptClosed, known: _Known, campaign: str) -> dict[str, Value]:
    """What says which attempt it was, and what became of it."""
    attempt, job = event.attempt, event.attempt.job.job
    told: dict[str, Value | None] = {
        "dialer.campaign": campaign,
        "dialer.attempt.id": attempt.id,
        "dialer.attempt.number": attempt.number,
        "dialer.attempt.resumed": known.resumed,
        "dialer.attempt.state": event.state,
        "dialer.job.id": None if job.job_id is None else mask_numbers(job.job_id),
        "dialer.job.line": job.line,
        "dialer.job.kind": job.kind,
        "dialer.job.state": event.job_state,
        "dialer.agent.id": attempt.agent_id or job.content.agent_id,
        "dialer.outcome": event.outcome,
    }
    return _given({**told, **_told_of_call(event)})


def _told_of_call(event: AttemptClosed) -> dict[str, Value]:
    news = event.news
    if news is None:
        return _given({"dialer.call.id": event.attempt.call_id})
    return _given(
        {
            "dialer.call.id": news.call_id,
            "dialer.call.status": news.status,
            "dialer.call.reason": news.reason,
            "dialer.call.duration_s": news.duration_s,
            "dialer.call.cost_cents": news.cost_cents,
        }
    )


def _given(values: Mapping[str, Value | None]) -> dict[str, Value]:
    return {name: value for name, value in values.items() if value is not None}


def _ns(at: float) -> int:
    return round(at * 1_000_000_000)
