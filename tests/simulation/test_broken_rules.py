"""Drawn campaigns find an engine that lacks a rule. `--broken NAME` looks for a seed that shows it."""

from functools import cache

import pytest

from tests.simulation.batch import summarize
from tests.simulation.broken_rules import BROKEN

once = cache(summarize)
KNOWN = {name: broken.seed for name, broken in BROKEN.items() if broken.seed is not None}


@pytest.mark.parametrize(("name", "seed"), KNOWN.items())
def test_a_missing_rule_is_found_by_a_drawn_campaign(name: str, seed: int) -> None:
    assert once(seed).broken == [], "the engine itself keeps every promise"
    assert summarize(seed, name).broken
