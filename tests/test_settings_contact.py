"""The tables for hours, caps, redials and variables, the rules made of them, and the example campaign."""

import re
import tomllib
from datetime import date
from pathlib import Path

import pytest

from dialer.domain.caps import Cap, CapsRule
from dialer.domain.delays import LocalTime
from dialer.domain.errors import BadInput
from dialer.domain.hours import RING_S
from dialer.domain.lifecycle import JobState
from dialer.domain.redial import DEFAULT_DELAYS, RedialPolicy
from dialer.domain.windows import parse_week
from dialer.settings import Settings, load
from dialer.settings.catalogue import FIELDS
from dialer.settings.contact import ANY_TIME, Redial, Rules, caps_rule, own_hours, redial_policy

EXAMPLE = Path(__file__).parents[1] / "config" / "campaign.example.toml"
RULES = ("rules", "redial", "variables", "budget", "canary", "breakers", "lines", "agents", "campaign")


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "spring.toml"
    path.write_text(text)
    return path


def read(tmp_path: Path, text: str) -> Settings:
    return load(written(tmp_path, text), {}, {}, None).settings


def refused(tmp_path: Path, text: str) -> list[str]:
    """The lines of the refusal, without the file's name."""
    with pytest.raises(BadInput) as caught:
        read(tmp_path, text)
    return str(caught.value).replace(f"{tmp_path / 'spring.toml'}", "").splitlines()


def test_unless_told_the_law_holds_and_no_other_rule() -> None:
    settings = Settings()
    assert settings.rules.hours == "us"
    assert settings.rules.ring_s == RING_S
    assert own_hours(settings.rules) is None
    assert caps_rule(settings.rules) == CapsRule()
    assert redial_policy(settings.redial, 30.0, None) == RedialPolicy()
    assert settings.variables.by_name == {}
    assert (settings.campaign.starts, settings.campaign.ends) == (None, None)


def test_the_campaigns_own_hours() -> None:
    rules = Rules(windows={"mon-fri": "09:00-18:00"}, dates_off=("2026-12-24",), holidays="closed")
    own = own_hours(rules)
    assert own is not None
    assert own.week == parse_week({"mon-fri": "09:00-18:00"})
    assert own.dates_off == {date(2026, 12, 24)}
    assert not own.on_holidays
    only_dates = own_hours(Rules(dates_off=("2026-12-24",)))
    assert only_dates is not None
    assert (only_dates.week, only_dates.on_holidays) == (ANY_TIME, True)
    only_holidays = own_hours(Rules(holidays="closed"))
    assert only_holidays is not None
    assert (only_holidays.week, only_holidays.on_holidays) == (ANY_TIME, False)


def test_caps_and_gap() -> None:
    rules = Rules(caps=("3 per 7d", "1 per 4h"), gap="30m")
    assert caps_rule(rules) == CapsRule((Cap(3, 7 * 86_400.0), Cap(1, 4 * 3600.0)), 1800.0)


def test_own_redials_stand_instead_of_the_usual_ones() -> None:
    redial = Redial(
        attempts_max=5,
        delays={"Busy": "5m, next day 10:00 local", "dial-no-answer": "1h", "declined": "never"},
        counts={"busy": 3},
        give_up_as={"voicemail": "done"},
        spread=True,
    )
    policy = redial_policy(redial, 12.0, 99.0)
    tomorrow = LocalTime(1, 10, 0)
    assert policy.delays == {
        **DEFAULT_DELAYS,
        "busy": (300.0, tomorrow, tomorrow),
        "dial_no_answer": (3600.0,),
        "declined": (),
    }
    assert policy.give_up_as == {"voicemail": JobState.DONE}
    assert (policy.attempts_max, policy.put_back_s, policy.spread, policy.ends_at) == (5, 12.0, True, 99.0)


@pytest.mark.parametrize(
    ("text", "starts", "ends"),
    [
        ("starts_at = 2026-12-01\nends_at = 2026-12-24", 1796101200.0, 1798174800.0),
        ('starts_at = "2026-12-01T09:00"\nends_at = "2026-12-24T18:00"', 1796133600.0, 1798153200.0),
        ("starts_at = 2026-12-01T09:00:00\nends_at = 2026-12-24T18:00:00-08:00", 1796133600.0, 1798164000.0),
    ],
)
def test_start_and_end_are_meant_in_the_campaigns_zone(
    tmp_path: Path, text: str, starts: float, ends: float
) -> None:
    campaign = read(tmp_path, f"[campaign]\n{text}").campaign
    assert (campaign.starts, campaign.ends) == (starts, ends)


def test_lists_and_tables_from_the_environment() -> None:
    environ = {
        "DIALER_RULES__CAPS": "3 per 7d, 1 per 4h",
        "DIALER_RULES__WINDOWS": '{"mon": "09:00-10:00"}',
        "DIALER_RULES__DO_NOT_CALL": "a.txt,b.csv",
        "DIALER_LINES": '[{"number": "+12125550100", "since": "2026-11-01", "warm_up": [[0, 20]]}]',
        "DIALER_VARIABLES__NEEDED": "first_name",
        "DIALER_VARIABLES__DEFAULTS": '{"company": "Acme"}',
    }
    settings = load(None, {}, environ, None).settings
    assert settings.rules.caps == ("3 per 7d", "1 per 4h")
    assert settings.rules.windows == {"mon": "09:00-10:00"}
    assert settings.rules.do_not_call == ("a.txt", "b.csv")
    assert settings.lines[0].since == date(2026, 11, 1)
    assert settings.variables.by_name == {"first_name": None, "company": "Acme"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[rules]\nhour = 3", " line 2: there is no setting rules.hour; did you mean rules.hours?"),
        ('[rules.windows]\nmonday = ""', " line 1: rules.windows has the day 'monday': write mon, tue"),
        (
            '[rules]\nwindows = { mon = "" }',
            " line 2: rules.windows leaves no time at all to call: name a day",
        ),
        ('[rules]\ndates_off = ["24.12."]', "rules.dates_off has '24.12.', which is no date: write it like"),
        ("[rules]\nholidays = true", "rules.holidays = True must be one of open, closed"),
        (
            '[rules]\ncaps = ["3 a week"]',
            "rules.caps is wrong: '3 a week' is no cap: write calls per duration",
        ),
        (
            '[rules]\ngap = "an hour"',
            "rules.gap = an hour is wrong: 'an hour' is no duration: write a number and",
        ),
        ('[rules]\ndo_not_call = [""]', "rules.do_not_call has an empty path: name the file, or take it out"),
        ("[rules]\nring_s = 601", "rules.ring_s = 601 must be a whole number from 0 to 600"),
        ('[redial.delays]\nengaged = "5m"', " line 1: redial.delays is wrong: 'engaged' is no reason and no"),
        (
            '[redial.delays]\nbusy = "soon"',
            "redial.delays is wrong: busy = 'soon' is no delay: write for example 5m",
        ),
        (
            '[redial.delays]\nbusy = "5m"\nBusy = "6m"',
            "redial.delays has 'busy' and 'Busy', which are the same",
        ),
        (
            '[redial.delays]\ndo_not_call = "5m"',
            "can have no redials, whatever the campaign: take this row out",
        ),
        (
            "[redial.counts]\nbusy = 3",
            " line 1: redial has a count for busy, but no row of it in delays: add",
        ),
        (
            '[redial]\ndelays = { busy = "5m, 6m" }\ncounts = { busy = 1 }',
            " line 2: redial is wrong: counts.busy: '5m, 6m' has 2 delays and the count of redials is 1",
        ),
        (
            '[redial.give_up_as]\nbusy = "lost"',
            "redial.give_up_as is wrong: busy = 'lost' ends no job: write one of",
        ),
        ('[redial.give_up_as]\ndial_busy = "done"', "redial has dial_busy in give_up_as, but no row of it"),
        ("[variables]\ndefaults = { age = 3 }", "variables.defaults must be a table"),
        ('[campaign]\nends_at = "soon"', "campaign.ends_at = soon is no time that is understood: write 2026"),
        ("[campaign]\nends_at = 3", "campaign.ends_at = 3 must be text"),
        (
            "[campaign]\nstarts_at = 2026-12-24\nends_at = 2026-12-01",
            " line 2: campaign has an ends_at that is not later than its starts_at: correct one of them",
        ),
        ("[budget]\nper_day_usd = 5", " line 2: budget has a ceiling but no per_minute_usd: give what"),
        ("[breakers]\nflagged_rest_max_s = 60", " line 2: breakers has a flagged_rest_max_s below its"),
        ('[canary]\nfailures = ["bad"]', "canary.failures must be a list of these: reached, voicemail,"),
        ("[[lines]]\ncps = 2", " line 1: [[lines]] number 1: number is missing"),
        (
            '[[lines]]\nnumber = "+12125550100"\n[[lines]]\nnumber = "+12125550101"\ncps = 0',
            " line 1: [[lines]] number 2: cps must be a number from 0.01 to 150",
        ),
        (
            '[[lines]]\nnumber = "+12125550100"\ncpss = 0',
            " line 1: [[lines]] number 1: there is no setting cpss; did you mean cps?",
        ),
        ('[[lines]]\nnumber = "12125550100"', " line 1: [[lines]] number 1: number is not E.164, which is +"),
        (
            '[[lines]]\nnumber = "+12125550100"\nregion = "New York"',
            " line 1: [[lines]] number 1: region must be written like US-NY",
        ),
        (
            '[[lines]]\nnumber = "+12125550100"\nwarm_up = [[0, 20]]',
            " line 1: [[lines]] number 1: has a warm_up but no `since`: give the number's first day, such as",
        ),
        (
            '[[lines]]\nnumber = "+12125550100"\nsince = "x"',
            "number 1: since must be a date such as 2026-11-01",
        ),
        (
            '[[lines]]\nnumber = "+12125550100"\n[[lines]]\nnumber = "+12125550100"',
            " line 1: lines 1 and 2 have the same number: keep one of them",
        ),
        (
            '[lines]\nnumber = "+12125550100"',
            " line 1: lines must be a list of tables, each below its own [[",
        ),
        ("lines = [3]", " line 1: lines must be a list of tables, each below its own [[lines]] (in the"),
        (
            '[[agents]]\nagent_id = "a"\nweight = 0',
            " line 1: [[agents]] number 1: weight must be a number from",
        ),
    ],
)
def test_what_is_wrong_names_the_setting_and_the_way_out(tmp_path: Path, text: str, says: str) -> None:
    lines = refused(tmp_path, text)
    assert len(lines) == 1
    assert says in lines[0]


def test_no_line_is_shown_in_an_error(tmp_path: Path) -> None:
    (line,) = refused(tmp_path, '[[lines]]\nnumber = "+1212555010O"')
    assert "+1212" not in line.replace("+12125550100", "")


def test_the_example_campaign_can_be_read_with_and_without_its_comments(tmp_path: Path) -> None:
    text = EXAMPLE.read_text()
    assert load(EXAMPLE, {}, {}, None).settings == Settings()
    everything = re.sub(r"^#(?=\S)", "", text, flags=re.MULTILINE)
    settings = read(tmp_path, everything)
    assert len(settings.lines) == len(settings.agents) == 2
    assert settings.rules.caps == ("3 per 7d", "1 per 4h")
    assert redial_policy(settings.redial, 30.0, None).is_local


def test_the_example_campaign_has_every_rule() -> None:
    tables = tomllib.loads(re.sub(r"^#(?=\S)", "", EXAMPLE.read_text(), flags=re.MULTILINE))
    for dotted in FIELDS:
        section, _, key = dotted.rpartition(".")
        if (section or key) in RULES:
            assert not section or key in tables[section], dotted
    assert set(tables["lines"][0]) >= {"number", "cps", "slots", "per_day", "warm_up", "since", "region"}
    assert set(tables["agents"][0]) >= {"agent_id", "agent_version", "weight"}


def test_new_area_codes_come_with_their_state_or_zone(tmp_path: Path) -> None:
    text = '[intake.area_codes]\n232 = "US-ID"\n233 = "America/Boise"\n'
    assert read(tmp_path, text).intake.area_codes == {"232": "US-ID", "233": "America/Boise"}
    for code, place in (("23", "US-ID"), ("123", "US-ID"), ("232", "US-XX"), ("232", "")):
        (line,) = refused(tmp_path, f'[intake.area_codes]\n{code} = "{place}"\n')
        assert "intake.area_codes" in line
