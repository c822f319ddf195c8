"""Where one job stands, for programs."""

from collections.abc import Sequence
from typing import Any

from dialer.adapters.ledger.reports.number_history import AttemptHistory, JobHistory
from dialer.domain.lifecycle import FINAL_JOBS
from dialer.domain.results import rfc3339
from dialer.telemetry.logs import mask_numbers
from dialer.web import documents


def job_document(
    job_id: str, found: JobHistory, attempts: Sequence[AttemptHistory], *, shows_numbers: bool
) -> documents.Job:
    """`job_id`: by which it was asked for."""
    job = found.open_job.job
    is_final = found.state in FINAL_JOBS
    return documents.Job(
        campaign=found.campaign,
        simulated=found.simulated,
        job_id=job_id,
        to_number=_number(job.to_number, shows_numbers),
        kind=job.kind,
        state=found.state,
        outcome=found.outcome,
        priority=job.priority,
        due_at=None if is_final else rfc3339(found.open_job.due_at),
        not_before=rfc3339(job.not_before),
        expires_at=rfc3339(job.expires_at),
        closed_at=rfc3339(found.closed_at),
        attempts=tuple(_attempt(each, shows_numbers=shows_numbers) for each in attempts),
    )


def _attempt(attempt: AttemptHistory, *, shows_numbers: bool) -> documents.Attempt:
    return documents.Attempt(
        attempt_id=attempt.id,
        number=attempt.number,
        state=attempt.state,
        outcome=attempt.outcome,
        call_id=attempt.call_id,
        status=attempt.status,
        disconnection_reason=attempt.reason,
        from_number=_number(attempt.from_number, shows_numbers),
        claimed_at=rfc3339(attempt.claimed_at) or "",
        placed_at=rfc3339(attempt.placed_at),
        closed_at=rfc3339(attempt.closed_at),
        duration_s=attempt.duration_s,
        cost_cents=attempt.cost_cents,
        error=_number(attempt.error, shows_numbers),
    )


def _number(text: str | None, shows_numbers: bool) -> str | None:
    return text if text is None or shows_numbers else mask_numbers(text)


def masked(value: Any) -> Any:
    """JSON data with the end of each number hidden."""
    match value:
        case str():
            return mask_numbers(value)
        case dict():
            return {key: masked(inner) for key, inner in value.items()}
        case list():
            return [masked(inner) for inner in value]
        case _:
            return value
