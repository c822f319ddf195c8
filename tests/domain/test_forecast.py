"""When people may first be called: every row of a list is counted once, with what holds it."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.calls import CallContent, CallJob, JobKind
from dialer.domain.caps import Cap, CapsRule
from dialer.domain.forecast import GROUPS_MAX, OTHERS, WAITS_MAX, Forecast, Later, Never
from dialer.domain.gates import Hold
from dialer.domain.hours import HoursRule
from dialer.domain.local_hours import Hours
from dialer.domain.screening import CampaignPolicy, DoNotCallFile, NumberFacts
from dialer.domain.suppression import NumberSet, Suppressed
from dialer.domain.windows import parse_week

DENVER, NEW_YORK, TOLL_FREE = "+13035550100", "+12125550100", "+18005550100"
LINE = "+12125550190"


def at(text: str, zone: str = "America/Denver") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


NOW = at("2026-11-23T07:30")
HOURS = HoursRule((Hours("own", parse_week({"mon-fri": "09:00-18:00"})),), ring_s=0)
SCREEN = CampaignPolicy((LINE,), hours=HOURS)
AT_NINE = Later(at("2026-11-23T09:00"), ("America/Denver",), "hours")


def person(number: str = DENVER, **more: object) -> CallJob:
    return replace(CallJob(number, number), **more)


def forecast(*people: CallJob, screen: CampaignPolicy = SCREEN, known: NumberFacts | None = None) -> Forecast:
    made = Forecast(screen, NOW)
    for each in people:
        if known is None:
            made.add(each)
        else:
            made.add(each, known)
    return made


def test_people_are_counted_by_when_and_where() -> None:
    made = forecast(person(), person(), person(NEW_YORK), person(TOLL_FREE))
    assert made.now == 1
    assert made.later == {AT_NINE: 2}
    ((never, people),) = made.never.items()
    assert (never.rule, people) == ("hours", 1)
    assert never.why.startswith("it is not known where this number is")
    assert made.never_at_all == 1


def test_the_last_rule_that_holds_has_the_last_word() -> None:
    evening = person(not_before=at("2026-11-23T20:00"))
    noon = person(not_before=at("2026-11-23T12:00"))
    early = person(not_before=at("2026-11-23T08:00"))
    made = forecast(evening, noon, early)
    assert made.later == {
        Later(at("2026-11-24T09:00"), ("America/Denver",), "hours"): 1,
        Later(at("2026-11-23T12:00"), ("America/Denver",), "not_before"): 1,
        AT_NINE: 1,
    }
    begins = replace(SCREEN, starts_at=at("2026-11-25T10:00"))
    assert forecast(noon, screen=begins).later == {
        Later(at("2026-11-25T10:00"), ("America/Denver",), "campaign.starts_at"): 1
    }


def test_who_would_expire_while_waiting_is_never_called() -> None:
    soon, past = at("2026-11-23T08:59"), at("2026-11-23T07:00")
    made = forecast(person(expires_at=soon), person(expires_at=past), person(expires_at=AT_NINE.at + 1))
    assert made.never == {
        Never("expires_at", "expires_at has passed before it may be called (hours)"): 1,
        Never("expires_at", "expires_at has passed"): 1,
    }
    assert made.later == {AT_NINE: 1}
    ended = replace(SCREEN, ends_at=AT_NINE.at)
    assert forecast(person(), screen=ended).never == {
        Never("campaign.ends_at", "the campaign's end has passed before it may be called (hours)"): 1
    }


def test_who_is_on_a_list_is_never_called() -> None:
    listed = replace(SCREEN, do_not_call=(DoNotCallFile("list.txt", NumberSet([DENVER])),))
    assert forecast(person(), screen=listed).never == {
        Never("do_not_call", "on the do-not-call list list.txt"): 1
    }
    asked = NumberFacts(suppressed=Suppressed(DENVER, "call", "asked", NOW))
    assert forecast(person(), known=asked).never == {
        Never("do_not_call", "on the do-not-call list: asked (call)"): 1
    }


def test_who_was_called_lately_waits_for_the_cap() -> None:
    capped = replace(SCREEN, caps=CapsRule((Cap(1, 7200.0),)))
    rung = NumberFacts(rung_at=(AT_NINE.at - 3600.0,))
    assert forecast(person(), screen=capped, known=rung).later == {
        Later(AT_NINE.at + 3600.0, ("America/Denver",), "caps"): 1
    }


def test_one_who_is_held_again_and_again_is_counted_once() -> None:
    ringing = NumberFacts(has_live_call=True)
    made = forecast(person(NEW_YORK), known=ringing)
    assert made.later.total() == 1
    unknown = replace(SCREEN, hold=Hold("the list cannot be read"))
    (later,) = forecast(person(NEW_YORK), screen=unknown).later
    assert (later.rule, later.at) == ("hold", NOW + 60.0 * WAITS_MAX)


def test_a_call_that_rings_nobody_needs_no_line_and_no_hours() -> None:
    web = CallJob("a", None, kind=JobKind.WEB_CALL)
    assert forecast(web, screen=CampaignPolicy(hours=HOURS)).now == 1
    assert forecast(person(NEW_YORK), screen=CampaignPolicy(hours=HOURS)).never == {
        Never("line", "no from-number: neither the row nor `from_numbers` has one"): 1
    }


def test_many_moments_and_many_reasons_take_no_more_room() -> None:
    later = Forecast(SCREEN, NOW)
    for second in range(GROUPS_MAX + 100):
        later.add(person(not_before=at("2026-11-23T12:00") + second))
    assert later.later.total() == GROUPS_MAX + 100
    assert len(later.later) == GROUPS_MAX + 1
    assert later.later[Later(at("2026-11-23T00:00", "UTC"), (), "not_before")] == 100
    never = Forecast(SCREEN, NOW)
    for number in range(GROUPS_MAX + 100):
        never.add(person(), NumberFacts(suppressed=Suppressed(DENVER, "x", f"reason {number}", NOW)))
    assert never.never_at_all == GROUPS_MAX + 100
    assert never.never[Never("do_not_call", OTHERS)] == 100
    assert len(never.never) == GROUPS_MAX + 1


PEOPLE = st.builds(
    lambda area, tail, state, waits, lasts: CallJob(
        "k",
        f"+1{area}55501{tail:02}",
        not_before=None if waits is None else NOW + waits,
        expires_at=None if lasts is None else NOW + lasts,
        content=CallContent(variables={"state": state} if state else {}),
    ),
    st.sampled_from((303, 212, 808, 907, 800, 689)),
    st.integers(0, 99),
    st.sampled_from(("", "FL", "HI")),
    st.none() | st.integers(-100_000, 1_000_000),
    st.none() | st.integers(-1000, 1_000_000),
)


@given(st.lists(PEOPLE, max_size=20))
def test_everybody_is_counted_once_and_nobody_too_early(people: list[CallJob]) -> None:
    made = forecast(*people)
    assert made.now + made.later.total() + made.never_at_all == len(people)
    assert all(later.at > NOW for later in made.later)
    for later in made.later:
        for zone in later.zones:
            local = datetime.fromtimestamp(later.at, ZoneInfo(zone))
            assert (local.weekday() < 5, 9 <= local.hour < 18) == (True, True)
