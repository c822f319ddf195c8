"""What the simulator serves, as an OpenAPI document (`GET /openapi.json`).

Requests are described by the very schemas that they are checked with, and by the few rules that are not one
field's own. What is answered is described here, as pages 000 to 004 and the SDK have it and as far as the
simulator gives it.
"""

from __future__ import annotations

from typing import Any, Final

from dialer.simulator.filters import criteria_schema
from dialer.simulator.schemas import AGENT_CALL, E164, LIST_CALLS, PHONE_CALL, Schema

_INTEGER: Final[Schema] = {"type": "integer"}
_NUMBER: Final[Schema] = {"type": "number"}
_TEXT: Final[Schema] = {"type": "string"}
_FLAG: Final[Schema] = {"type": "boolean"}
_OBJECT: Final[Schema] = {"type": "object"}
_OBJECTS: Final[Schema] = {"type": "array", "items": _OBJECT}


def _only(properties: Schema, *optional: str) -> Schema:
    """An object of these fields and no others."""
    required = [name for name in properties if name not in optional]
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


_SAID: Final[Schema] = {
    "call_id": _TEXT,
    "call_type": {"enum": ["phone_call", "web_call"]},
    "agent_id": _TEXT,
    "agent_name": _TEXT,
    "agent_version": _INTEGER,
    "call_status": _TEXT,
    "data_storage_setting": _TEXT,
    "opt_in_signed_url": _FLAG,
}
"""Of every call."""
_SOMETIMES: Final[Schema] = {
    "access_token": _TEXT,
    "from_number": _TEXT,
    "to_number": _TEXT,
    "direction": {"enum": ["inbound", "outbound"]},
    "agent_tag": _TEXT,
    "metadata": _OBJECT,
    "retell_llm_dynamic_variables": {"type": "object", "additionalProperties": _TEXT},
    "custom_sip_headers": {"type": "object", "additionalProperties": _TEXT},
}
_LATER: Final[Schema] = {
    "telephony_identifier": _only({"twilio_call_sid": _TEXT}),
    "start_timestamp": _INTEGER,
    "end_timestamp": _INTEGER,
    "duration_ms": _INTEGER,
    "disconnection_reason": {"type": ["string", "null"]},
    "transfer_destination": _TEXT,
    "transfer_end_timestamp": _INTEGER,
    "collected_dynamic_variables": _OBJECT,
    "recording_url": _TEXT,
    "public_log_url": _TEXT,
    "latency": _OBJECT,
    "llm_token_usage": _OBJECT,
    "call_cost": _only(
        {
            "product_costs": _OBJECTS,
            "total_duration_seconds": _NUMBER,
            "total_duration_unit_price": _NUMBER,
            "combined_cost": _NUMBER,
        }
    ),
    "call_analysis": _only(
        {
            "call_summary": _TEXT,
            "in_voicemail": _FLAG,
            "user_sentiment": _TEXT,
            "call_successful": _FLAG,
            "custom_analysis_data": _OBJECT,
        }
    ),
}
"""Of calls that have come so far."""
_TRANSCRIPT: Final[Schema] = {"transcript": _TEXT, "transcript_object": _OBJECTS}

SCHEMAS: Final[Schema] = {
    "Error": _only({"status": {"const": "error"}, "message": _TEXT}),
    "CreatedCall": _only({**_SAID, **_SOMETIMES}, *_SOMETIMES),
    "WebConnection": _only(
        {
            "call_id": _TEXT,
            "access_token": _TEXT,
            "expires_at": _INTEGER,
            "ice_servers": _OBJECTS,
            "transport": _TEXT,
        }
    ),
    "Call": _only({**_SAID, **_SOMETIMES, **_LATER, **_TRANSCRIPT}, *_SOMETIMES, *_LATER, *_TRANSCRIPT),
    "CallPage": _only(
        {
            "items": {
                "type": "array",
                "items": _only({**_SAID, **_SOMETIMES, **_LATER}, *_SOMETIMES, *_LATER),
            },
            "has_more": _FLAG,
            "pagination_key": _TEXT,
            "total": _INTEGER,
        },
        "pagination_key",
        "total",
    ),
    "Concurrency": _only(
        {
            "current_concurrency": _INTEGER,
            "concurrency_limit": _INTEGER,
            "base_concurrency": _INTEGER,
            "purchased_concurrency": _INTEGER,
            "concurrency_burst_enabled": _FLAG,
            "concurrency_burst_limit": {"type": ["integer", "null"]},
            "reserved_inbound_concurrency": _INTEGER,
        }
    ),
}

_ERRORS: Final = {
    400: "The request is malformed.",
    401: "The key is missing or wrong.",
    402: "The account has to be paid.",
    404: "The account has no such from-number.",
    413: "The body is larger than 1 MiB.",
    415: "The body is not application/json.",
    422: "The account has no such agent, number or call.",
    429: "Over a rate limit, or over the account's concurrency.",
    500: "A fault, when faults are switched on.",
}
_DIALLING: Final[Schema] = {
    **PHONE_CALL,
    "anyOf": [
        {"properties": {"from_number": E164}},
        {"required": ["ignore_e164_validation"], "properties": {"ignore_e164_validation": {"const": True}}},
    ],
}
_LISTING: Final[Schema] = {
    **LIST_CALLS,
    "not": {"required": ["skip", "pagination_key"]},
    "properties": {**LIST_CALLS["properties"], "filter_criteria": criteria_schema()},
}
_CREATING: Final = (400, 401, 402, 404, 413, 415, 422, 429, 500)
_OF_ONE: Final = (401, 413, 422, 429, 500)


def document() -> dict[str, Any]:
    """The OpenAPI document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Simulated Retell", "version": "2026-10", "description": "Nobody is called."},
        "security": [{"key": []}],
        "paths": {
            "/v2/create-phone-call": {"post": _takes(_DIALLING, 201, "CreatedCall", _CREATING)},
            "/v2/register-phone-call": {"post": _takes(AGENT_CALL, 201, "CreatedCall", _CREATING)},
            "/v2/create-web-call": {"post": _takes(AGENT_CALL, 201, "CreatedCall", _CREATING)},
            "/v3/create-web-call": {"post": _takes(AGENT_CALL, 201, "WebConnection", _CREATING)},
            "/v3/list-calls": {"post": _takes(_LISTING, 200, "CallPage", (400, 401, 413, 415, 429, 500))},
            "/v2/get-call/{call_id}": {"get": _of_one(200, "Call")},
            "/v2/stop-call/{call_id}": {"post": _of_one(204, None)},
            "/get-concurrency": {"get": _gives(200, "Concurrency", (401, 413, 429, 500))},
        },
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _gives(status: int, answer: str | None, errors: tuple[int, ...]) -> Schema:
    done: Schema = {"description": "Done."} | ({} if answer is None else _json(_named(answer)))
    refused = {str(error): {"description": _ERRORS[error], **_json(_named("Error"))} for error in errors}
    return {"responses": {str(status): done, **refused}}


def _takes(body: Schema, status: int, answer: str, errors: tuple[int, ...]) -> Schema:
    return {"requestBody": {"required": True, **_json(body)}, **_gives(status, answer, errors)}


def _of_one(status: int, answer: str | None) -> Schema:
    which = {"name": "call_id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    return {"parameters": [which], **_gives(status, answer, _OF_ONE)}


def _json(schema: Schema) -> Schema:
    return {"content": {"application/json": {"schema": schema}}}


def _named(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
