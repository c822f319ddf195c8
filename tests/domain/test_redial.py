"""Whether and when a person is called again."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dialer.domain.lifecycle import JobState
from dialer.domain.outcomes import Outcome
from dialer.domain.redial import DEFAULT_DELAYS, HOUR_S, MINUTE_S, SUCCESSES, Again, Final, RedialPolicy

NOW = 1_800_000_000.0
FAILED = Final(JobState.FAILED)
histories = st.lists(st.sampled_from(Outcome), max_size=8).map(tuple)


@pytest.mark.parametrize("outcome", sorted(SUCCESSES))
def test_a_success_is_done_also_at_the_last_attempt_or_too_late(outcome: Outcome) -> None:
    policy = RedialPolicy(attempts_max=1)
    assert policy.decide(outcome, (), NOW, NOW - 1) == Final(JobState.DONE)
    assert policy.decide(outcome, (Outcome.BUSY,) * 5, NOW, None) == Final(JobState.DONE)


def test_each_outcome_has_its_own_delays() -> None:
    policy = RedialPolicy(attempts_max=10)
    busy, no_answer = Outcome.BUSY, Outcome.NO_ANSWER
    assert policy.decide(busy, (), NOW, None) == Again(NOW + 5 * MINUTE_S)
    assert policy.decide(busy, (busy,), NOW, None) == Again(NOW + 30 * MINUTE_S)
    assert policy.decide(busy, (busy, busy), NOW, None) == FAILED
    assert policy.decide(no_answer, (busy, busy), NOW, None) == Again(NOW + HOUR_S)
    assert policy.decide(busy, (busy, no_answer, no_answer), NOW, None) == Again(NOW + 30 * MINUTE_S)


@pytest.mark.parametrize(("before", "again"), [(0, True), (1, True), (2, False), (3, False)])
def test_all_outcomes_together_have_a_ceiling(before: int, again: bool) -> None:
    history = (Outcome.VOICEMAIL, Outcome.DECLINED, Outcome.DIAL_FAILED)[:before]
    verdict = RedialPolicy(attempts_max=3).decide(Outcome.BUSY, history, NOW, None)
    assert verdict == (Again(NOW + 300) if again else FAILED)


def test_an_outcome_without_delays_is_never_repeated() -> None:
    policy = RedialPolicy(attempts_max=10)
    for outcome in set(Outcome) - SUCCESSES - set(DEFAULT_DELAYS):
        assert policy.decide(outcome, (), NOW, None) == FAILED
    assert RedialPolicy(delays={}).decide(Outcome.BUSY, (), NOW, None) == FAILED


@pytest.mark.parametrize(("left_s", "again"), [(301, True), (300, False), (299, False), (-1, False)])
def test_nobody_is_called_again_after_the_job_has_expired(left_s: float, again: bool) -> None:
    verdict = RedialPolicy().decide(Outcome.BUSY, (), NOW, NOW + left_s)
    assert verdict == (Again(NOW + 300) if again else Final(JobState.EXPIRED))


@given(st.sampled_from(Outcome), histories, st.integers(1, 6), st.none() | st.floats(-1e5, 1e5))
def test_the_ceiling_holds_for_any_history(
    outcome: Outcome, history: tuple[Outcome, ...], attempts_max: int, left_s: float | None
) -> None:
    expires_at = None if left_s is None else NOW + left_s
    match RedialPolicy(attempts_max=attempts_max).decide(outcome, history, NOW, expires_at):
        case Again(due_at):
            assert len(history) + 1 < attempts_max
            assert due_at > NOW
            assert expires_at is None or due_at < expires_at
            assert history.count(outcome) < len(DEFAULT_DELAYS[outcome])
        case Final(state):
            assert state in {JobState.DONE, JobState.FAILED, JobState.EXPIRED}
            assert (state is JobState.DONE) == (outcome in SUCCESSES)


def put_back_delays(policy: RedialPolicy, history: tuple[Outcome, ...] = ()) -> list[float]:
    """The delays of a job that is put back until it is given up."""
    delays: list[float] = []
    while isinstance(verdict := policy.put_back(len(history) + len(delays), history, NOW), Again):
        delays.append(verdict.due_at - NOW)
    assert verdict == FAILED
    return delays


def test_putting_back_waits_longer_each_time_up_to_a_bound() -> None:
    delays = put_back_delays(RedialPolicy())
    assert delays[:6] == [30, 60, 120, 240, 480, 600]
    assert set(delays[5:]) == {600}
    assert all(sooner <= later for sooner, later in pairwise(delays))
    assert len(delays) == 19
    assert sum(delays) > 2 * HOUR_S


def test_only_attempts_that_made_no_call_lengthen_putting_back() -> None:
    policy = RedialPolicy()
    assert put_back_delays(policy, (Outcome.BUSY, Outcome.NO_ANSWER)) == put_back_delays(policy)


@given(
    st.integers(0, 5000),
    histories,
    st.floats(0.0, 86_400.0),
    st.floats(0.0, 86_400.0),
    st.integers(1, 6000),
    st.floats(0.0, 4e9),
)
@example(2000, (), 30.0, 600.0, 5000, NOW)
def test_any_job_is_put_back_to_a_bounded_time_that_never_comes_sooner(
    before: int, history: tuple[Outcome, ...], first_s: float, most_s: float, put_backs_max: int, now: float
) -> None:
    policy = RedialPolicy(put_back_s=first_s, put_back_max_s=most_s, put_backs_max=put_backs_max)
    verdict = policy.put_back(before + len(history), history, now)
    assert (verdict == FAILED) == (before + 1 >= put_backs_max)
    if isinstance(verdict, Again):
        assert now <= verdict.due_at <= now + most_s
        assert verdict.due_at <= now + first_s * 2.0 ** min(before, 1000)
        later = policy.put_back(before + 1 + len(history), history, now)
        assert later == FAILED or (isinstance(later, Again) and later.due_at >= verdict.due_at)


@given(st.lists(st.sampled_from(Outcome), min_size=1, max_size=40), st.integers(1, 8), st.floats(0.0, 4e9))
def test_a_job_s_attempts_go_forward_in_time_and_come_to_an_end(
    outcomes: list[Outcome], attempts_max: int, now: float
) -> None:
    """Whatever its calls come to: each as it falls due, until the job is final."""
    policy, history, at = RedialPolicy(attempts_max=attempts_max), (), now
    for outcome in outcomes:
        verdict = policy.decide(outcome, history, at, None)
        history = (*history, outcome)
        if isinstance(verdict, Final):
            break
        assert at < verdict.due_at <= at + 4 * HOUR_S
        at = verdict.due_at
    assert len(history) <= attempts_max
    assert max(history.count(each) for each in history) <= 1 + max(map(len, DEFAULT_DELAYS.values()))
