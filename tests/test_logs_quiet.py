"""What is told now and then, or not loudly."""

import io
import json
from dataclasses import dataclass
from typing import Any

from dialer.engine.events import CampaignStopping, Event, RequestHeld, SlotsChanged
from dialer.telemetry import logs


@dataclass
class SetClock:
    """A clock that says what it is told."""

    at: float = 1_763_690_400.5

    def now(self) -> float:
        return self.at


def told(*events: Event, level: str = "debug", each_s: float = 0.0, **options: Any) -> list[dict[str, Any]]:
    """The lines of these events, `each_s` apart."""
    stream, clock = io.StringIO(), SetClock()
    log = logs.configure("json", level, stream, clock=clock)
    observer = logs.LogObserver(log, clock, **options)
    for event in events:
        observer.observe(event)
        clock.at += each_s
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_held_requests_are_told_once_a_second() -> None:
    held = [RequestHeld("429", 0.1)] * 25
    assert [line["unlogged"] for line in told(*held, each_s=0.125)] == [0, 7, 7, 7]


def test_while_time_runs_faster_they_are_told_as_often_for_those_who_read() -> None:
    held = [RequestHeld("429", 0.1)] * 25
    assert [line["unlogged"] for line in told(*held, each_s=0.125, held_each_s=2.0)] == [0, 15]


def test_that_slots_come_back_is_no_news() -> None:
    changes = [SlotsChanged(slots, "") for slots in (20, 4, 5, 6, 20, 19)]
    assert [line["slots"] for line in told(*changes, level="info")] == [20, 4, 19]
    assert len(told(*changes)) == len(changes)


def test_a_stop_that_was_asked_for_is_no_error() -> None:
    asked = CampaignStopping("interrupted", "", account=False)
    unpaid = CampaignStopping("402", "pay", account=True)
    lines = told(asked, unpaid, wanted_stops=["interrupted"])
    assert [line["level"] for line in lines] == ["info", "error"]
