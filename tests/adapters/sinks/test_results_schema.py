"""config/results.schema.json says what dialer/domain/results.py writes."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest

from dialer.adapters.sinks.csv_file import FIXED_COLUMNS
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
from dialer.domain.results import ResultKind, analysis_line, attempt_line, job_line

SCHEMA = json.loads((Path(__file__).parents[3] / "config" / "results.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
PHONE = CallJob("+12125550100", "+12125550100", line=2, content=CallContent(variables={"name": "Núñez"}))
WEB = CallJob("w1", None, job_id="w1", kind=JobKind.WEB_CALL)
NEWS = CallUpdate(
    CallId("call_1"),
    "ended",
    reason="user_hangup",
    started_at=1_796_133_600.0,
    ended_at=1_796_133_660.5,
    duration_s=60.5,
    cost_cents=12.5,
    web_access=WebAccess("token", 1_796_133_630.0, [{"urls": "stun:stun.invalid:3478"}], "gateway"),
    details={
        "agent_version": 3,
        "agent_tag": "prod",
        "collected_dynamic_variables": {"wants": "mail"},
        "transfer_destination": "+12125550142",
        "transfer_ended_at": 1_796_133_661.0,
        "recording_url": "https://recordings.invalid/1.wav",
        "public_log_url": "https://recordings.invalid/1.txt",
        "latency_p50_ms": 800.5,
    },
)


def opened(job: CallJob) -> OpenJob:
    return OpenJob(JobId(1), CampaignId(1), job, due_at=0.0, claims=1)


def attempt(job: CallJob, state: AttemptState) -> Attempt:
    return Attempt(AttemptId("a1"), opened(job), 1, state, "+13125550102", b"{}", 1_796_133_000.25, 0.0)


def check(line: dict[str, Any]) -> dict[str, Any]:
    """The line as it stands in the log, if the schema allows it."""
    whole: dict[str, Any] = orjson.loads(orjson.dumps({"seq": 1, **line}))
    VALIDATOR.validate(whole)
    return whole


@pytest.mark.parametrize("job", [PHONE, WEB])
@pytest.mark.parametrize("news", [None, NEWS, CallUpdate(CallId("call_2"), "a status of tomorrow")])
@pytest.mark.parametrize("state", [*sorted(CLOSED_ATTEMPTS), AttemptState.UNKNOWN])
def test_attempt_lines_are_as_the_schema_says(
    job: CallJob, news: CallUpdate | None, state: AttemptState
) -> None:
    for outcome in Outcome:
        line = check(attempt_line(attempt(job, state), state, outcome, 1_796_133_700.0, news, None))
        assert set(line) <= set(SCHEMA["properties"])
        assert set(line) - {"variables"} <= set(FIXED_COLUMNS)


@pytest.mark.parametrize("job", [PHONE, WEB])
@pytest.mark.parametrize("outcome", [None, *Outcome])
@pytest.mark.parametrize("state", sorted(FINAL_JOBS))
def test_job_lines_are_as_the_schema_says(job: CallJob, outcome: Outcome | None, state: JobState) -> None:
    line = check(job_line(opened(job), state, outcome, 0, None, 1_796_133_700.0, "expires_at has passed"))
    assert set(line) <= set(SCHEMA["properties"])


@pytest.mark.parametrize("job", [PHONE, WEB])
@pytest.mark.parametrize("news", [NEWS, CallUpdate(CallId("call_2"), "a status of tomorrow")])
def test_analysis_lines_are_as_the_schema_says(job: CallJob, news: CallUpdate) -> None:
    analysed = replace(news, analysis={"user_sentiment": "Positive", "aura": ["blue", None]})
    line = check(analysis_line(attempt(job, AttemptState.ENDED), analysed, 1_796_133_700.0))
    assert line["analysis"] == analysed.analysis
    assert news.details is None or line["transfer_ended_at"] == "2026-12-01T14:01:01.000Z"
    assert news.details is None or set(news.details) <= set(line)
    assert set(line) <= set(SCHEMA["properties"])
    assert set(line) - {"variables"} <= set(FIXED_COLUMNS)


@pytest.mark.parametrize(
    "change",
    [{"seq": 0}, {"kind": "other"}, {"to_number": "212"}, {"closed_at": "2026-12-01"}, {"state": "open"}],
)
def test_other_lines_are_not(change: dict[str, Any]) -> None:
    line = job_line(opened(PHONE), JobState.DONE, Outcome.REACHED, 1, "call_1", 1_796_133_700.0, None)
    with pytest.raises(jsonschema.ValidationError):
        check({**line, **change})


def test_the_schema_is_valid_and_names_every_kind_state_and_outcome() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"]["kind"]["enum"] == list(ResultKind)
    assert SCHEMA["$defs"]["outcome"]["enum"] == list(Outcome)
    attempts, _, jobs, _ = (kind["properties"] for kind in SCHEMA["oneOf"])
    assert set(attempts["state"]["enum"]) == CLOSED_ATTEMPTS
    assert set(jobs["state"]["enum"]) == FINAL_JOBS
    assert all("description" in field for field in SCHEMA["properties"].values())
