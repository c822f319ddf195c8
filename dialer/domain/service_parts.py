"""What all campaigns of a process share, and that it can fail while the process goes on."""

from dataclasses import dataclass
from enum import StrEnum


class ServicePart(StrEnum):
    """Each of them fails and works again by itself."""

    ACCOUNT = "account"
    """The API refuses the account: nothing is claimed."""
    LISTING = "list-calls"
    """list-calls fails: how calls end is asked for call by call."""
    CONCURRENCY = "get-concurrency"
    """get-concurrency fails: what it said last holds."""
    SLOTS = "slots"
    """No call at all is allowed now."""
    WEBHOOKS = "webhooks"
    """Webhooks do not come, or are refused."""


@dataclass(frozen=True, slots=True)
class PartFailure:
    """A part of the service that fails now."""

    part: ServicePart
    why: str
    remedy: str
    """What the operator does next."""
    since: float
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class WorkerFailure:
    """The same, as the ledger has it of one process."""

    worker: str
    failure: PartFailure
