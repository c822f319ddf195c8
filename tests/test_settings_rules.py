"""The tables for lines, agents, money and breakers, and the rules made of them."""

import tomllib
from datetime import date
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from dialer.domain.agents import AgentChoice
from dialer.domain.breakers import BreakerRules
from dialer.domain.budget import BudgetRule
from dialer.domain.canary import FAILURES, CanaryRule
from dialer.domain.lines import Line, WarmUp
from dialer.domain.outcomes import Outcome
from dialer.domain.resting import RestRule
from dialer.settings.rules import (
    Agents,
    AgentSection,
    Breakers,
    Budget,
    Canary,
    Lines,
    LineSection,
    agents_of,
    breaker_rules,
    budget_rule,
    canary_rule,
    lines_of,
)


class Tables(BaseModel):
    """The tables as they will stand among the settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lines: Lines = ()
    agents: Agents = ()
    budget: Budget = Budget()
    canary: Canary = Canary()
    breakers: Breakers = Breakers()


def read(text: str) -> Tables:
    return Tables(**tomllib.loads(text))


def refused(text: str) -> str:
    """What is wrong, with the place in front."""
    with pytest.raises(ValidationError) as caught:
        read(text)
    return "\n".join(
        f"{'.'.join(map(str, each['loc']))} {each['msg'].removeprefix('Value error, ')}"
        for each in caught.value.errors()
    )


def regions_of(number: str) -> tuple[str, ...]:
    return {"+12125550100": ("US-NY",), "+13035550100": ("US-CO",)}.get(number, ())


def test_all_is_neutral_unless_given() -> None:
    plain = read("")
    assert lines_of(plain.lines, (), regions_of) == ()
    assert agents_of(plain.agents) == ()
    assert budget_rule(plain.budget) is None
    assert canary_rule(plain.canary) is None
    assert breaker_rules(plain.breakers) == BreakerRules()


def test_plain_from_numbers_are_lines_without_bounds() -> None:
    lines = lines_of((), ("+12125550100", "+13035550100", "+12125550100"), regions_of)
    assert lines == (
        Line("+12125550100", area="212", regions=("US-NY",)),
        Line("+13035550100", area="303", regions=("US-CO",)),
    )


def test_everything_given() -> None:
    given = read(
        """
        [[lines]]
        number = "+12125550100"
        cps = 0.5
        slots = 3
        per_day = 150
        warm_up = [[0, 20], [7, 60]]
        since = 2026-11-01
        [[lines]]
        number = "+13035550100"
        region = "US-WY"
        [[agents]]
        agent_id = "agent_a"
        [[agents]]
        agent_id = "agent_a"
        agent_version = "next"
        weight = 0.25
        [budget]
        per_campaign_usd = 250
        per_day_usd = 0.29
        per_minute_usd = 0.14
        expected_s = 90
        [canary]
        calls = 50
        failure_share_max = 0.1
        failures = ["refused", "voicemail"]
        [breakers]
        flagged_rest_s = 60
        flagged_rest_max_s = 600
        provider_failures = 2
        provider_rest_s = 5
        provider_rest_max_s = 50
        provider_scope = "all"
        configuration_max = 4
        refused_in_a_row_max = 7
        refused_a_minute_max = 30
        """
    )
    ramp = WarmUp(date(2026, 11, 1), ((0, 20), (7, 60)))
    assert lines_of(given.lines, ("+13035550100", "+17165550100"), regions_of) == (
        Line("+12125550100", 0.5, 3, 150, ramp, "212", ("US-NY",)),
        Line("+13035550100", area="303", regions=("US-WY",)),
        Line("+17165550100", area="716"),
    )
    assert agents_of(given.agents) == (AgentChoice("agent_a"), AgentChoice("agent_a", "next", 0.25))
    assert budget_rule(given.budget) == BudgetRule(25_000.0, 29.0, 14.0, 90.0, 20)
    assert canary_rule(given.canary) == CanaryRule(50, 0.1, frozenset({Outcome.REFUSED, Outcome.VOICEMAIL}))
    assert breaker_rules(given.breakers) == BreakerRules(
        RestRule(1, 60, 600), RestRule(2, 5, 50), True, 4, 7, 30
    )


def test_breakers_can_be_taken_off() -> None:
    off = read(
        """
        [breakers]
        flagged_rest_s = 0
        provider_failures = 0
        configuration_max = 0
        refused_in_a_row_max = 0
        refused_a_minute_max = 0
        """
    )
    assert breaker_rules(off.breakers) == BreakerRules(None, None, False, 0, 0, 0)


def test_the_failures_of_a_canary_are_the_campaigns_own_unless_given() -> None:
    assert canary_rule(Canary(calls=5)) == CanaryRule(5, 0.2, FAILURES)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[lines]]\nnumber = "12125550100"', ["lines.0.number", "E.164"]),
        ('[[lines]]\nnumber = "+12125550100"\ncps = 0', ["lines.0.cps"]),
        ('[[lines]]\nnumber = "+12125550100"\nper_day = 0', ["lines.0.per_day"]),
        ('[[lines]]\nnumber = "+12125550100"\nregion = "New York"', ["lines.0.region"]),
        (
            '[[lines]]\nnumber = "+12125550100"\nsince = 2026-11-01\nwarm_up = [[1, 20]]',
            ["lines.0.warm_up", "begin with age 0"],
        ),
        (
            '[[lines]]\nnumber = "+12125550100"\nsince = 2026-11-01\nwarm_up = [[0, 20], [9, 30], [7, 60]]',
            ["lines.0.warm_up", "rise"],
        ),
        (
            '[[lines]]\nnumber = "+12125550100"\nsince = 2026-11-01\nwarm_up = [[0, 20], [0, 30]]',
            ["lines.0.warm_up", "rise"],
        ),
        (
            '[[lines]]\nnumber = "+12125550100"\nsince = 2026-11-01\nwarm_up = [[0, 0]]',
            ["lines.0.warm_up", "leave the line out"],
        ),
        ('[[lines]]\nnumber = "+12125550100"\nwarm_up = [[0, 20]]', ["lines.0", "`since`", "2026-11-01"]),
        ('[[lines]]\nnumber = "+12125550100"\nsince = 2026-11-01', ["lines.0", "warm_up"]),
        (
            '[[lines]]\nnumber = "+12125550100"\n[[lines]]\nnumber = "+12125550101"\n'
            '[[lines]]\nnumber = "+12125550100"',
            ["lines lines 1 and 3 have the same number", "keep one"],
        ),
        ('[[agents]]\nagent_id = ""', ["agents.0.agent_id"]),
        ('[[agents]]\nagent_id = "a"\nweight = 0', ["agents.0.weight"]),
        (
            '[[agents]]\nagent_id = "a"\nagent_version = 1\n[[agents]]\nagent_id = "a"\nagent_version = 1',
            ["agents 1 and 2", "sum of their weights"],
        ),
        ("[budget]\nper_day_usd = 5", ["budget", "per_minute_usd"]),
        ("[budget]\nper_campaign_usd = 5", ["budget", "per_minute_usd"]),
        ("[budget]\nper_day_usd = 0", ["budget.per_day_usd"]),
        ("[canary]\nfailure_share_max = 20", ["canary.failure_share_max"]),
        (
            '[canary]\nfailures = ["not_rung", "busy", "account"]',
            ["canary.failures", "hold not_rung, account:"],
        ),
        ("[canary]\nfailures = []", ["canary.failures"]),
        ("[breakers]\nrefused_a_minute_max = 60", ["breakers.refused_a_minute_max"]),
        ("[breakers]\nflagged_rest_max_s = 60", ["breakers", "flagged_rest_max_s below"]),
        ("[breakers]\nprovider_rest_s = 2000", ["breakers", "provider_rest_max_s below", "lower"]),
    ],
)
def test_what_is_wrong_names_the_way_out(text: str, words: list[str]) -> None:
    problem = refused(text)
    assert [word for word in words if word not in problem] == []


@pytest.mark.parametrize("section", [LineSection, AgentSection, Budget, Canary, Breakers])
def test_every_setting_is_described(section: type[BaseModel]) -> None:
    described: dict[str, Any] = section.model_json_schema()
    assert described["description"]
    for name, field in section.model_fields.items():
        assert field.description, name
