"""The week's rules in the dialer's own terms: its configuration and its rows."""

from collections.abc import Sequence
from functools import cache
from zoneinfo import ZoneInfo

from dialer.adapters.rules.rules_file import Rules, load_rules, shipped_rules
from dialer.domain.breakers import BreakerRules
from dialer.domain.calls import CallContent, CallJob
from dialer.domain.caps import CapsRule, parse_cap
from dialer.domain.delays import parse_delays
from dialer.domain.hours import HoursRule
from dialer.domain.lines import Line, WarmUp, area_code
from dialer.domain.local_hours import Hours
from dialer.domain.north_america import area_code_regions
from dialer.domain.redial import redial_key
from dialer.domain.resting import RestRule
from dialer.domain.screening import CampaignPolicy
from dialer.domain.windows import parse_week
from dialer.engine.campaign import CampaignConfig
from tests.support.people import config
from tests.week.leads import Lead
from tests.week.plan import (
    CAMPAIGN_ZONE,
    CAPS,
    CPS,
    FLAGGED_REST_S,
    GAP_S,
    POLL_S,
    PROVIDER_AFTER,
    PROVIDER_REST_S,
    RING_S,
    LineRow,
    Plan,
)

YEARS = (2026, 2027)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_REDIALS = {
    "busy": "5m, 30m, 4h, next day 10:00 local",
    "no answer": "1h, 4h, next day 10:00 local, 1d",
    "voicemail": "4h, in 2 days 17:30 local",
    "declined": "next day 12:00 local",
    "callback": "2h, 1d",
    "dial failed": "15m",
    "provider unavailable": "5m, 1h, 4h",
    "spam blocked": "1h, 1h, 4h",
    "platform fault": "10m, 4h",
}


def campaign_config(plan: Plan, name: str, ends_at: float) -> CampaignConfig:
    """The configuration of a campaign of this plan."""
    return config(
        cps=CPS,
        slots=plan.slots,
        refresh_s=600.0,
        recover_s=60.0,
        poll_s=POLL_S,
        attempts_max=5,
        spread=True,
        ends_at=ends_at,
        redial_delays={redial_key(key): parse_delays(text) for key, text in _REDIALS.items()},
        screen=_screen(plan, name, ends_at),
    )


def _screen(plan: Plan, name: str, ends_at: float) -> CampaignPolicy:
    rules = _rules()
    return CampaignPolicy(
        lines=tuple(_line(row, plan) for row in plan.lines),
        zone=ZoneInfo(CAMPAIGN_ZONE),
        ends_at=ends_at,
        hours=_hours(plan, rules),
        overrides=rules.overrides,
        caps=CapsRule(tuple(parse_cap(text) for _, _, text in CAPS), GAP_S),
        breakers=BreakerRules(
            flagged=RestRule(1, *FLAGGED_REST_S),
            provider=RestRule(PROVIDER_AFTER, *PROVIDER_REST_S),
            provider_is_shared=True,
        ),
        campaign=name,
    )


@cache
def _rules() -> Rules:
    return load_rules(shipped_rules(), YEARS)


def _hours(plan: Plan, rules: Rules) -> HoursRule:
    own = Hours("campaign", parse_week(dict(zip(_DAYS, plan.times.windows, strict=True))))
    return HoursRule((own,), rules.regional, rules.holidays, RING_S)


def _line(row: LineRow, plan: Plan) -> Line:
    area = area_code(row.number)
    return Line(
        row.number,
        cps=row.cps,
        slots=row.slots,
        per_day=row.per_day,
        warm_up=WarmUp(plan.times.warm_up_since, row.warm_up) if row.warm_up else None,
        area=area,
        regions=area_code_regions(area or ""),
    )


def rows(leads: Sequence[Lead]) -> list[CallJob]:
    """As the leads' file has them."""
    return [
        CallJob(
            lead.number,
            lead.number,
            line=line,
            timezone=lead.timezone,
            content=CallContent(variables=_columns(lead)),
        )
        for line, lead in enumerate(leads, start=2)
    ]


def _columns(lead: Lead) -> dict[str, str]:
    columns = {"state": lead.state_column, "postal_code": lead.postal_code}
    return {name: text for name, text in columns.items() if text is not None}
