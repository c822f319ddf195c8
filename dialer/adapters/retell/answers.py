"""What the API says, read into the words of the domain.

Tolerant: a field we do not know is passed over, a value we do not know stays as it is, and an optional
field that is missing or of the wrong type is None. Only the call id must be there. Times of the API are in
milliseconds, ours in seconds. Written by hand and not with a schema because every call passes here several
times; `responses.Call` is the typed view of everything.
"""

import math
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from dialer.domain.calls import AttemptId, CallId, CallUpdate, Capacity, WebAccess

STATUS_NOT_SAID = "unknown"
"""In place of a missing `call_status`: then only a reason or an end says that the call is over."""


def read_json(body: bytes) -> Any:
    """The value, or None if it is not JSON."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def read_call(raw: Any) -> CallUpdate | None:
    """The call in an answer, a listing or a webhook; None if it does not name its id."""
    if not isinstance(raw, dict):
        return None
    call_id = _text(raw.get("call_id"))
    if call_id is None:
        return None
    attempt_id = _text(_part(raw, "metadata").get("attempt_id"))
    return CallUpdate(
        call_id=CallId(call_id),
        status=_text(raw.get("call_status")) or STATUS_NOT_SAID,
        attempt_id=None if attempt_id is None else AttemptId(attempt_id),
        reason=_text(raw.get("disconnection_reason")),
        started_at=_seconds(raw.get("start_timestamp")),
        ended_at=_seconds(raw.get("end_timestamp")),
        duration_s=_seconds(raw.get("duration_ms")),
        cost_cents=_number(_part(raw, "call_cost").get("combined_cost")),
        web_access=_web_access(raw),
        analysis=_analysis(raw),
        details=_details(raw),
    )


def read_page(raw: Any) -> tuple[list[CallUpdate], str | None] | None:
    """One page of list-calls and the key of the next, if any; None if it is not a whole, readable page.

    Strict where it matters: a call that cannot be read, or a next page that cannot be asked for, must not
    look like a call that is not there.
    """
    if not isinstance(raw, dict) or not isinstance(items := raw.get("items"), list):
        return None
    calls = [news for news in map(read_call, items) if news is not None]
    next_key = _text(raw.get("pagination_key")) if raw.get("has_more") else None
    if len(calls) < len(items) or (raw.get("has_more") and next_key is None):
        return None
    return calls, next_key


def read_capacity(raw: Any) -> Capacity | None:
    """The answer of get-concurrency; None if it is not an object."""
    if not isinstance(raw, dict):
        return None
    return Capacity(
        limit=_count(raw.get("concurrency_limit")),
        in_use=_count(raw.get("current_concurrency")),
        reserved_inbound=_count(raw.get("reserved_inbound_concurrency")) or 0,
        burst_limit=(
            _count(raw.get("concurrency_burst_limit"))
            if raw.get("concurrency_burst_enabled") is True
            else None
        ),
    )


def read_date(header: str | None) -> float | None:
    """Unix seconds of a `Date` header; None if there is none that can be read."""
    try:
        at = parsedate_to_datetime(header or "")
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def read_error(body: bytes) -> str:
    """The `message` of an error's body; empty if there is none."""
    raw = read_json(body)
    return _text(raw.get("message")) or "" if isinstance(raw, dict) else ""


def parse_event(body: bytes) -> tuple[str, CallUpdate] | None:
    """A webhook's event and what it tells of its call; None if the body is not one.

    Check the signature first: see `signature.verify`.
    """
    raw = read_json(body)
    if not isinstance(raw, dict):
        return None
    event, news = _text(raw.get("event")), read_call(raw.get("call"))
    return None if event is None or news is None else (event, news)


def _web_access(raw: Mapping[str, Any]) -> WebAccess | None:
    token = _text(raw.get("access_token"))
    if token is None:
        return None
    servers = raw.get("ice_servers")
    return WebAccess(
        token,
        expires_at=_seconds(raw.get("expires_at")),
        ice_servers=servers if _is_plain_list(servers) else None,
        transport=_text(raw.get("transport")),
    )


def _is_plain_list(value: Any) -> bool:
    """A list of objects that can be written down again."""
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        return False
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError:
        return False
    return True


def _analysis(raw: Mapping[str, Any]) -> Mapping[str, Any] | None:
    part = raw.get("call_analysis")
    if not part or not isinstance(part, dict):
        return None
    try:
        orjson.dumps(part)
    except orjson.JSONEncodeError:
        return None  # nested more deeply than it could be written down again
    return part


def _details(raw: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Named as in the results. A signed address of a recording holds for a day."""
    collected = raw.get("collected_dynamic_variables")
    p50 = _number(_part(_part(raw, "latency"), "e2e").get("p50"))
    known = {
        "agent_version": _count(raw.get("agent_version")),
        "agent_tag": _text(raw.get("agent_tag")),
        "collected_dynamic_variables": _texts(collected) if isinstance(collected, dict) else None,
        "transfer_destination": _text(raw.get("transfer_destination")),
        "transfer_ended_at": _seconds(raw.get("transfer_end_timestamp")),
        "recording_url": _text(raw.get("recording_url")),
        "public_log_url": _text(raw.get("public_log_url")),
        "latency_p50_ms": p50 if p50 is None or 0 <= p50 < math.inf else None,
    }
    return {name: value for name, value in known.items() if value not in (None, {})} or None


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: text for name, value in values.items() if (text := _text(value)) is not None}


_NUMBERS = (int, float)
"""What JSON has; a truth value is an `int` of Python's and no number."""


def _text(value: Any) -> str | None:
    if not isinstance(value, str) or not value:
        return None
    # a zero is a character like others in JSON, and none that every database can keep
    return value.replace("\0", "\ufffd") if "\0" in value else value


def _number(value: Any) -> float | None:
    return float(value) if type(value) in _NUMBERS else None


def _seconds(value: Any) -> float | None:
    milliseconds = None if value is None else _number(value)
    return None if milliseconds is None else milliseconds / 1000


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _part(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = raw.get(name)
    return part if isinstance(part, dict) else {}
