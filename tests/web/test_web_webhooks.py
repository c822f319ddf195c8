"""The webhook port, which anybody can reach: what it reads, and for how long."""

from collections.abc import AsyncIterator

import anyio
from aiohttp import ClientSession, ClientTimeout, web

from dialer.app.clock_loop import run_virtual
from dialer.domain.calls import CallId, CallUpdate
from dialer.engine.events import WebhookFault
from dialer.web.server import serve
from dialer.web.webhooks import BODY_S_MAX, PATH, webhook_app

BYTES_MAX = 2_000
GOOD = {"X-Retell-Signature": "good"}
FORGED = {"X-Retell-Signature": "plausible"}
NEWS = CallUpdate(CallId("call_1"), "ended")


class Port:
    """The receiver, and what became of what it got."""

    def __init__(self) -> None:
        self.read: list[bytes] = []
        self.taken: list[str] = []
        self.refused: list[WebhookFault] = []

    def app(self) -> web.Application:
        return webhook_app(
            self,
            lambda body: (body.decode(), NEWS),
            lambda event, _: self.taken.append(event),
            lambda fault, part: self.refused.append(fault),
            body_bytes_max=BYTES_MAX,
        )

    def is_plausible(self, header: str | None) -> bool:
        return header in ("good", "plausible")

    def is_good(self, header: str | None, body: bytes) -> bool:
        self.read.append(body)
        return header == "good"


async def _post(port: Port, body: bytes, headers: dict[str, str]) -> int:
    async with (
        serve(port.app(), "127.0.0.1:0") as url,
        ClientSession() as session,
        session.post(url + PATH, data=body, headers=headers) as answer,
    ):
        return answer.status


def test_what_is_signed_is_taken() -> None:
    port = Port()
    assert run_virtual(lambda: _post(port, b"call_ended", GOOD)) == 204
    assert (port.taken, port.refused) == (["call_ended"], [])


def test_without_a_plausible_signature_no_body_is_read() -> None:
    port = Port()
    assert run_virtual(lambda: _post(port, b"x" * BYTES_MAX, {})) == 401
    assert run_virtual(lambda: _post(port, b"x" * BYTES_MAX, {"X-Retell-Signature": "old"})) == 401
    assert (port.read, port.taken) == ([], [])
    assert port.refused == [WebhookFault.BAD_SIGNATURE] * 2


def test_a_forged_body_is_refused() -> None:
    port = Port()
    assert run_virtual(lambda: _post(port, b"call_ended", FORGED)) == 401
    assert (port.taken, port.refused) == ([], [WebhookFault.BAD_SIGNATURE])


def test_a_body_over_the_bound_is_refused() -> None:
    port = Port()
    assert run_virtual(lambda: _post(port, b"x" * (BYTES_MAX + 1), GOOD)) == 413
    assert (port.read, port.refused) == ([], [WebhookFault.TOO_LARGE])


def test_a_body_that_never_ends_is_not_waited_for() -> None:
    """Ten seconds and no more, while the sender goes on sending a byte a second."""
    port = Port()

    async def drip() -> tuple[int, float]:
        async def bytes_of_it() -> AsyncIterator[bytes]:
            for _ in range(100):
                yield b"x"
                await anyio.sleep(1.0)

        began = anyio.current_time()
        timeout = ClientTimeout(total=60)
        async with (
            serve(port.app(), "127.0.0.1:0") as url,
            ClientSession(timeout=timeout) as session,
            session.post(url + PATH, data=bytes_of_it(), headers=GOOD) as answer,
        ):
            return answer.status, anyio.current_time() - began

    status, took_s = run_virtual(drip)
    assert status == 408
    assert BODY_S_MAX <= took_s < BODY_S_MAX + 5.0
    assert port.refused == [WebhookFault.TOO_SLOW]
