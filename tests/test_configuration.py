"""The rules of a campaign, made of its settings."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from dialer.app.calling_hours import hours_in_force
from dialer.app.engine_config import campaign_config, screen_of
from dialer.domain.budget import BudgetRule
from dialer.domain.calls import CallJob, CampaignId, JobId, OpenJob
from dialer.domain.canary import CanaryRule
from dialer.domain.caps import Cap
from dialer.domain.errors import BadInput
from dialer.domain.places import Place
from dialer.domain.screening import CampaignPolicy, Dial, Drop, Wait
from dialer.settings import Rules, Settings, load
from dialer.settings.contact import hours_notice

LINE = "+12125550190"
DENVER = Place(("America/Denver",), ("US-CO",))


def at(text: str, zone: str = "America/Denver") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


MORNING = at("2026-11-23T07:00")


def screen(settings: Settings, now: float = MORNING) -> CampaignPolicy:
    return screen_of(settings, "spring", hours_in_force(settings.rules, now))


def read(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "spring.toml"
    path.write_text(text)
    return load(path, {}, {}, None).settings


def a_job(number: str = "+13035550100") -> OpenJob:
    return OpenJob(JobId(1), CampaignId(1), CallJob(number, number), MORNING, 0)


def test_the_federal_hours_hold_unless_told() -> None:
    rules = screen(Settings(from_numbers=(LINE,)))
    verdict = rules.judge(a_job(), MORNING)
    assert isinstance(verdict, Wait)
    assert (verdict.until, verdict.rule) == (at("2026-11-23T08:00"), "hours")
    assert isinstance(rules.judge(a_job(), verdict.until), Dial)
    unknown = rules.judge(a_job("+18005550199"), MORNING)
    assert isinstance(unknown, Drop)
    assert "it is not known where this number is" in unknown.reason
    assert hours_notice(Settings().rules) is None


def test_always_takes_them_off_and_says_so() -> None:
    settings = Settings(from_numbers=(LINE,), rules=Rules(hours="always"))
    assert not screen(settings).hours.is_on
    assert isinstance(screen(settings).judge(a_job("+18005550199"), MORNING), Dial)
    assert hours_notice(settings.rules) == (
        'rules.hours is "always": no law\'s calling hours are kept, and people may be called at any hour'
    )


def test_own_windows_come_on_top_and_hold_without_the_law() -> None:
    windows = {"mon": "06:00-07:30", "tue": "09:30-10:00"}
    both = hours_in_force(Rules(windows=windows, ring_s=0), MORNING).rule
    assert both.next_allowed(DENVER, MORNING)[0] == at("2026-11-24T09:30")
    alone = hours_in_force(Rules(hours="always", windows=windows, ring_s=0), MORNING).rule
    assert alone.next_allowed(DENVER, MORNING) == (MORNING, "")
    assert alone.next_allowed(DENVER, at("2026-11-23T07:30"))[0] == at("2026-11-24T09:30")


def test_dates_off_and_public_holidays_have_no_calls() -> None:
    day = at("2026-11-26T10:00")  # Thanksgiving
    usual = hours_in_force(Rules(), day).rule
    assert usual.next_allowed(DENVER, day)[0] == day
    off = hours_in_force(Rules(holidays="closed", dates_off=("2026-11-27",)), day).rule
    assert off.next_allowed(DENVER, day)[0] == at("2026-11-28T08:00")
    berlin = Place(("Europe/Berlin",), ("DE",))
    christmas = at("2026-12-25T10:00", "Europe/Berlin")
    closed = hours_in_force(Rules(holidays="closed"), christmas).rule
    assert closed.next_allowed(berlin, christmas)[0] == at("2026-12-27T08:00", "Europe/Berlin")


def test_the_old_year_and_the_next_but_one_are_known_on_the_first_of_january() -> None:
    now = at("2027-01-01T03:00", "UTC")
    rule = hours_in_force(Rules(holidays="closed"), now).rule
    assert rule.holidays.years == {2026, 2027, 2028}
    assert rule.next_allowed(DENVER, now) == (now, "")


def test_a_rules_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(
        'title = "own"\n[regions.US]\nhours = { mon = "12:00-13:00" }\n'
        'citation = "c"\nchecked = ""\nsource = "s"\n'
    )
    rule = hours_in_force(Rules(hours=str(path)), MORNING).rule
    assert rule.next_allowed(DENVER, MORNING)[0] == at("2026-11-23T12:00")
    with pytest.raises(BadInput, match=r"none\.toml: cannot be read"):
        hours_in_force(Rules(hours=str(tmp_path / "none.toml")), MORNING)


def test_every_other_rule_is_in_the_screen(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        f"""
        from_numbers = ["{LINE}"]
        [campaign]
        timezone = "America/Chicago"
        starts_at = 2026-12-01
        ends_at = 2026-12-24
        [rules]
        caps = ["3 per 7d"]
        gap = "30m"
        [redial]
        attempts_max = 7
        spread = true
        [budget]
        per_day_usd = 5
        per_minute_usd = 0.1
        [canary]
        calls = 5
        [breakers]
        configuration_max = 9
        [[lines]]
        number = "+13035550190"
        slots = 2
        [[agents]]
        agent_id = "agent_a"
        """,
    )
    rules = screen(settings)
    assert [(line.number, line.slots, line.regions) for line in rules.pool] == [
        ("+13035550190", 2, ("US-CO",)),
        (LINE, None, ("US-NY",)),
    ]
    assert rules.zone == ZoneInfo("America/Chicago")
    assert (rules.starts_at, rules.ends_at) == (
        at("2026-12-01", "America/Chicago"),
        at("2026-12-25", "America/Chicago"),
    )
    assert (rules.caps.caps, rules.caps.gap_s) == ((Cap(3, 604_800.0),), 1800.0)
    assert rules.budget == BudgetRule(None, 500.0, 10.0, 60.0, 20)
    assert rules.canary == CanaryRule(5, 0.2)
    assert rules.breakers.configuration_max == 9
    assert [agent.agent_id for agent in rules.agents] == ["agent_a"]
    assert rules.campaign == "spring"
    config = campaign_config(settings, 3, screen=rules, control_s=2.0)
    assert config.screen is rules
    assert (config.limit, config.control_s) == (3, 2.0)
    assert (config.redial.attempts_max, config.redial.spread) == (7, True)
    assert config.redial.ends_at == rules.ends_at
    assert config.redial.put_back_s == settings.placing.put_back_s


def test_plain_numbers_alone_are_lines_without_bounds() -> None:
    rules = screen(Settings(from_numbers=(LINE,)))
    assert (rules.lines, rules.from_numbers, rules.is_unbounded) == ((), (LINE,), True)
