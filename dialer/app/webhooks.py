"""The receiver of webhooks: wiring, for a run and for a service."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from dialer.adapters.retell.answers import parse_event
from dialer.adapters.retell.signature import Signatures
from dialer.app.monitoring import Monitor
from dialer.domain.calls import CallUpdate
from dialer.engine.events import Observe, WebhookFault, WebhookRefused
from dialer.ports.engine import Clock
from dialer.settings.sections import Webhooks
from dialer.web.server import serve
from dialer.web.webhooks import PATH, webhook_app


@asynccontextmanager
async def webhooks_served(
    settings: Webhooks,
    api_key: str,
    clock: Clock,
    monitor: Monitor,
    hear: Callable[[CallUpdate], None],
    observe: Observe,
) -> AsyncIterator[str | None]:
    """Take webhooks while the context is open; gives where they go, None if none are wanted.

    `api_key`: signs them, unless the settings name others. `hear`: told what each says of its call. Raises
    `BadInput` if the address cannot be used.
    """
    if settings.listen is None:
        yield None
        return
    keys = [key.get_secret_value() for key in settings.keys] or [api_key]

    def parse(body: bytes) -> tuple[str, CallUpdate] | None:
        monitor.webhook_taken()
        return parse_event(body)

    def take(event: str, news: CallUpdate) -> None:
        del event  # the status of the call says as much
        monitor.heard(news, clock.now())
        hear(news)

    def refuse(fault: WebhookFault) -> None:
        observe(WebhookRefused(fault))

    bytes_max = settings.body_bytes_max
    app = webhook_app(Signatures(keys, clock.now), parse, take, refuse, body_bytes_max=bytes_max)
    malformed = lambda _: refuse(WebhookFault.MALFORMED)  # noqa: E731
    async with serve(app, settings.listen, malformed=malformed) as url:
        yield url + PATH
