"""What several workers on one ledger ask of it beside `ports.Ledger`, and the one worker of a service too."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from dialer.domain.calls import Attempt, AttemptId, CallId, CampaignId
from dialer.domain.service_parts import PartFailure


@dataclass(frozen=True, slots=True)
class Limits:
    """The account's own bounds, over all campaigns and all workers of one ledger."""

    worker: str
    """Who asks."""
    clock: Callable[[], float]
    """The loop's time, whenever it is asked."""
    cps: float
    slots: int
    guard_s: float
    """Kept beyond each period. A request may leave for half as long after its place was taken; the other half
    is for the way to the API, which jitters."""
    call_max_s: float
    """An attempt that nobody closed may be a live call for so long."""
    refused_max: int = 0
    """Requests that may be refused within a minute; the API blocks the account at 60. 0: no bound."""


@dataclass(frozen=True, slots=True)
class SendPermit:
    """A place in the account's schedule, or how long there is none."""

    leaves_by: float | None
    """The loop's time by which the request has to leave; None: there is no place now."""
    wait_s: float = 0.0
    at: float | None = None
    """When it was taken, by the ledger's clock."""


@dataclass(frozen=True, slots=True)
class CampaignFault:
    """What fails in one campaign alone: its results log, rules, name or data. Times are Unix seconds."""

    campaign: str
    part: str
    """A word of `events.CampaignPart`, or of a newer version's."""
    why: str
    since: float
    next_try_at: float
    worker: str


class Sharing(Protocol):
    """What several workers on one ledger ask of it beside `Ledger`, and the one worker of a service too.

    Times are the ledger's: a server's clock where there is a server, else the loop's.
    """

    async def beat(self, worker: str, lease_s: float, at: float, now: float) -> None:
        """The worker is alive, for so long; 0.0: it ends, and what it left open is anybody's.

        `now`: the wall clock's, for people.
        """
        ...

    async def adopt(
        self, worker: str, at: float, rows_max: int, like: CampaignId | None = None
    ) -> Sequence[Attempt]:
        """Attempts that are not closed and whose worker is not alive become this worker's.

        `like`: of that campaign alone.
        """
        ...

    async def take_campaign(self, campaign_id: CampaignId, worker: str, at: float) -> Sequence[Attempt]:
        """The campaign is this worker's alone, a run's; with what an earlier run left open.

        No other worker claims from it, until it is left. Whoever asks holds the campaign's lock: an earlier
        run that had it is gone.
        """
        ...

    async def leave_campaign(self, campaign_id: CampaignId, worker: str) -> None:
        """It is any worker's again, if none of its jobs is open and it still was this one's."""
        ...

    async def others_at_work(self, campaign_id: CampaignId, worker: str) -> int:
        """The campaign's attempts that other workers have under way."""
        ...

    async def place(self, attempt: Attempt, limits: Limits) -> SendPermit:
        """Another place in the account's schedule, for the one that the attempt has and did not use.

        Raises `TakenOver` if the attempt is not this worker's any more.
        """
        ...

    async def allow(self, name: str, per_period: int, period_s: float, at: float) -> float:
        """One of what all workers share by that name: 0.0 if it is taken, else seconds until there is one."""
        ...

    async def hold(self, wait_s: float, at: float) -> None:
        """No worker's request leaves for so long: the API asked one of them for less."""
        ...

    async def lead(self, post: str, worker: str, lease_s: float, at: float) -> bool:
        """Whether this worker is the one that does for all what the post is about, for so long."""
        ...

    async def live_calls(self, call_max_s: float, now: float) -> int:
        """Attempts of all workers that may be live calls."""
        ...

    async def answered_calls(self, like: CampaignId | None = None) -> Sequence[CallId]:
        """See `ports.Ledger`."""
        ...

    async def keep_failing(self, worker: str, now: Sequence[PartFailure], at: float) -> None:
        """See `ports.Ledger`."""
        ...

    async def placed_beside(
        self, known: Collection[AttemptId], like: CampaignId | None = None
    ) -> Sequence[Attempt]:
        """Placed attempts, whoever placed them, but those that are known.

        `like`: of that campaign alone; None: of all that no living run has to itself.
        """
        ...

    async def placed_call(self, call_id: CallId) -> Attempt | None:
        """The placed attempt that made this call; None: there is none, it is closed, or a living run's."""
        ...

    async def closed_of(self, attempt_ids: Collection[AttemptId]) -> Collection[AttemptId]:
        """Those of them that are closed."""
        ...

    async def tell_faults(self, worker: str, faults: Sequence[CampaignFault], now: float) -> None:
        """These, and no others, are the faults of campaigns that this worker has now (Unix seconds)."""
        ...

    async def unpublished(self, target: str) -> Sequence[tuple[str, CampaignId, int]]:
        """Campaigns whose results did not all go there: name, number, and the last line that did."""
        ...

    async def published(self, campaign_id: CampaignId, target: str, seq: int) -> None:
        """The campaign's lines went there up to that one."""
        ...

    async def campaign_named(self, name: str, now: float) -> CampaignId:
        """The campaign of this name, created if there is none. Raises `BadInput` if it is a rehearsal's."""
        ...

    async def open_jobs(self) -> int:
        """Open jobs of all campaigns."""
        ...

    async def campaign_name(self, campaign_id: CampaignId) -> str:
        """What people call it."""
        ...

    async def campaigns_at_work(self, due_by: float) -> Mapping[str, CampaignId]:
        """Campaigns that have something to do: open jobs that are due by then (Unix seconds), or attempts
        that are not closed. Those whose jobs are all due later are asleep, and cost a look-up. What a living
        run has to itself is not among them."""
        ...
