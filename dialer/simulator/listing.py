"""list-calls: filters, order and pages (SDK 6.2.13, `call_list_params`).

What the SDK does not say is ours: a call that has not started sorts by its creation.
"""

from __future__ import annotations

import base64
import binascii
import operator
from collections.abc import Iterable
from typing import Any, TypeAlias

from dialer.simulator.calls import Call, Wall, as_listed
from dialer.simulator.filters import tests_of
from dialer.simulator.schemas import LIMIT_DEFAULT, LIST_CALLS
from dialer.simulator.validation import Json, check, malformed
from dialer.simulator.world import World

_Position: TypeAlias = tuple[float, int]


def list_calls(world: World, body: Json, wall: Wall) -> Json:
    """One page. Refusal 400: the request is malformed."""
    check(LIST_CALLS, body)
    limit, skip, cursor, descending = _paging(body)
    tests = tests_of(body.get("filter_criteria", {}), wall)
    now = world.now()
    found = [
        call
        for call in _candidates(world, body)
        if call.listed_at <= now
        and (world.account.lists_registered or call.status != "registered")
        and all(test(call) for test in tests)
    ]
    total = len(found)
    found.sort(key=_position, reverse=descending)
    if cursor is not None:
        beyond = operator.lt if descending else operator.gt
        found = [call for call in found if beyond(_position(call), cursor)]
    page = found[skip : skip + limit]
    answer: Json = {"items": [as_listed(call, wall) for call in page], "has_more": len(found) > skip + limit}
    if answer["has_more"]:
        answer["pagination_key"] = _written(_position(page[-1]))
    if body.get("include_total"):
        answer["total"] = total
    return answer


def _candidates(world: World, body: Json) -> Iterable[Call]:
    """All calls that may match, fewer where an index knows them: a poll must not read a million calls."""
    criteria: Any = body.get("filter_criteria", {})
    wanted = _values(criteria.get("call_id"))
    if wanted is not None:
        return [world.by_id[call_id] for call_id in wanted if call_id in world.by_id]
    for leaf in criteria.get("metadata", ()):
        wanted = _values(leaf) if leaf.get("key") == "attempt_id" else None
        if wanted is not None:
            return world.of_attempts(wanted)
    return world.calls


def _values(leaf: Any) -> list[str] | None:
    """The values that a leaf asks for, each once; None if it asks for something else."""
    match leaf:
        case {"type": "enum", "value": values}:
            return list(dict.fromkeys(values))
        case {"type": "string", "op": "eq", "value": value}:
            return [value]
    return None


def _paging(body: dict[str, Any]) -> tuple[int, int, _Position | None, bool]:
    if "skip" in body and "pagination_key" in body:
        raise malformed("skip and pagination_key exclude each other")
    key = body.get("pagination_key")
    return (
        int(body.get("limit", LIMIT_DEFAULT)),
        int(body.get("skip", 0)),
        None if key is None else _read(key),
        body.get("sort_order", "descending") == "descending",
    )


def _position(call: Call) -> _Position:
    return (call.created_at if call.started_at is None else call.started_at, call.seq)


def _written(position: _Position) -> str:
    return base64.urlsafe_b64encode(f"{position[0]!r} {position[1]}".encode()).decode()


def _read(key: object) -> _Position:
    try:
        time, seq = base64.urlsafe_b64decode(str(key)).decode().split()
        return float(time), int(seq)
    except (binascii.Error, UnicodeError, ValueError):
        raise malformed("pagination_key is invalid") from None
