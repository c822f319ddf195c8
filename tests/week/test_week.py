"""A week of calls, smaller: no rule is broken, and the record says what was done."""

import re
from collections import Counter
from pathlib import Path

import pytest

from dialer.domain.hours import Allowed
from dialer.domain.north_america import area_code_regions
from tests.week import places
from tests.week.checks import violations
from tests.week.configured import campaign_config, rows
from tests.week.law import Law
from tests.week.leads import draw
from tests.week.plan import FLAGGED_LINE, Plan
from tests.week.record import Record, disagreements
from tests.week.run import run

STEP_S = 1777
"""Between two moments that are asked about; it meets every minute of the hour."""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_week_breaks_no_rule() -> None:
    seen = run(Plan(many=400))
    assert {name: found for name, found in (violations(seen) | disagreements(seen)).items() if found} == {}
    # and it was no quiet week
    reasons = Counter(call.reason for call in seen.calls)
    assert reasons["telephony_provider_unavailable"] > 3
    assert {call.line for call in seen.calls if call.reason == "marked_as_spam"} == {FLAGGED_LINE}
    waits = Counter(entry.rule for entry in Record(seen).entries if entry.verdict != "dial")
    assert min(waits[rule] for rule in ("hours", "caps", "campaign", "do_not_call", "campaign.ends_at")) > 5


def test_leads_are_of_all_states_and_say_where_they_are_in_every_way() -> None:
    leads = draw(400, 1)
    assert len({lead.number for lead in leads}) == 400
    assert {places.area_codes().get(lead.number[2:5]) for lead in leads} == {*places.STATES, None}
    assert all(lead.number[5:10] == "55501" for lead in leads)
    says = Counter(
        (lead.timezone is not None, lead.state_column is not None, lead.postal_code is not None)
        for lead in leads
    )
    assert len(says) == 5
    law = Law(Plan().times)
    assert {len(law.where(lead).zones) for lead in leads} >= {0, 1, 2}
    assert any(len(law.where(lead).states) == 2 for lead in leads)


def test_the_checker_shares_no_code_with_the_dialer() -> None:
    for name in ("plan", "places", "law", "checks", "rests", "record"):
        text = Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
        assert not re.search(r"^\s*(from|import) dialer", text, re.MULTILINE), name


def test_the_checker_and_the_dialer_agree_on_area_codes() -> None:
    for code, state in places.area_codes().items():
        assert area_code_regions(code) == (f"US-{state}",), code


@pytest.mark.parametrize("week", ["clocks", "thanksgiving"])
def test_the_checker_and_the_dialer_agree_on_hours(week: str) -> None:
    plan = Plan(many=400, week=week)
    screen = campaign_config(plan, "week", plan.ends_at).screen
    law, leads = Law(plan.times), draw(plan.many, plan.seed)
    judged = set()
    for lead, job in zip(leads, rows(leads), strict=True):
        place, where = screen.place_of(job), law.where(lead)
        if place in judged:
            continue
        judged.add(place)
        for at in range(int(plan.times.start_at), int(plan.ends_at), STEP_S):
            allowed = isinstance(screen.hours.judge(place, at), Allowed)
            assert allowed == law.allows(where, at), (place, at)
