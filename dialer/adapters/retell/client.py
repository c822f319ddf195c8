"""The Retell API over aiohttp. It never retries and never follows a redirect.

What aiohttp 3.14 does on its own, as its source has it (`ClientSession._request`):

- A request that meets a connection which the server has just dropped is sent once more, but only for its
  `IDEMPOTENT_METHODS`; POST is not among them. So a create goes out at most once and the drop is reported.
- 301, 302, 303, 307 and 308 are followed by default, and for 307 and 308 the POST is sent again. Hence
  `allow_redirects=False`, on every request: neither a call nor the key goes to another host.
- `ClientTimeout.total` also covers the wait for a free connection and the reading of the body, on the
  loop's clock. What expired in it is a bare `TimeoutError`, before the request as well as after.

So the exception alone does not say whether the request left. `aiohttp.UploadTracker.bytes_written` does not
either: it stays at the last value that was asked for once the transport is closing, while asyncio still
delivers what is in its buffer. (A body of 8 MB to a server that was slow to read: the tracker said 0 bytes
after the timeout, and the server got all of it.) The body therefore notes itself whether it was handed to
a live connection; see `_Body`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from email.utils import formatdate
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

import aiohttp
import orjson
from aiohttp.abc import AbstractStreamWriter
from aiolimiter import AsyncLimiter
from multidict import CIMultiDict

from dialer.adapters.retell.answers import (
    read_call,
    read_capacity,
    read_date,
    read_error,
    read_json,
    read_page,
)
from dialer.adapters.retell.config import RetellConfig
from dialer.adapters.retell.errors import AnswerTooLong, from_status, from_trouble, is_page, plain
from dialer.adapters.retell.requests import encode
from dialer.adapters.retell.responses import Call, read_details
from dialer.domain.calls import AttemptId, CallId, CallJob, CallUpdate, Capacity, JobKind
from dialer.domain.errors import CallNotStarted, CallUncertain, Limit
from dialer.engine.events import ApiAnswered, Observe
from dialer.ports.engine import CallApi, Clock

KEEPALIVE_S = 15.0
"""Idle connections are given up after this, well before a server does: a create on a connection that the
server is just closing is an uncertain call."""
NAMES_S = 60
"""How long a looked-up address is kept."""
LIST_IDS_MAX = 500
"""Ids asked for in one list-calls; how many a filter may hold is not documented."""
LIST_PAGE_CALLS = 1000
"""The API's own maximum."""
LIST_PAGES_MAX = 50
GETS_PER_10S = 40
"""Of get-call; with its first burst twice as many, and the API allows 100 of it and of get-concurrency."""
ERROR_BYTES_MAX = 64 * 1024
"""What is read of an error's body; its status has said the most."""

T = TypeVar("T")


class RetellApi(CallApi):
    """See `ports.CallApi`. The session belongs to the caller; see `open_api`."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        config: RetellConfig,
        before_list: Callable[[], Awaitable[None]] | None = None,
        clock: Clock | None = None,
        observe: Observe = lambda event: None,
    ) -> None:
        """`before_list`: awaited before each list-calls, where others share the account's limit for it.
        `observe`: told of each request's answer.

        `clock`: dates an answer that does not say when it was written. None: a `Retry-After` date in such an
        answer says nothing.
        """
        self._before_list = before_list
        self._clock = clock
        self._observe = observe
        self._session = session
        self._config = config
        self._base_url = config.base_url.rstrip("/")
        self._create_paths = {
            JobKind.PHONE_CALL: "/v2/create-phone-call",
            JobKind.WEB_CALL: f"/v{config.web_call_version}/create-web-call",
            JobKind.REGISTER_PHONE_CALL: "/v2/register-phone-call",
        }
        self.use_key(config.api_key)
        self._create_timeout = _timeout(config.timeout_s, config)
        self._other_timeout = _timeout(config.list_timeout_s, config)
        # One at a time, evenly: a bucket of 15 would let 29 go in its first ten seconds.
        self._list_pace = AsyncLimiter(1, 10 / config.lists_per_10s)
        self._get_pace = AsyncLimiter(GETS_PER_10S, 10)

    def use_key(self, api_key: str) -> None:
        """From now on requests go out under this key."""
        self._key = api_key
        self._headers = {"Authorization": f"Bearer {api_key}", "Accept": "application/json"}

    def encode(self, job: CallJob, attempt_id: AttemptId, from_number: str | None) -> bytes:
        """See `requests.encode`."""
        return encode(job, attempt_id, from_number, self._config)

    async def create(
        self, kind: JobKind, body: bytes, leave: Callable[[], Awaitable[None]] | None = None
    ) -> CallUpdate:
        """Send the request, once. See `ports.CallApi`, and the table in `errors`."""
        answer = await self._exchange(
            "POST",
            self._create_paths[kind],
            body,
            bytes_max=self._config.answer_bytes_max,
            creates=True,
            leave=leave,
        )
        news = read_call(read_json(self._accepted(answer, created_by=body)))
        if news is None:
            raise CallUncertain(f"HTTP {answer.status}, but the answer names no call_id")
        return news

    async def find(self, attempt_ids: Sequence[AttemptId]) -> Sequence[CallUpdate]:
        """See `ports.CallApi`. A miss is no proof of absence: the listing lags."""
        asked = frozenset(attempt_ids)
        listed = await self._listed(attempt_ids, lambda leaf: {"metadata": [{**leaf, "key": "attempt_id"}]})
        return [news for news in listed if news.attempt_id in asked]

    async def list(self, call_ids: Sequence[CallId]) -> Sequence[CallUpdate]:
        """See `ports.CallApi`."""
        asked = frozenset(call_ids)
        listed = await self._listed(call_ids, lambda leaf: {"call_id": leaf})
        return [news for news in listed if news.call_id in asked]

    async def get(self, call_id: CallId) -> CallUpdate | None:
        """See `ports.CallApi`."""
        await self._get_pace.acquire()
        return await self._call(call_id, read_call)

    async def details(self, call_id: CallId) -> Call | None:
        """All that the API says of one call, typed; None if it does not know the id."""
        return await self._call(call_id, read_details)

    async def stop(self, call_id: CallId) -> None:
        """See `ports.CallApi`."""
        await self.ask("POST", f"/v2/stop-call/{quote(call_id, safe='')}")

    async def capacity(self) -> Capacity:
        """See `ports.CallApi`."""
        return (await self.look())[0]

    async def look(self) -> tuple[Capacity, float | None]:
        """The account's concurrency, and the API's clock (Unix seconds, whole ones), if it says."""
        answer = await self._exchange("GET", "/get-concurrency")
        capacity = read_capacity(read_json(self._accepted(answer)))
        return _readable(capacity, "get-concurrency"), read_date(answer.headers.get("Date"))

    async def _listed(
        self, ids: Sequence[str], criteria: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> Sequence[CallUpdate]:
        """The calls with one of these ids. All of the pages or an error: half a list would hide calls."""
        found: dict[CallId, CallUpdate] = {}
        for start in range(0, len(ids), LIST_IDS_MAX):
            leaf = {"type": "enum", "op": "in", "value": ids[start : start + LIST_IDS_MAX]}
            request: dict[str, Any] = {"filter_criteria": criteria(leaf), "limit": LIST_PAGE_CALLS}
            for _ in range(LIST_PAGES_MAX):
                await self._list_pace.acquire()
                if self._before_list is not None:
                    await self._before_list()
                raw = await self.ask(
                    "POST", "/v3/list-calls", orjson.dumps(request), bytes_max=self._config.list_bytes_max
                )
                calls, next_key = _readable(read_page(raw), "list-calls")
                found.update((news.call_id, news) for news in calls)
                if next_key is None:
                    break
                request["pagination_key"] = next_key
            else:
                raise CallNotStarted(f"list-calls goes beyond {LIST_PAGES_MAX} pages", limit=Limit.CONNECTION)
        return [*found.values()]

    async def lookup(self, path: str) -> Any | None:
        """The JSON of a GET; None if the API knows nothing of what the path names."""
        answer = await self._exchange("GET", path)
        return None if answer.status in (404, 422) else read_json(self._accepted(answer))

    async def _call(self, call_id: CallId, read: Callable[[Any], T | None]) -> T | None:
        """get-call, or None if the API does not know the id: it says so with 422."""
        answer = await self._exchange("GET", f"/v2/get-call/{quote(call_id, safe='')}")
        if answer.status in (404, 422):
            return None
        return _readable(read(read_json(self._accepted(answer))), "get-call")

    async def ask(
        self, method: str, path: str, body: bytes | None = None, *, bytes_max: int | None = None
    ) -> Any:
        """One request that makes no call, and the JSON of its answer."""
        return read_json(self._accepted(await self._exchange(method, path, body, bytes_max=bytes_max)))

    async def _exchange(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        bytes_max: int | None = None,
        creates: bool = False,
        leave: Callable[[], Awaitable[None]] | None = None,
    ) -> "_Answer":
        """One request and its answer, whatever its status. Raises what `errors.from_trouble` says."""
        payload = None if body is None else _Body(body, leave)
        try:
            async with self._session.request(
                method,
                self._base_url + path,
                data=payload,
                headers=self._headers,
                timeout=self._create_timeout if creates else self._other_timeout,
                allow_redirects=False,
            ) as response:
                content = await _read(response, bytes_max or self._config.answer_bytes_max)
                self._tell(path, response.status)
                return _Answer(response.status, response.headers, content)
        except (aiohttp.ClientError, OSError, AnswerTooLong) as trouble:
            if payload is not None and payload.stayed is not None:
                raise payload.stayed from None
            self._tell(path, None)
            raise from_trouble(
                trouble,
                was_sent=payload is not None and payload.was_sent,
                creates=creates,
                secret=self._key,
            ) from trouble

    def _tell(self, path: str, status: int | None) -> None:
        at = None if self._clock is None else self._clock.now()
        self._observe(ApiAnswered(endpoint_of(path), status, at))

    def _accepted(self, answer: "_Answer", *, created_by: bytes | None = None) -> bytes:
        """The body of a 2xx; any other status raises what `errors.from_status` says.

        `created_by`: the request, if it was to make a call.
        """
        if 200 <= answer.status < 300:
            return answer.body
        creates, own = created_by is not None, _own_numbers(created_by or b"{}")
        message = plain(read_error(answer.body), self._key, own)
        headers, page = self._dated(answer.headers), is_page(answer.body)
        raise from_status(answer.status, headers, message, creates=creates, is_page=page)

    def _dated(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        """With a `Date`: proxies may leave it out, and a recipient then takes its own (RFC 9110, 6.6.1)."""
        if self._clock is None or "Date" in headers:
            return headers
        return CIMultiDict(headers, Date=formatdate(self._clock.now(), usegmt=True))


@asynccontextmanager
async def open_api(
    config: RetellConfig,
    *,
    connections_max: int,
    before_list: Callable[[], Awaitable[None]] | None = None,
    clock: Clock | None = None,
    observe: Observe = lambda event: None,
) -> AsyncIterator[RetellApi]:
    """The API on a session of its own: no cookies, nothing from the environment, no middleware.

    The environment's proxy is in `config` already; see `proxies`.
    """
    connector = aiohttp.TCPConnector(
        limit=connections_max, keepalive_timeout=KEEPALIVE_S, ttl_dns_cache=NAMES_S
    )
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, proxy=config.proxy
    ) as session:
        yield RetellApi(session, config, before_list, clock, observe)


def endpoint_of(path: str) -> str:
    """`/v2/get-call/ID` → `get-call`: its name in the API's documentation, without versions and ids."""
    parts = path.strip("/").split("/")
    return parts[1] if parts[0].startswith("v") and len(parts) > 1 else parts[0]


class _Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


class _Body(aiohttp.BytesPayload):
    """A request's body that knows whether any of it may have left."""

    def __init__(self, body: bytes, leave: Callable[[], Awaitable[None]] | None) -> None:
        """`leave`: as in `ports.CallApi.create`."""
        super().__init__(body, content_type="application/json")
        self._leave = leave
        self.was_sent = False
        self.stayed: Exception | None = None
        """What `leave` raised: nothing of it has left."""

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        # aiohttp holds the headers back to write them together with this, so nothing went before it.
        if self._leave is not None:
            try:
                await self._leave()
            except Exception as error:
                self.stayed = error
                raise
        transport = writer.transport
        self.was_sent = transport is not None and not transport.is_closing()
        await writer.write(self._value)  # all of it: `content_length` is its length


async def _read(response: aiohttp.ClientResponse, bytes_max: int) -> bytes:
    """The decompressed body. Of an error as much as can be had: its status already says what happened."""
    if response.status >= 300:
        with suppress(aiohttp.ClientError, OSError, AnswerTooLong):
            return await _read_all(response, ERROR_BYTES_MAX)
        return b""
    return await _read_all(response, bytes_max)


async def _read_all(response: aiohttp.ClientResponse, bytes_max: int) -> bytes:
    content = response.content
    body = await content.readany()  # as a rule all of it
    if not content.at_eof():
        pieces = bytearray(body)
        while not content.at_eof() and len(pieces) <= bytes_max:
            pieces += await content.readany()
        body = bytes(pieces)
    if len(body) > bytes_max:
        raise AnswerTooLong(f"the answer is longer than {bytes_max} bytes")
    return body


def _own_numbers(request: bytes) -> frozenset[str]:
    """The from-number of a request, as it may stand in an answer."""
    body = read_json(request)
    number = str(body.get("from_number") or "") if isinstance(body, dict) else ""
    return frozenset({number, number.lstrip("+")}) - {""}


def _readable(value: T | None, request: str) -> T:
    if value is None:
        raise CallNotStarted(f"the answer to {request} cannot be read", limit=Limit.CONNECTION)
    return value


def _timeout(total_s: float, config: RetellConfig) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=total_s, sock_connect=config.connect_timeout_s)
