"""What `dialer doctor` makes of clocks, rooms, agents and numbers, and of an API that hangs."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any

import anyio
import pytest
from aiohttp import web
from pydantic import SecretStr

from dialer.adapters.system.clock import SystemClock
from dialer.commands.doctor import examine
from dialer.commands.doctor.account import account, room
from dialer.commands.doctor.campaigns import calls, rules
from dialer.commands.doctor.findings import Finding, Mark, beside, is_fit
from dialer.commands.doctor.places import addresses
from dialer.commands.doctor.queues import queue
from dialer.domain.calls import Capacity
from dialer.settings import Settings
from dialer.web.server import serve

REAL = {"base_url": "https://api.retellai.com"}


@asynccontextmanager
async def an_api(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[Settings]:
    """Settings for an API that answers so."""
    app = web.Application()
    app.router.add_get("/get-concurrency", answer)
    async with serve(app, "127.0.0.1:0") as url:
        yield Settings(retell_api_key=SecretStr("sim-key"), retell={"base_url": url})


def asked(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> dict[str, Finding]:
    async def main() -> Sequence[Finding]:
        async with an_api(answer) as settings:
            return await account(settings)

    return {each.check: each for each in anyio.run(main)}


@pytest.mark.parametrize(
    ("ahead_s", "mark", "says"),
    [
        (0, Mark.GOOD, "agrees with the API's"),
        (10, Mark.DOUBTFUL, "s or more ahead of the API's"),
        (-10, Mark.DOUBTFUL, "s or more behind the API's"),
        (3600, Mark.BAD, "s or more ahead of the API's"),
    ],
)
def test_our_clock_beside_the_apis(ahead_s: int, mark: Mark, says: str) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        date = formatdate(SystemClock().now() - ahead_s, usegmt=True)
        return web.json_response({"concurrency_limit": 20}, headers={"Date": date})

    clock = asked(answer)["clock"]
    assert clock.mark is mark
    assert says in clock.said
    assert (clock.way_out == "") is (mark is Mark.GOOD)


@pytest.mark.parametrize("date", ["", "yesterday"])
def test_an_api_that_has_no_clock(date: str) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response({"concurrency_limit": 20}, headers={"Date": date})

    assert asked(answer)["clock"].mark is Mark.SKIPPED


@pytest.mark.parametrize(
    ("ahead_s", "unsure_s", "mark"),
    [
        (2.0, 0.0, Mark.GOOD),
        (2.1, 0.0, Mark.DOUBTFUL),
        (2.5, 0.5, Mark.GOOD),
        (-2.1, 0.0, Mark.DOUBTFUL),
        (60.0, 0.0, Mark.DOUBTFUL),
        (-60.1, 0.0, Mark.BAD),
        (60.4, 0.5, Mark.DOUBTFUL),
    ],
)
def test_a_clock_is_off_only_as_far_as_is_known(ahead_s: float, unsure_s: float, mark: Mark) -> None:
    assert beside("clock", "the API's", ahead_s, unsure_s).mark is mark


@pytest.mark.parametrize("body", ["<html>", "[]", "null"])
def test_an_answer_that_cannot_be_read(body: str) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(text=body)

    found = asked(answer)
    assert list(found) == ["key"]
    assert found["key"].mark is Mark.BAD


@pytest.mark.parametrize(
    ("capacity", "slots", "mark", "says"),
    [
        (Capacity(20, 3), 20, Mark.GOOD, "allows 20 calls at once; 3 are going on now; pace.slots = 20"),
        (Capacity(20, None, 5), 15, Mark.GOOD, "allows 20 calls at once, 5 of them for inbound; pace"),
        (Capacity(20, 0, 5), 16, Mark.DOUBTFUL, "5 of them for inbound"),
        (Capacity(0, 0), 1, Mark.BAD, "allows 0 calls at once"),
        (Capacity(5, 0, 5), 1, Mark.BAD, "5 of them for inbound"),
        (Capacity(None, 0), 1, Mark.DOUBTFUL, "does not say"),
    ],
)
def test_the_room_that_an_account_has(capacity: Capacity, slots: int, mark: Mark, says: str) -> None:
    found = room(capacity, slots)
    assert found.mark is mark
    assert says in found.said


@pytest.mark.parametrize(
    ("given", "check", "mark", "says"),
    [
        ({}, "numbers", Mark.SKIPPED, "each row has to bring its own"),
        ({"from_numbers": ("+12125550100",)}, "numbers", Mark.BAD, "1 of them reserved for fiction"),
        ({"from_numbers": ("+12125550100",), "retell": {"base_url": "http://127.0.0.1:1"}}, *("numbers",),
         Mark.GOOD, "1 to call from"),
        ({"lines": [{"number": "+12125550100"}]}, "numbers", Mark.BAD, "1 to call from"),
        ({"call": {"kind": "web_call"}}, "numbers", Mark.SKIPPED, "from no number"),
        ({"call": {"kind": "web_call"}}, "agent", Mark.SKIPPED, "each row has to bring one for a web_call"),
        ({}, "agent", Mark.GOOD, "the one that is bound to the number"),
        ({"call": {"agent_id": "agent_1"}}, "agent", Mark.GOOD, "agent_1"),
        ({"call": {"agent_id": "llm_1"}}, "agent", Mark.BAD, "'llm_1' is no agent's id"),
        ({"agents": [{"agent_id": "conversation_flow_1"}]}, "agent", Mark.BAD, "is no agent's id"),
        ({"call": {"metadata": {"a": "b" * 60_000}}}, "calls", Mark.BAD, "setting call.metadata"),
    ],
)  # fmt: skip
def test_what_would_be_sent(given: dict[str, Any], check: str, mark: Mark, says: str) -> None:
    found = {each.check: each for each in anyio.run(calls, Settings(**{"retell": REAL, **given}))}
    assert found[check].mark is mark, found
    assert says in found[check].said
    assert "5550100" not in str(found)


def test_a_do_not_call_file_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "dnc.txt"
    settings = Settings(rules={"do_not_call": [str(path)]})
    found = anyio.run(rules, settings)
    assert [each.mark for each in found] == [Mark.BAD]
    assert str(path) in found[0].said
    path.write_text("+12125550101\n")
    said, *data = anyio.run(rules, settings)
    assert said == Finding("rules", Mark.GOOD, "calling hours: us, 1 do-not-call file")
    assert [each.said.partition(" ")[0] for each in data] == ["zones", "numbers", "holidays", "rules"]


def test_a_check_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(settings: Settings) -> Sequence[Finding]:
        await anyio.sleep_forever()
        return []

    async def well(settings: Settings) -> Sequence[Finding]:
        return [Finding("after", Mark.GOOD, "well")]

    monkeypatch.setattr(examine, "CHECK_S_MAX", 0.01)
    monkeypatch.setattr(examine, "CHECKS", {"first": hang, "second": well})
    found = anyio.run(examine.examine, Settings())
    assert [(each.check, each.mark) for each in found] == [("first", Mark.BAD), ("after", Mark.GOOD)]
    assert "no answer within" in found[0].said
    assert not is_fit(found)


def test_the_apis_address_is_looked_at_as_soon_as_there_is_a_token() -> None:
    """Without one it is off, whoever has its usual address."""
    token = {"name": "ana", "role": "read", "sha256": "0" * 64}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        on = anyio.run(addresses, Settings(api={"listen": listen, "tokens": [token]}))
    assert Finding("api", Mark.SKIPPED, "api.listen is not set") in anyio.run(addresses, Settings())
    (found,) = [each for each in on if each.check == "api"]
    assert (found.mark, found.said.split(":")[0]) == (Mark.BAD, "api.listen 127.0.0.1")


def test_what_may_be_well_again_by_itself_does_not_keep_a_service_from_starting() -> None:
    async def down(request: web.Request) -> web.StreamResponse:
        return web.Response(status=500)

    async def refused(request: web.Request) -> web.StreamResponse:
        return web.json_response({"status": "error", "message": "API key is invalid."}, status=401)

    def bad(found: Iterable[Finding]) -> list[bool]:
        return [each.passes for each in found if each.mark is Mark.BAD]

    assert bad(anyio.run(queue, Settings(queue={"url": "redis://127.0.0.1:1"}))) == [True]
    assert bad(asked(down).values()) == [True]
    assert bad(asked(refused).values()) == [True], "a service starts, is not ready, and asks again"
