"""One call as the account holds it, and as the API and the webhooks show it (pages 002, 003; SDK 6.2.13)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

from dialer.simulator.people import Script
from dialer.simulator.validation import Json


class Kind(StrEnum):
    DIALLED = "dialled"
    REGISTERED = "registered"
    """register-phone-call: the caller's own SIP would make it, so here it stays `registered`."""
    WEB = "web"
    """create-web-call: nobody joins it here, so it stays `registered`."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a create request said, as far as the API gives it back."""

    to_number: str
    from_number: str
    direction: str
    agent_id: str
    agent_version: int | str
    metadata: Json | None
    dynamic_variables: Json | None
    sip_headers: Json | None
    idempotency_key: str | None

    @classmethod
    def of(cls, body: Mapping[str, Any], agent_id: str) -> Self:
        """`body` is validated; `agent_id` is the agent of the account when the request names none."""
        return cls(
            to_number=body.get("to_number", ""),
            from_number=body.get("from_number", ""),
            direction=body.get("direction", "outbound"),
            agent_id=body.get("override_agent_id") or body.get("agent_id") or agent_id,
            agent_version=body.get("override_agent_version", body.get("agent_version", 1)),
            metadata=body.get("metadata"),
            dynamic_variables=body.get("retell_llm_dynamic_variables"),
            sip_headers=body.get("custom_sip_headers"),
            idempotency_key=body.get("idempotency_key"),
        )

    @property
    def attempt_id(self) -> str | None:
        """`metadata.attempt_id`, by which a client may find its call again."""
        attempt = (self.metadata or {}).get("attempt_id")
        return attempt if isinstance(attempt, str) else None


class OddFigures(StrEnum):
    """Figures of a call that nobody can believe."""

    NEGATIVE = "negative"
    HUGE = "huge"
    MISSING = "missing"


@dataclass(slots=True, eq=False)
class Call:
    """The times are the event loop's seconds; None: not yet, or never."""

    seq: int
    """Order of creation, from 0."""
    call_id: str
    kind: Kind
    request: Request
    script: Script | None
    """None for a call that is not dialled here."""
    created_at: float
    listed_at: float
    ring_s: float = 0.0
    talk_s: float | None = None
    status: str = "registered"
    reason: str | None = None
    started_at: float | None = None
    ended_at: float | None = None
    analysed: bool = False
    odd: OddFigures | None = None
    """How its figures are shown instead."""
    denied_by_listing: bool = False
    denied_by_get: bool = False

    @property
    def to_number(self) -> str:
        return self.request.to_number

    @property
    def from_number(self) -> str:
        return self.request.from_number

    @property
    def attempt_id(self) -> str | None:
        return self.request.attempt_id

    @property
    def rung(self) -> bool:
        """Somebody's phone rang, or may have."""
        return self.script is not None and self.script.rung

    @property
    def takes_slot(self) -> bool:
        """It counts as concurrent from its creation to its end."""
        return self.script is not None and self.script.takes_slot

    @property
    def identity(self) -> str:
        """The attempt it belongs to. All calls to a number that name none count as one attempt."""
        return self.attempt_id or self.request.idempotency_key or self.to_number

    @property
    def duration_s(self) -> float | None:
        if self.started_at is None or self.ended_at is None:
            return None
        return self.ended_at - self.started_at


Wall = Callable[[float], int]
"""From the loop's seconds to milliseconds since the epoch."""


def as_created(call: Call) -> Json:
    """The 201 answer: the call as it was made, however far it has come since."""
    request = call.request
    shown: Json = {"call_id": call.call_id}
    if call.kind is Kind.WEB:
        shown |= {"call_type": "web_call", "access_token": access_token(call)}
    else:
        shown |= {
            "call_type": "phone_call",
            "from_number": call.from_number,
            "to_number": call.to_number,
            "direction": request.direction,
        }
    tagged = isinstance(request.agent_version, str)
    shown |= {
        "agent_id": request.agent_id,
        "agent_name": "Simulated agent",
        "agent_version": 1 if tagged else request.agent_version,
        "call_status": "registered",
        "data_storage_setting": "everything",
        "opt_in_signed_url": False,
    }
    optional = {
        "agent_tag": request.agent_version if tagged else None,
        "metadata": request.metadata,
        "retell_llm_dynamic_variables": request.dynamic_variables,
        "custom_sip_headers": request.sip_headers,
    }
    return shown | {name: value for name, value in optional.items() if value is not None}


def as_item(call: Call, wall: Wall) -> Json:
    """As list-calls shows it: everything but the transcript."""
    shown = as_created(call) | {"call_status": call.status}
    if call.kind is Kind.DIALLED:
        shown["telephony_identifier"] = {"twilio_call_sid": f"CA{call.call_id[-32:]}"}
    if call.started_at is not None:
        shown["start_timestamp"] = wall(call.started_at)
    if call.ended_at is not None:
        shown |= {
            "end_timestamp": wall(call.ended_at),
            "disconnection_reason": call.reason,
            "call_cost": cost(call),
        }
    if call.duration_s is not None:
        shown |= {
            "duration_ms": duration_ms(call),
            "collected_dynamic_variables": {},
            "recording_url": f"https://recordings.invalid/{call.call_id}/recording.wav",
            "public_log_url": f"https://recordings.invalid/{call.call_id}/public_log.txt",
            "latency": {"e2e": {"p50": 800, "p90": 1200, "p95": 1500, "p99": 2500, "min": 500, "num": 4}},
            "llm_token_usage": {"values": [123, 145], "average": 134, "num_requests": 2},
        }
    if call.reason in TRANSFERS:
        shown["transfer_destination"] = "+12025550199"
        if call.ended_at is not None:
            shown["transfer_end_timestamp"] = wall(call.ended_at)
    if call.analysed:
        shown["call_analysis"] = analysis(call)
    if call.odd is not None:
        _make_odd(shown, call.odd)
    return shown


def as_listed(call: Call, wall: Wall) -> Json:
    """As list-calls shows it, also where that denies it."""
    if not call.denied_by_listing:
        return as_item(call, wall)
    denied = {"call_status": "error", "disconnection_reason": "concurrency_limit_reached"}
    return as_created(call) | denied | {"end_timestamp": wall(call.created_at)}


def _make_odd(shown: Json, odd: OddFigures) -> None:
    if "end_timestamp" not in shown:
        return
    match odd:
        case OddFigures.NEGATIVE:
            shown["duration_ms"], shown["call_cost"] = -60_000, {"combined_cost": -1e6}
        case OddFigures.HUGE:
            shown["duration_ms"], shown["call_cost"] = 10**15, {"combined_cost": 1e300}
            shown["end_timestamp"] = 10**17
        case OddFigures.MISSING:
            for name in ("duration_ms", "call_cost", "end_timestamp"):
                shown.pop(name, None)


def as_call(call: Call, wall: Wall) -> Json:
    """As get-call and the webhooks show it."""
    shown = as_item(call, wall)
    if call.duration_s is not None:
        said = _TALK if _was_person(call) else _MACHINE
        shown["transcript"] = "".join(f"{role.title()}: {words}\n" for role, words in said)
        shown["transcript_object"] = [
            {"role": role, "content": words, "words": [{"word": words, "start": at, "end": at + 1}]}
            for at, (role, words) in enumerate(said)
        ]
    return shown


TRANSFERS: Final = frozenset({"call_transfer", "transfer_bridged"})
"""Reasons of calls that somebody else went on with."""


def access_token(call: Call) -> str:
    return f"sim-token-{call.call_id[-32:]}"


def duration_ms(call: Call) -> int | None:
    return None if call.duration_s is None else round(call.duration_s * 1000)


def cost(call: Call) -> Json:
    """In cents, by the second of talk; the prices are only plausible."""
    seconds = round(call.duration_s or 0.0)
    products = [
        {"product": product, "unit_price": price, "cost": round(price * seconds, 4)}
        for product, price in _CENTS_PER_SECOND.items()
        if seconds
    ]
    price = sum(_CENTS_PER_SECOND.values())
    return {
        "product_costs": products,
        "total_duration_seconds": seconds,
        "total_duration_unit_price": round(price, 4),
        "combined_cost": round(price * seconds, 4),
    }


def analysis(call: Call) -> Json:
    person = _was_person(call)
    return {
        "call_summary": "The user was reached." if person else "The user was not reached.",
        "in_voicemail": not person and call.reason != "ivr_reached",
        "user_sentiment": "Neutral" if person else "Unknown",
        "call_successful": person,
        "custom_analysis_data": {},
    }


_CENTS_PER_SECOND: Final = {"retell_voice": 0.1167, "us_telephony": 0.025}
_TALK: Final = (
    ("agent", "Hello, this is a simulated call."),
    ("user", "Hello. Thank you for calling."),
    ("agent", "Have a nice day."),
)
_MACHINE: Final = (("user", "Please leave a message after the tone."), ("agent", "We will call again."))


def _was_person(call: Call) -> bool:
    is_mailbox = call.script is not None and call.script.mailbox
    return not is_mailbox and call.reason not in ("voicemail_reached", "ivr_reached")
