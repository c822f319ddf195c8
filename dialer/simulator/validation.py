"""What the API refuses before it does anything, with its status codes and error bodies.

The pages give the codes and one example message each; which code goes with which mistake is told only for
some. Ours: 400 for a request that is malformed, 422 for an id that the account does not have. A from-number
that it does not have is a 404, as people report it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

import orjson

from dialer.simulator import schemas
from dialer.simulator.account import Account
from dialer.simulator.schemas import Schema, mistake

Json: TypeAlias = dict[str, object]

BODY_BYTES_MAX: Final = 1 << 20
METADATA_BYTES_MAX: Final = 50_000
"""Docs: 50 kB."""


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
    check(schemas.PHONE_CALL, body)
    if not body.get("ignore_e164_validation"):
        check(schemas.E164, body["from_number"], "from_number")
    _check_metadata(body, raw_bytes)


def agent_call(body: Json, raw_bytes: int) -> None:
    """Checks register-phone-call and create-web-call."""
    check(schemas.AGENT_CALL, body)
    _check_metadata(body, raw_bytes)


def check(schema: Schema, value: object, name: str = "the body") -> None:
    """Refusal 400: the value is not as the schema says."""
    wrong = mistake(schema, value, name)
    if wrong is not None:
        raise malformed(wrong)


def _check_metadata(body: Json, raw_bytes: int) -> None:
    if raw_bytes > METADATA_BYTES_MAX and len(orjson.dumps(body.get("metadata"))) > METADATA_BYTES_MAX:
        raise malformed("metadata must not be larger than 50 kB")


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
    if unknown_number:  # not on the pages: seen in what people report
        raise Refusal(404, f"Item {number} not found from phone-number")
    if unknown_agent:
        raise Refusal(422, "Cannot find requested asset under given api key.")
    if body.get("honor_internal_dnc") and body.get("to_number") in account.do_not_call:
        raise Refusal(400, "The contact for to_number is marked do_not_call.")


def malformed(what: str) -> Refusal:
    """400 with the pages' example message, and what is wrong."""
    return Refusal(400, f"Invalid request format, please check API reference. {what}")
