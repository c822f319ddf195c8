"""The lines of the results log, in the words of its schema (config/results.schema.json).

Kinds: `attempt` for each closed attempt, `job` for each final job, `unknown` when an attempt is parked
because nobody could tell whether a call was made (an `attempt` and a `job` line follow when it is resolved),
`analysis` for a closed attempt whose call the API has analysed, at most one and some time after its end.
The sequence number is the ledger's: it is put in front when the line is committed.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from dialer.domain.calls import Attempt, CallUpdate, OpenJob, WebAccess
from dialer.domain.figures import believed_time
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.domain.outcomes import Outcome


class ResultKind(StrEnum):
    ATTEMPT = "attempt"
    JOB = "job"
    UNKNOWN = "unknown"
    ANALYSIS = "analysis"


@dataclass(frozen=True, slots=True)
class ResultLine:
    """One line of the results log as the ledger keeps it."""

    seq: int
    """Counts from 1 within the campaign, without gaps."""
    line: bytes
    """The JSON object, UTF-8, without a newline."""


def rfc3339(at: float | None) -> str | None:
    """Unix seconds as RFC 3339 in UTC with milliseconds; None stays None."""
    if at is None:
        return None
    milliseconds = round(at * 1000)
    return _second(milliseconds // 1000) + _MILLISECONDS[milliseconds % 1000]


_MILLISECONDS = tuple(f".{each:03d}Z" for each in range(1000))


@lru_cache(maxsize=1024)
def _second(at: int) -> str:
    # six times in the lines of a call: most of them name the same few seconds
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def job_fields(open_job: OpenJob) -> dict[str, Any]:
    """The fields that every line of a job shares."""
    job = open_job.job
    return {
        "job_id": job.job_id or job.key,
        "line": job.line,
        "to_number": job.to_number,
        "call_kind": job.kind,
        "variables": dict(job.content.variables),
    }


def attempt_line(
    attempt: Attempt,
    state: AttemptState,
    outcome: Outcome,
    closed_at: float,
    news: CallUpdate | None,
    error: str | None,
) -> dict[str, Any]:
    """A closed attempt (or, with state UNKNOWN, a parked one)."""
    line = {
        "kind": ResultKind.UNKNOWN if state is AttemptState.UNKNOWN else ResultKind.ATTEMPT,
        **job_fields(attempt.job),
        "attempt": attempt.number,
        "attempt_id": attempt.id,
        "from_number": attempt.from_number,
        "agent_id": attempt.agent_id,
        "state": state,
        "outcome": outcome,
        "call_id": news.call_id if news else attempt.call_id,
        "status": news.status if news else None,
        "disconnection_reason": news.reason if news else None,
        "claimed_at": rfc3339(attempt.claimed_at),
        "placed_at": rfc3339(attempt.placed_at),
        "started_at": rfc3339(believed_time(news.started_at)) if news else None,
        "ended_at": rfc3339(believed_time(news.ended_at)) if news else None,
        "closed_at": rfc3339(closed_at),
        "duration_s": news.duration_s if news else None,
        "cost_cents": news.cost_cents if news else None,
        "error": error,
    }
    if news is not None and news.web_access is not None:
        line |= _web_access(news.web_access)
    return line | _details(news)


def _details(news: CallUpdate | None) -> dict[str, Any]:
    if news is None or news.details is None:
        return {}
    details = dict(news.details)
    if "transfer_ended_at" in details:
        details["transfer_ended_at"] = rfc3339(believed_time(details["transfer_ended_at"]))
    return details


def _web_access(access: WebAccess) -> dict[str, Any]:
    known = {
        "access_token": access.token,
        "expires_at": rfc3339(believed_time(access.expires_at)),
        "ice_servers": access.ice_servers,
        "transport": access.transport,
    }
    return {name: value for name, value in known.items() if value is not None}


def analysis_line(attempt: Attempt, news: CallUpdate, at: float) -> dict[str, Any]:
    """What the API made of a closed attempt's call; by then its cost is known as well."""
    return {
        "kind": ResultKind.ANALYSIS,
        **job_fields(attempt.job),
        "attempt": attempt.number,
        "attempt_id": attempt.id,
        "call_id": news.call_id,
        "closed_at": rfc3339(at),
        "duration_s": news.duration_s,
        "cost_cents": news.cost_cents,
        "analysis": news.analysis,
        **_details(news),
    }


def job_line(
    open_job: OpenJob,
    state: JobState,
    outcome: Outcome | None,
    attempts: int,
    call_id: str | None,
    at: float,
    error: str | None,
) -> dict[str, Any]:
    """A final job: its last word."""
    return {
        "kind": ResultKind.JOB,
        **job_fields(open_job),
        "attempt": attempts,
        "state": state,
        "outcome": outcome if outcome is not None else state,
        "call_id": call_id,
        "closed_at": rfc3339(at),
        "error": error,
    }
