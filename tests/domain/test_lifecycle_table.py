"""The two tables written down a second time, as who may become what: no way more, no way less."""

from collections.abc import Mapping
from enum import StrEnum

from dialer.domain.lifecycle import (
    ATTEMPT_TRANSITIONS,
    JOB_TRANSITIONS,
    OPEN_ATTEMPTS,
    AttemptState,
    JobState,
)

ATTEMPTS = """
            claimed uncertain placed unknown ended unspent refused
claimed        -        x       x       -      x      x       x
uncertain      -        x       x       x      x      -       -
placed         -        -       -       x      x      x       -
unknown        -        -       x       -      x      x       -
ended          -        -       -       -      -      -       -
unspent        -        -       -       -      -      -       -
refused        -        -       -       -      -      -       -
"""
JOBS = """
            open busy done failed skipped expired cancelled unknown
open          x    x    -     -      x       x        x        -
busy          x    -    x     x      -       x        x        x
unknown       x    x    x     x      -       x        -        -
done          -    -    -     -      -       -        -        -
failed        -    -    -     -      -       -        -        -
skipped       -    -    -     -      -       -        -        -
expired       -    -    -     -      -       -        -        -
cancelled     -    -    -     -      -       -        -        -
"""


def ways(table: Mapping[StrEnum, frozenset[StrEnum]]) -> dict[str, set[str]]:
    return {state.value: {target.value for target in targets} for state, targets in table.items()}


def read(text: str) -> dict[str, set[str]]:
    head, *rows = (line.split() for line in text.strip().splitlines())
    return {
        state: {name for name, mark in zip(head, marks, strict=True) if mark == "x"} for state, *marks in rows
    }


def test_an_attempt_goes_these_ways_and_no_others() -> None:
    assert ways(ATTEMPT_TRANSITIONS) == read(ATTEMPTS)


def test_a_job_goes_these_ways_and_no_others() -> None:
    assert ways(JOB_TRANSITIONS) == read(JOBS)


def test_a_process_goes_on_with_all_but_those_that_nobody_can_tell_of() -> None:
    assert {AttemptState.CLAIMED, AttemptState.UNCERTAIN, AttemptState.PLACED} == OPEN_ATTEMPTS
    assert {state.value for state in JobState} == set(read(JOBS))
