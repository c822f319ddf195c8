"""list-calls: filters, order, pages and lag."""

from dataclasses import replace
from typing import Any

import anyio
import pytest
from simulator_kit import EPOCH_S, STEADY, Bench, bench, in_virtual_time, number

ROOMY = replace(STEADY, list_per_10s=0, concurrency_limit=1000)


async def found(b: Bench, criteria: Any, **more: Any) -> list[str]:
    listed = await b.sdk.call.list(filter_criteria=criteria, sort_order="ascending", **more)
    return [str(item.to_dict()["to_number"])[-2:] for item in listed.items]


async def day(b: Bench) -> None:
    """Calls one second apart: 00 and 01 answer, 36 does not, 42 is busy, 63 breaks, 54 still talks."""
    for index, last in enumerate((0, 1, 36, 42, 63, 54)):
        variables = {"name": f"name-{last}"}
        metadata = {"attempt_id": f"a{last}", "row": index, "vip": last == 1}
        await b.dial(number(last), metadata=metadata, retell_llm_dynamic_variables=variables)
        await anyio.sleep(1)
    await anyio.sleep(200)


def enum(*values: str) -> dict[str, object]:
    return {"type": "enum", "op": "in", "value": list(values)}


def text(op: str, value: str) -> dict[str, object]:
    return {"type": "string", "op": op, "value": value}


def amount(op: str, value: float) -> dict[str, object]:
    return {"type": "number", "op": op, "value": value}


START_MS = EPOCH_S * 1000


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ({}, "42 36 00 01 63 54"),
        ({"call_status": enum("ended")}, "00 01"),
        ({"call_status": enum("not_connected", "error")}, "42 36 63"),
        ({"call_status": enum("ongoing")}, "54"),
        ({"disconnection_reason": enum("dial_busy", "dial_no_answer")}, "42 36"),
        ({"to_number": text("eq", number(36))}, "36"),
        ({"to_number": text("ne", number(36))}, "42 00 01 63 54"),
        ({"to_number": text("sw", "+1202555")}, "42 36 00 01 63 54"),
        ({"to_number": text("ew", "3")}, "63"),
        ({"to_number": text("co", "55010")}, "00 01"),
        ({"from_number": text("eq", number(99))}, ""),
        ({"batch_call_id": text("eq", "x")}, ""),
        ({"call_type": enum("web_call")}, ""),
        ({"direction": enum("outbound"), "call_status": enum("ongoing")}, "54"),
        ({"metadata": [{"key": "attempt_id", **enum("a1", "a36", "a99", "a1")}]}, "36 01"),
        ({"metadata": [{"key": "attempt_id", **text("eq", "a42")}]}, "42"),
        ({"metadata": [{"key": "attempt_id", **text("sw", "a4")}]}, "42"),
        ({"metadata": [{"key": "row", **amount("ge", 4)}]}, "63 54"),
        ({"metadata": [{"key": "row", "type": "range", "op": "bt", "value": [1, 2]}]}, "36 01"),
        ({"metadata": [{"key": "vip", "type": "boolean", "op": "eq", "value": True}]}, "01"),
        ({"metadata": [{"key": "none", "type": "present", "op": "pr"}]}, ""),
        ({"metadata": [{"key": "row", **amount("lt", 3)}, {"key": "attempt_id", **enum("a0")}]}, "00"),
        ({"dynamic_variables": [{"key": "name", **text("eq", "name-1")}]}, "01"),
        ({"duration_ms": amount("gt", 20_000)}, "00 01"),
        ({"start_timestamp": amount("lt", START_MS + 8000)}, "00 01"),
        ({"end_timestamp": {"type": "range", "op": "bt", "value": [START_MS, START_MS + 10_000]}}, "42"),
        ({"combined_cost": amount("eq", 0)}, "42 36"),
        ({"call_successful": {"type": "boolean", "op": "eq", "value": True}}, "00 01 63"),
        ({"in_voicemail": {"type": "boolean", "op": "eq", "value": True}}, ""),
        ({"user_sentiment": enum("Neutral")}, "00 01 63"),
        (
            {"agent": [{"agent_id": "nobody"}, {"agent_id": STEADY.agent_id, "version": [1]}]},
            "42 36 00 01 63 54",
        ),
        ({"agent": [{"agent_id": STEADY.agent_id, "version": [2]}]}, ""),
    ],
)
def test_filters(criteria: Any, expected: str) -> None:
    @in_virtual_time
    async def scene() -> None:
        async with bench(ROOMY) as b:
            await day(b)
            # Without a start, a call sorts by its creation: 36 was made at 2 s, 00 began to talk at 5 s.
            assert sorted(await found(b, criteria)) == sorted(expected.split())

    scene()


@in_virtual_time
async def test_by_call_id() -> None:
    async with bench(ROOMY) as b:
        await day(b)
        ids = [call.call_id for call in b.sim.calls]
        assert await found(b, {"call_id": enum(ids[0], ids[2], "unknown")}) == ["36", "00"]
        assert await found(b, {"call_id": text("eq", ids[1])}) == ["01"]
        assert await found(b, {"call_id": enum(*ids), "call_status": enum("error")}) == ["63"]


@in_virtual_time
async def test_an_attempt_with_two_calls_lists_both() -> None:
    async with bench(ROOMY) as b:
        for _ in range(3):
            await b.dial(number(0), metadata={"attempt_id": "a"})
        assert await found(b, {"metadata": [{"key": "attempt_id", **enum("a")}]}) == ["00"] * 3


@in_virtual_time
async def test_pages_cover_everything_once() -> None:
    async with bench(ROOMY) as b:
        for last in range(7):
            await b.dial(number(last))
            await anyio.sleep(0.1)
        for order in ("ascending", "descending"):
            seen: list[str] = []
            more: dict[str, Any] = {}
            while True:
                page = await b.sdk.call.list(sort_order=order, limit=3, include_total=True, **more)
                seen += [str(item.to_dict()["to_number"]) for item in page.items]
                assert page.total == 7
                if not page.has_more:
                    break
                more = {"pagination_key": page.pagination_key}
            assert seen == sorted(map(number, range(7)), reverse=order == "descending")
        assert page.pagination_key is None
        skipped = await b.sdk.call.list(sort_order="ascending", limit=3, skip=5)
        assert [item.to_number for item in skipped.items] == [number(5), number(6)]
        assert (skipped.has_more, skipped.total) == (False, None)
        assert [item.to_number for item in (await b.sdk.call.list(limit=1)).items] == [number(6)]


@in_virtual_time
async def test_the_default_page_holds_fifty() -> None:
    async with bench(ROOMY) as b:
        for last in range(55):
            await b.dial(number(last))
        page = await b.sdk.call.list()
        assert (len(page.items), page.has_more) == (50, True)


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 0},
        {"limit": 1001},
        {"limit": "10"},
        {"limit": True},
        {"skip": -1},
        {"skip": 0, "pagination_key": "x"},
        {"pagination_key": "not ours"},
        {"sort_order": "up"},
        {"include_total": 1},
        {"filter_criteria": []},
        {"filter_criteria": {"call_status": enum("registered")}},
        {"filter_criteria": {"call_status": text("eq", "ended")}},
        {"filter_criteria": {"call_status": {"type": "enum", "op": "in", "value": "ended"}}},
        {"filter_criteria": {"call_status": ["ended"]}},
        {"filter_criteria": {"to_number": text("like", "x")}},
        {"filter_criteria": {"duration_ms": amount("gt", 1) | {"value": "1"}}},
        {"filter_criteria": {"duration_ms": amount("gt", True)}},
        {"filter_criteria": {"duration_ms": {"type": "range", "op": "bt", "value": [0, True]}}},
        {"filter_criteria": {"metadata": [text("eq", "x")]}},
        {"filter_criteria": {"metadata": {"attempt_id": "x"}}},
        {"filter_criteria": {"agent": [{"version": [1]}]}},
        {"filter_criteria": {"tool_calls": []}},
    ],
)
def test_malformed_lists_are_refused(body: object) -> None:
    @in_virtual_time
    async def scene() -> None:
        async with bench() as b:
            answer = await b.post("/v3/list-calls", body)
            assert answer.status_code == 400, answer.text

    scene()


@in_virtual_time
async def test_a_new_call_is_listed_late_but_changes_at_once() -> None:
    async with bench(replace(ROOMY, listing_lag_s=3.0)) as b:
        call = await b.dial(number(0), "a")
        by_attempt = {"metadata": [{"key": "attempt_id", **enum("a")}]}
        await anyio.sleep(2.9)
        assert await found(b, by_attempt) == []
        assert await found(b, {"call_id": enum(call.call_id)}) == []
        await anyio.sleep(0.2)
        assert await found(b, by_attempt) == ["00"]
        await anyio.sleep(2.0)
        assert await found(b, {"call_status": enum("ongoing")}) == ["00"]


@in_virtual_time
async def test_an_account_may_hide_registered_calls() -> None:
    async with bench(replace(ROOMY, lists_registered=False)) as b:
        await b.dial(number(0))
        assert await found(b, {}) == []
        await anyio.sleep(5.1)
        assert await found(b, {}) == ["00"]
