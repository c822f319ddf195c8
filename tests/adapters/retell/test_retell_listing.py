"""list-calls: many ids at a time, all of the pages or none, and within the API's limit."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import orjson
import pytest
from aiohttp import web
from retell.types import call_list_params
from retell_kit import CONFIG, answer, api_at, saying

from dialer.adapters.retell.client import LIST_IDS_MAX, LIST_PAGE_CALLS, RetellApi
from dialer.app.clock_loop import run_virtual
from dialer.domain.calls import AttemptId, CallId
from dialer.domain.errors import CallNotStarted


@dataclass
class Listing:
    """A list-calls that has a call for each id that is asked for, and gives `page_calls` at a time."""

    page_calls: int = LIST_PAGE_CALLS
    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    at: list[float] = field(default_factory=list)

    async def _answer(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.asked.append(asked)
        self.at.append(anyio.current_time())
        criteria = asked["filter_criteria"]
        leaf = criteria["metadata"][0] if "metadata" in criteria else criteria["call_id"]
        start = int(asked.get("pagination_key", "0"))
        ids = leaf["value"][start : start + self.page_calls]
        more = start + self.page_calls < len(leaf["value"])
        page: dict[str, Any] = {"items": [_listed(name) for name in ids], "has_more": more}
        if more:
            page["pagination_key"] = str(start + self.page_calls)
        return web.json_response(page)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[RetellApi]:
        app = web.Application(client_max_size=10_000_000)
        app.router.add_post("/v3/list-calls", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            async with api_at(f"http://127.0.0.1:{runner.addresses[0][1]}") as api:
                yield api
        finally:
            await runner.cleanup()


def _listed(name: str) -> dict[str, Any]:
    return {"call_id": name, "call_status": "ongoing", "metadata": {"attempt_id": name}}


def test_attempts_are_looked_for_many_at_a_time() -> None:
    ids = [AttemptId(f"attempt_{number}") for number in range(2 * LIST_IDS_MAX + 50)]
    listing = Listing()

    async def ask() -> None:
        async with listing.serve() as api:
            assert [news.attempt_id for news in await api.find(ids)] == ids

    run_virtual(ask)
    assert len(listing.asked) == 3
    assert listing.asked[0] == {
        "filter_criteria": {
            "metadata": [{"type": "enum", "op": "in", "key": "attempt_id", "value": ids[:LIST_IDS_MAX]}]
        },
        "limit": 1000,
    }


def test_calls_are_listed_page_by_page() -> None:
    ids = [CallId(f"call_{number}") for number in range(50)]
    listing = Listing(page_calls=20)

    async def ask() -> None:
        async with listing.serve() as api:
            assert [news.call_id for news in await api.list(ids)] == ids

    run_virtual(ask)
    leaf = {"type": "enum", "op": "in", "value": ids}
    assert [asked.get("pagination_key") for asked in listing.asked] == [None, "20", "40"]
    assert {orjson.dumps(asked["filter_criteria"]) for asked in listing.asked} == {
        orjson.dumps({"call_id": leaf})
    }


def test_the_request_has_the_sdk_s_names() -> None:
    assert {"filter_criteria", "limit", "pagination_key"} <= set(
        call_list_params.CallListParams.__annotations__
    )
    assert {"metadata", "call_id"} <= set(call_list_params.FilterCriteria.__annotations__)
    leaf = call_list_params.FilterCriteriaMetadataEnumFilter.__annotations__
    assert set(leaf) == {"type", "op", "key", "value"}


def test_listing_keeps_within_the_api_s_limit_in_every_ten_seconds() -> None:
    listing = Listing(page_calls=1)

    async def ask() -> None:
        async with listing.serve() as api:
            await api.list([CallId(f"call_{number}") for number in range(40)])

    run_virtual(ask)
    assert CONFIG.lists_per_10s == 15
    assert all(later - at >= 10 - 1e-3 for at, later in zip(listing.at, listing.at[15:], strict=False))
    assert listing.at[-1] < 30


def test_nothing_asked_is_nothing_sent() -> None:
    listing = Listing()

    async def ask() -> None:
        async with listing.serve() as api:
            assert [*await api.find([]), *await api.list([])] == []

    run_virtual(ask)
    assert listing.asked == []


def test_calls_that_were_not_asked_for_are_left_out() -> None:
    """A server that passes over the filter must not make us adopt somebody else's call."""
    page = orjson.dumps(
        {"items": [_listed("mine"), _listed("other"), {"call_id": "bare"}], "has_more": False}
    )

    async def ask() -> None:
        said = answer("200 OK", page)
        async with saying(said, said) as wire, api_at(wire.url) as api:
            assert [news.call_id for news in await api.find([AttemptId("mine")])] == ["mine"]
            assert [news.call_id for news in await api.list([CallId("mine")])] == ["mine"]

    run_virtual(ask)


@pytest.mark.parametrize(
    "page",
    [
        b"",
        b"[]",
        b"{}",
        b'{"items":{}}',
        b'{"items":[{"call_id":7}],"has_more":false}',
        b'{"items":[],"has_more":true}',
        b'{"items":[],"has_more":true,"pagination_key":7}',
    ],
)
def test_half_a_listing_is_an_error_and_not_a_missing_call(page: bytes) -> None:
    async def ask() -> None:
        async with saying(answer("200 OK", page)) as wire, api_at(wire.url) as api:
            with pytest.raises(CallNotStarted):
                await api.find([AttemptId("attempt_1")])

    run_virtual(ask)


def test_a_listing_without_an_end_is_an_error() -> None:
    async def ask() -> None:
        page = answer("200 OK", b'{"items":[],"has_more":true,"pagination_key":"again"}')
        async with saying(*[page] * 60) as wire, api_at(wire.url) as api:
            with pytest.raises(CallNotStarted):
                await api.find([AttemptId("attempt_1")])
            assert len(wire.requests) < 60

    run_virtual(ask)
