"""Something that failed is left alone for a while, then tried with one call."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from dialer.domain.calls import AttemptId
from dialer.domain.gates import GO, Go, Hold, Trial
from dialer.domain.lifecycle import IllegalTransition
from dialer.domain.resting import CLOSED, Proof, Rest, RestRule

NOW = 1_800_000_000.0
RULE = RestRule(after=1, first_s=60.0, max_s=400.0)
THIRD = replace(RULE, after=3)
CALL, TRIAL = AttemptId("call"), AttemptId("trial")


def opened(rule: RestRule = RULE) -> Rest:
    return CLOSED.after(Proof.FAILED, CALL, NOW - 1, "spam", rule, NOW)


def on_trial(rest: Rest) -> Rest:
    assert rest.until is not None
    return rest.try_with(TRIAL, rest.until)


def tried(rest: Rest, proof: Proof, now: float) -> Rest:
    return on_trial(rest).after(proof, TRIAL, now - 1, "spam again", RULE, now)


def test_a_failure_begins_a_rest_to_the_second() -> None:
    rest = opened()
    assert not rest.allows(CALL)
    assert rest.judge(NOW) == Hold("spam", NOW + 60)
    assert rest.judge(NOW + 59.999) == Hold("spam", NOW + 60)
    assert rest.judge(NOW + 60) == Trial("spam")


def test_a_state_tells_when_it_began_and_keeps_nothing_of_the_one_before() -> None:
    once = CLOSED.after(Proof.FAILED, CALL, NOW, "down", THIRD, NOW)
    twice = once.after(Proof.FAILED, CALL, NOW, "down", THIRD, NOW)
    resting = twice.after(Proof.FAILED, CALL, NOW + 5, "down", THIRD, NOW + 9)
    assert resting == Rest(rests=1, until=NOW + 9 + THIRD.first_s, since=NOW + 9, why="down")
    assert tried(resting, Proof.WORKED, NOW + 500) == Rest(rests=1, since=NOW + 500)


@pytest.mark.parametrize("proof", [Proof.WORKED, Proof.UNCLEAR, Proof.NO_CALL])
def test_nothing_else_does(proof: Proof) -> None:
    assert CLOSED.after(proof, CALL, NOW, "", RULE, NOW) is CLOSED


@pytest.mark.parametrize(
    ("ends", "rests"),
    [("ff", False), ("fff", True), ("ffwff", False), ("ffwfff", True), ("fufnf", True)],
)
def test_several_in_a_row(ends: str, rests: bool) -> None:
    proofs = {"f": Proof.FAILED, "w": Proof.WORKED, "u": Proof.UNCLEAR, "n": Proof.NO_CALL}
    rest = CLOSED
    for end in ends:
        rest = rest.after(proofs[end], CALL, NOW, "down", THIRD, NOW)
    assert isinstance(rest.judge(NOW), Hold) == rests


def test_there_is_one_trial_and_until_its_end_nothing_else() -> None:
    rest = on_trial(opened())
    later = NOW + 1e6
    assert rest.allows(TRIAL)
    assert not rest.allows(CALL)
    assert rest.judge(later) == Hold("spam; its trial call is under way")
    with pytest.raises(IllegalTransition):
        rest.try_with(AttemptId("another"), later)
    for proof in Proof:
        assert rest.after(proof, CALL, later, "", RULE, later) is rest


@pytest.mark.parametrize("now", [NOW, NOW + 59.9])
def test_there_is_no_trial_before_its_time(now: float) -> None:
    with pytest.raises(IllegalTransition):
        opened().try_with(TRIAL, now)
    with pytest.raises(IllegalTransition):
        CLOSED.try_with(TRIAL, now)


def test_a_trial_that_worked_closes() -> None:
    closed = tried(opened(), Proof.WORKED, NOW + 70)
    assert closed.judge(NOW + 70) == GO
    assert closed.allows(CALL)


def test_each_trial_that_failed_doubles_the_rest_up_to_a_bound() -> None:
    rest, now, lengths = opened(), NOW, []
    for _ in range(80):
        assert rest.until is not None
        lengths.append(rest.until - now)
        now = rest.until + 5
        rest = tried(rest, Proof.FAILED, now)
    assert lengths[:5] == [60, 120, 240, 400, 400]
    assert set(lengths[5:]) == {400}
    assert rest.why == "spam again"
    assert RULE.rest_s(10**6) == 400


def test_a_trial_that_shows_nothing_rests_as_long_again() -> None:
    twice = tried(opened(), Proof.FAILED, NOW + 70)
    assert tried(twice, Proof.UNCLEAR, NOW + 200).judge(NOW + 200) == Hold("spam again", NOW + 320)


def test_a_trial_that_made_no_call_may_be_made_again_at_once() -> None:
    assert tried(opened(), Proof.NO_CALL, NOW + 70).judge(NOW + 70) == Trial("spam")


def test_what_was_claimed_before_it_closed_opens_nothing_again() -> None:
    closed = tried(opened(), Proof.WORKED, NOW + 70)
    assert closed.after(Proof.FAILED, CALL, NOW + 69, "late", RULE, NOW + 80) is closed
    assert closed.after(Proof.FAILED, CALL, NOW + 70, "new", RULE, NOW + 80).until is not None


@pytest.mark.parametrize(("closed_s", "rest_s"), [(0.0, 240), (119.0, 240), (120.0, 60), (9e9, 60)])
def test_a_rest_soon_after_the_last_goes_on_doubling(closed_s: float, rest_s: float) -> None:
    twice = tried(opened(), Proof.FAILED, NOW + 70)
    closed = tried(twice, Proof.WORKED, NOW + 200)
    now = NOW + 200 + closed_s
    assert closed.after(Proof.FAILED, CALL, now, "", RULE, now).until == now + rest_s


rests = st.builds(
    Rest,
    st.integers(0, 9),
    st.integers(0, 99),
    st.none() | st.floats(0, 4e9),
    st.none() | st.text(max_size=32),
    st.floats(0, 4e9),
    st.text(max_size=60),
)


@given(rests)
def test_its_data_holds_all_of_it(rest: Rest) -> None:
    assert Rest.from_data(rest.to_data()) == rest


@pytest.mark.parametrize(
    "data", [{}, {**CLOSED.to_data(), "failures": "x"}, {**CLOSED.to_data(), "since": None}]
)
def test_data_of_something_else_is_refused(data: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError, LookupError)):
        Rest.from_data(data)


class Calls(RuleBasedStateMachine):
    """Calls are claimed as the breaker allows, live side by side, and end in any order with any proof.

    Beside it runs what must hold, as a log: when it failed, and which calls were let through when.
    """

    alive = Bundle("alive")

    def __init__(self) -> None:
        super().__init__()
        self.rest, self.now, self.count = CLOSED, NOW, 0
        self.rule = RestRule(2, 10.0, 45.0)
        self.cause = 0
        self.trial: AttemptId | None = None
        self.closed = True
        self.silent_until = 0.0

    @rule(seconds=st.sampled_from([0.0, 0.5, 9.5, 10.0, 30.0, 500.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(target=alive)
    def claim(self) -> tuple[AttemptId, float]:
        verdict = self.rest.judge(self.now)
        self.count += 1
        made = (AttemptId(str(self.count)), self.now)
        match verdict:
            case Go():
                assert self.closed, "open, but let through"
            case Trial():
                assert not self.closed
                assert self.trial is None, "two trials at once"
                assert self.now >= self.silent_until, "a trial before its time"
                self.rest = self.rest.try_with(made[0], self.now)
                self.trial = made[0]
            case Hold(_, until):
                assert not self.closed, "held without a cause"
                assert (until is None) == (self.trial is not None)
                assert until is None or until == self.silent_until > self.now
                return (AttemptId("none"), self.now)
        return made

    @rule(call=consumes(alive), proof=st.sampled_from(Proof))
    def end(self, call: tuple[AttemptId, float], proof: Proof) -> None:
        attempt_id, claimed_at = call
        if attempt_id == "none":
            return
        before = self.rest
        self.rest = self.rest.after(proof, attempt_id, claimed_at, "why", self.rule, self.now)
        is_open = self.rest.until is not None
        if self.closed:
            assert is_open <= (proof is Proof.FAILED), "opened without a cause"
            self.closed = not is_open
        elif attempt_id == self.trial:
            self.trial = None
            assert is_open == (proof is not Proof.WORKED)
            self.closed = not is_open
        else:
            assert self.rest is before, "a call that is not the trial changed it"
        if is_open and self.rest.until != before.until:
            assert self.rest.until is not None
            length = self.rest.until - self.now
            assert any(length == pytest.approx(of) for of in (10, 20, 40, 45))
            self.silent_until = self.rest.until

    @precondition(lambda self: not self.closed)
    @rule()
    def restart(self) -> None:
        self.rest = Rest.from_data(self.rest.to_data())

    @invariant()
    def is_as_the_log_says(self) -> None:
        assert (self.rest.until is None) == self.closed
        assert self.rest.trial == self.trial
        assert self.rest.failures < self.rule.after


TestCalls = Calls.TestCase
TestCalls.settings = settings(max_examples=200, stateful_step_count=40)


@given(st.lists(st.sampled_from(Proof), max_size=30), st.integers(1, 5))
def test_it_opens_exactly_after_so_many_failures_in_a_row(proofs: Sequence[Proof], after: int) -> None:
    rest, in_a_row = CLOSED, 0
    for proof in proofs:
        in_a_row = {Proof.FAILED: in_a_row + 1, Proof.WORKED: 0}.get(proof, in_a_row)
        rest = rest.after(proof, CALL, NOW, "", RestRule(after, 10.0, 10.0), NOW)
        assert (rest.until is not None) == (in_a_row >= after)
        if in_a_row >= after:
            return
