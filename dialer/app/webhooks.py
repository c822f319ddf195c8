"""The receiver of webhooks: wiring, for a run and for a service."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

from dialer.adapters.retell.answers import parse_event
from dialer.adapters.retell.signature import Signatures
from dialer.app.monitoring import Monitor
from dialer.domain.calls import CallId, CallUpdate
from dialer.domain.errors import CallError
from dialer.engine.events import Observe, WebhookFault, WebhookRefused
from dialer.ports.engine import Clock
from dialer.settings.sections import Webhooks
from dialer.web.server import serve
from dialer.web.webhooks import PATH, webhook_app

FETCHES_MAX = 100
"""Calls whose webhooks were not taken and that wait to be asked for."""
HEAD_BYTES = 65_536
"""Of a webhook that is not taken: where its call's id is looked for."""
_CALL_ID = re.compile(rb'"call_id"\s*:\s*"([\w-]{1,100})"')


@dataclass(frozen=True, slots=True)
class WebhookUse:
    """What is done with webhooks."""

    hear: Callable[[CallUpdate], None]
    """Told what each says of its call."""
    refused: Callable[[WebhookFault], None]
    """Told of each that is not taken."""
    fetch: Callable[[CallId], Awaitable[CallUpdate | None]]
    """Asks the API for a call by its id. Raises `CallError`."""
    api_key: Callable[[], str]
    """The key that dials now; it signs them, unless the settings name others."""


@asynccontextmanager
async def webhooks_served(
    settings: Webhooks, use: WebhookUse, clock: Clock, monitor: Monitor, observe: Observe
) -> AsyncIterator[str | None]:
    """Take webhooks while the context is open; gives where they go, None if none are wanted.

    Raises `BadInput` if the address cannot be used.
    """
    if settings.listen is None:
        yield None
        return
    keys = [key.get_secret_value() for key in settings.keys]
    to_fetch, fetched = anyio.create_memory_object_stream[CallId](FETCHES_MAX)

    def parse(body: bytes) -> tuple[str, CallUpdate] | None:
        monitor.webhook_taken()
        return parse_event(body)

    def take(event: str, news: CallUpdate) -> None:
        del event  # the status of the call says as much
        monitor.heard(news, clock.now())
        use.hear(news)

    def refuse(fault: WebhookFault, part: bytes = b"") -> None:
        observe(WebhookRefused(fault))
        use.refused(fault)
        found = _CALL_ID.search(part[:HEAD_BYTES])
        if found is not None:
            with suppress(anyio.WouldBlock):  # the sweep hears of it as well
                to_fetch.send_nowait(CallId(found[1].decode()))

    signatures = _Signatures(lambda: keys or [use.api_key()], clock)
    app = webhook_app(signatures, parse, take, refuse, body_bytes_max=settings.body_bytes_max)
    malformed = lambda _: refuse(WebhookFault.MALFORMED)  # noqa: E731
    with to_fetch, fetched:
        async with (
            serve(app, settings.listen, malformed=malformed) as url,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(_fetch, fetched, use)
            yield url + PATH
            tasks.cancel_scope.cancel()


async def _fetch(calls: MemoryObjectReceiveStream[CallId], use: WebhookUse) -> None:
    """Ask for what a webhook would have told."""
    async for call_id in calls:
        with suppress(CallError):  # the sweep asks again
            news = await use.fetch(call_id)
            if news is not None and news.call_id == call_id:
                use.hear(news)


@dataclass(frozen=True, slots=True)
class _Signatures:
    """By the keys of now: the one that dials may change while the program runs."""

    keys: Callable[[], list[str]]
    clock: Clock

    def is_plausible(self, header: str | None) -> bool:
        return Signatures(self.keys(), self.clock.now).is_plausible(header)

    def is_good(self, header: str | None, body: bytes) -> bool:
        return Signatures(self.keys(), self.clock.now).is_good(header, body)
