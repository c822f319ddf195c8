"""What a call's end means. The reasons are those that the API documents."""

import pytest

from dialer.domain.outcomes import BY_STATUS, REASONS, Effect, Meaning, Outcome, classify
from dialer.domain.redial import DEFAULT_DELAYS, SUCCESSES


@pytest.mark.parametrize(
    ("reason", "meaning"),
    [
        ("user_hangup", Meaning(Outcome.REACHED)),
        ("agent_hangup", Meaning(Outcome.REACHED)),
        ("inactivity", Meaning(Outcome.REACHED)),
        ("max_duration_reached", Meaning(Outcome.REACHED)),
        ("voicemail_reached", Meaning(Outcome.VOICEMAIL)),
        ("ivr_reached", Meaning(Outcome.VOICEMAIL)),
        ("machine_detected", Meaning(Outcome.VOICEMAIL)),
        ("user_requested_dnc", Meaning(Outcome.DO_NOT_CALL, Effect.SUPPRESS)),
        ("user_requested_callback", Meaning(Outcome.CALLBACK)),
        ("dial_no_answer", Meaning(Outcome.NO_ANSWER)),
        ("dial_busy", Meaning(Outcome.BUSY)),
        ("user_declined", Meaning(Outcome.DECLINED)),
        ("dial_failed", Meaning(Outcome.DIAL_FAILED)),
        ("invalid_destination", Meaning(Outcome.INVALID_NUMBER)),
        ("telephony_provider_unavailable", Meaning(Outcome.PROVIDER_UNAVAILABLE)),
        ("telephony_provider_permission_denied", Meaning(Outcome.CONFIGURATION, Effect.STOP_CONFIGURATION)),
        ("sip_routing_error", Meaning(Outcome.CONFIGURATION, Effect.STOP_CONFIGURATION)),
        ("marked_as_spam", Meaning(Outcome.SPAM_BLOCKED, Effect.REST_LINE)),
        ("concurrency_limit_reached", Meaning(Outcome.NOT_RUNG, Effect.PUT_BACK)),
        ("registered_call_timeout", Meaning(Outcome.NOT_RUNG, Effect.PUT_BACK)),
        ("no_valid_payment", Meaning(Outcome.ACCOUNT, Effect.STOP_ACCOUNT)),
        ("scam_detected", Meaning(Outcome.ACCOUNT, Effect.STOP_ACCOUNT)),
        *(
            (reason, Meaning(Outcome.REACHED))
            for reason in ("call_transfer", "call_take_over", "manual_stopped")
        ),
        *((reason, Meaning(Outcome.REACHED)) for reason in ("transfer_bridged", "transfer_cancelled")),
        ("network_blocked", Meaning(Outcome.SPAM_BLOCKED, Effect.REST_LINE)),
        ("no_concurrency_fallback", Meaning(Outcome.NOT_RUNG, Effect.PUT_BACK)),
        ("credit_exhausted", Meaning(Outcome.ACCOUNT, Effect.STOP_ACCOUNT)),
        ("budget_reached", Meaning(Outcome.ACCOUNT, Effect.STOP_ACCOUNT)),
        *((reason, Meaning(Outcome.PLATFORM_FAULT)) for reason in REASONS if reason.startswith("error_")),
    ],
)
@pytest.mark.parametrize("status", ["ended", "not_connected", "error", "new_status"])
def test_a_known_reason_decides_whatever_the_status(status: str, reason: str, meaning: Meaning) -> None:
    assert classify(status, reason) == meaning


@pytest.mark.parametrize("reason", [None, "", "reason_of_tomorrow", "USER_HANGUP"])
@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("ended", Outcome.REACHED),
        ("not_connected", Outcome.DIAL_FAILED),
        ("error", Outcome.PLATFORM_FAULT),
        ("status_of_tomorrow", Outcome.PLATFORM_FAULT),
        ("", Outcome.PLATFORM_FAULT),
    ],
)
def test_an_unknown_reason_is_judged_by_its_status(status: str, reason: str | None, outcome: Outcome) -> None:
    assert classify(status, reason) == Meaning(outcome)


def test_an_effect_beyond_the_job_goes_with_one_outcome() -> None:
    """So that an outcome in the results says whether the campaign was stopped, a line rested, ..."""
    effects: dict[Outcome, set[Effect]] = {}
    for meaning in (*REASONS.values(), *BY_STATUS.values()):
        effects.setdefault(meaning.outcome, set()).add(meaning.effect)
    assert all(len(each) == 1 for each in effects.values()), effects


def test_every_outcome_is_given_by_somebody() -> None:
    by_the_engine = {Outcome.CREATED, Outcome.REFUSED, Outcome.UNKNOWN}
    assert {each.outcome for each in REASONS.values()} | by_the_engine == set(Outcome)


def test_nobody_is_called_again_who_said_no_or_was_spoken_to() -> None:
    never = {Outcome.INVALID_NUMBER, Outcome.REFUSED, Outcome.UNKNOWN}
    assert not set(DEFAULT_DELAYS) & (SUCCESSES | never)
