"""The rules for one job, in their order, and what the decision record is told of them."""

from collections.abc import Mapping
from typing import Any

import pytest

from dialer.domain.agents import AgentChoice
from dialer.domain.calls import CallContent, CallJob, CampaignId, JobId, JobKind, OpenJob
from dialer.domain.caps import Cap, CapsRule
from dialer.domain.gates import Hold, Trial
from dialer.domain.hours import HoursRule
from dialer.domain.lifecycle import JobState
from dialer.domain.lines import Line, LineReason, LineUsage
from dialer.domain.local_hours import Hours
from dialer.domain.places import AreaOverrides, Place
from dialer.domain.screening import CampaignPolicy, Dial, DoNotCallFile, Drop, NumberFacts, Verdict, Wait
from dialer.domain.suppression import NumberSet, Suppressed
from dialer.domain.wall_clock import zone_named
from dialer.domain.windows import parse_week

NOW = 1_800_000_000.0
"""A Friday, 08:00 UTC: 03:00 in New York, 02:00 in Chicago, midnight in Los Angeles."""
HOUR_S = 3600.0
NUMBER = "+12125550100"
NEW_YORK, CHICAGO, DENVER = "+12125550190", "+13125550190", "+13035550190"
LISTED = NumberFacts(suppressed=Suppressed(NUMBER, "operator", "asked for it", NOW - 9))
FILE = DoNotCallFile("dnc.txt", NumberSet([NUMBER]))
DAYTIME = HoursRule((Hours("campaign", parse_week({"mon-fri": "09:00-18:00"})),))
ALWAYS = HoursRule((Hours("campaign", parse_week({"mon-sun": "00:00-24:00"})),))
NEVER = HoursRule((Hours("campaign", parse_week({})),))
CAPS = CapsRule((Cap(2, 7 * 86_400.0),), gap_s=4 * HOUR_S)
RUNG = NumberFacts(rung_at=(NOW - HOUR_S,))
OPENS = NOW + 6 * HOUR_S
"""09:00 in New York."""


def an_open_job(variables: Mapping[str, str] | None = None, **given: Any) -> OpenJob:
    job = CallJob(
        **{"key": "a", "to_number": NUMBER, "content": CallContent(variables=variables or {}), **given}
    )
    return OpenJob(JobId(1), CampaignId(1), job, NOW, 0)


def judge(screen: CampaignPolicy, number: NumberFacts = LISTED, /, **given: Any) -> Verdict:
    return screen.judge(an_open_job(**given), NOW, number)


def test_the_ledgers_list_comes_first_and_says_whose_word_it_is() -> None:
    verdict = judge(CampaignPolicy((NEW_YORK,), do_not_call=(FILE,), hours=NEVER, caps=CAPS))
    assert verdict == Drop(
        JobState.SKIPPED, "on the do-not-call list: asked for it (operator)", "do_not_call"
    )
    assert verdict.input == {"source": "operator", "reason": "asked for it", "since": NOW - 9}


def test_then_the_files_any_of_them() -> None:
    others = DoNotCallFile("others.txt", NumberSet(["+12125550101"]))
    verdict = judge(CampaignPolicy((NEW_YORK,), do_not_call=(others, FILE), hours=NEVER, caps=CAPS), RUNG)
    assert verdict == Drop(JobState.SKIPPED, "on the do-not-call list dnc.txt", "do_not_call")
    assert verdict.input == {"source": "dnc.txt"}
    assert isinstance(judge(CampaignPolicy((NEW_YORK,), do_not_call=(others,)), RUNG), Dial)


def test_then_the_hours_where_the_callee_is() -> None:
    verdict = judge(CampaignPolicy((NEW_YORK,), hours=DAYTIME, caps=CAPS), RUNG)
    assert isinstance(verdict, Wait)
    assert (verdict.until, verdict.rule) == (OPENS, "hours")
    assert "it is 03:00 there" in verdict.why
    assert verdict.input == {"place": "America/New_York|US-NY"}


def test_hours_that_never_open_skip_the_job() -> None:
    verdict = judge(CampaignPolicy((NEW_YORK,), hours=NEVER), RUNG)
    assert isinstance(verdict, Drop)
    assert (verdict.state, verdict.rule) == (JobState.SKIPPED, "hours")
    assert "no moment of the next fifteen months" in verdict.reason
    assert verdict.input == {"place": "America/New_York|US-NY"}


def test_a_row_that_says_nonsense_of_its_place_is_skipped_where_hours_are_kept() -> None:
    verdict = judge(CampaignPolicy((NEW_YORK,), hours=DAYTIME), RUNG, variables={"state": "Atlantis"})
    assert isinstance(verdict, Drop)
    assert (verdict.state, verdict.rule) == (JobState.SKIPPED, "hours")
    assert verdict.reason.startswith("state 'Atlantis' is no state")
    assert isinstance(judge(CampaignPolicy((NEW_YORK,)), RUNG, variables={"state": "Atlantis"}), Dial)


def test_then_the_caps() -> None:
    screen = CampaignPolicy((), hours=ALWAYS, caps=CAPS)
    verdict = judge(screen, RUNG)
    assert verdict == Wait(NOW + 3 * HOUR_S, "caps", "at least 4h between two attempts")
    assert verdict.input["counts"] == {"2 per 1w": 1}
    assert verdict.input["last_rung_at"] == NOW - HOUR_S
    assert verdict.input["place"] == "America/New_York|US-NY"


def test_one_call_at_a_time_without_any_cap() -> None:
    verdict = judge(CampaignPolicy((NEW_YORK,)), NumberFacts(has_live_call=True))
    assert isinstance(verdict, Wait)
    assert (verdict.rule, verdict.why) == ("caps", "the number has a call under way")
    assert verdict.input == {"counts": {}, "gap_s": 0.0, "last_rung_at": None, "has_live_call": True}


def test_a_call_that_is_allowed_says_what_it_was_allowed_by() -> None:
    long_ago = NumberFacts(rung_at=(NOW - 86_400.0,))
    verdict = judge(CampaignPolicy((NEW_YORK,), hours=ALWAYS, caps=CAPS), long_ago)
    assert isinstance(verdict, Dial)
    until, hours = verdict.input["hours_until"], verdict.input["hours"]
    assert until > NOW
    assert [text[:5] for text in hours] == ["open:"]
    assert "it is 03:00 there" in hours[0]
    assert verdict.input["counts"] == {"2 per 1w": 1}
    assert verdict.input["last_rung_at"] == NOW - 86_400.0
    assert verdict.input["has_live_call"] is False
    assert verdict.input["place"] == "America/New_York|US-NY"
    assert judge(CampaignPolicy((NEW_YORK,)), long_ago).input == {}, "rules that are off say nothing"


def test_a_web_call_rings_nobody_and_is_not_held_by_the_rules_for_numbers() -> None:
    screen = CampaignPolicy((NEW_YORK,), do_not_call=(FILE,), hours=NEVER, caps=CAPS)
    verdict = judge(screen, LISTED, to_number=None, kind=JobKind.WEB_CALL)
    assert isinstance(verdict, Dial)


@pytest.mark.parametrize(
    ("columns", "zones"),
    [
        ({}, ("America/New_York",)),
        ({"timezone": "America/Denver"}, ("America/Denver",)),
        ({"variables": {"State": "CA"}}, ("America/Los_Angeles",)),
        ({"variables": {"province": "CA"}}, ("America/Los_Angeles",)),
        ({"variables": {"ZIP Code": "90001"}}, ("America/Los_Angeles",)),
        ({"variables": {"postal_code": "90001"}}, ("America/Los_Angeles",)),
        ({"variables": {"colour": "CA"}}, ("America/New_York",)),
        ({"to_number": None}, ()),
    ],
)
def test_the_row_says_where_the_callee_is(columns: dict[str, Any], zones: tuple[str, ...]) -> None:
    screen, job = CampaignPolicy((NEW_YORK,)), an_open_job(**columns).job
    assert screen.place_of(job).zones == zones
    assert screen.zone_of(job) == (zone_named(zones[0]) if zones else None)


def test_an_area_code_may_be_placed_by_hand() -> None:
    screen = CampaignPolicy(
        (NEW_YORK,), overrides=AreaOverrides({"+1212": ("America/Denver", "America/Chicago")})
    )
    job = an_open_job().job
    assert screen.place_of(job) == Place(("America/Chicago", "America/Denver"), ("US-NY",))
    assert screen.zone_of(job) == zone_named("America/Chicago"), "of several the first"


def test_a_row_that_says_nonsense_of_its_place_has_no_zone() -> None:
    assert CampaignPolicy((NEW_YORK,)).zone_of(an_open_job({"state": "Atlantis"}).job) is None


def test_the_rows_own_number_goes_before_the_only_one_of_the_campaign() -> None:
    assert judge(CampaignPolicy((NEW_YORK,)), RUNG, from_number=DENVER) == Dial(DENVER, why=LineReason.OWN)


def test_the_only_line_says_that_it_has_called_before() -> None:
    verdict = judge(CampaignPolicy(lines=(Line(NEW_YORK, slots=3),)), NumberFacts(last_line=NEW_YORK))
    assert verdict == Dial(NEW_YORK, why=LineReason.SAME_LINE)


@pytest.mark.parametrize(
    ("numbers", "kind"),
    [
        ((NEW_YORK, CHICAGO), JobKind.PHONE_CALL),
        ((NEW_YORK,), JobKind.PHONE_CALL),
        ((), JobKind.REGISTER_PHONE_CALL),
    ],
)
def test_whatever_line_is_chosen_the_record_says_where_the_callee_is(
    numbers: tuple[str, ...], kind: JobKind
) -> None:
    verdict = judge(CampaignPolicy(numbers, hours=ALWAYS), RUNG, kind=kind, to_number="+13125550100")
    assert isinstance(verdict, Dial)
    assert verdict.from_number == (numbers[-1] if numbers else None), "of two the one of the same area"
    assert verdict.input["place"] == "America/Chicago|US-IL"


def test_a_gap_alone_is_told_too() -> None:
    verdict = judge(CampaignPolicy((NEW_YORK,), caps=CapsRule(gap_s=60.0)), RUNG)
    assert isinstance(verdict, Dial)
    assert (verdict.input["gap_s"], verdict.input["last_rung_at"]) == (60.0, NOW - HOUR_S)


@pytest.mark.parametrize(
    ("to_number", "last_line", "line", "why"),
    [
        ("+13125550100", None, CHICAGO, LineReason.SAME_AREA),
        ("+17735550100", None, CHICAGO, LineReason.SAME_REGION),
        ("+13125550100", DENVER, DENVER, LineReason.SAME_LINE),
        ("+14155550100", None, NEW_YORK, LineReason.LEAST_USED),
        ("+442079460100", None, NEW_YORK, LineReason.LEAST_USED),
    ],
)
def test_of_several_numbers_the_nearest_calls(
    to_number: str, last_line: str | None, line: str, why: LineReason
) -> None:
    verdict = judge(
        CampaignPolicy((NEW_YORK, CHICAGO, DENVER)), NumberFacts(last_line=last_line), to_number=to_number
    )
    assert verdict == Dial(line, why=why)


def test_a_line_that_is_tried_again_is_told_and_one_that_rests_is_waited_for() -> None:
    screen, job = CampaignPolicy((NEW_YORK,)), an_open_job()
    on_trial = {NEW_YORK: LineUsage(rest=Trial("it was flagged"))}
    assert screen.judge(job, NOW, usage=on_trial) == Dial(NEW_YORK, None, LineReason.LEAST_USED, trial=True)
    resting = {NEW_YORK: LineUsage(rest=Hold("it was flagged", NOW + 9))}
    verdict = screen.judge(job, NOW, NumberFacts(), resting)
    assert verdict == Wait(NOW + 9, "line_rest", "it was flagged")


def test_a_line_that_has_made_its_calls_waits_for_the_campaigns_next_day() -> None:
    screen = CampaignPolicy(
        lines=(Line(NEW_YORK, per_day=3),), zone=zone_named("America/New_York"), hours=ALWAYS
    )
    verdict = screen.judge(an_open_job(), NOW, NumberFacts(), {NEW_YORK: LineUsage(calls_today=3)})
    assert isinstance(verdict, Wait)
    assert (verdict.until, verdict.rule) == (NOW + 21 * HOUR_S, "line_cap")
    assert verdict.input["place"] == "America/New_York|US-NY"


def test_without_a_line_the_record_says_how_far_it_had_come() -> None:
    verdict = judge(CampaignPolicy((), hours=ALWAYS), RUNG)
    assert isinstance(verdict, Drop)
    assert (verdict.state, verdict.rule) == (JobState.SKIPPED, "line")
    assert verdict.input["place"] == "America/New_York|US-NY"


@pytest.mark.parametrize("numbers", [(NEW_YORK,), (NEW_YORK, CHICAGO)])
def test_the_job_draws_its_agent_whatever_the_line(numbers: tuple[str, ...]) -> None:
    agents = tuple(AgentChoice(f"agent_{n}") for n in range(20))
    drawn = [
        verdict.agent
        for campaign in ("spring", "autumn")
        for key in ("a", "b")
        if isinstance(
            verdict := judge(CampaignPolicy(numbers, agents=agents, campaign=campaign), RUNG, key=key), Dial
        )
    ]
    assert len(set(drawn)) == 4, "another job, or another campaign, draws anew"
    alone = judge(CampaignPolicy(agents=agents[:1]), RUNG, to_number=None, kind=JobKind.WEB_CALL)
    assert alone == Dial(None, agents[0])


@pytest.mark.parametrize("end", ["row", "campaign"])
def test_nothing_waits_beyond_its_end(end: str) -> None:
    def until(ends_at: float) -> float:
        by_row = {"expires_at": ends_at} if end == "row" else {}
        screen = CampaignPolicy((NEW_YORK,), hours=DAYTIME, ends_at=ends_at if end == "campaign" else None)
        verdict = judge(screen, RUNG, **by_row)
        assert isinstance(verdict, Wait)
        assert (verdict.rule, verdict.input["place"]) == ("hours", "America/New_York|US-NY")
        assert "it is 03:00 there" in verdict.why
        return verdict.until

    assert until(OPENS - 60) == OPENS - 60
    assert until(OPENS) == until(OPENS + 60) == OPENS


def test_of_two_ends_the_first_counts() -> None:
    screen = CampaignPolicy((NEW_YORK,), hours=DAYTIME, ends_at=OPENS - 30)
    for expires_at, until in ((OPENS - 60, OPENS - 60), (OPENS - 10, OPENS - 30)):
        verdict = judge(screen, RUNG, expires_at=expires_at)
        assert isinstance(verdict, Wait)
        assert verdict.until == until


@pytest.mark.parametrize(("left_s", "expired"), [(-1.0, True), (0.0, True), (0.001, False)])
def test_the_campaigns_end_closes_its_jobs(left_s: float, expired: bool) -> None:
    verdict = judge(CampaignPolicy((NEW_YORK,), ends_at=NOW + left_s), RUNG)
    closed = Drop(JobState.EXPIRED, "the campaign's end has passed", "campaign.ends_at")
    assert verdict == (closed if expired else Dial(NEW_YORK, why=LineReason.LEAST_USED))
