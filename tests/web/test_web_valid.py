"""No valid document is refused: what the schemas and the settings' own examples say can be given is taken."""

from typing import Any

import pytest
from api_kit import Office, at_office, number

from dialer.adapters.sources.messages import JobMessage
from dialer.domain.calls import JobKind
from dialer.settings.catalogue import FIELDS
from dialer.settings.live import changes_schema, live_names

SCHEMA = changes_schema()["properties"]
PRICE = {"budget.per_minute_usd": 0.1}
"""Ceilings need it."""


def values(name: str) -> list[Any]:
    """The bounds, the example, the default, and null where it may be unset."""
    said = SCHEMA[name]
    ways = said.get("anyOf", [said])
    found = [way[bound] for way in ways for bound in ("minimum", "maximum") if bound in way]
    found += [each for way in ways for each in way.get("enum", [])]
    found += [None for way in ways if way.get("type") == "null"]
    given = [*(FIELDS[name].examples or ()), FIELDS[name].get_default(call_default_factory=True)]
    found += [list(each) if isinstance(each, tuple) else each for each in given]
    extra = {"rules.dates_off": ["2026-12-24"], "rules.gap": "90s", "rules.caps": ["1 per 4h"]}
    return [*found, extra[name]] if name in extra else found


@pytest.mark.parametrize("name", live_names())
def test_each_value_that_may_be_set_is_taken(name: str) -> None:
    assert values(name)

    async def case(at: Office) -> None:
        await at.post("/v1/jobs", {"campaign": "spring", "to_number": number(1)})
        price = {} if name in PRICE else PRICE
        await at.post("/v1/campaigns/spring/set", {"changes": price or PRICE})
        for value in values(name):
            said = await at.post("/v1/campaigns/spring/set", {"changes": {name: value}})
            assert said["campaign"]["changes"][name] == value

    at_office(case)


JOBS: dict[str, Any] = {
    "kind": [*JobKind, None],
    "from_number": [number(2), None],
    "timezone": ["America/New_York", "UTC", None],
    "priority": [-100, 0, 100, None],
    "not_before": ["2026-12-01T09:00:00-05:00", "2026-12-01T09:00:00Z", "2026-12-01", None],
    "expires_at": ["2100-12-24", "2100-12-24T18:00:00+00:00", None],
    "override_agent_id": ["agent_0123456789", None],
    "override_agent_version": [3, "latest", None],
    "agent_override": [{"agent": {"voice_speed": 1.1}}, {}, None],
    "metadata": [{"a": [1, {"b": None}]}, {}, None],
    "custom_sip_headers": [{"X-Case": "12"}, {}, None],
    "variables": [{"first_name": "Åsa"}, {}, None],
    "job_id": ["a", "é" * 200, None],
    "campaign": ["spring", "a b.c", "é" * 60, None],
    "to_number": [number(3), "(212) 555-0103".join(("+1 ", ""))],
}


@pytest.mark.parametrize("field", JOBS)
def test_each_way_to_write_a_field_is_taken(field: str) -> None:
    async def case(at: Office) -> None:
        for value in JOBS[field]:
            one = {"campaign": "spring", "to_number": number(1), "job_id": "a", field: value}
            await at.post("/v1/jobs", one)

    at_office(case)


def test_every_field_of_a_job_is_tried() -> None:
    assert set(JOBS) == set(JobMessage.model_fields)
