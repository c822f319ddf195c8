"""The HTTP API as the settings want it: wiring, for a service."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http import HTTPStatus

from dialer.adapters.ledger.store import SqlLedger
from dialer.adapters.sources.messages import job_schema
from dialer.app.api_backend import LedgerDesk, Submit
from dialer.app.queue_intake import JobReader
from dialer.ports.engine import Clock
from dialer.settings import Settings
from dialer.settings.grants import grant_of_token
from dialer.settings.live import changes_schema
from dialer.web.api import Answered, api_app
from dialer.web.bounds import ApiBounds
from dialer.web.server import serve
from dialer.web.tokens import Token


@asynccontextmanager
async def api_served(
    settings: Callable[[], Settings],
    open_ledger: Callable[[], AbstractAsyncContextManager[SqlLedger]],
    submit: Submit,
    clock: Clock,
    *,
    observe: Callable[[Answered], None] = lambda answered: None,
) -> AsyncIterator[str | None]:
    """Serve it while the context is open; gives its URL, None without a token in the settings.

    `settings`: those of now. Tokens, their rights and what they are bound to are those of each request's
    moment; address and bounds of requests hold from the start. `open_ledger`: not to dial from; opened for
    this alone, so that a long question holds up nobody else. `submit`: takes jobs in.
    Raises `BadInput` if the address cannot be used, and `LedgerError`.
    """
    api = settings().api
    if api.address is None:
        yield None
        return
    async with open_ledger() as questions, open_ledger() as orders:
        app = api_app(
            LedgerDesk(questions, orders, settings, JobReader(settings, clock).read, submit),
            lambda: [
                Token(each.name, each.role, each.sha256, grant_of_token(each))
                for each in settings().api.tokens
            ],
            ApiBounds(api.body_bytes_max, api.body_s, api.items_max, api.requests_per_s),
            job_schema=job_schema(),
            changes_schema=changes_schema(),
            observe=observe,
        )

        def malformed(client: str) -> None:
            observe(Answered(None, client, "", "", HTTPStatus.BAD_REQUEST, 0.0))

        async with serve(app, api.address, setting="api.listen", malformed=malformed) as url:
            yield url
