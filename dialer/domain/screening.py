"""May this job be dialled now, and from which number? Asked inside the claim's transaction.

The rules in the order in which they are asked; the first that objects decides:

    expires_at, the campaign's end     never (expired)
    not_before, the campaign's start   later
    do-not-call                        never (skipped)
    hours                              later; never where nobody knows where the callee is
    caps, gap, one call at a time      later
    line                               later; never without any number to call from

Before a job is looked at, `gate` asks what holds for the whole campaign. Both are pure: the same facts and
clock give the same verdict, and the verdict carries what it was made of, for the decision record.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from typing import Any, Self

from dialer.domain import caps as cap_rules
from dialer.domain import hours as hour_rules
from dialer.domain.agents import AgentChoice, choose_agent
from dialer.domain.breakers import BreakerRules, CampaignBreaker
from dialer.domain.budget import BudgetFacts, BudgetRule, Reserve
from dialer.domain.calls import CallJob, JobKind, OpenJob
from dialer.domain.canary import CanaryFacts, CanaryRule
from dialer.domain.caps import CapsRule
from dialer.domain.days import Day, day_of
from dialer.domain.gates import GO, Go, Hold, Stop, Trial
from dialer.domain.headers import POSTAL_NAMES, STATE_NAMES, fold, says_do_not_call
from dialer.domain.hours import HoursRule
from dialer.domain.lifecycle import JobState
from dialer.domain.lines import (
    UNUSED,
    Callee,
    Chosen,
    Line,
    LineReason,
    LineUsage,
    LineWait,
    NoLine,
    area_code,
    choose_line,
)
from dialer.domain.north_america import area_code_regions
from dialer.domain.places import AreaOverrides, Place, find_place
from dialer.domain.suppression import NumberSet, Suppressed
from dialer.domain.wall_clock import zone_named

HELD_LOOK_S = 60.0
"""A job that is met while the rules cannot be known is asked about again after so long."""
HOLD = "hold"
"""The rule of such a wait."""
NOT_BEGUN = "the campaign's start has not come yet"

_CALM = CampaignBreaker()
_ANY_HOUR = HoursRule()
_NO_OVERRIDES = AreaOverrides()
_NO_CAPS = CapsRule()
_USUAL_BREAKERS = BreakerRules()


@dataclass(frozen=True, slots=True)
class Dial:
    """Yes: from this number (None for kinds that ring nobody)."""

    from_number: str | None
    agent: AgentChoice | None = None
    """None: the row's, else the configured one."""
    why: str = ""
    trial: bool = False
    """The breakers of the line have to be told: this attempt is its trial call."""
    input: Mapping[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Wait:
    """Not now; ask again at `until`. Spends no attempt."""

    until: float
    rule: str
    why: str = ""
    input: Mapping[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Drop:
    """Never: the job is closed with this state."""

    state: JobState
    reason: str
    rule: str = ""
    input: Mapping[str, Any] = field(default_factory=dict, compare=False)


Verdict = Dial | Wait | Drop


@dataclass(frozen=True, slots=True)
class NumberFacts:
    """What the ledger knows of one number, over all campaigns."""

    rung_at: tuple[float, ...] = ()
    """When it may have been rung, ascending."""
    has_live_call: bool = False
    last_line: str | None = None
    suppressed: Suppressed | None = None


UNHEARD_OF = NumberFacts()


@dataclass(frozen=True, slots=True)
class DoNotCallFile:
    name: str
    numbers: NumberSet


@dataclass(frozen=True, slots=True)
class CampaignFacts:
    """What the ledger knows of the campaign as a whole. None: that rule is off."""

    paused: str | None = None
    """Who paused it and why."""
    cancelled: bool = False
    breaker: CampaignBreaker = _CALM
    under_way: int = 0
    """Requests without an answer as yet."""
    canary: CanaryFacts | None = None
    budget: BudgetFacts | None = None

    def stopped(self, stop: Stop) -> Self:
        """Until an operator runs the campaign again."""
        return replace(self, breaker=replace(self.breaker, stop=stop))


@dataclass(frozen=True, slots=True)
class CampaignPolicy:
    """A campaign's rules, fixed for one claim."""

    from_numbers: tuple[str, ...] = ()
    """Lines without bounds of their own; a row's own from-number goes before them."""
    lines: tuple[Line, ...] = ()
    """Lines with bounds, instead of `from_numbers`."""
    zone: tzinfo = UTC
    """The campaign's own: where its days begin."""
    starts_at: float | None = None
    ends_at: float | None = None
    hours: HoursRule = _ANY_HOUR
    overrides: AreaOverrides = _NO_OVERRIDES
    caps: CapsRule = _NO_CAPS
    do_not_call: tuple[DoNotCallFile, ...] = ()
    breakers: BreakerRules = _USUAL_BREAKERS
    budget: BudgetRule | None = None
    canary: CanaryRule | None = None
    agents: tuple[AgentChoice, ...] = ()
    campaign: str = ""
    """Its name: the choice of an agent depends on it."""
    hold: Hold | None = None
    """The rules cannot be known, such as a do-not-call file that cannot be read: nobody is called now."""
    version: int = 0
    """Of what was changed on the running campaign; the ledger takes no claim under an older one."""

    pool: tuple[Line, ...] = field(init=False, repr=False)
    """The lines to choose from."""
    _days: dict[str, Day] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        pool = self.lines or tuple(_plain_line(number) for number in self.from_numbers)
        object.__setattr__(self, "pool", pool)

    @property
    def counts_lines(self) -> bool:
        """Whether the choice of a line depends on how the lines were used."""
        return bool(self.lines) or len(self.from_numbers) > 1

    @property
    def is_unbounded(self) -> bool:
        """Whether no line has a bound of its own."""
        return not self.lines

    def day(self, now: float) -> Day:
        """The campaign's day."""
        today = self._days.get("today")
        if today is None or not today.start <= now < today.end:
            today = self._days["today"] = day_of(now, self.zone)
        return today

    def gate(self, facts: CampaignFacts, now: float) -> Go | Hold | Trial | Stop | Reserve:
        """What holds for every job of the campaign. `Reserve` is a Go, or a Trial, that costs."""
        if facts.cancelled:
            return Stop("the campaign was cancelled", "nothing is left to do")
        if self.hold is not None:
            return self.hold
        if facts.paused is not None:
            return Hold(facts.paused)
        if self.starts_at is not None and now < self.starts_at:
            return Hold(NOT_BEGUN, self.starts_at)
        verdict = facts.breaker.judge(self.breakers, facts.under_way, now)
        if isinstance(verdict, Hold | Stop):
            return verdict
        if self.canary is not None and facts.canary is not None:
            canary = self.canary.judge(facts.canary)
            if not isinstance(canary, Go):
                return canary
        if self.budget is not None and facts.budget is not None:
            return self.budget.judge(facts.budget, self.day(now))  # a trial costs as any other call
        return verdict

    def judge(
        self,
        open_job: OpenJob,
        now: float,
        number: NumberFacts = UNHEARD_OF,
        usage: Mapping[str, LineUsage] | None = None,
    ) -> Verdict:
        """The verdict for one job at `now` (Unix seconds). `usage`: of the lines, by their number."""
        job = open_job.job
        if self.hold is not None:
            return Wait(now + HELD_LOOK_S, HOLD, self.hold.why)
        if job.expires_at is not None and now >= job.expires_at:
            return Drop(JobState.EXPIRED, "expires_at has passed", "expires_at")
        if self.ends_at is not None and now >= self.ends_at:
            return Drop(JobState.EXPIRED, "the campaign's end has passed", "campaign.ends_at")
        if job.not_before is not None and now < job.not_before:
            return Wait(job.not_before, "not_before")
        if self.starts_at is not None and now < self.starts_at:
            return self._not_past_the_end(Wait(self.starts_at, "campaign.starts_at", NOT_BEGUN), job)
        seen: dict[str, Any] = {}
        objection = None if job.to_number is None else self._protect(job, job.to_number, number, now, seen)
        verdict = objection or self._choose(open_job, now, number, usage or {}, seen)
        return verdict if not isinstance(verdict, Wait) else self._not_past_the_end(verdict, job)

    def place_of(self, job: CallJob) -> Place:
        """Where the callee may be. Raises `ValueError` if a column of the row says nonsense of it."""
        if job.to_number is None:
            return Place()
        return find_place(
            job.to_number,
            timezone=job.timezone,
            state=_first(job.content.variables, STATE_NAMES),
            postal_code=_first(job.content.variables, POSTAL_NAMES),
            overrides=self.overrides,
        )

    def zone_of(self, job: CallJob) -> tzinfo | None:
        """The callee's zone, as far as it is known; of several the first."""
        try:
            zones = self.place_of(job).zones
        except ValueError:
            zones = ()
        return zone_named(zones[0]) if zones else None

    def _protect(
        self, job: CallJob, to_number: str, number: NumberFacts, now: float, seen: dict[str, Any]
    ) -> Wait | Drop | None:
        """The rules that protect the person: do-not-call, hours, caps."""
        if number.suppressed is not None:
            said = number.suppressed
            facts = {"source": said.source, "reason": said.reason, "since": said.at}
            why = f"on the do-not-call list: {said.reason} ({said.source})"
            return Drop(JobState.SKIPPED, why, "do_not_call", facts)
        for file in self.do_not_call:
            if file.numbers.covers(to_number):
                why = f"on the do-not-call list {file.name}"
                return Drop(JobState.SKIPPED, why, "do_not_call", {"source": file.name})
        if (name := says_do_not_call(job.content.variables)) is not None:
            why = f"its own row says so, in the column {name!r}"
            return Drop(JobState.SKIPPED, why, "do_not_call", {"source": f"column {name}"})
        if self.hours.is_on:
            objection = self._keep_hours(job, now, seen)
            if objection is not None:
                return objection
        held = self.caps.judge(number.rung_at, number.has_live_call, now)
        if isinstance(held, cap_rules.Until):
            seen |= self.caps.facts(number.rung_at, number.has_live_call, now)
            return Wait(held.at, "caps", held.why, seen)
        if self.caps.caps or self.caps.gap_s:
            seen |= self.caps.facts(number.rung_at, number.has_live_call, now)
        return None

    def _keep_hours(self, job: CallJob, now: float, seen: dict[str, Any]) -> Wait | Drop | None:
        try:
            place = self.place_of(job)
        except ValueError as error:
            return Drop(JobState.SKIPPED, str(error), "hours")
        seen["place"] = place.text
        if self.hours.data:
            seen["data"] = self.hours.data
        match self.hours.judge(place, now):
            case hour_rules.Allowed(until):
                seen["hours_until"] = None if until == float("inf") else until
                seen["hours"] = self.hours.explain(place, now)
                return None
            case hour_rules.Until(at, why):
                return Wait(at, "hours", why, seen)
            case hour_rules.Never(why):
                return Drop(JobState.SKIPPED, why, "hours", seen)

    def _choose(
        self,
        open_job: OpenJob,
        now: float,
        number: NumberFacts,
        usage: Mapping[str, LineUsage],
        seen: dict[str, Any],
    ) -> Verdict:
        """The line, and the agent."""
        job = open_job.job
        agent = choose_agent(job.key, self.agents, self.campaign) if self.agents else None
        is_needed = job.kind is JobKind.PHONE_CALL or job.from_number is not None or self.pool
        if job.kind is JobKind.WEB_CALL or not is_needed:  # it takes nothing of a line's day
            return Dial(None, agent, "", input=seen)
        if job.from_number is None and len(self.pool) == 1 and not self.lines:
            used = usage.get(self.pool[0].number, UNUSED)
            if used.rest is GO:  # as it nearly always is: there is nothing to choose
                return Dial(self.pool[0].number, agent, LineReason.LEAST_USED, input=seen)
        callee = Callee(job.from_number, number.last_line)
        if len(self.pool) > 1 and job.to_number is not None:
            area = area_code(job.to_number)
            callee = Callee(job.from_number, number.last_line, area, area_code_regions(area or ""))
        match choose_line(self.pool, usage, callee, self.day(now), now):
            case Chosen(line, why, trial):
                return Dial(line.number, agent, why, trial, seen)
            case LineWait(until, rule, why):
                return Wait(until, rule, why, seen)
            case NoLine():
                missing = "no from-number: neither the row nor `from_numbers` has one"
                return Drop(JobState.SKIPPED, missing, "line", seen)

    def _not_past_the_end(self, wait: Wait, job: CallJob) -> Wait:
        """It is closed when it expires, and not some time afterwards."""
        ends = [end for end in (job.expires_at, self.ends_at) if end is not None and end < wait.until]
        return Wait(min(ends), wait.rule, wait.why, wait.input) if ends else wait


def _plain_line(number: str) -> Line:
    area = area_code(number)
    return Line(number, area=area, regions=area_code_regions(area or ""))


def _first(variables: Mapping[str, str], names: frozenset[str]) -> str | None:
    return next((text for name, text in variables.items() if fold(name) in names), None)
