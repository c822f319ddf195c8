"""The webhook receiver: checks the signature on the raw body, hands the news on, answers at once.

It records nothing but what it hands on: the engine acts. A lost, late or doubled webhook changes only how
soon a slot is free, because the sweep of the listing hears of every end as well.
"""

from collections.abc import Callable

from aiohttp import web

from dialer.domain.calls import CallNews

PATH = "/webhooks/retell"

Verify = Callable[[str | None, bytes], bool]
"""Is this signature header right for this body, now?"""
Parse = Callable[[bytes], tuple[str, CallNews] | None]
"""The event's name and what it says of a call; None if it is not of a call."""


def webhook_app(
    verify: Verify, parse: Parse, hear: Callable[[str, CallNews], None], *, body_bytes_max: int
) -> web.Application:
    """An application that takes the API's webhooks on `PATH`.

    204: taken (also an event that is not of our calls, or not known). 401: the signature is wrong.
    413: the body is too long.
    """

    async def receive(request: web.Request) -> web.Response:
        body = await request.read()
        if not verify(request.headers.get("X-Retell-Signature"), body):
            return web.Response(status=401, text="bad signature\n")
        parsed = parse(body)
        if parsed is not None:
            hear(*parsed)
        return web.Response(status=204)

    app = web.Application(client_max_size=body_bytes_max)
    app.router.add_post(PATH, receive)
    return app
