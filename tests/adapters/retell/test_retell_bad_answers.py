"""Answers that are too long, too slow, cut off, or none: bounded in bytes and in time."""

import asyncio
import gzip
import random
import socket
import traceback
import tracemalloc
from collections import Counter

import anyio
import pytest
from retell_kit import (
    CONFIG,
    CREATED,
    KEY,
    Script,
    answer,
    api_at,
    create,
    failure,
    read_request,
    saying,
    scripted,
)

from dialer.app.clock_loop import run_virtual
from dialer.domain.errors import CallError, CallNotStarted, CallRefused, CallUncertain


def test_an_answer_of_50_mb_is_given_up_early() -> None:
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await read_request(reader)
        writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 50000000\r\n\r\n")
        for _ in range(50):
            writer.write(b" " * 1_000_000)
            await writer.drain()
            sent += 1_000_000

    async def ask() -> None:
        async with scripted(flood) as wire, api_at(wire.url) as api:
            error = await failure(api)
            assert isinstance(error, CallUncertain)
            assert "longer than" in str(error)

    run_virtual(ask)
    assert sent < 40_000_000


def test_a_gzip_bomb_is_given_up_in_bounded_memory() -> None:
    bomb = gzip.compress(b" " * 200_000_000, compresslevel=1)

    async def ask() -> int:
        said = answer("201 Created", bomb, "Content-Encoding: gzip")
        async with saying(said) as wire, api_at(wire.url) as api:
            tracemalloc.start()
            assert isinstance(await failure(api), CallUncertain)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            return peak

    assert run_virtual(ask) < 24_000_000


@pytest.mark.parametrize(
    ("status", "error"),
    [("201 Created", CallUncertain), ("400 Bad Request", CallRefused), ("429 Too Many", CallNotStarted)],
)
def test_an_answer_that_drips_is_given_up_in_time(status: str, error: type[CallError]) -> None:
    """An error's status has said it all; only a 2xx needs its body."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 10000\r\n\r\n".encode())
        while not writer.is_closing():
            writer.write(b" ")
            await writer.drain()
            await anyio.sleep(1)

    async def ask() -> None:
        async with scripted(drip) as wire, api_at(wire.url) as api:
            assert type(await failure(api)) is error
            assert anyio.current_time() == pytest.approx(CONFIG.timeout_s, abs=1.5)

    run_virtual(ask)


async def _reset_at_once(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def _reset_after_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    _linger_none(writer)
    writer.transport.abort()


async def _reset_in_the_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 201 Crea")
    await writer.drain()
    writer.transport.abort()


async def _half_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write_eof()
    await reader.read()


async def _silence(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await read_request(reader)
    await reader.read()


def _linger_none(writer: asyncio.StreamWriter) -> None:
    """Closing then sends RST instead of FIN."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


DROPS = {
    "reset before anything is read": _reset_at_once,
    "reset after the request was read": _reset_after_request,
    "reset in the headers": _reset_in_the_headers,
    "half-close without an answer": _half_close,
    "no answer at all": _silence,
}


@pytest.mark.parametrize("script", DROPS.values(), ids=DROPS)
@pytest.mark.parametrize("creates", [True, False])
def test_a_connection_lost_after_the_request_is_uncertain_for_a_create_only(
    script: Script, creates: bool
) -> None:
    async def ask() -> None:
        async with scripted(script) as wire, api_at(wire.url) as api:
            error = await failure(api, creates=creates)
            assert type(error) is (CallUncertain if creates else CallNotStarted)
            assert KEY not in "".join(traceback.format_exception(error))

    run_virtual(ask)


def test_no_answer_breaks_the_client() -> None:
    """A good answer with bytes changed, dropped and added: a call, or one of the four errors."""
    chance = random.Random(7)
    whole = answer("201 Created", CREATED, "Content-Type: application/json")

    def damaged() -> bytes:
        said = bytearray(whole)
        for _ in range(chance.randrange(1, 5)):
            at = chance.randrange(len(said))
            said[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
        return bytes(said)

    async def ask(said: bytes) -> str:
        async with saying(said) as wire, api_at(wire.url) as api:
            try:
                return type(await create(api)).__name__
            except CallError as error:
                return type(error).__name__

    seen = Counter(run_virtual(ask, damaged()) for _ in range(300))
    assert seen["CallUpdate"] > 30
    assert seen["CallUncertain"] > 30
