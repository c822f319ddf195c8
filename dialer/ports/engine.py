"""What the engine asks of the outside world: a few narrow Protocols. Adapters fulfil them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from dialer.domain.breakers import BreakerRules
from dialer.domain.calls import (
    CALL_MAX_S,
    Attempt,
    AttemptId,
    CallId,
    CallJob,
    CallUpdate,
    CampaignId,
    Capacity,
    IntakeId,
    JobKind,
    RejectedRow,
)
from dialer.domain.errors import Blame
from dialer.domain.gates import Stop
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.domain.outcomes import Outcome
from dialer.domain.records import record
from dialer.domain.results import ResultLine
from dialer.domain.screening import CampaignPolicy
from dialer.domain.service_parts import PartFailure
from dialer.domain.suppression import Suppressed
from dialer.ports.sharing import Limits


class Clock(Protocol):
    """The one wall clock. Durations come from the event loop's clock (`anyio.current_time`) instead."""

    def now(self) -> float:
        """Unix seconds, UTC."""
        ...


class JobSource(Protocol):
    """Where jobs come from. It only feeds the ledger."""

    @property
    def name(self) -> str:
        """For people: the file's name, the queue's address without its secret."""
        ...

    def batches(self, rows_max: int) -> AsyncIterator[Sequence[CallJob | RejectedRow]]:
        """The rows in order, at most `rows_max` at a time. Raises `BadInput` if it cannot be read at all.

        When the next batch is asked for, the one before is in the ledger: only then may the source
        acknowledge it.
        """
        ...


class CallApi(Protocol):
    """The voice API. Each method may raise the four errors of `domain.errors`; nothing is retried inside."""

    def encode(self, job: CallJob, attempt_id: AttemptId, from_number: str | None) -> bytes:
        """The request for this attempt, to be stored and sent as it is. Pure."""
        ...

    async def create(
        self, kind: JobKind, body: bytes, leave: Callable[[], Awaitable[None]] | None = None
    ) -> CallUpdate:
        """Make the call. Raises `CallUncertain` whenever a call may exist and its id is not known.

        `leave`: awaited when a connection is there, right before the first byte leaves. What it raises comes
        out as it is, and nothing has left.
        """
        ...

    async def find(self, attempt_ids: Sequence[AttemptId]) -> Sequence[CallUpdate]:
        """The calls that carry one of these attempt ids, as far as they are listed yet."""
        ...

    async def list(self, call_ids: Sequence[CallId]) -> Sequence[CallUpdate]:
        """What is known of these calls; one that is not listed yet is left out."""
        ...

    async def get(self, call_id: CallId) -> CallUpdate | None:
        """One call; None if the API does not know the id."""
        ...

    async def stop(self, call_id: CallId) -> None:
        """Hang up."""
        ...

    async def capacity(self) -> Capacity:
        """The account's concurrency, now."""
        ...


class AddedAs(StrEnum):
    """What became of a job that was given to the ledger."""

    NEW = "new"
    SAME = "same"
    """Known from before, open, unchanged: it resumes."""
    CHANGED = "changed"
    """Known from before, open: its row was updated."""
    FINISHED = "finished"
    """Known from before and final: not called again. `was_changed` says whether the row differs."""
    DUPLICATE = "duplicate"
    """The key or the number stands twice in this campaign; `line` is the first one's. Not taken."""


@record
class Added:
    how: AddedAs
    line: int | None = None
    was_changed: bool = False
    by_key: bool = False
    """DUPLICATE only: True if the job id stands twice, False if the number does."""


@record
class ClaimRequest:
    """One free place (slot, permit and token) that asks for a job."""

    campaign_id: CampaignId
    attempt_id: AttemptId
    now: float
    screen: CampaignPolicy
    encode: Callable[[CallJob, AttemptId, str | None], bytes]
    limits: Limits | None = None
    """None: this process has the account to itself, and keeps to its bounds by itself."""
    call_max_s: float = CALL_MAX_S
    """The attempt may be a live call for so long, until it is closed."""


@dataclass(frozen=True, slots=True)
class NothingDue:
    """No job may be dialled now. `next_due_at`: when to ask again; None when no job is open."""

    next_due_at: float | None
    stop: Stop | None = None
    """Nobody is to be dialled any more in this run."""
    held: str | None = None
    """Why nobody may be dialled now, whoever it is; each end of a call may change that."""
    busy: bool = False
    """All lines are at work as fast as they may; each end of a call may change that, too."""


@record
class AttemptUpdate:
    """An attempt moves on but stays open (or is parked as UNKNOWN, with a line for the log)."""

    attempt: Attempt
    state: AttemptState
    at: float
    last_sent_at: float | None = None
    call_id: CallId | None = None
    error: str | None = None
    job_state: JobState | None = None
    line: Mapping[str, Any] | None = None
    breakers: BreakerRules | None = None
    """What the breakers go by, where they are to hear of it."""
    call_max_s: float | None = None
    """The attempt may be a live call for so long from now on; None: until when it may is known."""


@record
class Finish:
    """An attempt is closed and its job is final or due again, in one transaction with the result lines."""

    attempt: Attempt
    state: AttemptState
    outcome: Outcome
    at: float
    job_state: JobState
    due_at: float | None
    """When the job is due again; None when it is final."""
    history: tuple[Outcome, ...]
    lines: Sequence[Mapping[str, Any]]
    news: CallUpdate | None = None
    error: str | None = None
    suppress: Suppressed | None = None
    """The person asked never to be called again."""
    spent_cents: float = 0.0
    """What the call has cost, as far as it is known."""
    breakers: BreakerRules | None = None
    """What the breakers go by, where they are to hear of it."""
    blame: Blame | None = None
    """What the request was refused for, if it was."""


@record
class Contradicted:
    """An attempt that was closed as one without a call, or without a ring, and had one."""

    attempt: Attempt
    is_followed: bool
    """It is placed again and its job busy: the call is to be followed. Else the job has gone on."""


@dataclass(frozen=True, slots=True)
class IntakeCounts:
    """Rows of one reading of one source."""

    rows: int = 0
    new: int = 0
    same: int = 0
    changed: int = 0
    finished: int = 0
    rejected: int = 0
    """Refused rows, duplicates included."""


@dataclass(frozen=True, slots=True)
class CampaignCounts:
    """Jobs by state and attempts by outcome, as the ledger holds them."""

    jobs: Mapping[JobState, int]
    outcomes: Mapping[str, int]
    """Final jobs by outcome."""
    live: int
    """Attempts that hold a slot."""
    uncertain: int
    """Those of them of which it is not known whether they made a call: it is being looked for."""
    attempts: int
    calls: int
    """Attempts that have a call id: calls that were made."""
    next_due_at: float | None

    @property
    def open_jobs(self) -> int:
        """Jobs that are not final: due, waiting or being called."""
        return self.jobs[JobState.OPEN] + self.jobs[JobState.BUSY]


@dataclass(frozen=True, slots=True)
class Control:
    """What operators want of a campaign, as the ledger has it."""

    version: int
    """Goes up with each change."""
    changes: Mapping[str, Any]
    """Settings by their dotted names, instead of the configured ones."""
    paused: str | None
    """Who paused it and why."""
    cancelled: bool
    held: str | None
    """Why nothing could be claimed when it was last asked, whatever the job."""
    stopped: Stop | None = None
    """What a rule has stopped it for, until an operator resumes it or runs it again."""
    run_by: str | None = None
    """The worker of the run that has it to itself, or had it and ended before its work was done."""


@dataclass(frozen=True, slots=True)
class Operation:
    """Who does something by hand, when and why."""

    who: str
    at: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a campaign goes, as the ledger has it."""

    claimed_in_a_minute: int
    final_in_10_minutes: int


class Ledger(Protocol):
    """The one queue and the one memory. Every method is one transaction, durable when it returns.

    Raises `LedgerError` when it cannot read or write; then nothing of that method has happened.
    """

    async def open_campaign(self, name: str, now: float, *, simulated: bool) -> CampaignId:
        """The campaign of this name, created if there is none.

        Raises `BadInput` if it is there but simulated when this one is not, or the other way round.
        """
        ...

    async def begin_intake(self, campaign_id: CampaignId, source: str, now: float) -> IntakeId:
        """A new reading of a source."""
        ...

    async def add(
        self,
        intake_id: IntakeId,
        campaign_id: CampaignId,
        jobs: Sequence[CallJob],
        counts: Callable[[Sequence[Added]], IntakeCounts],
        now: float,
        *,
        is_stream: bool = False,
    ) -> Sequence[Added]:
        """Insert or ignore on the job's key; one answer per job, in order.

        `is_stream`: the reading has no end, and each message is a job of its own: one that comes again is the
        same, and one with another job id may have the same number.

        `counts` makes the reading's totals from the answers; they are written in the same transaction, so
        that rows and jobs add up after a crash too.
        """
        ...

    async def end_intake(self, intake_id: IntakeId, counts: IntakeCounts) -> None:
        """The source was read to its end."""
        ...

    async def claim(self, request: ClaimRequest) -> Attempt | NothingDue:
        """The next job that the screen lets through, written ahead as an attempt."""
        ...

    async def update(self, update: AttemptUpdate) -> None:
        """Move an attempt on. Raises `IllegalTransition` if the table does not allow it."""
        ...

    async def finish(self, finish: Finish) -> None:
        """Close an attempt. Raises `IllegalTransition` if it is closed already."""
        ...

    async def contradict(self, news: CallUpdate, why: str, at: float) -> Contradicted | None:
        """A call, or a ring, was shown of an attempt that was closed as one without it: put that on record.

        None: nothing contradicts what is in the ledger, or it is on record already.
        """
        ...

    async def analysed(self, heard: Sequence[CallUpdate], at: float) -> Sequence[CampaignId]:
        """Write a result line for each analysis of a closed attempt's call that has none yet.

        Gives the campaign of each line. What is of no such call is passed over: an open attempt's analysis
        goes with its `finish`.
        """
        ...

    async def control(self, campaign_id: CampaignId) -> Control:
        """What operators want of the campaign now."""
        ...

    async def controls(self, campaign_ids: Collection[CampaignId]) -> Mapping[CampaignId, Control]:
        """The same of each of these campaigns."""
        ...

    async def suppressed(self, number: str) -> Suppressed | None:
        """Who said that nobody may call this number; None: the ledger has nothing against it."""
        ...

    async def line_allows(self, attempt: Attempt, rules: BreakerRules) -> bool:
        """Whether the line of a claimed attempt, by what came of its calls since, may still send it."""
        ...

    async def cancel_open(self, campaign_id: CampaignId, now: float) -> None:
        """Close every open job of a cancelled campaign."""
        ...

    async def open_attempts(
        self, campaign_id: CampaignId, states: frozenset[AttemptState]
    ) -> Sequence[Attempt]:
        """The attempts in these states, oldest first."""
        ...

    async def closed_of(self, attempt_ids: Collection[AttemptId]) -> Collection[AttemptId]:
        """Those of them that are closed."""
        ...

    async def left_beside(self, campaign_id: CampaignId, call_max_s: float, now: float) -> Sequence[Attempt]:
        """Attempts of the account's other campaigns that nobody closed and that may be live calls.

        One of which nobody wrote down until when may be one for `call_max_s` after its last request.
        Rehearsals have an account of their own.
        """
        ...

    async def answered_calls(self, like: CampaignId | None = None) -> Sequence[CallId]:
        """Calls of all campaigns of the account that were placed and whose end nobody has heard.

        `like`: of the account of that campaign, which may be a rehearsal's.
        """
        ...

    async def keep_failing(self, worker: str, now: Sequence[PartFailure], at: float) -> None:
        """This is what fails at that process, of the parts that all campaigns share, for `status`."""
        ...

    async def has_dialled(self) -> bool:
        """Whether any request of any campaign may have left before."""
        ...

    async def results_after(self, campaign_id: CampaignId, seq: int, rows_max: int) -> Sequence[ResultLine]:
        """Result lines with a higher sequence number, in order."""
        ...

    async def counts(self, campaign_id: CampaignId) -> CampaignCounts:
        """Where the campaign stands."""
        ...


class ResultSink(Protocol):
    """Where result lines go, after they are in the ledger."""

    def last_seq(self) -> int:
        """The sequence number of the last whole line it holds; 0 if none."""
        ...

    async def append(self, lines: Sequence[ResultLine]) -> None:
        """Write them behind the last one. Raises `LogShortened`, with nothing written, if that is another one
        by now."""
        ...
