"""How a number behaves when it is called: its last two digits say it.

So an input file decides what a simulated campaign meets. 00 to 59 hold everything a normal day brings,
60 to 68 what is rare: blocked from-numbers, platform faults, words that no client knows yet; some more has no
digits, and is played for the numbers that a test names;
what stops a whole account stands at 93 to 98.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dialer.simulator.account import Account


class Behaviour(StrEnum):
    ANSWERS = "answers and hangs up"
    AGENT_HANGS_UP = "answers, the agent hangs up"
    VOICEMAIL = "voicemail"
    NO_ANSWER = "no answer"
    BUSY = "busy"
    DECLINES = "declines"
    IVR = "a phone menu"
    BUSY_FIRST = "busy, answers from the second call on"
    NO_ANSWER_TWICE = "no answer twice, then answers"
    WANTS_CALLBACK = "asks for another time"
    WANTS_NO_CALLS = "asks not to be called"
    TRANSFERRED = "is transferred"
    SILENT = "answers and says nothing"
    HANGS_LONG = "talks until the longest call is over"
    DIAL_FAILS = "dialling fails"
    INVALID = "the number does not exist"
    PROVIDER_DOWN = "the telephony provider is unavailable"
    SPAM = "the from-number is marked as spam"
    NETWORK_BLOCKS = "the network blocks the call"
    AGENT_UNREACHABLE = "the agent's server does not open"
    RETELL_BREAKS = "Retell breaks while talking"
    UNKNOWN_ERROR = "unknown error"
    NO_SLOT = "no slot although the request was accepted"
    NEVER_DIALLED = "registered but never dialled"
    FUTURE_REASON = "answers, ends with a reason nobody knows yet"
    FUTURE_STATUS = "ends in a status nobody knows yet"
    MAILBOX = "a mailbox that hangs up as a person does; only the analysis says so"
    TAKEN_OVER = "an operator takes the call over"
    STOPPED_BY_HAND = "an operator ends the call"
    TRANSFER_BRIDGED = "is transferred, and both are brought together"
    TRANSFER_CANCELLED = "is to be transferred, and nobody is there"
    ASR_FAILS = "the speech recognition fails"
    NO_AUDIO = "no audio is received"
    NOT_JOINED = "nobody joins"
    AGENT_LOST = "the connection to the agent's server is lost"
    AGENT_FAILS = "the agent's server fails"
    AGENT_GARBLED = "the agent's server sends what cannot be read"
    NO_FALLBACK = "no room, and nobody who takes the call instead"
    SCAM = "the account is taken for a scam"
    BUDGET = "the account's budget is reached"
    NO_PERMISSION = "the telephony provider does not permit the call"
    SIP_ROUTING = "SIP routing is wrong"
    UNPAID = "the account has no valid payment"
    NO_CREDIT = "the account's credit is exhausted"


BY_LAST_TWO_DIGITS: Final = (
    (range(20), Behaviour.ANSWERS),
    (range(20, 30), Behaviour.AGENT_HANGS_UP),
    (range(30, 36), Behaviour.VOICEMAIL),
    (range(36, 42), Behaviour.NO_ANSWER),
    (range(42, 45), Behaviour.BUSY),
    (range(45, 47), Behaviour.DECLINES),
    (range(47, 48), Behaviour.IVR),
    (range(48, 49), Behaviour.BUSY_FIRST),
    (range(49, 50), Behaviour.NO_ANSWER_TWICE),
    (range(50, 51), Behaviour.WANTS_CALLBACK),
    (range(51, 52), Behaviour.WANTS_NO_CALLS),
    (range(52, 53), Behaviour.TRANSFERRED),
    (range(53, 54), Behaviour.SILENT),
    (range(54, 55), Behaviour.HANGS_LONG),
    (range(55, 56), Behaviour.DIAL_FAILS),
    (range(56, 57), Behaviour.INVALID),
    (range(57, 58), Behaviour.PROVIDER_DOWN),
    (range(58, 60), Behaviour.ANSWERS),
    (range(60, 61), Behaviour.SPAM),
    (range(61, 62), Behaviour.NETWORK_BLOCKS),
    (range(62, 63), Behaviour.AGENT_UNREACHABLE),
    (range(63, 64), Behaviour.RETELL_BREAKS),
    (range(64, 65), Behaviour.UNKNOWN_ERROR),
    (range(65, 66), Behaviour.NO_SLOT),
    (range(66, 67), Behaviour.NEVER_DIALLED),
    (range(67, 68), Behaviour.FUTURE_REASON),
    (range(68, 69), Behaviour.FUTURE_STATUS),
    (range(69, 93), Behaviour.ANSWERS),
    (range(93, 94), Behaviour.SCAM),
    (range(94, 95), Behaviour.BUDGET),
    (range(95, 96), Behaviour.NO_PERMISSION),
    (range(96, 97), Behaviour.SIP_ROUTING),
    (range(97, 98), Behaviour.UNPAID),
    (range(98, 99), Behaviour.NO_CREDIT),
    (range(99, 100), Behaviour.ANSWERS),
)
"""Every pair of digits stands in one row; a number that does not end in two digits answers."""


@dataclass(frozen=True, slots=True)
class Script:
    """One call, from dialling to its end.

    `ring` and `talk` are parts of the times drawn for the call; infinite: as long as the account lets it.
    Without `talk` the call never connects. `rung`: a person may have heard it. `takes_slot`: the call
    counts as concurrent while it lasts.
    """

    status: str
    reason: str
    ring: float = 1.0
    talk: float | None = None
    rung: bool = True
    takes_slot: bool = True
    mailbox: bool = False
    """A machine, and only the analysis says so."""


_ANSWERED = Script("ended", "user_hangup", talk=1.0)
_NOT_ANSWERED = Script("not_connected", "dial_no_answer", ring=math.inf)
_ENGAGED = Script("not_connected", "dial_busy", ring=0.25, rung=False)
NO_SLOT: Final = Script("error", "concurrency_limit_reached", ring=0.02, rung=False, takes_slot=False)

SCRIPTS: Final[dict[Behaviour, tuple[Script, ...]]] = {
    Behaviour.ANSWERS: (_ANSWERED,),
    Behaviour.AGENT_HANGS_UP: (Script("ended", "agent_hangup", talk=1.2),),
    Behaviour.VOICEMAIL: (Script("ended", "voicemail_reached", ring=1.8, talk=0.4),),
    Behaviour.NO_ANSWER: (_NOT_ANSWERED,),
    Behaviour.BUSY: (_ENGAGED,),
    Behaviour.DECLINES: (Script("not_connected", "user_declined", ring=0.5),),
    Behaviour.IVR: (Script("ended", "ivr_reached", ring=0.3, talk=0.5),),
    Behaviour.BUSY_FIRST: (_ENGAGED, _ANSWERED),
    Behaviour.NO_ANSWER_TWICE: (_NOT_ANSWERED, _NOT_ANSWERED, _ANSWERED),
    Behaviour.WANTS_CALLBACK: (Script("ended", "user_requested_callback", talk=0.5),),
    Behaviour.WANTS_NO_CALLS: (Script("ended", "user_requested_dnc", talk=0.3),),
    Behaviour.TRANSFERRED: (Script("ended", "call_transfer", talk=1.5),),
    Behaviour.SILENT: (Script("ended", "inactivity", talk=0.7),),
    Behaviour.HANGS_LONG: (Script("ended", "max_duration_reached", talk=math.inf),),
    Behaviour.DIAL_FAILS: (Script("not_connected", "dial_failed", ring=0.2, rung=False),),
    Behaviour.INVALID: (Script("not_connected", "invalid_destination", ring=0.1, rung=False),),
    Behaviour.PROVIDER_DOWN: (
        Script("not_connected", "telephony_provider_unavailable", ring=0.2, rung=False),
    ),
    Behaviour.SPAM: (Script("not_connected", "marked_as_spam", ring=0.2, rung=False),),
    Behaviour.NETWORK_BLOCKS: (Script("not_connected", "network_blocked", ring=0.2, rung=False),),
    Behaviour.AGENT_UNREACHABLE: (Script("error", "error_llm_websocket_open"),),
    Behaviour.RETELL_BREAKS: (Script("error", "error_retell", talk=0.2),),
    Behaviour.UNKNOWN_ERROR: (Script("error", "error_unknown"),),
    Behaviour.NO_SLOT: (NO_SLOT,),
    Behaviour.NEVER_DIALLED: (Script("error", "registered_call_timeout", ring=math.inf, rung=False),),
    Behaviour.FUTURE_REASON: (Script("ended", "reason_from_the_future", talk=1.0),),
    Behaviour.FUTURE_STATUS: (Script("status_from_the_future", "user_hangup"),),
    Behaviour.MAILBOX: (Script("ended", "user_hangup", ring=1.8, talk=0.4, mailbox=True),),
    Behaviour.TAKEN_OVER: (Script("ended", "call_take_over", talk=1.3),),
    Behaviour.STOPPED_BY_HAND: (Script("ended", "manual_stopped", talk=0.5),),
    Behaviour.TRANSFER_BRIDGED: (Script("ended", "transfer_bridged", talk=1.5),),
    Behaviour.TRANSFER_CANCELLED: (Script("ended", "transfer_cancelled", talk=1.2),),
    Behaviour.ASR_FAILS: (Script("error", "error_asr", talk=0.2),),
    Behaviour.NO_AUDIO: (Script("error", "error_no_audio_received", talk=0.1),),
    Behaviour.NOT_JOINED: (Script("error", "error_user_not_joined"),),
    Behaviour.AGENT_LOST: (Script("error", "error_llm_websocket_lost_connection", talk=0.4),),
    Behaviour.AGENT_FAILS: (Script("error", "error_llm_websocket_runtime", talk=0.3),),
    Behaviour.AGENT_GARBLED: (Script("error", "error_llm_websocket_corrupt_payload", talk=0.2),),
    Behaviour.NO_FALLBACK: (
        Script("error", "no_concurrency_fallback", ring=0.02, rung=False, takes_slot=False),
    ),
    Behaviour.SCAM: (Script("error", "scam_detected", ring=0.1, rung=False),),
    Behaviour.BUDGET: (Script("error", "budget_reached", ring=0.1, rung=False),),
    Behaviour.NO_PERMISSION: (
        Script("not_connected", "telephony_provider_permission_denied", ring=0.1, rung=False),
    ),
    Behaviour.SIP_ROUTING: (Script("not_connected", "sip_routing_error", ring=0.1, rung=False),),
    Behaviour.UNPAID: (Script("error", "no_valid_payment", ring=0.1, rung=False),),
    Behaviour.NO_CREDIT: (Script("error", "credit_exhausted", ring=0.1, rung=False),),
}
"""What happens at the first, second … call to such a number; the last one goes on for ever."""

_BY_DIGITS: Final = {f"{digits:02d}": who for span, who in BY_LAST_TWO_DIGITS for digits in span}


def behaviour_of(number: str) -> Behaviour:
    return _BY_DIGITS.get(number[-2:], Behaviour.ANSWERS)


def script_of(behaviour: Behaviour, calls_before: int) -> Script:
    scripts = SCRIPTS[behaviour]
    return scripts[min(calls_before, len(scripts) - 1)]


def times_of(script: Script, account: Account, chance: random.Random) -> tuple[float, float | None]:
    """Seconds of ringing and of talk (None: never connects). Two draws, always in the same order."""
    ring_s = _lognormal(account.ring_s, account.ring_sigma, chance)
    talk_s = _lognormal(account.talk_s, account.talk_sigma, chance)
    return (
        _part(script.ring, ring_s, account.no_answer_s),
        None if script.talk is None else _part(script.talk, talk_s, account.max_call_s),
    )


def _part(share: float, whole_s: float, most_s: float) -> float:
    return most_s if math.isinf(share) else min(share * whole_s, most_s)


def _lognormal(mean_s: float, sigma: float, chance: random.Random) -> float:
    drawn = chance.lognormvariate(-sigma * sigma / 2, sigma)
    return mean_s * drawn
