"""The nouns: a job (one row to be called), an attempt (one try to make one call), a call (what the API made).

All times are Unix seconds UTC as floats, unless a name ends in another unit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any, NewType

from dialer.domain.lifecycle import AttemptState
from dialer.domain.outcomes import Outcome
from dialer.domain.records import record

CampaignId = NewType("CampaignId", int)
IntakeId = NewType("IntakeId", int)
JobId = NewType("JobId", int)
"""The ledger's own number for a job. The operator's id is `CallJob.job_id`."""
AttemptId = NewType("AttemptId", str)
"""Travels with the request as `idempotency_key` and `metadata.attempt_id`."""
CallId = NewType("CallId", str)

CALL_MAX_S = 7500.0
"""Longer than the API lets any call last, unless `tracking.call_max_s` says otherwise."""


def new_attempt_id(now: float, chance: Random) -> AttemptId:
    """An id that nobody has: the time in milliseconds, then 80 random bits.

    The time comes first so that ids of one hour are neighbours in the ledger's index; random ones would have
    each claim write to a page of its own.
    """
    return AttemptId(f"{int(now * 1000):012x}{chance.getrandbits(80):020x}")


class JobKind(StrEnum):
    """Which of the API's three create endpoints a job goes to."""

    PHONE_CALL = "phone_call"
    """Rings somebody; its slot is held until the call has ended."""
    WEB_CALL = "web_call"
    """Settles when created; the access token is in the result."""
    REGISTER_PHONE_CALL = "register_phone_call"
    """Settles when created; the caller's own SIP then makes the call with the id."""


@record
class CallContent:
    """What goes into the request besides the numbers, as the row gave it."""

    agent_id: str | None = None
    agent_version: int | str | None = None
    agent_override: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    sip_headers: Mapping[str, str] = field(default_factory=dict)


@record
class CallJob:
    """One accepted row of the input: one person to be called, or one call to be created."""

    key: str
    """Unique in its campaign: the row's job id, else its number. The same key is the same job for ever."""
    to_number: str | None
    """E.164; None only for a web call."""
    line: int | None = None
    """Where the row starts in its file, counted from 1 with the header as line 1."""
    job_id: str | None = None
    kind: JobKind = JobKind.PHONE_CALL
    from_number: str | None = None
    timezone: str | None = None
    """The callee's IANA zone, as the row says."""
    priority: int = 0
    """Higher goes first among the jobs that are due."""
    not_before: float | None = None
    expires_at: float | None = None
    content: CallContent = field(default_factory=CallContent)
    row: tuple[str, ...] = field(default=(), compare=False, repr=False)
    """The cells as they were, for the rejects file should the ledger not take the job. Not stored."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """A job that came by itself, not as a row of a file."""

    campaign: str | None
    """The campaign that it names; None: whoever takes it knows."""
    job: CallJob


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that became no job, with the reason, as it goes to the rejects file."""

    line: int
    code: str
    """Stable, for machines: `no_number`, `not_a_number`, `duplicate_number`, ..."""
    reason: str
    """For people: the column, what is wrong and what to do."""
    row: tuple[str, ...]
    """The cells as they were."""


@record
class OpenJob:
    """A job as the claim sees it, inside the transaction."""

    id: JobId
    campaign_id: CampaignId
    job: CallJob
    due_at: float
    claims: int
    """Attempts written so far, also those that spent nothing."""
    history: tuple[Outcome, ...] = ()
    """The outcomes of the attempts that counted, oldest first."""
    rung_at: tuple[float, ...] = ()
    """When the number may have been rung before, in any campaign, as the claim knew it."""


@record
class Attempt:
    """One try to make at most one call. Durable before its request leaves."""

    id: AttemptId
    job: OpenJob
    number: int
    """1 for the job's first attempt."""
    state: AttemptState
    from_number: str | None
    body: bytes
    """The request as it was written ahead: a repeat sends exactly these bytes."""
    claimed_at: float
    last_sent_at: float
    """When a request with this body may last have left."""
    call_id: CallId | None = None
    placed_at: float | None = None
    agent_id: str | None = None
    """Who talks; None: the agent that is bound to the from-number, or configured."""
    reserved_cents: float | None = None
    """What the budget keeps for it; None: there is none."""
    worker: str | None = None
    """Which of the workers on one ledger lives it; None: the only one there is."""
    leaves_by: float | None = None
    """The loop's time by which its request may leave in the place that its claim took in the account's
    schedule; later it has to take another one. None: the process has the account to itself."""
    place_at: float | None = None
    """When that place was taken, by the ledger's clock: it is given back for another one."""
    live_for_s: float | None = field(default=None, compare=False)
    """Its call may last so long from when this was read, by the ledger's clock. None: nobody wrote that down,
    and it may last as long as any after its last request."""

    def placed(self, call_id: CallId, at: float) -> "Attempt":
        """With the call that it made. Written out: `replace` costs six times as much, for each call."""
        return Attempt(
            self.id,
            self.job,
            self.number,
            AttemptState.PLACED,
            self.from_number,
            self.body,
            self.claimed_at,
            self.last_sent_at,
            call_id,
            at,
            self.agent_id,
            self.reserved_cents,
            self.worker,
            self.leaves_by,
            self.place_at,
            self.live_for_s,
        )


def live_for_s(attempt: Attempt, call_max_s: float, now: float) -> float:
    """How long its call may last yet.

    `call_max_s` and `now`, by the wall clock, count where the ledger does not say.
    """
    if attempt.live_for_s is not None:
        return max(0.0, attempt.live_for_s)
    left_s = max(attempt.last_sent_at, attempt.placed_at or 0.0) + call_max_s - now
    return max(0.0, min(left_s, call_max_s))


class CallStatus(StrEnum):
    """`call_status` of the API. A value we do not know stays a plain string in `CallNews.status`."""

    REGISTERED = "registered"
    ONGOING = "ongoing"
    NOT_CONNECTED = "not_connected"
    ENDED = "ended"
    ERROR = "error"


@record
class WebAccess:
    """How the person's browser joins a web call."""

    token: str
    expires_at: float | None = None
    """Unix seconds. This and what follows only by `POST /v3/create-web-call`."""
    ice_servers: Sequence[Mapping[str, Any]] | None = None
    """As the API gave them, for the browser's RTCPeerConnection."""
    transport: str | None = None


@record
class CallUpdate:
    """What the API said of a call, however we heard of it (answer, listing, get-call, webhook)."""

    call_id: CallId
    status: str
    attempt_id: AttemptId | None = None
    """From `metadata.attempt_id`."""
    reason: str | None = None
    """`disconnection_reason`, known to us or not."""
    started_at: float | None = None
    ended_at: float | None = None
    duration_s: float | None = None
    cost_cents: float | None = None
    """`call_cost.combined_cost`."""
    web_access: WebAccess | None = None
    """Only in the answer to a web call's creation."""
    analysis: Mapping[str, Any] | None = None
    """`call_analysis`, when it is there."""
    details: Mapping[str, Any] | None = None
    """What only the results want, by their names there; None: nothing of it was said."""

    @property
    def found_voicemail(self) -> bool:
        """The analysis says that a mailbox answered, whatever the reason of the end."""
        return self.analysis is not None and self.analysis.get("in_voicemail") is True

    @property
    def is_over(self) -> bool:
        """True once the call has ended, in whatever way.

        A status we do not know counts as over only with an end or a reason beside it.
        """
        match self.status:
            case CallStatus.ENDED | CallStatus.ERROR | CallStatus.NOT_CONNECTED:
                return True
            case CallStatus.REGISTERED | CallStatus.ONGOING:
                return False
            case _:
                return self.reason is not None or self.ended_at is not None


@dataclass(frozen=True, slots=True)
class Capacity:
    """What get-concurrency says of the account. None: not said."""

    limit: int | None
    """`concurrency_limit`: base and purchased, without paid burst."""
    in_use: int | None
    """`current_concurrency`: all calls of the workspace, ours included."""
    reserved_inbound: int = 0
    burst_limit: int | None = None
    """Only when burst is switched on for the account; it costs extra for the whole call."""
