"""The HTTP API over a ledger in memory, on loopback, and somebody who asks it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import anyio
import orjson
from aiohttp import ClientResponse, ClientSession, web

from dialer.adapters.ledger.shared import SharedLedger, open_shared_sqlite
from dialer.adapters.sources.messages import job_schema, read_message
from dialer.adapters.sources.options import JobOptions
from dialer.app.api_backend import LedgerDesk, Submit
from dialer.app.clock_loop import run_virtual
from dialer.domain.rights import Grant
from dialer.engine.submissions import Submissions
from dialer.settings import Settings
from dialer.settings.live import changes_schema
from dialer.web.api import Answered, api_app
from dialer.web.bounds import ApiBounds
from dialer.web.front_desk import FrontDesk
from dialer.web.server import serve
from dialer.web.tokens import Role, Token, fingerprint, new_token

NOW = 1_800_000_000.0
SECRETS = {role: new_token() for role in Role}
TOKENS = tuple(
    Token(f"ana.{role}", role, fingerprint(SECRETS[role]), Grant(f"the token ana.{role}")) for role in Role
)
BOUNDS = ApiBounds(body_bytes_max=100_000, body_s=5.0, items_max=20, requests_per_s=10_000.0)


def number(line: int) -> str:
    return f"+1212555{100 + line:04d}"


@dataclass
class SetClock:
    """A clock that says what it is told."""

    at: float = NOW

    def now(self) -> float:
        return self.at


def submit_to(ledger: SharedLedger) -> Submit:
    return Submissions(ledger, ledger, SetClock(), "http").submit


@dataclass
class Office:
    """What is served, and how to ask it."""

    ledger: SharedLedger
    desk: LedgerDesk
    url: str
    session: ClientSession
    answered: list[Answered] = field(default_factory=list)
    one_answered: anyio.Event = field(default_factory=anyio.Event)

    def observe(self, answered: Answered) -> None:
        self.answered.append(answered)
        self.one_answered.set()

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        role: Role | None = Role.OPERATE,
        headers: dict[str, str] | None = None,
    ) -> ClientResponse:
        sent = {} if role is None else {"Authorization": f"Bearer {SECRETS[role]}"}
        if body is not None:
            sent["Content-Type"] = "application/json"
        data = body if body is None or isinstance(body, bytes) else orjson.dumps(body)
        async with self.session.request(
            method, self.url + path, data=data, headers={**sent, **(headers or {})}
        ) as answer:
            await answer.read()
            return answer

    async def get(self, path: str, *, role: Role = Role.OPERATE) -> Any:
        answer = await self.ask("GET", path, role=role)
        assert answer.status == 200, await answer.text()
        return await answer.json()

    async def post(self, path: str, body: object = None, *, status: int = 200) -> Any:
        answer = await self.ask("POST", path, body)
        assert answer.status == status, await answer.text()
        return await answer.json(content_type=None)


def app_on(desk: FrontDesk, bounds: ApiBounds = BOUNDS, **more: Any) -> web.Application:
    schemas = {"job_schema": job_schema(), "changes_schema": changes_schema()}
    return api_app(desk, lambda: TOKENS, bounds, **schemas, **more)


def desk_on(ledger: SharedLedger, settings: Settings | None = None) -> LedgerDesk:
    read = partial(read_message, options=JobOptions())
    in_force = settings or Settings()
    return LedgerDesk(ledger, ledger, lambda: in_force, read, submit_to(ledger))


@asynccontextmanager
async def office(bounds: ApiBounds = BOUNDS, settings: Settings | None = None) -> AsyncIterator[Office]:
    async with open_shared_sqlite(None, on_thread=False) as ledger:
        desk = desk_on(ledger, settings)
        async with ClientSession() as session:
            at = Office(ledger, desk, "", session)
            app = app_on(desk, bounds, observe=at.observe)
            async with serve(app, "127.0.0.1:0", setting="api.listen") as at.url:
                yield at


def at_office(
    case: Callable[[Office], Awaitable[None]],
    bounds: ApiBounds = BOUNDS,
    settings: Settings | None = None,
) -> None:
    """Run a case in virtual time."""

    async def main() -> None:
        async with office(bounds, settings) as at:
            await case(at)

    run_virtual(main)
