"""What the way of one attempt shows of account, set-up, provider and line."""

import pytest

from dialer.domain.outcomes import REASONS, Effect, Outcome
from dialer.domain.signs import Sign, flag_proof, provider_proof, sign_of


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_is_a_sign_and_no_end_is_an_acceptance(outcome: Outcome) -> None:
    sign = sign_of(outcome)
    assert sign is not Sign.ACCEPTED
    assert flag_proof(sign) is not None
    assert provider_proof(sign) is not None


def test_effects_and_signs_agree_on_every_reason() -> None:
    signs = {
        Effect.STOP_ACCOUNT: Sign.ACCOUNT,
        Effect.STOP_CONFIGURATION: Sign.CONFIGURATION,
        Effect.REST_LINE: Sign.FLAGGED,
        Effect.PUT_BACK: Sign.NO_CALL,
        Effect.SUPPRESS: Sign.RANG,
    }
    for meaning in REASONS.values():
        if meaning.effect in signs:
            assert sign_of(meaning.outcome) is signs[meaning.effect]
