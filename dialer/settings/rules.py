"""The tables of a campaign's rules for lines, agents, money and breakers, and the rules made of them.

All of them are neutral unless given: no line has a bound, no ceiling holds, no call goes first. The breakers
alone are on, since they change nothing until calls fail.
"""

import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from dialer.domain.agents import AgentChoice
from dialer.domain.breakers import BreakerRules
from dialer.domain.budget import BudgetRule
from dialer.domain.canary import FAILURES, NO_CALL, CanaryRule
from dialer.domain.lines import Line, WarmUp, area_code
from dialer.domain.outcomes import Outcome
from dialer.domain.resting import RestRule
from dialer.settings.sections import Section

E164 = re.compile(r"\+[1-9][0-9]{6,14}")


class LineSection(Section):
    """A number to call from, with bounds of its own; the campaign's `pace` holds over all lines together."""

    number: Annotated[str, Field(examples=["+12125550100"])]
    """E.164."""
    cps: Annotated[float | None, Field(ge=0.01, le=150, examples=[1.0])] = None
    """Calls per second; unset: only the campaign's. Twilio allows 1 at first, Telnyx 16."""
    slots: Annotated[int | None, Field(ge=1, le=10_000, examples=[10])] = None
    """Calls at once; unset: only the campaign's."""
    per_day: Annotated[int | None, Field(ge=1, le=1_000_000, examples=[300])] = None
    """Calls per day of the campaign's time zone; unset: no bound."""
    warm_up: Annotated[tuple[tuple[int, int], ...], Field(examples=[((0, 20), (7, 60), (14, 200))])] = ()
    """Calls per day by age: [days since `since`, calls per day from then on]; the last holds from then on."""
    since: Annotated[date | None, Field(examples=[date(2026, 11, 1)])] = None
    """The number's first day, for `warm_up`; before it no call is made from it."""
    region: Annotated[str | None, Field(pattern="^[A-Z]{2}(-[A-Z0-9]{1,3})?$", examples=["US-NY"])] = None
    """Where the number is from, for callees of the same place; unset: as its area code says."""

    @field_validator("number")
    @classmethod
    def _is_e164(cls, number: str) -> str:
        if not E164.fullmatch(number):
            raise ValueError("is not E.164, which is + and 7 to 15 digits, not 0 first: +12125550100")
        return number

    @field_validator("warm_up")
    @classmethod
    def _rises(cls, steps: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        ages = [age for age, _ in steps]
        if steps and (ages[0] != 0 or ages != sorted(set(ages))):
            raise ValueError("must begin with age 0, and the ages must rise: [[0, 20], [7, 60], [14, 200]]")
        if any(calls < 1 for _, calls in steps):
            raise ValueError("must allow one call a day at least: leave the line out to use it not at all")
        return steps

    @model_validator(mode="after")
    def _has_an_age(self) -> Self:
        if self.warm_up and self.since is None:
            raise ValueError("has a warm_up but no `since`: give the number's first day, such as 2026-11-01")
        if self.since is not None and not self.warm_up:
            raise ValueError(
                "has a `since` but no warm_up: give the calls per day by age, or leave `since` out"
            )
        return self


class AgentSection(Section):
    """One of several agents that share the campaign's calls, so that their results can be compared."""

    agent_id: Annotated[str, Field(min_length=1, examples=["agent_0123456789"])]
    """The agent; a row's own goes before it."""
    agent_version: Annotated[int | str | None, Field(examples=[3])] = None
    """Its version, a number or a tag; unset: the API's choice."""
    weight: Annotated[float, Field(ge=0.001, le=1000)] = 1.0
    """Its share of the jobs, in proportion to the other weights."""


def _distinct_lines(lines: tuple[LineSection, ...]) -> tuple[LineSection, ...]:
    _refuse_doubles([line.number for line in lines], "lines", "the same number: keep one of them")
    return lines


def _distinct_agents(agents: tuple[AgentSection, ...]) -> tuple[AgentSection, ...]:
    named = [(agent.agent_id, agent.agent_version) for agent in agents]
    _refuse_doubles(named, "agents", "the same agent and version: keep one, with the sum of their weights")
    return agents


def _refuse_doubles(of: Sequence[object], what: str, wrong: str) -> None:
    for at, each in enumerate(of):
        if each in of[:at]:
            raise ValueError(f"{what} {of.index(each) + 1} and {at + 1} have {wrong}")


Lines = Annotated[tuple[LineSection, ...], AfterValidator(_distinct_lines)]
Agents = Annotated[tuple[AgentSection, ...], AfterValidator(_distinct_agents)]


class Budget(Section):
    """Ceilings in money, in US dollars as the API bills. At a ceiling no further call is started."""

    per_campaign_usd: Annotated[float | None, Field(ge=0.01, le=100_000_000, examples=[250.0])] = None
    """For the whole campaign; unset: no ceiling."""
    per_day_usd: Annotated[float | None, Field(ge=0.01, le=100_000_000, examples=[50.0])] = None
    """For each day of the campaign's time zone; unset: no ceiling."""
    per_minute_usd: Annotated[float | None, Field(ge=0.001, le=100, examples=[0.12])] = None
    """What a minute of a call costs, all included; needed with a ceiling."""
    expected_s: Annotated[float, Field(ge=1, le=7200)] = 60.0
    """Seconds that a call is expected to last on average, unanswered ones included."""
    prior_calls: Annotated[int, Field(ge=1, le=10_000)] = 20
    """The expected cost weighs as much as so many calls that were really made."""

    @model_validator(mode="after")
    def _has_a_price(self) -> Self:
        has_ceiling = self.per_campaign_usd is not None or self.per_day_usd is not None
        if has_ceiling and self.per_minute_usd is None:
            raise ValueError(
                "has a ceiling but no per_minute_usd: give what a minute costs, as the Retell dashboard "
                "shows it for the agent, so that calls under way can be reckoned with"
            )
        return self


class Canary(Section):
    """The first calls show whether the rest is worth making."""

    calls: Annotated[int, Field(ge=0, le=100_000)] = 0
    """How many calls go first; the rest waits until all of them have ended. 0: none."""
    failure_share_max: Annotated[float, Field(ge=0, le=1)] = 0.2
    """The share of them that may fail; if more do, the campaign stops."""
    failures: Annotated[tuple[Outcome, ...], Field(min_length=1)] = tuple(sorted(FAILURES))
    """The outcomes that count as failures."""

    @field_validator("failures")
    @classmethod
    def _can_be_counted(cls, failures: tuple[Outcome, ...]) -> tuple[Outcome, ...]:
        wrong = ", ".join(outcome for outcome in failures if outcome in NO_CALL)
        if wrong:
            raise ValueError(f"may not hold {wrong}: no such call is counted, another takes its place")
        return failures


class Breakers(Section):
    """When calls fail for a reason that the next would fail for too, no further call is made."""

    flagged_rest_s: Annotated[float, Field(ge=0, le=604_800)] = 3600.0
    """Seconds that a line flagged as spam rests before a trial call; doubles if that fails. 0: none."""
    flagged_rest_max_s: Annotated[float, Field(ge=1, le=2_592_000)] = 86_400.0
    """Seconds of the longest such rest."""
    provider_failures: Annotated[int, Field(ge=0, le=1000)] = 3
    """Calls in a row for which the telephony provider is unavailable before its lines rest. 0: never."""
    provider_rest_s: Annotated[float, Field(ge=1, le=86_400)] = 30.0
    """Seconds of the first such rest; doubles with each trial call that fails."""
    provider_rest_max_s: Annotated[float, Field(ge=1, le=604_800)] = 1800.0
    """Seconds of the longest such rest."""
    provider_scope: Literal["line", "all"] = "line"
    """all: the lines have one provider and rest together; line: each for itself."""
    configuration_max: Annotated[int, Field(ge=0, le=1000)] = 3
    """Calls in a row that may fail for the telephony's configuration before the campaign stops. 0: any."""
    refused_in_a_row_max: Annotated[int, Field(ge=0, le=10_000)] = 20
    """Requests in a row that the API may refuse before the campaign stops. 0: any."""
    refused_a_minute_max: Annotated[int, Field(ge=0, le=59)] = 50
    """Requests refused within a minute (a service: in all campaigns) before others wait; 60 block. 0: any."""

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        for name, first, most in (
            ("flagged_rest", self.flagged_rest_s, self.flagged_rest_max_s),
            ("provider_rest", self.provider_rest_s, self.provider_rest_max_s),
        ):
            if most < first:
                raise ValueError(
                    f"has a {name}_max_s below its {name}_s: raise the first or lower the second"
                )
        return self


def lines_of(
    sections: Sequence[LineSection],
    from_numbers: Sequence[str],
    regions_of: Callable[[str], tuple[str, ...]],
) -> tuple[Line, ...]:
    """The campaign's lines: those with bounds, then the plain `from_numbers` that are not among them.

    `regions_of` says where an E.164 number may be from, in the same words as for callees.
    """
    given = {section.number: section for section in sections}
    plain = [LineSection(number=number) for number in dict.fromkeys(from_numbers) if number not in given]
    return tuple(
        Line(
            section.number,
            section.cps,
            section.slots,
            section.per_day,
            WarmUp(section.since, section.warm_up) if section.since is not None else None,
            area_code(section.number),
            (section.region,) if section.region is not None else regions_of(section.number),
        )
        for section in (*sections, *plain)
    )


def agents_of(sections: Sequence[AgentSection]) -> tuple[AgentChoice, ...]:
    """The agents to choose from; none: the one that every call gets."""
    return tuple(AgentChoice(each.agent_id, each.agent_version, each.weight) for each in sections)


def budget_rule(budget: Budget) -> BudgetRule | None:
    """None: no ceiling."""
    if budget.per_minute_usd is None or (budget.per_campaign_usd is None and budget.per_day_usd is None):
        return None
    return BudgetRule(
        None if budget.per_campaign_usd is None else _cents(budget.per_campaign_usd),
        None if budget.per_day_usd is None else _cents(budget.per_day_usd),
        _cents(budget.per_minute_usd),
        budget.expected_s,
        budget.prior_calls,
    )


def _cents(usd: float) -> float:
    return round(usd * 100.0, 6)  # 0.29 is 29 cents, not 28.999999999999996


def canary_rule(canary: Canary) -> CanaryRule | None:
    """None: no calls go first."""
    if canary.calls == 0:
        return None
    return CanaryRule(canary.calls, canary.failure_share_max, frozenset(canary.failures))


def breaker_rules(breakers: Breakers) -> BreakerRules:
    """What holds calls back when they fail."""
    flagged = RestRule(1, breakers.flagged_rest_s, breakers.flagged_rest_max_s)
    provider = RestRule(breakers.provider_failures, breakers.provider_rest_s, breakers.provider_rest_max_s)
    return BreakerRules(
        flagged if breakers.flagged_rest_s > 0 else None,
        provider if breakers.provider_failures > 0 else None,
        breakers.provider_scope == "all",
        breakers.configuration_max,
        breakers.refused_in_a_row_max,
        breakers.refused_a_minute_max,
    )
