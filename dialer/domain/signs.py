"""What the way of one attempt shows of account, set-up, provider and line."""

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from dialer.domain.calls import AttemptId
from dialer.domain.errors import Blame
from dialer.domain.outcomes import Outcome
from dialer.domain.resting import Proof


class Sign(StrEnum):
    """What a campaign learns from one attempt."""

    ACCEPTED = "accepted"
    """The API took the request (201); not the end of the attempt."""
    RANG = "rang"
    """The call went out: account, set-up, provider and line work."""
    FLAGGED = "flagged"
    PROVIDER_DOWN = "provider_down"
    CONFIGURATION = "configuration"
    ACCOUNT = "account"
    REFUSED = "refused"
    """A 4xx that blames the person, or nobody."""
    DO_NOT_CALL_REFUSED = "do_not_call_refused"
    """A 4xx for a person who is marked do-not-call there: nothing is wrong."""
    LINE_REFUSED = "line_refused"
    """A 4xx that blames the from-number."""
    SETUP_REFUSED = "setup_refused"
    """A 4xx that blames the agent, or what all requests have."""
    NO_CALL = "no_call"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Event:
    sign: Sign
    attempt_id: AttemptId
    line: str | None
    """Its from-number."""
    claimed_at: float
    detail: str
    """The API's reason or message, for people; holds no number."""
    way_out: str = ""
    """What to do, where the error says it itself (`AccountBlocked.way_out`)."""


def sign_of(outcome: Outcome) -> Sign:
    """What the end of an attempt shows."""
    match outcome:
        case (
            Outcome.REACHED
            | Outcome.VOICEMAIL
            | Outcome.CALLBACK
            | Outcome.DO_NOT_CALL
            | Outcome.NO_ANSWER
            | Outcome.BUSY
            | Outcome.DECLINED
        ):
            return Sign.RANG
        case Outcome.SPAM_BLOCKED:
            return Sign.FLAGGED
        case Outcome.PROVIDER_UNAVAILABLE:
            return Sign.PROVIDER_DOWN
        case Outcome.CONFIGURATION:
            return Sign.CONFIGURATION
        case Outcome.ACCOUNT:
            return Sign.ACCOUNT
        case Outcome.REFUSED:
            return Sign.REFUSED
        case Outcome.NOT_RUNG:
            return Sign.NO_CALL
        case (
            Outcome.DIAL_FAILED
            | Outcome.INVALID_NUMBER
            | Outcome.PLATFORM_FAULT
            | Outcome.CREATED
            | Outcome.UNKNOWN
        ):
            return Sign.UNCLEAR
        case _:
            assert_never(outcome)


def sign_of_refusal(blame: Blame) -> Sign:
    """What a refused request shows."""
    match blame:
        case Blame.PERSON | Blame.UNCLEAR:
            return Sign.REFUSED
        case Blame.DO_NOT_CALL:
            return Sign.DO_NOT_CALL_REFUSED
        case Blame.LINE:
            return Sign.LINE_REFUSED
        case Blame.SETUP:
            return Sign.SETUP_REFUSED
        case _:
            assert_never(blame)


def flag_proof(sign: Sign) -> Proof | None:
    """What an attempt shows of a line's standing; None: it goes on."""
    match sign:
        case Sign.RANG:
            return Proof.WORKED
        case Sign.FLAGGED:
            return Proof.FAILED
        case Sign.PROVIDER_DOWN | Sign.UNCLEAR:
            return Proof.UNCLEAR
        case (
            Sign.CONFIGURATION
            | Sign.ACCOUNT
            | Sign.REFUSED
            | Sign.DO_NOT_CALL_REFUSED
            | Sign.LINE_REFUSED
            | Sign.SETUP_REFUSED
            | Sign.NO_CALL
        ):
            return Proof.NO_CALL
        case Sign.ACCEPTED:
            return None
        case _:
            assert_never(sign)


def line_proof(sign: Sign) -> Proof | None:
    """What an attempt shows of whether the API takes calls from its line; None: nothing as yet."""
    match sign:
        case Sign.LINE_REFUSED:
            return Proof.FAILED
        case Sign.ACCOUNT | Sign.REFUSED | Sign.DO_NOT_CALL_REFUSED | Sign.SETUP_REFUSED | Sign.NO_CALL:
            return Proof.NO_CALL
        case Sign.RANG | Sign.FLAGGED | Sign.PROVIDER_DOWN | Sign.CONFIGURATION | Sign.UNCLEAR:
            return Proof.WORKED
        case Sign.ACCEPTED:
            return None
        case _:
            assert_never(sign)


def provider_proof(sign: Sign) -> Proof | None:
    """What an attempt shows of the telephony provider; None: it goes on."""
    match sign:
        case Sign.FLAGGED:
            return Proof.WORKED
        case Sign.PROVIDER_DOWN:
            return Proof.FAILED
        case _:
            return flag_proof(sign)
