"""The filters of list-calls: ANDed conditions, each a leaf {type, op, value[, key]} (SDK 6.2.13).

What the SDK does not say is ours: a call without the field matches nothing but `np`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from dialer.simulator.calls import Call, Kind, Wall, analysis, cost, duration_ms
from dialer.simulator.schemas import Schema
from dialer.simulator.validation import malformed

Test: TypeAlias = Callable[[Call], bool]

_TEXT: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "sw": str.startswith,
    "ew": str.endswith,
    "co": operator.contains,
}
_NUMBER: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_FIELDS: Final[dict[str, tuple[frozenset[str], Callable[[Call, Wall], object]]]] = {
    "call_id": (frozenset({"string", "enum"}), lambda call, _: call.call_id),
    "to_number": (frozenset({"string"}), lambda call, _: call.to_number),
    "from_number": (frozenset({"string"}), lambda call, _: call.from_number),
    "batch_call_id": (frozenset({"string"}), lambda _, __: None),
    "call_status": (frozenset({"enum"}), lambda call, _: call.status),
    "call_type": (frozenset({"enum"}), lambda call, _: "web_call" if call.kind is Kind.WEB else "phone_call"),
    "direction": (frozenset({"enum"}), lambda call, _: call.request.direction),
    "disconnection_reason": (frozenset({"enum"}), lambda call, _: call.reason),
    "data_storage_setting": (frozenset({"enum"}), lambda _, __: "everything"),
    "start_timestamp": (
        frozenset({"number", "range"}),
        lambda call, wall: None if call.started_at is None else wall(call.started_at),
    ),
    "end_timestamp": (
        frozenset({"number", "range"}),
        lambda call, wall: None if call.ended_at is None else wall(call.ended_at),
    ),
    "duration_ms": (frozenset({"number", "range"}), lambda call, _: duration_ms(call)),
    "combined_cost": (
        frozenset({"number", "range"}),
        lambda call, _: None if call.ended_at is None else cost(call)["combined_cost"],
    ),
    "call_successful": (frozenset({"boolean"}), lambda call, _: _analysed(call, "call_successful")),
    "in_voicemail": (frozenset({"boolean"}), lambda call, _: _analysed(call, "in_voicemail")),
    "user_sentiment": (frozenset({"enum"}), lambda call, _: _analysed(call, "user_sentiment")),
}
_KEYED: Final[dict[str, Callable[[Call], Mapping[str, object] | None]]] = {
    "metadata": lambda call: call.request.metadata,
    "dynamic_variables": lambda call: call.request.dynamic_variables,
    "custom_attributes": lambda _: None,
}
_KEYED_KINDS: Final = frozenset({"string", "number", "boolean", "range", "enum", "present"})
_STATUSES: Final = frozenset({"not_connected", "ongoing", "ended", "error"})
_NUMBERS: Final[Schema] = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
_LEAVES: Final[dict[str, tuple[Iterable[str], Schema | None]]] = {
    "string": (_TEXT, {"type": "string"}),
    "enum": (("in",), {"type": "array", "items": {"type": "string"}}),
    "number": (_NUMBER, {"type": "number"}),
    "range": (("bt",), _NUMBERS),
    "boolean": (("eq",), {"type": "boolean"}),
    "present": (("pr", "np"), None),
}
"""Of each type of leaf: its ops, and its value if it has one."""


def criteria_schema() -> Schema:
    """`filter_criteria` as a JSON schema."""
    fields: Schema = {name: {"anyOf": _leaf_schemas(kinds)} for name, (kinds, _) in _FIELDS.items()}
    (status,) = fields["call_status"]["anyOf"]
    status["properties"]["value"] = {"type": "array", "items": {"enum": sorted(_STATUSES)}}
    for name in _KEYED:
        leaves = _leaf_schemas(_KEYED_KINDS, {"key": {"type": "string"}})
        fields[name] = {"type": "array", "items": {"anyOf": leaves}}
    agent = {"type": "object", "required": ["agent_id"], "properties": {"agent_id": {"type": "string"}}}
    fields["agent"] = {"type": "array", "items": agent}
    return {"type": "object", "properties": fields, "additionalProperties": False}


def _leaf_schemas(kinds: Iterable[str], more: Schema | None = None) -> list[Schema]:
    leaves: list[Schema] = []
    for kind in sorted(kinds):
        ops, value = _LEAVES[kind]
        properties = {"type": {"const": kind}, "op": {"enum": list(ops)}, **(more or {})}
        if value is not None:
            properties["value"] = value
        leaves.append({"type": "object", "required": list(properties), "properties": properties})
    return leaves


def tests_of(criteria: object, wall: Wall) -> list[Test]:
    """One test per condition; a call must pass them all. Refusal 400: a condition is malformed."""
    if not isinstance(criteria, dict):
        raise malformed("filter_criteria must be an object")
    tests: list[Test] = []
    for name, leaf in criteria.items():
        if name in _FIELDS:
            tests.append(_field_test(name, leaf, wall))
        elif name in _KEYED and isinstance(leaf, list):
            tests += [_keyed_test(name, each) for each in leaf]
        elif name == "agent" and isinstance(leaf, list):
            tests.append(_agent_test(leaf))
        else:
            raise malformed(f"filter_criteria.{name} is unknown, malformed, or not simulated")
    return tests


def _field_test(name: str, leaf: object, wall: Wall) -> Test:
    kinds, value_of = _FIELDS[name]
    test = _leaf_test(name, leaf, kinds)
    if name == "call_status" and isinstance(leaf, dict) and not _STATUSES.issuperset(leaf["value"]):
        raise malformed(f"call_status must be one of {', '.join(sorted(_STATUSES))}")
    return lambda call: test(value_of(call, wall))


def _keyed_test(name: str, leaf: object) -> Test:
    test, values_of = _leaf_test(name, leaf, _KEYED_KINDS), _KEYED[name]
    key = leaf.get("key") if isinstance(leaf, dict) else None
    if not isinstance(key, str):
        raise malformed(f"filter_criteria.{name} needs a key")
    return lambda call: test((values_of(call) or {}).get(key))


def _agent_test(agents: list[Any]) -> Test:
    """Agents are connected by OR; without versions all match."""
    if not all(isinstance(agent, dict) and isinstance(agent.get("agent_id"), str) for agent in agents):
        raise malformed("filter_criteria.agent needs agent_id")
    if not all(isinstance(agent.get("version", []), list | None) for agent in agents):
        raise malformed("filter_criteria.agent.version must be a list")
    return lambda call: any(
        call.request.agent_id == agent["agent_id"]
        and (not agent.get("version") or call.request.agent_version in agent["version"])
        for agent in agents
    )


def _leaf_test(name: str, leaf: object, kinds: frozenset[str]) -> Callable[[object], bool]:
    """The leaf as a question about a value."""
    kind = leaf.get("type") if isinstance(leaf, dict) else None
    if not isinstance(kind, str) or kind not in kinds:
        raise malformed(f"filter_criteria.{name} must be of type {' or '.join(sorted(kinds))}")
    match leaf:
        case {"type": "string", "op": str(op), "value": str(text)} if op in _TEXT:
            return lambda value: isinstance(value, str) and _TEXT[op](value, text)
        case {"type": "enum", "op": "in", "value": list(choices)} if all(isinstance(c, str) for c in choices):
            wanted = frozenset(choices)
            return lambda value: isinstance(value, str) and value in wanted
        case {"type": "number" | "range", "value": bool() | [bool(), _] | [_, bool()]}:
            pass  # which Python takes for numbers
        case {"type": "number", "op": str(op), "value": int() | float() as bound} if op in _NUMBER:
            return lambda value: isinstance(value, int | float) and _NUMBER[op](value, bound)
        case {"type": "range", "op": "bt", "value": [int() | float() as low, int() | float() as high]}:
            return lambda value: isinstance(value, int | float) and low <= value <= high
        case {"type": "boolean", "op": "eq", "value": bool(flag)}:
            return lambda value: value is flag
        case {"type": "present", "op": "pr" | "np" as op}:
            return lambda value: (value is not None) == (op == "pr")
    raise malformed(f"filter_criteria.{name} has a wrong op or value")


def _analysed(call: Call, name: str) -> object:
    return analysis(call)[name] if call.analysed else None
