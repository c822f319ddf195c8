"""Between rows and the domain's nouns."""

from typing import Any

import orjson
from sqlalchemy.engine import Row

from dialer.adapters.ledger.schema.tables import attempt, job
from dialer.domain.calls import (
    Attempt,
    AttemptId,
    CallContent,
    CallId,
    CallJob,
    CampaignId,
    JobId,
    JobKind,
    OpenJob,
)
from dialer.domain.lifecycle import AttemptState
from dialer.domain.outcomes import Outcome

JOB_COLUMNS = (
    job.c.id,
    job.c.campaign_id,
    job.c.key,
    job.c.job_id,
    job.c.line,
    job.c.kind,
    job.c.to_number,
    job.c.from_number,
    job.c.timezone,
    job.c.priority,
    job.c.not_before,
    job.c.expires_at,
    job.c.content,
    job.c.due_at,
    job.c.claims,
    job.c.history,
)
"""What `open_job` takes, in this order."""

JOB_VALUES = (
    *("key", "job_id", "line"),
    *("kind", "to_number", "from_number", "timezone", "priority", "not_before", "expires_at", "content"),
)
"""The columns of a job that come from its row."""

ATTEMPT_COLUMNS = (
    attempt.c.id,
    attempt.c.number,
    attempt.c.state,
    attempt.c.from_number,
    attempt.c.body,
    attempt.c.claimed_at,
    attempt.c.last_sent_at,
    attempt.c.call_id,
    attempt.c.placed_at,
    attempt.c.agent_id,
    attempt.c.reserved_cents,
    attempt.c.worker,
    attempt.c.live_until,
)
"""What `stored_attempt` takes, before the job's columns."""

_KINDS = {kind.value: kind for kind in JobKind}
_OUTCOMES = {outcome.value: outcome for outcome in Outcome}
# a word that a newer dialer wrote counts as an attempt all the same


def pack_content(content: CallContent) -> bytes:
    """The content as it is stored; equal contents give equal bytes, and an empty one is short."""
    filled = {
        name: value
        for name, value in (
            ("agent_id", content.agent_id),
            ("agent_version", content.agent_version),
            ("agent_override", content.agent_override),
            ("metadata", content.metadata),
            ("variables", content.variables),
            ("sip_headers", content.sip_headers),
        )
        if value or value == 0  # an agent's version may be 0
    }
    return orjson.dumps(filled, option=orjson.OPT_SORT_KEYS)


def unpack_content(stored: bytes) -> CallContent:
    """What `pack_content` stored."""
    return CallContent(**orjson.loads(stored))


def pack_history(history: tuple[Outcome, ...]) -> str:
    """Outcomes as words with spaces between."""
    return " ".join(history)


def job_values(given: CallJob) -> tuple[Any, ...]:
    """What the columns `JOB_VALUES` hold of it."""
    return (
        given.key,
        given.job_id,
        given.line,
        given.kind.value,
        given.to_number,
        given.from_number,
        given.timezone,
        given.priority,
        given.not_before,
        given.expires_at,
        pack_content(given.content),
    )


def open_job(row: Row[*tuple[Any, ...]] | tuple[Any, ...]) -> OpenJob:
    """A job from a row of `JOB_COLUMNS`."""
    # by position: this is on the way of every call
    return OpenJob(
        JobId(row[0]),
        CampaignId(row[1]),
        CallJob(
            row[2],
            row[6],
            row[4],
            row[3],
            _KINDS[row[5]],
            row[7],
            row[8],
            row[9],
            row[10],
            row[11],
            unpack_content(row[12]),
        ),
        row[13],
        row[14],
        tuple(_OUTCOMES.get(word, Outcome.UNKNOWN) for word in row[15].split()) if row[15] else (),
    )


def stored_attempt(row: Row[*tuple[Any, ...]], time: float | None = None) -> Attempt:
    """An attempt from a row of `ATTEMPT_COLUMNS + JOB_COLUMNS`. `time`: the ledger's, to count from."""
    return Attempt(
        id=AttemptId(row[0]),
        job=open_job(tuple(row[len(ATTEMPT_COLUMNS) :])),
        number=row[1],
        state=AttemptState(row[2]),
        from_number=row[3],
        body=row[4],
        claimed_at=row[5],
        last_sent_at=row[6],
        call_id=None if row[7] is None else CallId(row[7]),
        placed_at=row[8],
        agent_id=row[9],
        reserved_cents=row[10],
        worker=row[11],
        live_for_s=None if row[12] is None or time is None else row[12] - time,
    )
