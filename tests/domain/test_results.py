"""The lines of the results log are what its published schema says."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from dialer.domain.calls import (
    Attempt,
    AttemptId,
    CallContent,
    CallId,
    CallJob,
    CallUpdate,
    CampaignId,
    JobId,
    JobKind,
    OpenJob,
    WebAccess,
)
from dialer.domain.lifecycle import CLOSED_ATTEMPTS, FINAL_JOBS, AttemptState, JobState
from dialer.domain.outcomes import Outcome
from dialer.domain.results import ResultKind, analysis_line, attempt_line, job_line, rfc3339

SCHEMA = json.loads((Path(__file__).parents[2] / "config" / "results.schema.json").read_text())
CHECK = Draft202012Validator(SCHEMA)
NOW = 1_800_000_000.0
JOB = OpenJob(
    JobId(7),
    CampaignId(1),
    CallJob("a-1", "+12125550100", 17, "a-1", content=CallContent(variables={"first_name": "Zoë"})),
    NOW,
    1,
)
ATTEMPT = Attempt(
    AttemptId("0" * 32),
    JOB,
    2,
    AttemptState.PLACED,
    "+12125550199",
    b"{}",
    NOW,
    NOW,
    CallId("call_1"),
    NOW + 1,
)
NEWS = CallUpdate(
    CallId("call_1"),
    "ended",
    reason="user_hangup",
    started_at=NOW + 2,
    ended_at=NOW + 14.5,
    duration_s=12.5,
    cost_cents=3.25,
)


def written(line: dict[str, Any]) -> dict[str, Any]:
    """The line as it is read back from the log, checked against the schema."""
    read = orjson.loads(orjson.dumps({"seq": 1, **line}))
    CHECK.validate(read)
    assert isinstance(read, dict)
    return read


def test_an_attempt_that_ended() -> None:
    line = written(attempt_line(ATTEMPT, AttemptState.ENDED, Outcome.REACHED, NOW + 15, NEWS, None))
    assert line == {
        "seq": 1,
        "kind": "attempt",
        "job_id": "a-1",
        "line": 17,
        "to_number": "+12125550100",
        "call_kind": "phone_call",
        "variables": {"first_name": "Zoë"},
        "attempt": 2,
        "attempt_id": "0" * 32,
        "agent_id": None,
        "from_number": "+12125550199",
        "state": "ended",
        "outcome": "reached",
        "call_id": "call_1",
        "status": "ended",
        "disconnection_reason": "user_hangup",
        "claimed_at": "2027-01-15T08:00:00.000Z",
        "placed_at": "2027-01-15T08:00:01.000Z",
        "started_at": "2027-01-15T08:00:02.000Z",
        "ended_at": "2027-01-15T08:00:14.500Z",
        "closed_at": "2027-01-15T08:00:15.000Z",
        "duration_s": 12.5,
        "cost_cents": 3.25,
        "error": None,
    }


@pytest.mark.parametrize("state", sorted(CLOSED_ATTEMPTS))
@pytest.mark.parametrize("outcome", Outcome)
def test_every_closed_attempt_fits_the_schema(state: AttemptState, outcome: Outcome) -> None:
    for news in (None, NEWS, CallUpdate(CallId("call_1"), "status_of_tomorrow", reason="new_reason")):
        line = written(attempt_line(ATTEMPT, state, outcome, NOW, news, "why"))
        assert (line["kind"], line["state"], line["outcome"], line["error"]) == (
            "attempt",
            state,
            outcome,
            "why",
        )


def test_a_parked_attempt_has_a_kind_of_its_own() -> None:
    line = written(attempt_line(ATTEMPT, AttemptState.UNKNOWN, Outcome.UNKNOWN, NOW, None, "why"))
    assert line["kind"] == ResultKind.UNKNOWN


def test_without_news_the_call_id_is_the_one_we_had() -> None:
    line = written(attempt_line(ATTEMPT, AttemptState.ENDED, Outcome.REACHED, NOW, None, None))
    assert (line["call_id"], line["status"], line["duration_s"]) == ("call_1", None, None)


def test_a_call_that_was_found_gives_its_id() -> None:
    lost = replace(ATTEMPT, call_id=None)
    line = written(attempt_line(lost, AttemptState.ENDED, Outcome.REACHED, NOW, NEWS, None))
    assert line["call_id"] == "call_1"


def test_an_analysis_says_whose_it_is_and_what_the_call_cost() -> None:
    analysed = replace(NEWS, analysis={"call_summary": "A talk."})
    assert written(analysis_line(ATTEMPT, analysed, NOW + 20)) == {
        "seq": 1,
        "kind": "analysis",
        "job_id": "a-1",
        "line": 17,
        "to_number": "+12125550100",
        "call_kind": "phone_call",
        "variables": {"first_name": "Zoë"},
        "attempt": 2,
        "attempt_id": "0" * 32,
        "call_id": "call_1",
        "closed_at": "2027-01-15T08:00:20.000Z",
        "duration_s": 12.5,
        "cost_cents": 3.25,
        "analysis": {"call_summary": "A talk."},
    }


def test_a_web_calls_token_is_in_its_line_and_in_no_others() -> None:
    web = CallJob("w", None, kind=JobKind.WEB_CALL)
    attempt = replace(ATTEMPT, job=replace(JOB, job=web), from_number=None)
    created = CallUpdate(CallId("call_1"), "registered", web_access=WebAccess("token"))
    line = written(attempt_line(attempt, AttemptState.ENDED, Outcome.CREATED, NOW, created, None))
    assert (line["access_token"], line["to_number"], line["job_id"]) == ("token", None, "w")
    assert "access_token" not in attempt_line(ATTEMPT, AttemptState.ENDED, Outcome.REACHED, NOW, NEWS, None)


@pytest.mark.parametrize("state", sorted(FINAL_JOBS))
def test_every_final_job_fits_the_schema(state: JobState) -> None:
    line = written(job_line(JOB, state, None, 0, None, NOW, "a rule"))
    assert (line["kind"], line["state"], line["outcome"]) == ("job", state, state)
    line = written(job_line(JOB, state, Outcome.REACHED, 3, "call_1", NOW, None))
    assert (line["outcome"], line["attempt"], line["call_id"]) == ("reached", 3, "call_1")


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (None, None),
        (0.0, "1970-01-01T00:00:00.000Z"),
        (NOW, "2027-01-15T08:00:00.000Z"),
        (NOW + 0.0625, "2027-01-15T08:00:00.062Z"),
        (951782400.0, "2000-02-29T00:00:00.000Z"),
    ],
)
def test_times_are_rfc_3339_in_utc_with_milliseconds(at: float | None, text: str | None) -> None:
    assert rfc3339(at) == text


@given(st.floats(0, 4e9))
def test_a_time_that_is_written_is_the_time_to_the_millisecond(at: float) -> None:
    text = rfc3339(at)
    assert text is not None
    read = datetime.fromisoformat(text)
    assert read.tzinfo == UTC
    assert abs(read.timestamp() - at) < 0.0011
