"""Every row of the table in `errors`, against a real socket."""

import asyncio
from datetime import UTC, datetime

import pytest
from retell_kit import (
    CALLER,
    CREATED,
    KEY,
    answer,
    api_at,
    failure,
    phone_body,
    saying,
)

from dialer.adapters.system.clock import LoopClock
from dialer.app.clock_loop import run_virtual
from dialer.domain.calls import JobKind
from dialer.domain.errors import (
    AccountBlocked,
    Blame,
    CallError,
    CallNotStarted,
    CallRefused,
    CallUncertain,
    Limit,
)


def _error_of(said: bytes, *, creates: bool = True) -> CallError:
    async def ask() -> CallError:
        async with saying(said) as wire, api_at(wire.url) as api:
            return await failure(api, creates=creates)

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
    "bad chunk": b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n",
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
    "status", ["400 Bad Request", "409 Conflict", "422 Unprocessable", "423 Locked", "429 Too Many"]
)
def test_a_request_that_collides_with_itself_may_have_made_the_call(status: str) -> None:
    text = "A concurrent request with the same idempotency key is still being processed"
    assert type(_error_of(answer(status, _says(text)))) is CallUncertain


@pytest.mark.parametrize("status", ["408 Timeout", "409 Conflict", "425 Too Early", "499 Closed"])
def test_no_room_is_not_read_into_an_answer_that_may_have_made_the_call(status: str) -> None:
    assert type(_error_of(answer(status, _says("concurrency limit reached")))) is CallUncertain


@pytest.mark.parametrize("text", ["a concurrent update of the agent", "concurrently deleted"])
def test_not_every_word_of_concurrency_is_about_room(text: str) -> None:
    assert type(_error_of(answer("400 Bad Request", _says(text)))) is CallRefused


@pytest.mark.parametrize(
    "status", ["400 Bad", "401 Unauthorized", "402 Payment", "403 Forbidden", "404 Not Found"]
)
@pytest.mark.parametrize("creates", [True, False])
def test_a_proxys_page_is_nobodys_refusal(status: str, creates: bool) -> None:
    page = answer(status, b"<html>blocked</html>", "Content-Type: text/html; charset=utf-8")
    error = _error_of(page, creates=creates)
    assert type(error) is (CallUncertain if creates else CallNotStarted)
    assert "HTML page" in str(error)
    assert "answers instead of Retell" in str(error)
    assert "let requests through" in str(error)


@pytest.mark.parametrize(
    ("status", "way_out"), [("401 Unauthorized", "RETELL_API_KEY"), ("402 Payment Required", "payment")]
)
def test_a_blocked_account_says_the_way_out(status: str, way_out: str) -> None:
    error = _error_of(answer(status))
    assert isinstance(error, AccountBlocked)
    assert way_out in error.way_out


DATE = "Date: Mon, 02 Nov 2026 10:00:00 GMT"
AN_HOUR_OFF = "Date: Mon, 02 Nov 2026 11:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([], None),
        (["RateLimit-Reset: 7"], 7.0),
        (["RateLimit-Reset: 7", "Retry-After: 60"], 7.0),
        (["Retry-After: 60"], 60.0),
        (["RateLimit-Reset: soon", "Retry-After: 60"], 60.0),
        (["Retry-After: Mon, 02 Nov 2026 10:00:30 GMT", DATE], 30.0),
        (["Retry-After: Mon, 02 Nov 2026 11:00:30 GMT", AN_HOUR_OFF], 30.0),
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


def test_an_answer_without_a_date_was_written_now_by_our_clock() -> None:
    asked_for = answer("429 Too Many Requests", b"", "retry-after: Mon, 02 Nov 2026 10:00:30 GMT")

    async def ask() -> CallError:
        now = datetime(2026, 11, 2, 10, 0, 20, tzinfo=UTC).timestamp()
        clock = LoopClock(now, asyncio.get_running_loop())
        async with saying(asked_for) as wire, api_at(wire.url, clock=clock) as api:
            return await failure(api)

    error = run_virtual(ask)
    assert isinstance(error, CallNotStarted)
    assert error.retry_after_s is not None
    assert 9.0 <= error.retry_after_s <= 10.0


@pytest.mark.parametrize(
    ("status", "message", "blame"),
    [
        ("404 Not Found", "Item +12125550199 not found from phone-number", Blame.LINE),
        ("400 Bad Request", "from_number is not a number of this account", Blame.LINE),
        ("422 Unprocessable", "Cannot find requested asset under given api key.", Blame.SETUP),
        ("404 Not Found", "Item agent_1 not found from agent", Blame.SETUP),
        ("400 Bad Request", "Agent version 7 is not published", Blame.SETUP),
        ("400 Bad Request", "request/body must have required property 'consent'", Blame.SETUP),
        ("400 Bad Request", "Invalid to_number, please use E.164", Blame.PERSON),
        ("400 Bad Request", "Outbound calls to this country are off", Blame.PERSON),
        ("422 Unprocessable", "to_number cannot be called", Blame.PERSON),
        ("400 Bad Request", "The contact for to_number is marked do_not_call.", Blame.DO_NOT_CALL),
        ("400 Bad Request", "Number is on the Do-Not-Call list", Blame.DO_NOT_CALL),
        ("400 Bad Request", "blocked by internal_dnc", Blame.DO_NOT_CALL),
        ("400 Bad Request", "Bad request", Blame.UNCLEAR),
        ("451 Unavailable For Legal Reasons", "", Blame.UNCLEAR),
    ],
)
def test_a_refusal_says_what_it_is_about(status: str, message: str, blame: Blame) -> None:
    error = _error_of(answer(status, _says(message)))
    assert isinstance(error, CallRefused)
    assert error.blame is blame


@pytest.mark.parametrize("page", [b"<!DOCTYPE html><title>Just a moment...</title>", b"\n <html>no</html>"])
def test_a_page_is_one_whatever_its_headers_say(page: bytes) -> None:
    error = _error_of(answer("403 Forbidden", page))
    assert type(error) is CallUncertain
    assert "HTML page" in str(error)


def test_a_proxy_that_asks_for_a_password_is_not_the_account() -> None:
    error = _error_of(answer("407 Proxy Authentication Required", b""))
    assert type(error) is CallUncertain
    assert "proxy" in str(error)


def test_a_message_names_our_own_number() -> None:
    said = _says(f"Item {CALLER} not found from phone-number; +12125550142 was to be called")
    error = _error_of(answer("404 Not Found", said))
    assert str(error) == f"HTTP 404: Item {CALLER} not found from phone-number; *** was to be called"


def test_a_message_names_neither_the_key_nor_a_number() -> None:
    error = _error_of(
        answer("400 Bad Request", _says(f"{KEY} may not call +1 (212) 555-0101 or 12125550102"))
    )
    assert str(error) == "HTTP 400: *** may not call *** or ***"


def test_a_307_to_another_host_is_not_followed() -> None:
    async def ask() -> None:
        async with saying(answer("201 Created", CREATED)) as other:
            to_other = answer("307 Temporary Redirect", b"", f"Location: {other.url}/v2/create-phone-call")
            async with saying(to_other, to_other) as wire, api_at(wire.url) as api:
                for creates in (True, False):
                    error = await failure(api, creates=creates)
                    assert isinstance(error, AccountBlocked)
                    assert "base_url" in error.way_out
            assert other.connections == 0

    run_virtual(ask)
