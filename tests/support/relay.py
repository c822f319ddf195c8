"""A relay between client and simulator: it sees every request and does to some of them what a test says."""

from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import aiohttp
import anyio
from aiohttp import web

SHUTDOWN_S = 0.05
SENT = ("Authorization", "Content-Type")
GIVEN = ("Content-Type", "Retry-After", "RateLimit-Reset", "RateLimit-Limit", "RateLimit-Remaining")
"""Headers that are passed on."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it arrived. `at`: the loop's time."""

    at: float
    path: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Twist:
    """What is done to one request."""

    passes: bool = True
    """It reaches the simulator."""
    status: int | None = None
    """Answered instead of what the simulator says."""
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    drops: bool = False
    """The connection closes instead of an answer."""
    before_s: float = 0.0
    after_s: float = 0.0
    then: Callable[[], None] | None = None
    """Called when the simulator has answered, before the client hears of it."""
    first: Callable[[], None] | None = None
    """Called when the request has arrived."""


PLAIN = Twist()


class Relay:
    """Listens on a port of its own from `start` to `stop`, any number of times, always on the same one."""

    def __init__(self, behind: str) -> None:
        self.url = ""
        self.seen: list[Seen] = []
        self._behind = behind
        self._port = 0
        self._next: dict[str, deque[Twist]] = {}
        self._always: dict[str, Twist] = {}
        self._with: dict[bytes, Twist] = {}
        self._runner: web.AppRunner | None = None
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._session = await self._open.enter_async_context(aiohttp.ClientSession())
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            await self.stop()
            await self._open.aclose()

    async def start(self) -> None:
        """Listen."""
        app = web.Application(client_max_size=10_000_000)
        app.router.add_route("*", "/{anything:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}"

    async def stop(self) -> None:
        """Nothing listens any more; open connections close."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    def on(self, part: str, *twists: Twist) -> None:
        """The next requests whose path holds `part` get these, in turn."""
        self._next.setdefault(part, deque()).extend(twists)

    def always(self, part: str, twist: Twist) -> None:
        """Every request whose path holds `part` gets this, when there is no other for it."""
        self._always[part] = twist

    def always_with(self, text: bytes, twist: Twist) -> None:
        """Every request whose body holds `text` gets this."""
        self._with[text] = twist

    def creates(self) -> list[Seen]:
        """The create requests."""
        return [seen for seen in self.seen if "create" in seen.path]

    def _twist(self, path: str, body: bytes) -> Twist:
        for text, twist in self._with.items():
            if text in body:
                return twist
        for part, twists in self._next.items():
            if part in path and twists:
                return twists.popleft()
        return next((twist for part, twist in self._always.items() if part in path), PLAIN)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.seen.append(Seen(anyio.current_time(), request.path, body))
        twist = self._twist(request.path, body)
        if twist.first is not None:
            twist.first()
        await anyio.sleep(twist.before_s)
        status, content, headers = 500, b"", dict(twist.headers)
        if twist.passes:
            status, content, headers = await self._pass(request, body)
        if twist.then is not None:
            twist.then()
        await anyio.sleep(twist.after_s)
        if twist.drops and request.transport is not None:
            request.transport.abort()
        if twist.status is not None:
            status, content, headers = twist.status, twist.body, dict(twist.headers)
        return web.Response(status=status, body=content, headers=headers)

    async def _pass(self, request: web.Request, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        kept = {name: request.headers[name] for name in SENT if name in request.headers}
        async with self._session.request(
            request.method, self._behind + request.path, data=body or None, headers=kept
        ) as answer:
            given = {name: answer.headers[name] for name in GIVEN if name in answer.headers}
            return answer.status, await answer.read(), given
