"""What a call's end means to a campaign.

Source: the API pages and the SDK's types; reasons are grouped as the provider's debugging guide explains
them. An unknown reason is judged by its status, so that a reason added tomorrow loses no call.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How an attempt ended, in the words of a campaign."""

    REACHED = "reached"
    VOICEMAIL = "voicemail"
    """A machine answered: voicemail or a menu."""
    CALLBACK = "callback"
    """A person asked to be called at another time."""
    DO_NOT_CALL = "do_not_call"
    """A person asked never to be called again."""
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    DECLINED = "declined"
    DIAL_FAILED = "dial_failed"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    INVALID_NUMBER = "invalid_number"
    SPAM_BLOCKED = "spam_blocked"
    """The from-number is flagged; it needs rest."""
    CONFIGURATION = "configuration"
    """The telephony set-up refuses; every further call would fail alike."""
    NOT_RUNG = "not_rung"
    """The account had no room; nobody was rung and nothing is spent."""
    ACCOUNT = "account"
    """The account may not call: unpaid, out of credit, blocked."""
    PLATFORM_FAULT = "platform_fault"
    """The platform failed; the person may have been rung."""
    CREATED = "created"
    """A web call or a registered call: settled when created."""
    REFUSED = "refused"
    """The API will not take the request."""
    UNKNOWN = "unknown"
    """Nobody could tell whether a call was made."""


class Effect(StrEnum):
    """What an end means beyond its own job."""

    NONE = "none"
    PUT_BACK = "put_back"
    """Spend no attempt; the account has less room than thought."""
    SUPPRESS = "suppress"
    """Never call this number again, in any campaign."""
    REST_LINE = "rest_line"
    STOP_CONFIGURATION = "stop_configuration"
    STOP_ACCOUNT = "stop_account"


@dataclass(frozen=True, slots=True)
class Meaning:
    outcome: Outcome
    effect: Effect = Effect.NONE


_FAULT = Meaning(Outcome.PLATFORM_FAULT)
_REACHED = Meaning(Outcome.REACHED)
_MACHINE = Meaning(Outcome.VOICEMAIL)
_SPAM = Meaning(Outcome.SPAM_BLOCKED, Effect.REST_LINE)
_SETUP = Meaning(Outcome.CONFIGURATION, Effect.STOP_CONFIGURATION)
_ACCOUNT = Meaning(Outcome.ACCOUNT, Effect.STOP_ACCOUNT)
_PUT_BACK = Meaning(Outcome.NOT_RUNG, Effect.PUT_BACK)

REASONS: Mapping[str, Meaning] = {
    "user_hangup": _REACHED,
    "agent_hangup": _REACHED,
    "call_transfer": _REACHED,
    "call_take_over": _REACHED,
    "transfer_bridged": _REACHED,
    "transfer_cancelled": _REACHED,
    "inactivity": _REACHED,
    "max_duration_reached": _REACHED,
    "manual_stopped": _REACHED,
    "voicemail_reached": _MACHINE,
    "ivr_reached": _MACHINE,
    "machine_detected": _MACHINE,
    "user_requested_dnc": Meaning(Outcome.DO_NOT_CALL, Effect.SUPPRESS),
    "user_requested_callback": Meaning(Outcome.CALLBACK),
    "dial_no_answer": Meaning(Outcome.NO_ANSWER),
    "dial_busy": Meaning(Outcome.BUSY),
    "user_declined": Meaning(Outcome.DECLINED),
    "dial_failed": Meaning(Outcome.DIAL_FAILED),
    "telephony_provider_unavailable": Meaning(Outcome.PROVIDER_UNAVAILABLE),
    "invalid_destination": Meaning(Outcome.INVALID_NUMBER),
    "marked_as_spam": _SPAM,
    "network_blocked": _SPAM,
    "telephony_provider_permission_denied": _SETUP,
    "sip_routing_error": _SETUP,
    "concurrency_limit_reached": _PUT_BACK,
    "no_concurrency_fallback": _PUT_BACK,
    "registered_call_timeout": _PUT_BACK,
    "no_valid_payment": _ACCOUNT,
    "credit_exhausted": _ACCOUNT,
    "budget_reached": _ACCOUNT,
    "scam_detected": _ACCOUNT,
    "error_llm_websocket_open": _FAULT,
    "error_llm_websocket_lost_connection": _FAULT,
    "error_llm_websocket_runtime": _FAULT,
    "error_llm_websocket_corrupt_payload": _FAULT,
    "error_no_audio_received": _FAULT,
    "error_asr": _FAULT,
    "error_retell": _FAULT,
    "error_unknown": _FAULT,
    "error_twilio": _FAULT,
    "error_frontend_corrupted_payload": _FAULT,
    "error_inbound_webhook": _FAULT,
    "error_user_not_joined": _FAULT,
}

BY_STATUS: Mapping[str, Meaning] = {
    "ended": _REACHED,
    "not_connected": Meaning(Outcome.DIAL_FAILED),
    "error": _FAULT,
}


def classify(status: str, reason: str | None) -> Meaning:
    """What the end of a call means, from `call_status` and `disconnection_reason` of the API.

    A reason we do not know is judged by its status; a status we do not know counts as a platform fault,
    because the person may have been rung.
    """
    if reason is not None and reason in REASONS:
        return REASONS[reason]
    return BY_STATUS.get(status, _FAULT)
