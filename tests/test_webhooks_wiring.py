"""What a webhook that was not taken would have told is asked for; and the key that dials now signs."""

import hmac
from hashlib import sha256

import anyio
from aiohttp import ClientSession

from dialer.adapters.system.clock import SystemClock
from dialer.app.clock_loop import run_virtual
from dialer.app.monitoring import Monitor
from dialer.app.webhooks import WebhookUse, webhooks_served
from dialer.domain.calls import CallId, CallUpdate
from dialer.engine.events import Event, WebhookFault, WebhookRefused
from dialer.settings import Settings
from dialer.settings.sections import Webhooks

KEY = "test-api-key"
SETTINGS = Webhooks(listen="127.0.0.1:0", body_bytes_max=2_000)


def signed(body: bytes, key: str = KEY) -> dict[str, str]:
    at = str(round(SystemClock().now() * 1000))
    digest = hmac.new(key.encode(), body + at.encode(), sha256).hexdigest()
    return {"X-Retell-Signature": f"v={at},d={digest}"}


class Desk:
    """What becomes of webhooks."""

    def __init__(self) -> None:
        self.heard: list[CallUpdate] = []
        self.refused: list[WebhookFault] = []
        self.events: list[Event] = []
        self.key = KEY

    async def fetch(self, call_id: CallId) -> CallUpdate:
        return CallUpdate(call_id, "ended")

    async def post(self, *bodies: bytes, key: str = KEY) -> list[int]:
        use = WebhookUse(self.heard.append, self.refused.append, self.fetch, lambda: self.key)
        monitor = Monitor(Settings(), "spring", speed=1.0)
        statuses = []
        served = webhooks_served(SETTINGS, use, SystemClock(), monitor, self.events.append)
        async with served as url, ClientSession() as session:
            assert url is not None
            for body in bodies:
                async with session.post(url, data=body, headers=signed(body, key)) as answer:
                    statuses.append(answer.status)
            await anyio.sleep(0.1)
        return statuses


def test_the_call_of_a_webhook_that_is_too_large_is_asked_for() -> None:
    desk = Desk()
    large = b'{"event": "call_ended", "call": {"call_id": "call_1", "transcript": "' + b"x" * 3_000
    assert run_virtual(lambda: desk.post(large)) == [413]
    assert desk.heard == [CallUpdate(CallId("call_1"), "ended")]
    assert desk.refused == [WebhookFault.TOO_LARGE]
    assert desk.events == [WebhookRefused(WebhookFault.TOO_LARGE)]


def test_a_forged_one_has_nothing_asked_for() -> None:
    desk = Desk()
    body = b'{"event": "call_ended", "call": {"call_id": "call_1"}}'
    assert run_virtual(lambda: desk.post(body, key="another")) == [401]
    assert (desk.heard, desk.refused) == ([], [WebhookFault.BAD_SIGNATURE])


def test_the_key_that_dials_now_signs() -> None:
    desk = Desk()
    desk.key = "another"
    body = b'{"event": "call_ended", "call": {"call_id": "call_1"}}'
    assert run_virtual(lambda: desk.post(body, key="another")) == [204]
    assert run_virtual(lambda: desk.post(body)) == [401]
