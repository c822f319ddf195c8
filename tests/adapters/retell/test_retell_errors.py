"""Every row of the table in `errors`, against a real socket."""

import asyncio
import gzip
import socket
import tracemalloc

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
    phone_body,
    read_request,
    saying,
    scripted,
)

from dialer.adapters.retell.client import RetellApi
from dialer.domain.calls import JobKind
from dialer.domain.errors import AccountBlocked, CallError, CallNotStarted, CallRefused, CallUncertain, Limit
from dialer.rehearsal.loop import run_virtual


async def _failure(api: RetellApi, *, creates: bool = True) -> CallError:
    with pytest.raises(CallError) as caught:
        await (create(api) if creates else api.capacity())
    return caught.value


def _error_of(said: bytes, *, creates: bool = True) -> CallError:
    async def ask() -> CallError:
        async with saying(said) as wire, api_at(wire.url) as api:
            return await _failure(api, creates=creates)

    return run_virtual(ask)


def _says(message: str) -> bytes:
    return b'{"status":"error","message":"' + message.encode() + b'"}'


UNREADABLE = {
    "empty": answer("201 Created"),
    "html": answer("201 Created", b"<html>Created, more or less.</html>", "Content-Type: text/html"),
    "truncated": answer("201 Created", CREATED[:40], "Connection: close"),
    "shorter than said": answer("201 Created", CREATED[:40], "Connection: close", length=len(CREATED)),
    "call id of the wrong type": answer("201 Created", b'{"call_id":17,"call_status":"registered"}'),
    "empty call id": answer("201 Created", b'{"call_id":"","call_status":"registered"}'),
    "a list": answer("201 Created", b"[" + CREATED + b"]"),
    "not utf-8": answer("201 Created", b'{"call_id":"\xff\xfe"}'),
    "no content": answer("204 No Content"),
    "not gzip": answer("201 Created", b"garbage", "Content-Encoding: gzip"),
    "unknown encoding": answer("201 Created", b"garbage", "Content-Encoding: snappy"),
    "not http": b"220 mail.example ESMTP\r\n\r\n",
    "endless header": b"HTTP/1.1 201 Created\r\nX-Long: " + b"x" * 100_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("said", UNREADABLE.values(), ids=UNREADABLE)
def test_a_2xx_without_a_readable_call_id_is_uncertain(said: bytes) -> None:
    assert isinstance(_error_of(said), CallUncertain)


@pytest.mark.parametrize("said", [UNREADABLE["html"], UNREADABLE["empty"], UNREADABLE["not http"]])
def test_an_unreadable_answer_to_another_request_made_no_call(said: bytes) -> None:
    error = _error_of(said, creates=False)
    assert isinstance(error, CallNotStarted)
    assert error.limit is Limit.CONNECTION


@pytest.mark.parametrize("status", ["200 OK", "201 Created", "202 Accepted"])
def test_a_2xx_with_a_readable_call_id_is_a_call(status: str) -> None:
    async def ask() -> None:
        async with saying(answer(status, CREATED)) as wire, api_at(wire.url) as api:
            news = await api.create(JobKind.PHONE_CALL, phone_body(api))
            assert (news.call_id, news.status, news.attempt_id) == ("call_1", "registered", "attempt_1")

    run_virtual(ask)


@pytest.mark.parametrize(
    ("status", "message", "error", "creates"),
    [
        ("400 Bad Request", "Invalid request format", CallRefused, True),
        ("404 Not Found", "Not Found", CallRefused, True),
        ("422 Unprocessable Content", "Cannot find requested asset", CallRefused, True),
        ("451 Unavailable For Legal Reasons", "", CallRefused, True),
        ("400 Bad Request", "Invalid request format", CallNotStarted, False),
        ("401 Unauthorized", "API key is missing or invalid.", AccountBlocked, True),
        ("401 Unauthorized", "API key is missing or invalid.", AccountBlocked, False),
        ("402 Payment Required", "Trial has ended, please add payment method.", AccountBlocked, True),
        ("402 Payment Required", "Purchase more concurrency.", AccountBlocked, True),
        ("403 Forbidden", "", AccountBlocked, True),
        ("408 Request Timeout", "", CallUncertain, True),
        ("409 Conflict", "this key is being worked on", CallUncertain, True),
        ("409 Conflict", "", CallNotStarted, False),
        ("500 Internal Server Error", "An unexpected server error occurred.", CallUncertain, True),
        ("502 Bad Gateway", "", CallUncertain, True),
        ("503 Service Unavailable", "concurrency", CallUncertain, True),
        ("599 What", "", CallUncertain, True),
        ("500 Internal Server Error", "An unexpected server error occurred.", CallNotStarted, False),
        ("301 Moved Permanently", "", AccountBlocked, True),
        ("307 Temporary Redirect", "", AccountBlocked, True),
        ("308 Permanent Redirect", "", AccountBlocked, True),
        ("302 Found", "", CallUncertain, True),
        ("303 See Other", "", CallUncertain, True),
        ("302 Found", "", CallNotStarted, False),
    ],
)
def test_a_status_means_one_error(status: str, message: str, error: type[CallError], creates: bool) -> None:
    caught = _error_of(answer(status, _says(message)), creates=creates)
    assert type(caught) is error
    assert str(caught).startswith(f"HTTP {status[:3]}")
    assert message in str(caught)


@pytest.mark.parametrize("status", ["400 Bad Request", "403 Forbidden", "422 Unprocessable", "429 Too Many"])
def test_a_4xx_that_speaks_of_concurrency_finds_the_account_full(status: str) -> None:
    error = _error_of(answer(status, _says("Concurrency limit reached")))
    assert isinstance(error, CallNotStarted)
    assert error.limit is Limit.CONCURRENCY


@pytest.mark.parametrize(
    ("status", "way_out"), [("401 Unauthorized", "RETELL_API_KEY"), ("402 Payment Required", "payment")]
)
def test_a_blocked_account_says_the_way_out(status: str, way_out: str) -> None:
    error = _error_of(answer(status))
    assert isinstance(error, AccountBlocked)
    assert way_out in error.way_out


DATE = "Date: Mon, 02 Nov 2026 10:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([], None),
        (["RateLimit-Reset: 7"], 7.0),
        (["RateLimit-Reset: 7", "Retry-After: 60"], 7.0),
        (["Retry-After: 60"], 60.0),
        (["RateLimit-Reset: soon", "Retry-After: 60"], 60.0),
        (["Retry-After: Mon, 02 Nov 2026 10:00:30 GMT", DATE], 30.0),
        (["Retry-After: Mon, 02 Nov 2026 09:00:00 GMT", DATE], None),
        (["Retry-After: Mon, 02 Nov 2026 10:00:30 GMT"], None),
        (["Retry-After: Mon, 02 Nov 2026 10:00:30", DATE], None),
        (["Retry-After: later", DATE], None),
        (["Retry-After: -5"], None),
        (["Retry-After: 0"], None),
        (["Retry-After: nan"], None),
        (["Retry-After: inf"], None),
        (["RateLimit-Reset: 1793613600"], 300.0),
    ],
)
def test_a_429_says_how_long_to_wait(headers: list[str], seconds: float | None) -> None:
    error = _error_of(answer("429 Too Many Requests", b"<html>slow down</html>", *headers))
    assert isinstance(error, CallNotStarted)
    assert (error.limit, error.retry_after_s) == (Limit.RATE, seconds)


def test_a_message_names_neither_the_key_nor_a_number() -> None:
    error = _error_of(
        answer("400 Bad Request", _says(f"{KEY} may not call +1 (212) 555-0101 or 12125550102"))
    )
    assert str(error) == "HTTP 400: *** may not call *** or ***"


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
            error = await _failure(api)
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
            assert isinstance(await _failure(api), CallUncertain)
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
            assert type(await _failure(api)) is error
            assert anyio.current_time() == pytest.approx(CONFIG.timeout_s, abs=1.5)

    run_virtual(ask)


def test_a_307_to_another_host_is_not_followed() -> None:
    async def ask() -> None:
        async with saying(answer("201 Created", CREATED)) as other:
            to_other = answer("307 Temporary Redirect", b"", f"Location: {other.url}/v2/create-phone-call")
            async with saying(to_other, to_other) as wire, api_at(wire.url) as api:
                for creates in (True, False):
                    error = await _failure(api, creates=creates)
                    assert isinstance(error, AccountBlocked)
                    assert "base_url" in error.way_out
            assert other.connections == 0

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
            error = await _failure(api, creates=creates)
            assert type(error) is (CallUncertain if creates else CallNotStarted)
            assert KEY not in str(error)

    run_virtual(ask)
