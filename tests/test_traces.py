"""Traces, as a collector gets them over HTTP."""

import gzip
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from dialer.domain.calls import Attempt, AttemptId, CallId, CallJob, CallUpdate, CampaignId, JobId, OpenJob
from dialer.domain.errors import BadInput
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.domain.outcomes import Outcome
from dialer.engine.events import (
    AttemptClaimed,
    AttemptClosed,
    AttemptParked,
    AttemptUncertain,
    CallPlaced,
    Event,
    SlotsChanged,
)
from dialer.settings import load
from dialer.telemetry.traces import NOTES_MAX, open_traces
from tests.cli.cli_process import dialer

NOW = 1_800_000_000.0
PERSON, LINE = "+12125550101", "+12125550199"


@dataclass(slots=True)
class Collector:
    """Takes what is sent to it."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    @property
    def requests(self) -> list[ExportTraceServiceRequest]:
        return [ExportTraceServiceRequest.FromString(body) for body in self.bodies]

    @property
    def spans(self) -> list[Span]:
        scopes = [scope for each in self.requests for of in each.resource_spans for scope in of.scope_spans]
        return [span for scope in scopes for span in scope.spans]

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]


@contextmanager
def a_collector(answer: Callable[[], int] = lambda: 200) -> Iterator[Collector]:
    """One that answers with that status."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            is_packed = self.headers.get("Content-Encoding") == "gzip"
            collector.bodies.append(gzip.decompress(body) if is_packed else body)
            collector.headers.append({name.lower(): value for name, value in self.headers.items()})
            collector.paths.append(self.path)
            self.send_response(answer())
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        collector.url = f"http://127.0.0.1:{server.server_address[1]}/v1/traces"
        try:
            yield collector
        finally:
            server.shutdown()


@dataclass(frozen=True, slots=True)
class At:
    """A clock that stands."""

    at: float

    def now(self) -> float:
        return self.at


def attempt(**changes: Any) -> Attempt:
    job = CallJob(key=PERSON, job_id=None, to_number=PERSON, line=17)
    opened = OpenJob(JobId(1), CampaignId(1), job, NOW, 1)
    made = Attempt(
        AttemptId("a-1"), opened, 2, AttemptState.CLAIMED, LINE, b"", NOW, NOW + 1, agent_id="agent_1"
    )
    return replace(made, **changes)


def closed(made: Attempt, **changes: Any) -> AttemptClosed:
    news = CallUpdate(
        CallId("call_1"), "ended", reason="agent_hangup", ended_at=NOW + 40, duration_s=30.0, cost_cents=12.5
    )
    known = AttemptClosed(
        made, AttemptState.ENDED, Outcome.REACHED, JobState.DONE, None, news, None, NOW + 42
    )
    return replace(known, **changes)


def sent(*events: Event, clock: float = NOW + 5, campaign: str = "spring") -> Collector:
    """What arrives of the events of one campaign."""
    with a_collector() as collector, open_traces(collector.url, 10.0) as observer:
        observe = observer(campaign, At(clock))
        for event in events:
            observe(event)
    return collector


def said(span: Span) -> dict[str, Any]:
    kinds = {each.key: each.value.WhichOneof("value") for each in span.attributes}
    return {each.key: getattr(each.value, str(kinds[each.key])) for each in span.attributes}


def times(span: Span) -> tuple[float, float]:
    """Seconds from the claim."""
    return (
        round(span.start_time_unix_nano / 1e9 - NOW, 3),
        round(span.end_time_unix_nano / 1e9 - NOW, 3),
    )


def notes(span: Span) -> list[tuple[str, float]]:
    return [(each.name, round(each.time_unix_nano / 1e9 - NOW, 3)) for each in span.events]


def a_call(**changes: Any) -> Sequence[Event]:
    made = attempt(**changes)
    return (
        AttemptClaimed(made, resumed=False),
        SlotsChanged(3, "the account has less"),
        CallPlaced(made, CallId("call_1"), adopted=False, answer_s=2.0),
        closed(made),
    )


def test_a_call_is_three_spans_of_one_trace() -> None:
    collector = sent(*a_call())
    (whole,), (place,), (call,) = (collector.named(name) for name in ("attempt", "place", "call"))
    assert len(collector.spans) == 3
    assert (times(whole), times(place), times(call)) == ((0, 42), (0, 2), (2, 40))
    assert {place.parent_span_id, call.parent_span_id} == {whole.span_id}
    assert whole.parent_span_id == b""
    assert {span.trace_id for span in collector.spans} == {blake2b(b"a-1", digest_size=16).digest()}
    assert notes(whole) == [("claimed", 0), ("sent", 1), ("ended", 42)]
    assert (place.kind, call.kind) == (Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_INTERNAL)
    assert whole.status.code == Status.STATUS_CODE_UNSET
    assert said(whole) == {
        "dialer.campaign": "spring",
        "dialer.attempt.id": "a-1",
        "dialer.attempt.number": 2,
        "dialer.attempt.resumed": False,
        "dialer.attempt.state": "ended",
        "dialer.job.line": 17,
        "dialer.job.kind": "phone_call",
        "dialer.job.state": "done",
        "dialer.agent.id": "agent_1",
        "dialer.outcome": "reached",
        "dialer.call.id": "call_1",
        "dialer.call.status": "ended",
        "dialer.call.reason": "agent_hangup",
        "dialer.call.duration_s": 30.0,
        "dialer.call.cost_cents": 12.5,
    }
    told = {
        each.key: each.value.string_value
        for each in collector.requests[0].resource_spans[0].resource.attributes
    }
    assert told["service.name"] == "dialer"


def test_an_attempt_that_made_no_call() -> None:
    made = attempt()
    refused = closed(
        made, state=AttemptState.REFUSED, outcome=Outcome.REFUSED, job_state=JobState.FAILED, news=None,
        error=f"HTTP 400: {PERSON} is not valid",
    )  # fmt: skip
    collector = sent(AttemptClaimed(made, resumed=False), refused)
    (whole,), (place,) = collector.named("attempt"), collector.named("place")
    assert collector.named("call") == []
    assert times(place) == (0, 42)
    assert (whole.status.code, whole.status.message) == (
        Status.STATUS_CODE_ERROR,
        "HTTP 400: +1212555**** is not valid",
    )
    assert "dialer.call.id" not in said(whole)


def test_what_came_in_between_is_bounded() -> None:
    made = attempt()
    lost = [AttemptUncertain(made, f"no answer for {PERSON}")] * (NOTES_MAX + 5)
    collector = sent(
        AttemptClaimed(made, resumed=True), *lost, AttemptParked(made, "nobody knows"), closed(made)
    )
    (whole,) = collector.named("attempt")
    assert notes(whole) == [("claimed", 0), ("sent", 1), *[("uncertain", 5)] * NOTES_MAX, ("ended", 42)]
    assert said(whole)["dialer.attempt.resumed"] is True


def test_one_that_was_parked_before_this_process_and_one_that_it_never_heard_of() -> None:
    placed = attempt(placed_at=NOW + 3, call_id=CallId("call_1"))
    found = attempt(id=AttemptId("a-2"))
    collector = sent(
        closed(placed), CallPlaced(found, CallId("call_2"), adopted=True, answer_s=20.0), closed(found)
    )
    assert sorted(times(span) for span in collector.named("call")) == [(3, 40), (20, 40)]
    assert {said(span)["dialer.adopted"] for span in collector.named("place")} == {True, False}


@pytest.mark.parametrize(("ended_at", "over"), [(NOW - 3600, 2), (NOW + 3600, 42), (None, 42)])
def test_the_apis_clock_is_another_than_ours(ended_at: float | None, over: float) -> None:
    made = attempt()
    *before, _ = a_call()
    collector = sent(*before, closed(made, news=CallUpdate(CallId("call_1"), "ended", ended_at=ended_at)))
    assert [times(span) for span in collector.named("call")] == [(2, over)]


def test_no_span_holds_a_number() -> None:
    job = CallJob(key=PERSON, job_id=PERSON, to_number=PERSON, from_number=LINE)
    made = attempt(job=OpenJob(JobId(1), CampaignId(1), job, NOW, 1), from_number=LINE)
    collector = sent(
        AttemptClaimed(made, resumed=False),
        AttemptUncertain(made, f"{PERSON} was not found"),
        AttemptParked(made, f"{PERSON} was not found"),
        closed(made, error=f"{PERSON} is gone"),
        campaign=f"to {PERSON}",
    )
    assert collector.spans
    text = b"".join(collector.bodies)
    assert [number for number in (PERSON, LINE) if number[1:].encode() in text] == []


def test_headers_resource_and_sampling_are_as_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=ours")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=trial")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "our-dialer")
    collector = sent(*a_call())
    assert collector.headers[0]["x-tenant"] == "ours"
    told = {
        each.key: each.value.string_value
        for each in collector.requests[0].resource_spans[0].resource.attributes
    }
    assert (told["service.name"], told["deployment.environment"]) == ("our-dialer", "trial")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    assert sent(*a_call()).spans == []


def test_a_collector_that_hangs_holds_nobody_up() -> None:
    goes_on = threading.Event()
    with a_collector(lambda: (goes_on.wait(20) and 200) or 200) as collector:
        with open_traces(collector.url, 0.2) as observer:
            for event in a_call():
                observer("spring", At(NOW))(event)
            began = perf_counter()
        took = perf_counter() - began
        goes_on.set()
    assert took < 2.0


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("collector:4318", "is not a URL such as http://127.0.0.1:4318/v1/traces"),
        ("ftp://collector/v1/traces", "is not a URL such as"),
        ("http://me:hidden@collector/v1/traces", "may hold no user and no password"),
    ],
)
def test_an_endpoint_that_is_none(url: str, says: str) -> None:
    with pytest.raises(BadInput, match=says) as caught:
        load(None, {}, {"DIALER_TRACES__ENDPOINT": url}, None)
    assert "hidden" not in str(caught.value)


def test_a_campaign_is_traced(tmp_path: Path) -> None:
    people = "\n".join(f"+121255501{ending:02}" for ending in (1, 2, 30, 42, 56))
    (tmp_path / "leads.csv").write_text(f"phone_number\n{people}\n")
    with a_collector() as collector:
        environment = {"DIALER_TRACES__ENDPOINT": collector.url, "DIALER_TRACES__FLUSH_S": "30"}
        flags = ("--simulate", "--speed", "max", "--faults", "drop_after=0.3", "--log-level", "error")
        ended = dialer("run", "leads.csv", *flags, "--json", cwd=tmp_path, env=environment)
    assert (ended.code, ended.err) == (0, "")
    lines = (tmp_path / "simulated" / "leads.jsonl").read_text().splitlines()
    attempts = [line for line in lines if '"kind":"attempt"' in line]
    made = {said(span)["dialer.attempt.id"]: said(span) for span in collector.named("attempt")}
    assert len(made) == len(attempts) >= 5
    assert all(any(attempt_id in line for line in attempts) for attempt_id in made)
    assert {told["dialer.outcome"] for told in made.values()} >= {"reached", "busy", "invalid_number"}
    assert collector.paths[0] == "/v1/traces"
    assert b"12125550" not in b"".join(collector.bodies)
