"""How long a request that made no call waits before it goes again."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dialer.domain.errors import CallNotStarted, Limit
from dialer.engine.attempts.placing import PlacingConfig, backoff_s
from tests.support.people import config

PLAIN = CallNotStarted("refused", limit=Limit.CONNECTION)


def waits(initial_s: float, most_s: float) -> PlacingConfig:
    placing: PlacingConfig = config().placing
    return replace(placing, backoff_initial_s=initial_s, backoff_max_s=most_s)


@given(st.floats(0.01, 3600.0), st.floats(0.01, 3600.0), st.integers(1, 5000), st.integers())
@example(1.0, 60.0, 3000, 0)
def test_it_doubles_up_to_its_bound_and_at_most_half_of_it_is_chance(
    initial_s: float, most_s: float, failures: int, seed: int
) -> None:
    placing = waits(initial_s, most_s)
    ceiling_s = min(most_s, initial_s * 2.0 ** min(failures - 1, 1000))
    waited_s = backoff_s(PLAIN, failures, placing, Random(seed))
    assert ceiling_s / 2 <= waited_s <= ceiling_s
    assert backoff_s(PLAIN, failures + 1, placing, Random(seed)) >= waited_s, "for the same throw of the dice"


@given(st.floats(0.0, 300.0), st.integers(1, 5000))
def test_what_the_api_asks_for_goes_before_it(asked_s: float, failures: int) -> None:
    error = CallNotStarted("slow down", limit=Limit.RATE, retry_after_s=asked_s)
    assert backoff_s(error, failures, waits(1.0, 60.0), Random(1)) == asked_s


def test_two_that_fail_together_do_not_come_back_together() -> None:
    chance = Random(1)
    many = [backoff_s(PLAIN, 5, waits(1.0, 60.0), chance) for _ in range(200)]
    assert len(set(many)) == len(many)
    assert max(many) - min(many) == pytest.approx(8.0, rel=0.1)
