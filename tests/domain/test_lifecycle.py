"""The two tables: closed, connected, and the theory above them."""

import itertools
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.lifecycle import (
    ATTEMPT_TRANSITIONS,
    CLOSED_ATTEMPTS,
    FINAL_JOBS,
    JOB_TRANSITIONS,
    OPEN_ATTEMPTS,
    AttemptState,
    IllegalTransition,
    JobState,
    attempt_origins,
    check_attempt,
    check_job,
)


def test_every_state_is_in_its_table() -> None:
    assert set(ATTEMPT_TRANSITIONS) == set(AttemptState)
    assert set(JOB_TRANSITIONS) == set(JobState)


def test_nothing_leaves_what_is_closed() -> None:
    assert {AttemptState.ENDED, AttemptState.UNSPENT, AttemptState.REFUSED} == CLOSED_ATTEMPTS
    assert {
        JobState.DONE,
        JobState.FAILED,
        JobState.SKIPPED,
        JobState.EXPIRED,
        JobState.CANCELLED,
    } == FINAL_JOBS


def test_each_attempt_is_to_go_on_with_or_parked_or_closed() -> None:
    assert OPEN_ATTEMPTS | CLOSED_ATTEMPTS | {AttemptState.UNKNOWN} == set(AttemptState)
    assert not OPEN_ATTEMPTS & CLOSED_ATTEMPTS


@pytest.mark.parametrize("origin", [state for state in AttemptState if state not in CLOSED_ATTEMPTS])
def test_an_open_attempt_can_come_to_an_end(origin: AttemptState) -> None:
    assert AttemptState.ENDED in ATTEMPT_TRANSITIONS[origin]


def test_an_attempt_is_not_claimed_a_second_time() -> None:
    assert attempt_origins(AttemptState.CLAIMED) == frozenset()


def test_what_may_have_rung_is_never_called_unspent_or_refused_unseen() -> None:
    # nothing but the API's word on the call itself (PLACED) or an operator (UNKNOWN) frees an uncertain one
    assert AttemptState.UNCERTAIN not in attempt_origins(AttemptState.UNSPENT)
    assert AttemptState.UNCERTAIN not in attempt_origins(AttemptState.REFUSED)
    assert attempt_origins(AttemptState.REFUSED) == {AttemptState.CLAIMED}


def test_an_unknown_job_is_not_redialled_before_its_attempt_is_settled() -> None:
    assert JobState.UNKNOWN in JOB_TRANSITIONS[JobState.BUSY]
    assert {state for state, ways in JOB_TRANSITIONS.items() if JobState.BUSY in ways} == {
        JobState.OPEN,
        JobState.UNKNOWN,
    }


@pytest.mark.parametrize(("origin", "target"), list(itertools.product(AttemptState, repeat=2)))
def test_the_check_of_an_attempt_is_its_table(origin: AttemptState, target: AttemptState) -> None:
    legal = target in ATTEMPT_TRANSITIONS[origin]
    assert (origin in attempt_origins(target)) == legal
    if legal:
        check_attempt(origin, target)
    else:
        with pytest.raises(IllegalTransition, match=f"an attempt cannot go from {origin} to {target}"):
            check_attempt(origin, target)


@pytest.mark.parametrize(("origin", "target"), list(itertools.product(JobState, repeat=2)))
def test_the_check_of_a_job_is_its_table(origin: JobState, target: JobState) -> None:
    if target in JOB_TRANSITIONS[origin]:
        check_job(origin, target)
    else:
        with pytest.raises(IllegalTransition, match=f"a job cannot go from {origin} to {target}"):
            check_job(origin, target)


WALKS = st.lists(st.integers(0, 99), min_size=1, max_size=60)
"""Which of the ways on is taken at each step."""


@given(WALKS)
def test_no_walk_of_an_attempt_leaves_what_is_closed_or_comes_back_to_claimed(steps: list[int]) -> None:
    state = AttemptState.CLAIMED
    for step in steps:
        ways = sorted(ATTEMPT_TRANSITIONS[state])
        assert bool(ways) == (state not in CLOSED_ATTEMPTS)
        if not ways:
            for target in AttemptState:
                with pytest.raises(IllegalTransition):
                    check_attempt(state, target)
            return
        state = ways[step % len(ways)]
        assert state is not AttemptState.CLAIMED


@given(WALKS)
def test_no_walk_of_a_job_leaves_what_is_final(steps: list[int]) -> None:
    state = JobState.OPEN
    for step in steps:
        ways = sorted(JOB_TRANSITIONS[state])
        assert bool(ways) == (state not in FINAL_JOBS)
        if not ways:
            for target in JobState:
                with pytest.raises(IllegalTransition):
                    check_job(state, target)
            return
        state = ways[step % len(ways)]


def reached_from(state: Any, table: Mapping[Any, frozenset[Any]]) -> set[Any]:
    """Every state that some walk from this one comes to, itself included."""
    found, ahead = {state}, [state]
    while ahead:
        new = table[ahead.pop()] - found
        found |= new
        ahead += new
    return found


@pytest.mark.parametrize("state", AttemptState)
def test_every_attempt_can_be_closed_wherever_it_stands(state: AttemptState) -> None:
    assert reached_from(state, ATTEMPT_TRANSITIONS) & CLOSED_ATTEMPTS
    assert reached_from(AttemptState.CLAIMED, ATTEMPT_TRANSITIONS) >= {state}, "and comes to stand there"


@pytest.mark.parametrize("state", JobState)
def test_every_job_can_become_final_wherever_it_stands(state: JobState) -> None:
    assert reached_from(state, JOB_TRANSITIONS) & FINAL_JOBS
    assert reached_from(JobState.OPEN, JOB_TRANSITIONS) >= {state}, "and comes to stand there"
