"""The receiver of webhooks: wiring, for a run and for a service."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from dialer.adapters.retell.answers import parse_event
from dialer.adapters.retell.signature import verify
from dialer.domain.calls import CallNews
from dialer.monitoring import Monitor
from dialer.ports import Clock
from dialer.settings.sections import Webhooks
from dialer.web.server import serve
from dialer.web.webhooks import PATH, webhook_app


@asynccontextmanager
async def webhooks_served(
    settings: Webhooks, api_key: str, clock: Clock, monitor: Monitor, hear: Callable[[CallNews], None]
) -> AsyncIterator[str | None]:
    """Take webhooks while the context is open; gives where they go, None if none are wanted.

    `hear`: told what each says of its call. Raises `BadInput` if the address cannot be used.
    """
    if settings.listen is None:
        yield None
        return

    def is_signed(header: str | None, body: bytes) -> bool:
        return header is not None and verify(api_key, header, body, round(clock.now() * 1000))

    def take(event: str, news: CallNews) -> None:
        del event  # the status of the call says as much
        monitor.heard(news, clock.now())
        hear(news)

    app = webhook_app(monitor.checked(is_signed), parse_event, take, body_bytes_max=settings.body_bytes_max)
    async with serve(app, settings.listen) as url:
        yield url + PATH
