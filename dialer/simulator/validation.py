"""What the API refuses before it does anything, with its status codes and error bodies.

The pages give the codes and one example message each; which code goes with which mistake is told only for
some. Ours: 400 for a request that is malformed, 422 for an id that the account does not have.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, TypeAlias

import orjson

from dialer.simulator.account import Account

Json: TypeAlias = dict[str, object]

BODY_BYTES_MAX: Final = 1 << 20
METADATA_BYTES_MAX: Final = 50_000
"""Docs: 50 kB."""
OVERRIDE_KEYS: Final = frozenset({"agent", "retell_llm", "conversation_flow"})
_E164: Final = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)


class Refusal(Exception):
    """An answer that is no success. `headers` are sent with it."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers

    @property
    def body(self) -> bytes:
        return orjson.dumps({"status": "error", "message": str(self)})


def json_object(raw: bytes) -> Json:
    """Refusal 400: not JSON, or not an object."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Refusal(400, "Invalid request format, please check API reference.") from None
    if not isinstance(body, dict):
        raise malformed("the body must be an object")
    return body


def phone_call(body: Json, raw_bytes: int) -> None:
    """Checks create-phone-call. `ignore_e164_validation` frees the from-number only, as the SDK says."""
    _require_text(body, "from_number", "to_number")
    _require_bool(body, "ignore_e164_validation", "honor_internal_dnc")
    _require_e164(body, "to_number")
    if not body.get("ignore_e164_validation"):
        _require_e164(body, "from_number")
    _optional_text(body, "override_agent_id", "idempotency_key")
    _require_version(body, "override_agent_version")
    _require_common(body, raw_bytes)


def agent_call(body: Json, raw_bytes: int) -> None:
    """Checks register-phone-call and create-web-call; the former stores the numbers and dials nothing."""
    _require_text(body, "agent_id")
    _require_version(body, "agent_version")
    _optional_text(body, "from_number", "to_number")
    if body.get("direction", "outbound") not in ("inbound", "outbound"):
        raise malformed("direction must be inbound or outbound")
    _require_common(body, raw_bytes)


def allowed_by(account: Account, body: Json) -> None:
    """What depends on the account: payment, its numbers, its agents, its contacts."""
    if not account.paid:
        raise Refusal(402, "Trial has ended, please add payment method.")
    agent = body.get("override_agent_id", body.get("agent_id"))
    unknown_agent = account.agents is not None and agent not in (None, account.agent_id, *account.agents)
    number = body.get("from_number")
    unknown_number = (
        account.from_numbers is not None and "agent_id" not in body and number not in account.from_numbers
    )
    if unknown_agent or unknown_number:
        raise Refusal(422, "Cannot find requested asset under given api key.")
    if body.get("honor_internal_dnc") and body.get("to_number") in account.do_not_call:
        raise Refusal(400, "The contact for to_number is marked do_not_call.")


def _require_common(body: Json, raw_bytes: int) -> None:
    metadata = body.get("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        raise malformed("metadata must be an object")
    if raw_bytes > METADATA_BYTES_MAX and len(orjson.dumps(metadata)) > METADATA_BYTES_MAX:
        raise malformed("metadata must not be larger than 50 kB")
    _require_texts_in(body, "retell_llm_dynamic_variables")
    _require_texts_in(body, "custom_sip_headers")
    override = body.get("agent_override")
    if override is not None:
        _require_override(override)


def _require_override(override: object) -> None:
    if not isinstance(override, dict):
        raise malformed("agent_override must be an object")
    for key, value in override.items():
        if key not in OVERRIDE_KEYS:
            raise malformed(f"agent_override has no property {key}")
        if not isinstance(value, dict):
            raise malformed(f"agent_override.{key} must be an object")


def _require_texts_in(body: Json, name: str) -> None:
    values = body.get(name)
    if values is None:
        return
    if not isinstance(values, dict):
        raise malformed(f"{name} must be an object")
    for key, value in values.items():
        if not isinstance(value, str):
            raise malformed(f"{name}.{key} must be string")


def _require_text(body: Json, *names: str) -> None:
    for name in names:
        if name not in body:
            raise malformed(f"must have required property '{name}'")
        if not isinstance(body[name], str) or not body[name]:
            raise malformed(f"{name} must be string")


def _optional_text(body: Json, *names: str) -> None:
    _require_text(body, *(name for name in names if name in body))


def _require_bool(body: Json, *names: str) -> None:
    for name in names:
        if not isinstance(body.get(name, False), bool):
            raise malformed(f"{name} must be boolean")


def _require_version(body: Json, name: str) -> None:
    """An integer, or since 2026 a string tag."""
    version = body.get(name, 0)
    if isinstance(version, bool) or not isinstance(version, int | str):
        raise malformed(f"{name} must be integer or string")


def _require_e164(body: Json, name: str) -> None:
    if not _E164.fullmatch(str(body[name])):
        raise malformed(f"{name} is not a valid E.164 phone number")


def malformed(what: str) -> Refusal:
    """400 with the pages' example message, and what is wrong."""
    return Refusal(400, f"Invalid request format, please check API reference. {what}")
