"""The webhook receiver: checks the signature on the raw body, hands the news on, answers at once.

It records nothing but what it hands on: the engine acts. A lost, late or doubled webhook changes only how
soon a slot is free, because the sweep of the listing hears of every end as well.

Anybody can reach this port. So what a body costs is bounded: it is read only behind a header that has the
form and the age of a signature, up to a number of bytes, and for as long as Retell itself would wait.
"""

from collections.abc import Callable
from typing import Protocol

import anyio
from aiohttp import web

from dialer.domain.calls import CallUpdate
from dialer.engine.events import WebhookFault

PATH = "/webhooks/retell"
BODY_S_MAX = 10.0
"""For a body to arrive. Retell gives up a delivery after 10 s and tries again. Source: its docs."""


class Signatures(Protocol):
    """What tells whether a webhook is the API's. `header`: the signature's; None: there is none."""

    def is_plausible(self, header: str | None) -> bool:
        """May it be a signature of now, whatever the body? Quick."""
        ...

    def is_good(self, header: str | None, body: bytes) -> bool:
        """Is it right for this body, now?"""
        ...


Parse = Callable[[bytes], tuple[str, CallUpdate] | None]
"""The event's name and what it says of a call; None if it is not of a call."""


def webhook_app(
    signatures: Signatures,
    parse: Parse,
    hear: Callable[[str, CallUpdate], None],
    refuse: Callable[[WebhookFault, bytes], None] = lambda fault, part: None,
    *,
    body_bytes_max: int,
) -> web.Application:
    """An application that takes the API's webhooks on `PATH`.

    204: taken (also an event that is not of our calls, or not known). 400: the body cannot be read.
    401: the signature is wrong. 408: the body took longer than `BODY_S_MAX`. 413: it has more than
    `body_bytes_max` bytes. `refuse` is called for each that was not taken, with what was read of one that is
    plausible and was too large or too slow.
    """

    def refused(fault: WebhookFault, part: bytes = b"") -> web.Response:
        refuse(fault, part)
        return REFUSALS[fault]()

    async def receive(request: web.Request) -> web.Response:
        header = request.headers.get("X-Retell-Signature")
        if not signatures.is_plausible(header):
            return refused(WebhookFault.BAD_SIGNATURE)
        pieces = bytearray()
        try:
            with anyio.move_on_after(BODY_S_MAX) as in_time:
                async for piece in request.content.iter_any():
                    pieces += piece
                    if len(pieces) > body_bytes_max:
                        return refused(WebhookFault.TOO_LARGE, bytes(pieces))
        except (web.RequestPayloadError, OSError):  # half a body, or not packed as its header says
            return refused(WebhookFault.MALFORMED)
        if in_time.cancelled_caught:
            return refused(WebhookFault.TOO_SLOW, bytes(pieces))
        body = bytes(pieces)
        if not signatures.is_good(header, body):
            return refused(WebhookFault.BAD_SIGNATURE)
        parsed = parse(body)
        if parsed is not None:
            hear(*parsed)
        return web.Response(status=204)

    app = web.Application(client_max_size=body_bytes_max)
    app.router.add_post(PATH, receive)
    return app


def _answer(status: int, text: str) -> Callable[[], web.Response]:
    def answer() -> web.Response:
        response = web.Response(status=status, text=text)
        response.force_close()  # what was not read of the body is not to be taken for the next request
        return response

    return answer


REFUSALS = {
    WebhookFault.BAD_SIGNATURE: _answer(401, "bad signature\n"),
    WebhookFault.TOO_LARGE: _answer(413, "too large\n"),
    WebhookFault.TOO_SLOW: _answer(408, "too slow\n"),
    WebhookFault.MALFORMED: _answer(400, "unreadable\n"),
}
