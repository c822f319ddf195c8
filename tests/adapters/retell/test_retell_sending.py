"""Whether a request left: what aiohttp does with a create, and what the client makes of it."""

import asyncio
import socket
from dataclasses import replace
from typing import Any

import aiohttp
import anyio
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from retell_kit import (
    CONFIG,
    CREATED,
    KEY,
    Script,
    answer,
    api_at,
    body_of,
    create,
    phone_body,
    read_request,
    saying,
    scripted,
)

from dialer.adapters.retell.client import RetellApi
from dialer.app.clock_loop import run_virtual
from dialer.domain.calls import JobKind
from dialer.domain.errors import CallNotStarted, CallUncertain, Limit


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _not_started(api: RetellApi) -> CallNotStarted:
    with pytest.raises(CallNotStarted) as caught:
        await create(api)
    assert caught.value.limit is Limit.CONNECTION
    assert KEY not in str(caught.value)
    return caught.value


def test_a_refused_connection_made_no_call() -> None:
    async def ask() -> None:
        async with api_at(f"http://127.0.0.1:{_free_port()}") as api:
            await _not_started(api)

    run_virtual(ask)


def test_a_name_that_cannot_be_found_made_no_call() -> None:
    class NoNames(AbstractResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            raise OSError(f"no such host: {host}")

        async def close(self) -> None:
            pass

    async def ask() -> None:
        connector = aiohttp.TCPConnector(resolver=NoNames())
        async with aiohttp.ClientSession(connector=connector) as session:
            await _not_started(RetellApi(session, replace(CONFIG, base_url="http://api.invalid")))

    run_virtual(ask)


def test_a_server_that_does_not_speak_tls_got_no_request() -> None:
    seen: list[bytes] = []

    async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.read(1000))
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async def ask() -> None:
        async with scripted(garbage) as wire, api_at(wire.url.replace("http:", "https:")) as api:
            await _not_started(api)
        assert all(KEY.encode() not in request for request in seen)

    run_virtual(ask)


def test_a_handshake_that_takes_too_long_made_no_call() -> None:
    async def silence(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async def ask() -> None:
        async with scripted(silence) as wire, api_at(wire.url.replace("http:", "https:")) as api:
            await _not_started(api)
            assert anyio.current_time() == pytest.approx(CONFIG.connect_timeout_s, abs=1.5)

    run_virtual(ask)


def test_a_request_that_never_got_a_connection_made_no_call() -> None:
    """Both run into the same total timeout, with the same exception: only one of them was sent."""
    seen: list[bytes] = []

    async def silence(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        seen.append(await read_request(reader))
        await reader.read()

    async def first(api: RetellApi) -> None:
        with pytest.raises(CallUncertain):
            await create(api)

    async def ask() -> None:
        connector = aiohttp.TCPConnector(limit=1)
        async with scripted(silence) as wire, aiohttp.ClientSession(connector=connector) as session:
            config = replace(CONFIG, base_url=wire.url)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(first, RetellApi(session, config))
                await anyio.sleep(1e-3)
                tasks.start_soon(_not_started, RetellApi(session, replace(config, timeout_s=60)))
            assert len(seen) == 1

    run_virtual(ask)


def test_a_body_that_was_handed_over_is_uncertain_although_no_byte_was_confirmed() -> None:
    """asyncio delivers what it holds after the connection is closed: the server gets the whole request."""
    arrived = bytearray()
    closed = anyio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await anyio.sleep(CONFIG.timeout_s + 60)
        while data := await reader.read(65536):
            arrived.extend(data)
        closed.set()

    def small_buffer(address: Any) -> socket.socket:
        made = socket.socket(family=address[0], type=address[1], proto=address[2])
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        return made

    async def ask() -> None:
        connector = aiohttp.TCPConnector(socket_factory=small_buffer)
        async with scripted(slow) as wire:
            async with aiohttp.ClientSession(connector=connector) as session:
                api = RetellApi(session, replace(CONFIG, base_url=wire.url))
                with pytest.raises(CallUncertain):
                    await api.create(JobKind.PHONE_CALL, b" " * 1_000_000)
            await closed.wait()
        assert arrived.endswith(b"\r\n\r\n" + b" " * 1_000_000)

    run_virtual(ask)


def _kept_then_dropped(seen: list[bytes]) -> Script:
    """The first request of a connection is answered, the second read and the connection reset."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(answer("201 Created", CREATED))
        seen.append(await read_request(reader))
        writer.transport.abort()

    return script


def test_a_create_on_a_kept_connection_that_is_dropped_arrives_once() -> None:
    seen: list[bytes] = []

    async def ask() -> None:
        async with scripted(_kept_then_dropped(seen)) as wire, api_at(wire.url) as api:
            await create(api)
            with pytest.raises(CallUncertain):
                await create(api)
            await anyio.sleep(60)
            assert (wire.connections, len(seen)) == (1, 2)

    run_virtual(ask)


def test_aiohttp_sends_a_get_again_on_a_kept_connection_that_is_dropped() -> None:
    """So the test above could fail: this is what happens to a method that aiohttp calls idempotent."""
    seen: list[bytes] = []

    async def ask() -> None:
        async with scripted(_kept_then_dropped(seen)) as wire, api_at(wire.url) as api:
            await create(api)
            assert (await api.capacity()).limit is None
            assert (wire.connections, len(seen)) == (2, 3)

    run_virtual(ask)


def test_a_kept_connection_that_the_server_closed_in_time_is_not_used() -> None:
    seen: list[bytes] = []

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(answer("201 Created", CREATED))

    async def ask() -> None:
        async with scripted(once) as wire, api_at(wire.url) as api:
            for _ in range(3):
                await create(api)
                await anyio.sleep(0.1)
            assert (wire.connections, len(seen)) == (3, 3)

    run_virtual(ask)


def test_the_body_is_sent_as_it_is() -> None:
    async def ask() -> None:
        async with saying(answer("201 Created", CREATED, "Set-Cookie: a=b")) as wire, api_at(wire.url) as api:
            await create(api)
            head = wire.requests[0].lower()
            assert body_of(wire.requests[0]) == phone_body(api)
            assert head.startswith(b"post /v2/create-phone-call http/1.1\r\n")
            assert head.count(b"content-type:") == 1
            assert b"content-type: application/json\r\n" in head
            assert f"authorization: bearer {KEY}".encode() in head

    run_virtual(ask)


def test_a_cancelled_create_stays_cancelled() -> None:
    async def silence(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async def ask() -> None:
        async with scripted(silence) as wire, api_at(wire.url) as api:
            with anyio.move_on_after(5) as scope:
                await create(api)
            assert scope.cancelled_caught

    run_virtual(ask)
