"""The canary: the first calls show whether the rest is worth making."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.canary import FAILURES, CanaryFacts, CanaryRule
from dialer.domain.gates import GO, Go, Hold, Stop
from dialer.domain.outcomes import Outcome

OK, BAD, OPEN, BACK = Outcome.NO_ANSWER, Outcome.PLATFORM_FAULT, None, Outcome.NOT_RUNG
outcomes = st.lists(st.none() | st.sampled_from(Outcome), max_size=40)
rules = st.builds(CanaryRule, st.integers(1, 20), st.integers(0, 20).map(lambda percent: percent * 0.05))


@pytest.mark.parametrize(
    ("attempts", "facts"),
    [
        ([], (0, 0, 0)),
        ([OK, BAD, OPEN], (3, 2, 1)),
        ([BACK, OK, BACK, BAD], (2, 2, 1)),
        ([Outcome.ACCOUNT, OK, Outcome.REFUSED], (2, 2, 1)),
        ([OK, OK, BAD, BAD, OPEN], (3, 3, 1)),
        ([OPEN, BACK, BAD, OK, BAD], (3, 2, 1)),
    ],
)
def test_only_the_first_calls_count(attempts: list[Outcome | None], facts: tuple[int, int, int]) -> None:
    assert CanaryRule(3, 0.5).count(attempts) == CanaryFacts(*facts)


@pytest.mark.parametrize(
    ("started", "ended", "failed", "verdict"),
    [
        (0, 0, 0, Go),
        (9, 9, 0, Go),
        (9, 2, 2, Go),
        (3, 3, 3, Stop),  # 3 of 10 already: the rest need not be made
        (10, 9, 0, Hold),
        (10, 9, 2, Hold),
        (10, 9, 3, Stop),
        (10, 10, 2, Go),
        (10, 10, 3, Stop),
    ],
)
def test_the_verdict(started: int, ended: int, failed: int, verdict: type) -> None:
    judged = CanaryRule(10, 0.2).judge(CanaryFacts(started, ended, failed))
    assert isinstance(judged, verdict)


@pytest.mark.parametrize("percent", range(101))
def test_a_share_that_is_reached_exactly_is_allowed(percent: int) -> None:
    rule = CanaryRule(100, percent / 100)
    assert rule.judge(CanaryFacts(100, 100, percent)) == GO
    assert percent == 100 or isinstance(rule.judge(CanaryFacts(100, 100, percent + 1)), Stop)


def test_the_words_say_what_happened_and_what_to_do() -> None:
    hold = CanaryRule(10, 0.25).judge(CanaryFacts(10, 4, 1))
    assert hold == Hold("canary: 4 of the first 10 calls have ended")
    stop = CanaryRule(10, 0.25).judge(CanaryFacts(10, 10, 3))
    assert isinstance(stop, Stop)
    assert stop.why == "3 of the first 10 calls failed, and no more than 25% may"
    assert "canary.failure_share_max" in stop.way_out


def test_what_a_callee_does_is_no_failure() -> None:
    callees = {Outcome.REACHED, Outcome.VOICEMAIL, Outcome.NO_ANSWER, Outcome.BUSY, Outcome.DECLINED}
    assert not FAILURES & callees


@given(rules, outcomes)
def test_counting_agrees_with_plain_slicing(rule: CanaryRule, attempts: list[Outcome | None]) -> None:
    first = [each for each in attempts if each not in (BACK, Outcome.ACCOUNT)][: rule.calls]
    ended = [outcome for outcome in first if outcome is not None]
    failed = [outcome for outcome in ended if outcome in FAILURES]
    assert rule.count(attempts) == CanaryFacts(len(first), len(ended), len(failed))


@given(rules, st.lists(st.sampled_from([OK, BAD, BACK]), max_size=60), st.integers())
def test_in_any_order_of_ends_the_campaign_goes_on_exactly_if_the_share_is_kept(
    rule: CanaryRule, fates: list[Outcome], seed: int
) -> None:
    chance, attempts, waiting = Random(seed), list[Outcome | None](), list(fates)
    alive: list[tuple[int, Outcome]] = []
    while True:
        verdict = rule.judge(rule.count(attempts))
        calls = [outcome for outcome in attempts if outcome is not BACK]
        if isinstance(verdict, Go) and len(calls) >= rule.calls:
            assert all(outcome is not None for outcome in calls[: rule.calls])
            assert calls[: rule.calls].count(BAD) / rule.calls <= rule.failure_share_max
            return
        if isinstance(verdict, Stop):
            assert calls.count(BAD) / rule.calls > rule.failure_share_max
            return
        if isinstance(verdict, Go) and waiting and (not alive or chance.random() < 0.5):
            alive.append((len(attempts), waiting.pop()))
            attempts.append(OPEN)
            assert len([outcome for outcome in attempts if outcome is not BACK]) <= rule.calls
        elif alive:
            at, fate = alive.pop(chance.randrange(len(alive)))
            attempts[at] = fate
        else:
            assert isinstance(verdict, Go), "held, and nothing is under way that could end it"
            return
