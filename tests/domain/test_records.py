"""The nouns that each call makes anew."""

from dataclasses import fields, replace
from typing import Any

import pytest

from dialer.domain.calls import Attempt, AttemptId, CallId, CallJob, CampaignId, JobId, OpenJob
from dialer.domain.lifecycle import AttemptState
from dialer.domain.records import record


@record
class Pair:
    left: int
    right: str = "r"


def test_a_record_is_compared_hashed_and_replaced_by_its_fields() -> None:
    assert Pair(1) == Pair(1, "r") != Pair(2)
    assert len({Pair(1), Pair(1), Pair(2)}) == 2
    assert replace(Pair(1), left=3) == Pair(3)
    assert repr(Pair(1)).endswith("Pair(left=1, right='r')")


def test_a_record_has_no_other_fields() -> None:
    pair: Any = Pair(1)
    with pytest.raises(AttributeError):
        pair.middle = 1


def test_a_placed_attempt_keeps_all_else() -> None:
    job = OpenJob(JobId(1), CampaignId(1), CallJob("key", "+12125550100"), 1.0, 1)
    values: dict[str, Any] = {field.name: f"value of {field.name}" for field in fields(Attempt)}
    attempt = Attempt(**{**values, "id": AttemptId("a"), "job": job})
    expected = replace(attempt, state=AttemptState.PLACED, call_id=CallId("c"), placed_at=5.0)
    assert attempt.placed(CallId("c"), 5.0) == expected
