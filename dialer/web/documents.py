"""The documents of the HTTP API, as its OpenAPI document describes them. Fields are added, none is renamed.

All times are RFC 3339, UTC. `Campaign` is also what `dialer status --json` prints.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from dialer.domain.calls import JobKind
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.ports.engine import AddedAs

ONE_LINE = r"^[^\x00-\x1f\x7f]*$"
"""Without control characters: it is printed on terminals."""
REASON_CHARS_MAX = 500
CHANGES_MAX = 100


class Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Act(Document):
    """What an operator did."""

    by: str
    since: str | None
    reason: str


class Stop(Document):
    """Why nobody is called any more."""

    why: str
    way_out: str


class Hold(Document):
    """Why nobody may be called now, whoever it is."""

    why: str
    since: str | None
    until: str | None


class Rest(Document):
    """What a breaker says."""

    rests: bool
    until: str | None
    since: str | None
    why: str
    trial: str | None
    """The attempt that decides whether the rest is over."""
    failures_in_a_row: int


class LineRests(Document):
    flagged: Rest
    provider: Rest


class BreakerStates(Document):
    provider: Rest
    configuration_faults_in_a_row: int
    refused_in_a_row: int
    lines: dict[str, LineRests] | None
    """By from-number; null for who may not see numbers."""


class BudgetUse(Document):
    spent_usd: float
    reserved_usd: float
    spent_today_usd: float
    reserved_today_usd: float
    per_campaign_usd: float | None
    per_day_usd: float | None


class CanaryState(Document):
    calls: int
    started: int
    ended: int
    failed: int
    passed: bool


class Fault(Document):
    """Why a worker cannot work on a campaign, or cannot write its results log. It tries again by itself."""

    part: str
    """campaign: nobody of it is called; results_log: calls go on, and the log catches up."""
    why: str
    since: str | None
    next_try_at: str | None
    remedy: str
    worker: str


class ReadInPart(Document):
    """A list that was not read to its end."""

    source: str
    rows: int
    """Rows of it that were read."""
    rows_not_read: int | None
    """null: it is being read, or its run ended before anybody counted them."""


class FailingPart(Document):
    """What all campaigns share and fails now."""

    worker: str
    part: str
    why: str
    remedy: str
    since: str | None


class Waiting(Document):
    """Some people who are not called now, and for what they wait."""

    rule: str
    """The rule that put them off, as in the record of decisions; `redial`: they are called again later."""
    why: str
    zones: tuple[str, ...]
    """Where they may be, for calling hours."""
    people: int
    first_due_at: str | None
    """When the first of them is due."""


class Campaign(Document):
    """Where a campaign stands, and what holds it."""

    campaign: str
    simulated: bool
    jobs: dict[JobState, int]
    """By state; `busy`: the person is being called."""
    outcomes: dict[str, int]
    """Final jobs by outcome."""
    attempts: int
    calls: int
    """Calls that were made."""
    live: int
    """Attempts under way."""
    uncertain: int
    """Those of them of which it is not known yet whether they made a call."""
    per_minute: float
    """Attempts in the last minute."""
    left_s: float | None
    """Seconds until the open jobs are final, at the speed of the last ten minutes; null: not known."""
    next_due_at: str | None
    hours_notice: str | None
    """What is to be said of calling hours that are taken off."""
    read_in_part: tuple[ReadInPart, ...]
    """Lists that were not read to their end: run the same command again."""
    waiting: tuple[Waiting, ...]
    """Who is not due now, by what they wait for."""
    paused: Act | None
    cancelled: Act | None
    stopped: Stop | None
    held: Hold | None
    faults: tuple[Fault, ...]
    """What of it fails now, at each worker that says so; the oldest first."""
    failing: tuple[FailingPart, ...]
    """What fails now for all campaigns, at each worker."""
    changes: dict[str, Any]
    """Settings that an operator changed for this campaign."""
    breakers: BreakerStates
    budget: BudgetUse | None
    canary: CanaryState | None


class Worker(Document):
    """One process that dials from the ledger. What an older version does not tell is null."""

    worker: str
    """Its name, which no other start has."""
    host: str | None
    version: str | None
    since: str | None
    last_sign_at: str | None
    """Its last sign of life."""
    alive: bool
    """false: it ended, or gave no sign for its lease; the others take over what it had begun."""
    live: int
    """Attempts under way that are its."""
    campaigns: dict[str, int]
    """Those attempts by campaign, of the campaigns that may be seen."""


class Workers(Document):
    """The workers that dial from the ledger, the oldest first; those that are gone stay for an hour."""

    workers: tuple[Worker, ...]


class CampaignPage(Document):
    """Some of the campaigns, oldest first."""

    campaigns: tuple[Campaign, ...]
    next: str | None
    """To be asked for as `after`; null: these are the last ones."""


class Attempt(Document):
    """One try to make one call."""

    attempt_id: str
    number: int
    """1 for the job's first."""
    state: AttemptState
    outcome: str | None
    call_id: str | None
    status: str | None
    disconnection_reason: str | None
    from_number: str | None
    claimed_at: str
    placed_at: str | None
    closed_at: str | None
    duration_s: float | None
    cost_cents: float | None
    error: str | None


class Job(Document):
    """Where one job stands. Numbers lack their last four digits for who may not see them."""

    campaign: str
    simulated: bool
    job_id: str
    """As it was given; the number, if none was."""
    to_number: str | None
    kind: JobKind
    state: JobState
    outcome: str | None
    """Once it is final."""
    priority: int
    due_at: str | None
    """When the rules are asked again; null: it is final."""
    not_before: str | None
    expires_at: str | None
    closed_at: str | None
    attempts: tuple[Attempt, ...]


class Jobs(Document):
    """The jobs of this id, in each campaign that has one."""

    jobs: tuple[Job, ...]


class SubmittedJob(Document):
    """What became of one job that was given."""

    index: int
    """Its place in what was sent, from 0."""
    status: Literal[200, 403, 409, 422]
    """200: it is in the ledger. 403: the token may not give it. 409: another one has its id or number.
    422: it is refused."""
    campaign: str | None = None
    job_id: str | None = None
    """As it was given."""
    how: AddedAs | None = None
    """new; same or changed: it was open; finished: it is final and not called again; duplicate."""
    code: str | None = None
    """Why it is refused, for programs; the codes are those of rejected rows."""
    reason: str | None = None
    """The same for people: what is wrong and what to do."""


class SubmittedJobs(Document):
    """What became of each job, in the order they were given."""

    taken: int
    refused: int
    jobs: tuple[SubmittedJob, ...]


Reason = Annotated[str, Field(max_length=REASON_CHARS_MAX, pattern=ONE_LINE)]


class Order(Document):
    """Why, for the record of what operators did."""

    reason: Reason = ""


class Changes(Document):
    """Settings that hold from now on, for this campaign, by their dotted names."""

    changes: Annotated[dict[str, Any], Field(min_length=1, max_length=CHANGES_MAX)]
    """As `dialer set` takes them, with JSON values; null unsets one that may be unset."""
    reason: Reason = ""


OrderName = Literal["pause", "resume", "cancel", "set"]


class Acted(Document):
    """An order was carried out."""

    order: OrderName
    closed: int
    """Open jobs that were closed; of `cancel` only."""
    campaign: Campaign
    """Where it stands now."""
