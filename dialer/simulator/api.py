"""The endpoints: HTTP in, HTTP out. What a request does to the account is the world's part.

Every request is asked the same things in this order: is it whole, is the key right, is there room in the
rate limit, is it well formed, does a fault hit it, does the account allow it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

import anyio
import orjson
from aiohttp import web

from dialer.simulator import validation
from dialer.simulator.calls import Call, Kind, Wall, access_token, as_call, as_created
from dialer.simulator.faults import CreateFault
from dialer.simulator.limits import SlidingWindow
from dialer.simulator.listing import list_calls
from dialer.simulator.openapi import document
from dialer.simulator.validation import Json, Refusal, json_object
from dialer.simulator.workspace import Handler, Workspace
from dialer.simulator.world import World

DROPPED: Final = 0
"""Stands as the status of a connection that was closed without an answer."""
WEB_TOKEN_LIFE_MS: Final = 30_000


class Limiter(StrEnum):
    """The HTTP rate limits of an organisation: so many requests in 10 s."""

    CREATE = "create-call"
    LIST = "list-calls"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that has arrived completely."""

    raw: bytes
    arrived: float
    """The loop's seconds."""
    content_type: str
    call_id: str
    """From the path, or empty; where it is not about a call, the id of what it is about."""


Answer: TypeAlias = tuple[int, bytes]
Endpoint: TypeAlias = Callable[[Ask], Awaitable[Answer]]


_DENIALS: Final = {
    CreateFault.REFUSED_AFTER: (400, "Invalid request: the number cannot be called."),
    CreateFault.UNPAID_AFTER: (402, "Payment required."),
    CreateFault.CONFLICT_AFTER: (
        409,
        "A concurrent request with the same idempotency key is still being processed.",
    ),
}
"""What a request is answered with although its call was made."""


class _Dropped(Exception):
    """The connection is to be closed without an answer."""


class Api:
    """The endpoints of one world."""

    def __init__(self, world: World, wall: Wall) -> None:
        self._world = world
        self._wall = wall
        self._windows = {limiter: SlidingWindow(10.0) for limiter in Limiter}
        self._client_errors = SlidingWindow(60.0)
        self._reads = 0

    def app(self) -> web.Application:
        app = web.Application(client_max_size=validation.BODY_BYTES_MAX)
        app.router.add_get("/openapi.json", _described)
        for method, path, limiter, endpoint in (
            ("POST", "/v2/create-phone-call", Limiter.CREATE, self._create_phone_call),
            ("POST", "/v2/register-phone-call", Limiter.CREATE, self._register_phone_call),
            ("POST", "/v2/create-web-call", Limiter.CREATE, self._create_web_call_v2),
            ("POST", "/v3/create-web-call", Limiter.CREATE, self._create_web_call_v3),
            ("POST", "/v3/list-calls", Limiter.LIST, self._list_calls),
            ("GET", "/v2/get-call/{call_id}", Limiter.OTHER, self._get_call),
            ("POST", "/v2/stop-call/{call_id}", Limiter.OTHER, self._stop_call),
            ("GET", "/get-concurrency", Limiter.OTHER, self._get_concurrency),
            *(
                (method, path, Limiter.OTHER, _of_workspace(handler))
                for method, path, handler in Workspace(self._world).routes()
            ),
            ("*", "/{anything:.*}", Limiter.OTHER, self._unknown),
        ):
            app.router.add_route(method, path, self._served(f"{method} {path}", limiter, endpoint))
        return app

    # --- calls are made -------------------------------------------------------------------------------

    async def _create_phone_call(self, ask: Ask) -> Answer:
        body = self._json(ask)
        validation.phone_call(body, len(ask.raw))
        world, number = self._world, str(body["to_number"])
        nth = world.asked(number)
        fault = world.faults.of_create(world.seed, number, nth)
        if fault is not None:
            world.tally.faults[fault] += 1
            await self._before_call(fault)
        refused = fault is CreateFault.CONCURRENCY_REFUSED
        call = world.dial(body, ask.raw, nth, ask.arrived, refused=refused)
        if fault is not None:
            await self._after_call(fault)
        if fault is CreateFault.UNREADABLE:
            return 201, b"<html><body>Created, more or less.</body></html>"
        if fault is CreateFault.PAGE_AFTER:
            return 403, b"<html><body>Forbidden, says the proxy.</body></html>"
        if fault is CreateFault.FOREIGN_ANSWER:
            call = world.call_before(call)
        return 201, orjson.dumps(as_created(call))

    async def _before_call(self, fault: CreateFault) -> None:
        if fault is CreateFault.RATE_LIMITED:
            raise self._world.over_limit(
                "fault", self._world.account.creates_per_10s, self._world.faults.rate_limited_s
            )
        if fault is CreateFault.ERROR_BEFORE:
            raise _server_error()
        if fault is CreateFault.DROP_BEFORE:
            raise _Dropped
        if fault is CreateFault.MADE_LATE:
            await anyio.sleep(self._world.faults.made_late_s)

    async def _after_call(self, fault: CreateFault) -> None:
        if fault is CreateFault.ERROR_AFTER:
            raise _server_error()
        if fault is CreateFault.DROP_AFTER:
            raise _Dropped
        if fault is CreateFault.STALL:
            await anyio.sleep(self._world.faults.stall_s)
        if fault is CreateFault.LIMITED_AFTER:
            raise self._world.over_limit("fault", self._world.account.creates_per_10s, 1.0)
        if fault in _DENIALS:
            raise Refusal(*_DENIALS[fault])

    async def _register_phone_call(self, ask: Ask) -> Answer:
        return 201, orjson.dumps(as_created(self._registered(Kind.REGISTERED, ask)))

    async def _create_web_call_v2(self, ask: Ask) -> Answer:
        return 201, orjson.dumps(as_created(self._registered(Kind.WEB, ask)))

    async def _create_web_call_v3(self, ask: Ask) -> Answer:
        """The newest SDK's form: how to connect, not the call."""
        call = self._registered(Kind.WEB, ask)
        answer = {
            "call_id": call.call_id,
            "access_token": access_token(call),
            "expires_at": self._wall(ask.arrived) + WEB_TOKEN_LIFE_MS,
            "ice_servers": [{"urls": "stun:stun.invalid:3478"}],
            "transport": "gateway",
        }
        return 201, orjson.dumps(answer)

    def _registered(self, kind: Kind, ask: Ask) -> Call:
        body = self._json(ask)
        validation.agent_call(body, len(ask.raw))
        return self._world.register(kind, body, ask.arrived)

    # --- calls are looked at and ended ----------------------------------------------------------------

    async def _get_call(self, ask: Ask) -> Answer:
        call = self._found(ask.call_id)
        if call.denied_by_get:
            raise _not_found()
        return 200, orjson.dumps(as_call(call, self._wall))

    async def _list_calls(self, ask: Ask) -> Answer:
        return 200, orjson.dumps(list_calls(self._world, self._json(ask), self._wall))

    async def _stop_call(self, ask: Ask) -> Answer:
        self._world.hang_up(self._found(ask.call_id))
        return 204, b""

    async def _get_concurrency(self, _: Ask) -> Answer:
        account = self._world.account
        answer = {
            "current_concurrency": self._world.tally.live + account.used_by_others,
            "concurrency_limit": account.concurrency_limit,
            "base_concurrency": account.base_concurrency,
            "purchased_concurrency": account.purchased_concurrency,
            "concurrency_burst_enabled": account.burst_enabled,
            "concurrency_burst_limit": account.burst_limit,
            "reserved_inbound_concurrency": account.reserved_inbound_concurrency,
        }
        return 200, orjson.dumps(answer)

    async def _unknown(self, _: Ask) -> Answer:
        raise Refusal(404, "Not Found")

    def _found(self, call_id: str) -> Call:
        call = self._world.by_id.get(call_id)
        if call is None:
            raise _not_found()
        return call

    def _json(self, ask: Ask) -> Json:
        if ask.content_type != "application/json":
            raise Refusal(415, "Content-Type must be application/json.")
        return json_object(ask.raw)

    # --- the way in and out of every endpoint ---------------------------------------------------------

    def _served(
        self, name: str, limiter: Limiter, endpoint: Endpoint
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            world, headers = self._world, None
            try:
                ask = await _complete(request, world)
                self._authorized(request)
                if endpoint == self._create_phone_call:
                    world.tally.arrived.append(ask.arrived)
                status, body = await self._answered(ask, limiter, endpoint)
            except Refusal as refusal:
                status, body, headers = refusal.status, refusal.body, refusal.headers
            except _Dropped:
                status, body = DROPPED, b""
            if world.account.latency_s:
                await anyio.sleep(world.account.latency_s)
            world.tally.requests[name, status] += 1
            if status == DROPPED:
                return _drop(request)
            return web.Response(
                status=status, body=body, headers=headers, content_type="application/json" if body else None
            )

        return handle

    async def _answered(self, ask: Ask, limiter: Limiter, endpoint: Endpoint) -> Answer:
        self._admit(limiter, ask.arrived)
        if limiter is not Limiter.CREATE:
            self._read_faults()
        try:
            return await endpoint(ask)
        except Refusal as refusal:
            counted = limiter is Limiter.CREATE and self._world.account.client_errors_per_minute
            if counted and 400 <= refusal.status < 500 and refusal.status != 429:
                self._client_errors.add(self._world.now())
            raise

    def _authorized(self, request: web.Request) -> None:
        if request.headers.get("Authorization") != f"Bearer {self._world.account.api_key}":
            raise Refusal(401, "API key is missing or invalid.")

    def _admit(self, limiter: Limiter, now: float) -> None:
        """Takes a place in the HTTP rate limit. Refusal 429 if there is none."""
        account = self._world.account
        limit = {
            Limiter.CREATE: account.creates_per_10s,
            Limiter.LIST: account.list_per_10s,
            Limiter.OTHER: account.other_per_10s,
        }[limiter]
        errors_max = account.client_errors_per_minute if limiter is Limiter.CREATE else 0
        wait_s = self._client_errors.wait_s(now, errors_max)
        if wait_s > 0.0:
            raise self._world.over_limit("client-errors", errors_max, wait_s)
        wait_s = self._windows[limiter].wait_s(now, limit)
        if wait_s > 0.0:
            raise self._world.over_limit(limiter, limit, wait_s)
        if limit:
            self._windows[limiter].add(now)

    def _read_faults(self) -> None:
        world = self._world
        self._reads += 1
        for fault, error in (("read_error", _server_error()), ("read_dropped", _Dropped())):
            if world.faults.hits(fault, world.seed, self._reads):
                world.tally.faults[fault] += 1
                raise error


async def _complete(request: web.Request, world: World) -> Ask:
    """Reads the request to its end, then looks at the clock."""
    try:
        raw = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise Refusal(413, "Request body is too large.") from None
    return Ask(
        raw,
        world.now(),
        request.content_type,
        request.match_info.get("call_id") or request.match_info.get("id", ""),
    )


def _of_workspace(handler: Handler) -> Endpoint:
    async def endpoint(ask: Ask) -> Answer:
        return await handler(ask.raw, ask.call_id)

    return endpoint


async def _described(_: web.Request) -> web.Response:
    """What all of this is, for tools: not the API's own, so neither key nor limits."""
    return web.Response(body=orjson.dumps(document()), content_type="application/json")


def _drop(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _not_found() -> Refusal:
    return Refusal(422, "Cannot find requested asset under given api key.")


def _server_error() -> Refusal:
    return Refusal(500, "An unexpected server error occurred.")
