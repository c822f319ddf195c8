"""The bodies that the simulator takes, as JSON schemas (pages 002 to 004, SDK 6.2.13).

They are what is checked and what the OpenAPI document says, so that the two cannot differ. Of JSON Schema
only what they need is understood: type, enum, properties, required, additionalProperties, minLength, pattern,
minimum and maximum.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

Schema: TypeAlias = dict[str, Any]

OVERRIDE_KEYS: Final = ("agent", "retell_llm", "conversation_flow")
LIMIT_DEFAULT: Final = 50
LIMIT_MAX: Final = 1000

TEXT: Final[Schema] = {"type": "string", "minLength": 1}
E164: Final[Schema] = {"type": "string", "pattern": r"^\+[1-9][0-9]{6,14}$"}
FLAG: Final[Schema] = {"type": "boolean"}
_ANY_TEXT: Final[Schema] = {"type": "string"}
_TEXTS: Final[Schema] = {"type": ["object", "null"], "additionalProperties": _ANY_TEXT}
_VERSION: Final[Schema] = {"type": ["integer", "string"]}
"""A number, or since 2026 a tag."""
_EVERY_CALL: Final[Schema] = {
    "metadata": {"type": ["object", "null"], "description": "At most 50 kB."},
    "retell_llm_dynamic_variables": _TEXTS,
    "custom_sip_headers": _TEXTS,
    "agent_override": {
        "type": ["object", "null"],
        "properties": {key: {"type": "object"} for key in OVERRIDE_KEYS},
        "additionalProperties": False,
    },
}

PHONE_CALL: Final[Schema] = {
    "type": "object",
    "required": ["from_number", "to_number"],
    "properties": {
        "from_number": TEXT | {"description": "E.164 unless ignore_e164_validation is true."},
        "to_number": E164,
        "ignore_e164_validation": FLAG,
        "honor_internal_dnc": FLAG,
        "override_agent_id": TEXT,
        "override_agent_version": _VERSION,
        "idempotency_key": TEXT,
        **_EVERY_CALL,
    },
}
"""create-phone-call."""
AGENT_CALL: Final[Schema] = {
    "type": "object",
    "required": ["agent_id"],
    "properties": {
        "agent_id": TEXT,
        "agent_version": _VERSION,
        "from_number": TEXT,
        "to_number": TEXT,
        "direction": {"type": "string", "enum": ["inbound", "outbound"]},
        **_EVERY_CALL,
    },
}
"""register-phone-call, which stores the numbers and dials nothing, and create-web-call."""
LIST_CALLS: Final[Schema] = {
    "type": "object",
    "properties": {
        "filter_criteria": {"type": "object"},
        "sort_order": {"type": "string", "enum": ["ascending", "descending"]},
        "limit": {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
        "skip": {"type": "integer", "minimum": 0, "description": "Not together with pagination_key."},
        "pagination_key": _ANY_TEXT,
        "include_total": FLAG,
    },
}

_IS: Final[Mapping[str, Callable[[object], bool]]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: (
        not isinstance(value, bool) and isinstance(value, int | float) and value % 1 == 0
    ),
    "object": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
}


def mistake(schema: Schema, value: object, name: str = "the body") -> str | None:
    """What is wrong with the value, in words; None if nothing is."""
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if not any(_IS[kind](value) for kind in kinds):
        return f"{name} must be {' or '.join(kinds)}"
    if value not in schema.get("enum", [value]):
        return f"{name} must be one of {', '.join(schema['enum'])}"
    match value:
        case str():
            return _mistake_in_text(schema, value, name)
        case bool():
            return None
        case int() | float() if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
            return f"{name} must be from {schema.get('minimum')} to {schema.get('maximum', 'any')}"
        case dict():
            return _mistake_in_object(schema, value, name)
    return None


def _mistake_in_text(schema: Schema, text: str, name: str) -> str | None:
    if len(text) < schema.get("minLength", 0):
        return f"{name} must not be empty"
    if "pattern" in schema and not re.fullmatch(schema["pattern"], text):
        return f"{name} must match {schema['pattern']}"
    return None


def _mistake_in_object(schema: Schema, fields: dict[str, object], name: str) -> str | None:
    missing = [each for each in schema.get("required", ()) if each not in fields]
    if missing:
        return f"{name} must have required property '{missing[0]}'"
    properties, other = schema.get("properties", {}), schema.get("additionalProperties", True)
    for key, value in fields.items():
        of_field = properties.get(key, other)
        if of_field is False:
            return f"{name} has no property {key}"
        wrong = None if of_field is True else mistake(of_field, value, key)
        if wrong is not None:
            return wrong
    return None
