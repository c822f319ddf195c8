"""What the engine tells its observers: frozen facts, after they are in the ledger.

Logs, metrics and pages are built from these alone and never touch the engine. An observer is a plain
function of one event; it must be quick and must not raise.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dialer.domain.calls import Attempt, CallId, CallUpdate
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.domain.outcomes import Outcome
from dialer.domain.records import record
from dialer.domain.service_parts import ServicePart
from dialer.ports.engine import IntakeCounts


@dataclass(frozen=True, slots=True)
class IntakeProgressed:
    """A batch of rows is in the ledger. Counts are of the whole reading so far."""

    counts: IntakeCounts
    complete: bool


@record
class AttemptClaimed:
    """An attempt is written ahead and holds a slot. `resumed`: it was found open at start."""

    attempt: Attempt
    resumed: bool


@record
class CallPlaced:
    """The API gave a call id. `adopted`: not by the answer to our request, but found afterwards."""

    attempt: Attempt
    call_id: CallId
    adopted: bool
    answer_s: float
    """Seconds from the claim to the call id."""


@dataclass(frozen=True, slots=True)
class AttemptUncertain:
    """A request left and no clear answer came; it is being looked for."""

    attempt: Attempt
    why: str


@dataclass(frozen=True, slots=True)
class AttemptParked:
    """Nobody could tell whether a call was made; the attempt is `unknown` until an operator resolves it."""

    attempt: Attempt
    why: str


@record
class AttemptClosed:
    """An attempt ended and its slot is free."""

    attempt: Attempt
    state: AttemptState
    outcome: Outcome
    job_state: JobState
    due_at: float | None
    news: CallUpdate | None
    error: str | None
    at: float


@dataclass(frozen=True, slots=True)
class AttemptTakenOver:
    """Another worker on the same ledger has the attempt by now, or closed it: nothing comes of it here."""

    attempt: Attempt
    why: str
    closed: bool = False
    """Another worker heard first how the call ended, and wrote it. Nothing is amiss."""


@dataclass(frozen=True, slots=True)
class RequestHeld:
    """The API said not now (429, no room, unreachable): the line waits `wait_s` seconds."""

    why: str
    wait_s: float


@dataclass(frozen=True, slots=True)
class SlotsChanged:
    """How many calls at once are allowed now, and why."""

    slots: int
    why: str


@dataclass(frozen=True, slots=True)
class CampaignHeld:
    """Nobody may be called now, whoever it is. `why` is None: they may again."""

    why: str | None


@dataclass(frozen=True, slots=True)
class CampaignChanged:
    """An operator changed settings of the running campaign."""

    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CampaignStopping:
    """No further job is claimed. `account`: because the API refuses the account."""

    why: str
    way_out: str
    account: bool


class CampaignPart(StrEnum):
    """What of one campaign can fail while the others go on."""

    RESULTS_LOG = "results_log"
    CAMPAIGN = "campaign"


@dataclass(frozen=True, slots=True)
class CampaignFailing:
    """A part of one campaign fails, and is tried again. `why` is None: it works again.

    Calls go on without the results log: it is a copy, and catches up. Without the campaign they do not."""

    part: CampaignPart
    why: str | None


@dataclass(frozen=True, slots=True)
class ServiceFailing:
    """A part that all campaigns share fails, and is tried again. `why` is None: it works again."""

    part: ServicePart
    why: str | None
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class LogWasShortened:
    """Somebody cut a campaign's results log while it was written: what it lost is written again."""

    why: str


@dataclass(frozen=True, slots=True)
class QueueReached:
    """Messages are taken from a queue, for the first time or again. `where`: its URL without secrets."""

    where: str


@dataclass(frozen=True, slots=True)
class QueueLost:
    """The queue's broker cannot be reached; it is tried again in `wait_s` seconds. Calls go on meanwhile."""

    why: str
    wait_s: float


@dataclass(frozen=True, slots=True)
class MessageRefused:
    """A message that can never become a job is with the dead letters."""

    code: str
    reason: str


@record
class ApiAnswered:
    """An endpoint of the voice API answered, whatever it said. `status` None: there was no answer."""

    endpoint: str
    """Its name in the API's documentation, as list-calls."""
    status: int | None
    at: float | None
    """Unix seconds."""

    @property
    def is_good(self) -> bool:
        """It did what it was asked for."""
        return self.status is not None and 200 <= self.status < 300


class WebhookFault(StrEnum):
    """Why a webhook was not taken."""

    BAD_SIGNATURE = "bad_signature"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class WebhookRefused:
    """Something came to the webhook port that was not taken."""

    fault: WebhookFault


@dataclass(frozen=True, slots=True)
class MessageFailed:
    """A message could not be taken now; it goes back to the queue in `wait_s` seconds and comes again."""

    why: str
    wait_s: float


Event = (
    IntakeProgressed
    | AttemptClaimed
    | CallPlaced
    | AttemptUncertain
    | AttemptParked
    | AttemptClosed
    | AttemptTakenOver
    | RequestHeld
    | SlotsChanged
    | CampaignHeld
    | CampaignChanged
    | CampaignFailing
    | LogWasShortened
    | CampaignStopping
    | ServiceFailing
    | QueueReached
    | QueueLost
    | MessageRefused
    | MessageFailed
    | WebhookRefused
    | ApiAnswered
)

Observe = Callable[[Event], None]
