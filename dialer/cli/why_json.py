"""The story of a number for programs. The names are kept for ever."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, assert_never
from zoneinfo import ZoneInfo

from dialer.commands.why import Acted, Closed, Decided, Entry, Held, Listed, Story, TakenIn, decided_at
from dialer.domain.results import rfc3339

if TYPE_CHECKING:
    from dialer.adapters.ledger.reports.number_history import AttemptHistory, JobHistory
    from dialer.ports.engine import Operation


def as_dict(story: Story, at: float | None) -> dict[str, Any]:
    """`at`: only what held then."""
    zones, said = story.place.zones, story.history.suppressed
    zone = zones[0] if zones else None
    shown: dict[str, Any] = {
        "number": story.number,
        "zones": list(zones),
        "regions": list(story.place.regions),
        "suppressed": said and {"source": said.source, "reason": said.reason, "since": rfc3339(said.at)},
        "in_files": list(story.files),
        "jobs": [_job(each) for each in story.history.jobs],
    }
    if at is None:
        return {**shown, "entries": [_entry(each, zone) for each in story.entries]}
    held, following = decided_at(story, at)
    return {
        **shown,
        "at": rfc3339(at),
        "entries": [_entry(each, zone) for each in held],
        "next": following and _entry(following, zone),
    }


def _job(job: "JobHistory") -> dict[str, Any]:
    given = job.open_job.job
    is_final = job.closed_at is not None
    return {
        "campaign": job.campaign,
        "simulated": job.simulated,
        "job_id": given.job_id or given.key,
        "line": given.line,
        "source": job.source,
        "state": job.state,
        "outcome": job.outcome,
        "attempts": job.open_job.claims,
        "due_at": None if is_final else rfc3339(job.open_job.due_at),
        "closed_at": rfc3339(job.closed_at),
    }


def _entry(entry: Entry, zone: str | None) -> dict[str, Any]:
    shown: dict[str, Any] = {"at": rfc3339(entry.at), "local": _local(entry.at, zone)}
    match entry:
        case TakenIn(job=job):
            return {**shown, "kind": "met_again" if entry.again else "taken_in", **_whose(job)}
        case Closed(job=job):
            return {**shown, "kind": "closed", **_whose(job), "state": job.state, "outcome": job.outcome}
        case Acted():
            by = _act(entry.by)
            return {
                **shown,
                "kind": "operator",
                "campaign": entry.campaign,
                "command": entry.command,
                **by,
                "detail": entry.detail,
            }
        case Listed(said=said):
            return {**shown, "kind": "listed", "source": said.source, "reason": said.reason}
        case Held():
            return {**shown, "kind": "held", "campaign": entry.campaign, **_made(entry, zone)}
        case Decided():
            return {
                **shown,
                "kind": "decision",
                **({} if entry.job is None else _whose(entry.job)),
                **_made(entry, zone),
                "attempt": entry.attempt and _attempt(entry.attempt),
            }
        case _:
            assert_never(entry)


def _made(entry: Decided | Held, zone: str | None) -> dict[str, Any]:
    made = entry.decision
    return {
        "verdict": made.verdict,
        "rule": made.rule,
        "why": made.why,
        "until": rfc3339(made.until),
        "until_local": None if made.until is None else _local(made.until, zone),
        "input": dict(made.input),
        "times": entry.times,
        "last_at": rfc3339(entry.last_at),
    }


def _whose(job: "JobHistory") -> dict[str, Any]:
    return {"campaign": job.campaign, "job_id": job.open_job.job.job_id or job.open_job.job.key}


def _act(by: "Operation") -> dict[str, Any]:
    return {"by": by.who, "reason": by.reason}


def _attempt(attempt: "AttemptHistory") -> dict[str, Any]:
    return {
        "attempt_id": attempt.id,
        "number": attempt.number,
        "state": attempt.state,
        "from_number": attempt.from_number,
        "agent_id": attempt.agent_id,
        "call_id": attempt.call_id,
        "claimed_at": rfc3339(attempt.claimed_at),
        "placed_at": rfc3339(attempt.placed_at),
        "closed_at": rfc3339(attempt.closed_at),
        "outcome": attempt.outcome,
        "status": attempt.status,
        "reason": attempt.reason,
        "duration_s": attempt.duration_s,
        "cost_cents": attempt.cost_cents,
        "error": attempt.error,
    }


def _local(at: float, zone: str | None) -> str | None:
    """RFC 3339 in the callee's zone."""
    if zone is None:
        return None
    return datetime.fromtimestamp(round(at, 3), ZoneInfo(zone)).isoformat("T", "milliseconds")
