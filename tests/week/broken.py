"""Configurations with one rule taken out, for the tests of the checkers."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from dialer.domain.calls import OpenJob
from dialer.domain.lines import LineUsage
from dialer.domain.screening import UNHEARD_OF, CampaignPolicy, NumberFacts, Verdict
from dialer.engine.campaign import CampaignConfig
from tests.week.run import Alter


def with_screen(**changes: Any) -> Alter:
    """Other rules in the screen; names as in `Screen`."""

    def alter(config: CampaignConfig) -> CampaignConfig:
        return replace(config, screen=replace(config.screen, **changes))

    return alter


def with_lines(many: int | None = None, **changes: Any) -> Alter:
    """Other bounds of the lines, and only the first so many; names as in `Line`."""

    def alter(config: CampaignConfig) -> CampaignConfig:
        lines = tuple(replace(line, **changes) for line in config.screen.lines[:many])
        return replace(config, screen=replace(config.screen, lines=lines))

    return alter


def without_regions(*regions: str) -> Alter:
    """No law of these regions."""

    def alter(config: CampaignConfig) -> CampaignConfig:
        regional = config.screen.hours.regional
        assert regional is not None
        left = {name: hours for name, hours in regional.by_region.items() if name not in regions}
        hours = replace(config.screen.hours, regional=replace(regional, by_region=left))
        return replace(config, screen=replace(config.screen, hours=hours))

    return alter


def without_holidays(config: CampaignConfig) -> CampaignConfig:
    """Every law allows calls on holidays."""
    regional = config.screen.hours.regional
    assert regional is not None
    by_region = {name: replace(hours, on_holidays=True) for name, hours in regional.by_region.items()}
    hours = replace(config.screen.hours, regional=replace(regional, by_region=by_region))
    return replace(config, screen=replace(config.screen, hours=hours))


class DeafScreen(CampaignPolicy):
    """Does not hear of the list of numbers that may not be called."""

    def judge(
        self,
        open_job: OpenJob,
        now: float,
        number: NumberFacts = UNHEARD_OF,
        usage: Mapping[str, LineUsage] | None = None,
    ) -> Verdict:
        return CampaignPolicy.judge(self, open_job, now, replace(number, suppressed=None), usage)


def deaf(config: CampaignConfig) -> CampaignConfig:
    """The same rules without the list."""
    was = config.screen
    given = {field.name: getattr(was, field.name) for field in fields(was) if field.init}
    return replace(config, screen=DeafScreen(**given))
