"""What the log holds, and what it never holds."""

import io
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from dialer.domain.calls import Attempt, AttemptId, CallId, CallJob, CallUpdate, CampaignId, JobId, OpenJob
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.domain.outcomes import Outcome
from dialer.engine.events import (
    AttemptClaimed,
    AttemptClosed,
    AttemptParked,
    AttemptUncertain,
    CallPlaced,
    CampaignStopping,
    Event,
    IntakeProgressed,
    RequestHeld,
    SlotsChanged,
)
from dialer.ports.engine import IntakeCounts
from dialer.telemetry import logs
from dialer.telemetry.tally import Tally

SECRET = "key_12125550100_secret"
NUMBER = "+12125550142"
JOB = OpenJob(JobId(1), CampaignId(1), CallJob(key=NUMBER, to_number=NUMBER, line=17), due_at=0.0, claims=0)
ATTEMPT = Attempt(AttemptId("att_1"), JOB, 1, AttemptState.CLAIMED, "+12125550100", b"{}", 100.0, 100.0)
NEWS = CallUpdate(CallId("call_1"), "ended", reason="user_hangup", duration_s=31.5)
CLOSED = AttemptClosed(
    ATTEMPT, AttemptState.ENDED, Outcome.REACHED, JobState.DONE, due_at=None, news=NEWS, error=None, at=145.25
)


@dataclass
class SetClock:
    """A clock that says what it is told."""

    at: float = 1_763_690_400.5

    def now(self) -> float:
        return self.at


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _root_logger() -> Iterator[None]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])


def log_to(stream: io.StringIO, format: str = "json", level: str = "debug", **options: Any) -> logs.Log:
    return logs.configure(format, level, stream, clock=SetClock(), secrets=[SECRET], **options)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def observed(*events: Event, level: str = "debug") -> list[dict[str, Any]]:
    stream = io.StringIO()
    observer = logs.LogObserver(log_to(stream, level=level), SetClock())
    for event in events:
        observer.observe(event)
    return lines(stream)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("+12125550142", "+1212555****"),
        ("+442071838750", "+44207183****"),
        ("calls +12125550142, then +12125550143.", "calls +1212555****, then +1212555****."),
        ("to=%2B12125550142&x=1", "to=%2B1212555****&x=1"),
        ("+1 (212) 555-0142", "+1 (212) 555-****"),
        ("+1 212 555 0142 is busy", "+1 212 555 **** is busy"),
        ('{"to_number":"+12125550142"}', '{"to_number":"+1212555****"}'),
        ("12125550142", "1212555****"),
        ("2125550142 rang", "212555**** rang"),
        ("tel:+12125550142", "tel:+1212555****"),
    ],
)
def test_numbers_are_masked(text: str, masked: str) -> None:
    assert logs.mask_numbers(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "2025-11-21T02:00:00.500Z",
        "2025-11-21T02:00:00+00:00",
        "0192e4c1-7c3e-7000-8000-123456789012",
        "call_12345678901234567890",
        "1763690400.123",
        "127.0.0.1:8080",
        "+123456",
        "waited 12345 s",
    ],
)
def test_what_is_no_number_stays(text: str) -> None:
    assert logs.mask_numbers(text) == text


class Holder:
    """Something foreign in a log line."""

    def __str__(self) -> str:
        return f"held {NUMBER} with {SECRET}"


LEAKS: list[Any] = [
    f"to {NUMBER}, key {SECRET}",
    [NUMBER, {"n": (NUMBER, SECRET)}],
    {NUMBER: {SECRET: 1}},
    f"{NUMBER} {SECRET}".encode(),
    ValueError(f"{NUMBER} {SECRET}"),
    Holder(),
    {NUMBER},
    JOB,
]


@pytest.mark.parametrize("format", ["json", "console"])
@pytest.mark.parametrize("value", LEAKS, ids=lambda value: type(value).__name__)
def test_nothing_leaks_in_any_kind_of_value(format: str, value: Any) -> None:
    stream = io.StringIO()
    log_to(stream, format).bind(bound=value).info(f"a.happened {value}", value=value)
    text = stream.getvalue()
    assert "0142" not in text
    assert SECRET not in text
    assert "+1212555****" in text


@pytest.mark.parametrize("format", ["json", "console"])
@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_nothing_leaks_in_a_traceback(format: str, stream: type[io.StringIO]) -> None:
    out = stream()
    log = log_to(out, format)
    try:
        raise ValueError(f"cannot call {NUMBER} with {SECRET}")
    except ValueError:
        log.exception("a.failed")
        logging.getLogger("other").exception("it failed for %s", NUMBER)
    text = out.getvalue()
    assert text.count("Traceback") == 2
    assert "0142" not in text
    assert SECRET not in text


def test_numbers_are_whole_if_asked_but_secrets_never() -> None:
    stream = io.StringIO()
    log_to(stream, show_numbers=True).info("a.happened", to=NUMBER, key=SECRET)
    assert lines(stream)[0]["to"] == NUMBER
    assert SECRET not in stream.getvalue()


def test_json_lines_carry_the_clocks_time() -> None:
    stream = io.StringIO()
    log_to(stream).warning("a.happened", n=1)
    assert lines(stream) == [
        {"timestamp": "2025-11-21T02:00:00.500Z", "level": "warning", "event": "a.happened", "n": 1}
    ]


@pytest.mark.parametrize(
    ("format", "stream", "is_json"),
    [
        ("auto", io.StringIO, True),
        ("auto", Terminal, False),
        ("json", Terminal, True),
        ("console", io.StringIO, False),
    ],
)
def test_a_terminal_gets_readable_lines(format: str, stream: type[io.StringIO], is_json: bool) -> None:
    out = stream()
    log_to(out, format).info("a.happened")
    assert out.getvalue().startswith("{") is is_json
    plain = stream()
    log_to(plain, format, colors=False).info("a.happened")
    assert "\x1b" not in plain.getvalue()


def test_levels() -> None:
    stream = io.StringIO()
    log = log_to(stream, level="warning")
    log.info("a.happened")
    log.warning("b.happened")
    assert [line["event"] for line in lines(stream)] == ["b.happened"]


def test_other_libraries_lines_come_out_like_ours() -> None:
    stream = io.StringIO()
    log_to(stream)
    logging.getLogger("aiohttp").warning("odd answer for %s", NUMBER, extra={"secret": SECRET})
    logging.getLogger("aiohttp").info("chatter")
    (line,) = lines(stream)
    assert line["event"] == "odd answer for +1212555****"
    assert line["level"] == "warning"
    assert line["secret"] == "***"


def test_an_attempt_has_one_line() -> None:
    got = observed(
        AttemptClaimed(ATTEMPT, resumed=False),
        CallPlaced(ATTEMPT, CallId("call_1"), adopted=False, answer_s=0.2),
        CLOSED,
        level="info",
    )
    assert len(got) == 1
    assert got[0] == {
        "timestamp": "2025-11-21T02:00:00.500Z",
        "level": "info",
        "event": "attempt.closed",
        "job_id": "+1212555****",
        "line": 17,
        "to_number": "+1212555****",
        "attempt_id": "att_1",
        "attempt": 1,
        "from_number": "+1212555****",
        "call_id": "call_1",
        "outcome": "reached",
        "state": "ended",
        "status": "ended",
        "reason": "user_hangup",
        "error": None,
        "talk_s": 31.5,
        "seconds": 45.25,
        "job_state": "done",
        "due_at": None,
    }


@pytest.mark.parametrize(
    ("event", "name", "level"),
    [
        (AttemptClaimed(ATTEMPT, resumed=True), "attempt.claimed", "debug"),
        (CallPlaced(ATTEMPT, CallId("c"), adopted=True, answer_s=1.0), "call.placed", "debug"),
        (AttemptUncertain(ATTEMPT, "timeout"), "attempt.uncertain", "warning"),
        (AttemptParked(ATTEMPT, "not listed"), "attempt.parked", "error"),
        (CLOSED, "attempt.closed", "info"),
        (RequestHeld("429", 2.0), "request.held", "warning"),
        (SlotsChanged(7, "limit"), "slots.changed", "info"),
        (CampaignStopping("402", "pay", account=True), "campaign.stopping", "error"),
        (IntakeProgressed(IntakeCounts(rows=3), complete=True), "intake.progressed", "info"),
    ],
)
def test_every_event_has_its_name_and_level(event: Event, name: str, level: str) -> None:
    (line,) = observed(event)
    assert (line["event"], line["level"]) == (name, level)


def test_intake_is_told_now_and_then() -> None:
    readings = [IntakeProgressed(IntakeCounts(rows=200 * n), complete=False) for n in range(1, 151)]
    got = observed(*readings, IntakeProgressed(IntakeCounts(rows=30_001), complete=True))
    assert [line["rows"] for line in got] == [10_000, 20_000, 30_000, 30_001]


def test_counters_have_their_metric_names() -> None:
    tally, stream = Tally(), io.StringIO()
    for event in (AttemptClaimed(ATTEMPT, resumed=False), CLOSED, SlotsChanged(7, "limit")):
        tally.observe(event)
    log_to(stream).info("counters.counted", **logs.counters_line(tally))
    (line,) = lines(stream)
    assert line["dialer_attempts_total"] == 1
    assert line["dialer_attempts_closed_total"] == {"reached": 1}
    assert line["dialer_jobs_final_total"] == {"done": 1}
    assert line["dialer_slots"] == 7
    assert all(name.startswith("dialer_") for name in line.keys() - {"timestamp", "level", "event"})


@pytest.mark.parametrize(
    "text",
    [
        "Bearer dialer_Ab3-dEfGh1jKlMnOpQrStUvWxYz0123456789_abcdefg",
        "bad header b'Authorization: Bearer other0therOther\\x00'",
        "token=dialer_Ab3-dEfGh1jKlMnOp",
        "RETELL key_0123456789abcdef0123456789ab",
        "postgresql://ann:Ab3secret@db/dialer",
    ],
)
def test_secrets_are_known_by_their_looks_whoever_writes_them(text: str) -> None:
    stream = io.StringIO()
    log = logs.configure("json", "info", stream, clock=SetClock())
    log.info("x.happened", said=text, deep={"a": [text]})
    logging.getLogger("another").warning("%s", text)
    try:
        raise ValueError(text)
    except ValueError:
        logging.getLogger("another").exception("it failed")
    written = stream.getvalue()
    assert len(written.splitlines()) == 3
    for secret in ("Ab3", "other0ther", "0123456789ab"):
        assert secret not in written
    assert "***" in written


def test_what_only_looks_like_a_secret_is_written() -> None:
    stream = io.StringIO()
    log = logs.configure("json", "info", stream, clock=SetClock())
    said = {
        "a": "dialer_results_publishing_fails",
        "b": "placing.key_lifetime_s",
        "c": "postgresql://ann@db/d",
    }
    log.info("x.happened", **said)
    (line,) = [json.loads(each) for each in stream.getvalue().splitlines()]
    assert {name: line[name] for name in said} == said
