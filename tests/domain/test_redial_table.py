"""The redial table: rows by reason or outcome, local times, parts of the day, a campaign's end."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.dayparts import DayPart, part_of
from dialer.domain.delays import Delay, LocalTime, parse_delays
from dialer.domain.lifecycle import JobState
from dialer.domain.outcomes import BY_STATUS, REASONS, Effect, Outcome, classify
from dialer.domain.redial import (
    DEFAULT_DELAYS,
    HOUR_S,
    MINUTE_S,
    NEVER_AGAIN,
    PUT_BACK,
    SUCCESSES,
    UNKNOWN_REASON,
    Again,
    Final,
    RedialPolicy,
    earliest,
    give_up_state,
    redial_key,
)

NOW = 1_800_000_000.0
FAILED = Final(JobState.FAILED)

FIRST_DELAYS: dict[float | None, tuple[str, ...]] = {
    HOUR_S: (
        *("dial_no_answer", "marked_as_spam", "network_blocked", "telephony_provider_permission_denied"),
        *("sip_routing_error", "no_valid_payment", "credit_exhausted", "budget_reached", "scam_detected"),
    ),
    4 * HOUR_S: ("voicemail_reached", "ivr_reached", "machine_detected", "user_declined"),
    5 * MINUTE_S: ("dial_busy", "telephony_provider_unavailable"),
    15 * MINUTE_S: ("dial_failed",),
    10 * MINUTE_S: (
        *("error_llm_websocket_open", "error_llm_websocket_lost_connection", "error_llm_websocket_runtime"),
        *("error_llm_websocket_corrupt_payload", "error_no_audio_received", "error_asr", "error_retell"),
        *("error_unknown", "error_twilio", "error_frontend_corrupted_payload", "error_inbound_webhook"),
        "error_user_not_joined",
    ),
    None: (
        *("user_hangup", "agent_hangup", "call_transfer", "call_take_over", "transfer_bridged", "inactivity"),
        *("max_duration_reached", "manual_stopped", "transfer_cancelled", "user_requested_dnc"),
        *("user_requested_callback", "invalid_destination"),
        *("concurrency_limit_reached", "registered_call_timeout", "no_concurrency_fallback"),
    ),
}
"""What is waited after each documented reason before the first redial; None: there is none."""


def test_every_documented_reason_has_its_default() -> None:
    assert sorted(reason for each in FIRST_DELAYS.values() for reason in each) == sorted(REASONS)
    for delay_s, reasons in FIRST_DELAYS.items():
        for reason in reasons:
            verdict = RedialPolicy().decide(REASONS[reason].outcome, (), NOW, None, reason=reason)
            assert isinstance(verdict, Final) if delay_s is None else verdict == Again(NOW + delay_s), reason


@pytest.mark.parametrize("status", [*BY_STATUS, "brand_new"])
def test_an_unknown_reason_is_judged_by_its_status(status: str) -> None:
    outcome = classify(status, "reason_of_tomorrow").outcome
    policy = RedialPolicy()
    expected = policy.decide(outcome, (), NOW, None)
    assert policy.decide(outcome, (), NOW, None, reason="reason_of_tomorrow") == expected
    other = RedialPolicy(delays={**DEFAULT_DELAYS, UNKNOWN_REASON: (7.0,)})
    verdict = other.decide(outcome, (), NOW, None, reason="reason_of_tomorrow")
    assert verdict == (Final(JobState.DONE) if outcome is Outcome.REACHED else Again(NOW + 7))
    assert other.decide(outcome, (), NOW, None, reason=None) == expected


TABLE = RedialPolicy(
    attempts_max=20,
    delays={
        **DEFAULT_DELAYS,
        Outcome.PLATFORM_FAULT: (1.0, 2.0),
        "error_asr": (10.0, 20.0),
        "inactivity": (30.0,),
        "busy": (5.0,),
        "user_declined": (),
    },
    give_up_as={"error_asr": JobState.CANCELLED, "busy": JobState.DONE},
)


def test_a_reasons_row_goes_before_its_outcomes_and_has_its_own_count() -> None:
    fault = Outcome.PLATFORM_FAULT
    asr, other = "error_asr", "error_retell"
    assert TABLE.decide(fault, (), NOW, None, reason=asr) == Again(NOW + 10)
    assert TABLE.decide(fault, (), NOW, None, reason=other) == Again(NOW + 1)
    assert TABLE.decide(fault, (), NOW, None) == Again(NOW + 1)
    past = (asr, other, asr)
    history = (fault,) * 3
    assert TABLE.decide(fault, history, NOW, None, reason=other, past_reasons=past) == Again(NOW + 2)
    assert TABLE.decide(fault, history, NOW, None, reason=asr, past_reasons=past) == Final(JobState.CANCELLED)
    assert TABLE.decide(fault, history[:2], NOW, None, reason=asr, past_reasons=past[:2]) == Again(NOW + 20)
    assert TABLE.decide(fault, history[:2], NOW, None, reason=asr) == Final(JobState.CANCELLED)


def test_rows_can_be_taken_out_added_and_end_differently() -> None:
    assert TABLE.decide(Outcome.DECLINED, (), NOW, None, reason="user_declined") == FAILED
    assert TABLE.decide(Outcome.BUSY, (), NOW, None, reason="dial_busy") == Again(NOW + 5)
    assert TABLE.decide(Outcome.BUSY, (Outcome.BUSY,), NOW, None) == Final(JobState.DONE)
    reached = Outcome.REACHED
    assert TABLE.decide(reached, (), NOW, None, reason="user_hangup") == Final(JobState.DONE)
    assert TABLE.decide(reached, (), NOW, None, reason="inactivity") == Again(NOW + 30)
    after = TABLE.decide(reached, (reached,), NOW, None, reason="inactivity", past_reasons=("inactivity",))
    assert after == Final(JobState.DONE)
    strict = RedialPolicy(delays={"inactivity": ()}, give_up_as={"inactivity": JobState.FAILED})
    assert strict.decide(reached, (), NOW, None, reason="inactivity") == FAILED
    assert strict.decide(reached, (), NOW, None, reason="user_hangup") == Final(JobState.DONE)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("busy", Outcome.BUSY),
        (" No answer ", Outcome.NO_ANSWER),
        ("platform-fault", Outcome.PLATFORM_FAULT),
        ("dial_busy", "dial_busy"),
        ("dial_failed", Outcome.DIAL_FAILED),
        ("unknown_reason", UNKNOWN_REASON),
        ("inactivity", "inactivity"),
    ],
)
def test_keys_of_rows(text: str, key: str) -> None:
    assert redial_key(text) == key


@pytest.mark.parametrize("text", ["", "buzy", "dial_busy2", "*"])
def test_a_key_that_means_nothing_is_refused_with_those_that_do(text: str) -> None:
    with pytest.raises(ValueError, match=r"no reason and no outcome: .*no_answer.*unknown_reason") as refused:
        redial_key(text)
    offered = str(refused.value).partition("one of ")[2].partition(", or")[0].split(", ")
    assert [redial_key(each) for each in offered] == offered, "what it offers it takes"


def test_who_must_not_be_called_again_or_was_not_rung_can_have_no_row() -> None:
    without = NEVER_AGAIN | PUT_BACK
    reasons = [reason for reason, meaning in REASONS.items() if meaning.outcome in without]
    assert {"user_requested_dnc", "invalid_destination"} <= set(reasons)
    for key in (*without, *reasons):
        with pytest.raises(ValueError, match="take this row out"):
            redial_key(key)
    assert not NEVER_AGAIN & set(DEFAULT_DELAYS)
    effects = {Effect.PUT_BACK, Effect.STOP_CONFIGURATION, Effect.STOP_ACCOUNT}
    assert {meaning.outcome for meaning in REASONS.values() if meaning.effect in effects} == PUT_BACK


def test_what_a_job_is_given_up_as() -> None:
    assert give_up_state(" Failed") is JobState.FAILED
    assert give_up_state("expired") is JobState.EXPIRED
    for text in ("", "open", "busy", "skipped", "unknown", "lost"):
        with pytest.raises(ValueError, match="write one of cancelled, done, expired, failed"):
            give_up_state(text)


# --- local times, parts of the day, ends -----------------------------------------------------------------

NEW_YORK = ZoneInfo("America/New_York")


def at(text: str) -> float:
    return datetime.fromisoformat(f"2027-01-{text}").replace(tzinfo=NEW_YORK).timestamp()


def test_a_local_time_is_the_callees() -> None:
    delays = parse_delays("5m, next day 10:00 local")
    policy = RedialPolicy(delays={Outcome.BUSY: delays}, spread=True)
    again = policy.decide(Outcome.BUSY, (Outcome.BUSY,), at("15 11:00"), None, zone=NEW_YORK)
    assert again == Again(at("16 10:00"))
    assert policy.decide(Outcome.BUSY, (Outcome.BUSY,), NOW, None) == Again(NOW + 24 * HOUR_S)


@pytest.mark.parametrize(
    ("outcome", "spread", "zone", "closes", "due"),
    [
        (Outcome.NO_ANSWER, True, NEW_YORK, None, "15 12:00"),
        (Outcome.NO_ANSWER, False, NEW_YORK, None, "15 10:30"),
        (Outcome.NO_ANSWER, True, ZoneInfo("America/Los_Angeles"), None, "15 11:00"),
        (Outcome.NO_ANSWER, True, None, None, "15 10:30"),
        (Outcome.BUSY, True, NEW_YORK, None, "15 09:35"),
        (Outcome.NO_ANSWER, True, NEW_YORK, "15 12:00:01", "15 12:00"),
        (Outcome.NO_ANSWER, True, NEW_YORK, "15 12:00", "15 10:30"),
    ],
)
def test_spreading(
    outcome: Outcome, spread: bool, zone: ZoneInfo | None, closes: str | None, due: str
) -> None:
    now, rung_at = at("15 09:30"), (at("15 09:29"),)
    expires_at = None if closes is None else at(closes)
    policy = RedialPolicy(spread=spread)
    assert policy.decide(outcome, (), now, expires_at, zone=zone, rung_at=rung_at) == Again(at(due))


def test_a_local_time_is_not_spread() -> None:
    policy = RedialPolicy(delays={Outcome.NO_ANSWER: (LocalTime(1, 10, 0),)}, spread=True)
    now = at("15 09:30")
    assert policy.decide(Outcome.NO_ANSWER, (), now, None, zone=NEW_YORK, rung_at=(now,)) == Again(
        at("16 10:00")
    )


@pytest.mark.parametrize(("left_s", "again"), [(301, True), (300, False), (-1, False)])
def test_nobody_is_called_again_after_the_campaigns_end(left_s: float, again: bool) -> None:
    expected = Again(NOW + 300) if again else Final(JobState.EXPIRED)
    policy = RedialPolicy(ends_at=NOW + left_s)
    assert policy.decide(Outcome.BUSY, (), NOW, None) == expected
    assert policy.decide(Outcome.BUSY, (), NOW, NOW + 9999) == expected
    assert policy.decide(Outcome.BUSY, (), NOW, NOW) == Final(JobState.EXPIRED)


def test_the_earliest_of_some_moments() -> None:
    assert earliest() is None
    assert earliest(None, None) is None
    assert earliest(None, 2.0, 1.0) == 1.0


table_delays = st.lists(
    st.floats(0.5, 3e5) | st.builds(LocalTime, st.integers(1, 3), st.integers(0, 23), st.just(0)), max_size=4
).map(tuple)
table_keys = st.sampled_from((*DEFAULT_DELAYS, "error_asr", "dial_busy", "inactivity", UNKNOWN_REASON))
ends = st.sampled_from(
    (*((meaning.outcome, reason) for reason, meaning in REASONS.items()), (Outcome.DIAL_FAILED, "new"))
)
lefts = st.none() | st.floats(-1e5, 1e6)


@given(
    st.dictionaries(table_keys, table_delays),
    st.lists(ends, min_size=1, max_size=6),
    st.tuples(lefts, lefts),
    st.none() | st.sampled_from(("America/New_York", "Pacific/Apia", "Asia/Kathmandu")).map(ZoneInfo),
    st.booleans(),
    st.lists(st.floats(NOW - 5e5, NOW), max_size=6),
)
def test_any_table_redials_later_within_its_count_and_expires_exactly_when_past(
    table: dict[str, tuple[Delay, ...]],
    past: list[tuple[Outcome, str]],
    left: tuple[float | None, float | None],
    zone: ZoneInfo | None,
    spread: bool,
    rung_at: list[float],
) -> None:
    def row(outcome: Outcome, reason: str) -> str:
        is_new = reason not in REASONS and UNKNOWN_REASON in table and outcome not in SUCCESSES
        return reason if reason in table else UNKNOWN_REASON if is_new else outcome

    expires_at, ends_at = (None if each is None else NOW + each for each in left)
    *before, (outcome, reason) = past
    history, past_reasons = tuple(each[0] for each in before), tuple(each[1] for each in before)
    delays = table.get(row(outcome, reason), ())
    repeats = sum(row(*each) == row(outcome, reason) for each in before)

    def decide(policy: RedialPolicy, expires_at: float | None) -> Again | Final:
        return policy.decide(
            outcome,
            history,
            NOW,
            expires_at,
            reason=reason,
            past_reasons=past_reasons,
            zone=zone,
            rung_at=rung_at,
        )

    unbounded = decide(RedialPolicy(attempts_max=9, delays=table), None)
    bounded = decide(RedialPolicy(attempts_max=9, delays=table, spread=spread, ends_at=ends_at), expires_at)
    assert isinstance(unbounded, Again) == (repeats < len(delays))
    if isinstance(unbounded, Final):
        assert bounded == unbounded == Final(JobState.DONE if outcome in SUCCESSES else JobState.FAILED)
        return
    assert unbounded.due_at > NOW
    is_past = any(end is not None and unbounded.due_at >= end for end in (expires_at, ends_at))
    assert (bounded == Final(JobState.EXPIRED)) == is_past
    if isinstance(bounded, Again):
        assert bounded.due_at >= unbounded.due_at
        assert all(end is None or bounded.due_at < end for end in (expires_at, ends_at))
        if bounded.due_at > unbounded.due_at:
            assert spread
            assert zone is not None
            assert part_of(bounded.due_at, zone) in set(DayPart) - {part_of(rung, zone) for rung in rung_at}
