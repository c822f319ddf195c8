"""A stranger who sends the head of a request a byte at a time holds a connection for a bounded time."""

from contextlib import suppress

import anyio
import anyio.abc
import pytest
from aiohttp import web

from dialer.app.clock_loop import run_virtual
from dialer.web.server import HEAD_S_MAX, serve
from tests.web.test_web_webhooks import Port

HEAD = b"POST /webhooks/retell HTTP/1.1\r\n" + b"X-A: 1\r\n" * 100
GONE = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError)


@pytest.mark.parametrize("app", [Port().app, web.Application], ids=["webhooks", "other ports"])
@pytest.mark.parametrize("sent", [HEAD, b""], ids=["dripping", "silent"])
def test_a_head_that_never_ends_is_not_waited_for(app: type[web.Application], sent: bytes) -> None:
    async def drip() -> float:
        async with serve(app(), "127.0.0.1:0") as url:
            host, _, port = url.removeprefix("http://").rpartition(":")
            async with await anyio.connect_tcp(host, int(port)) as stream:
                began = anyio.current_time()
                with anyio.fail_after(2 * HEAD_S_MAX), suppress(*GONE):
                    for byte in sent:
                        await stream.send(bytes([byte]))
                        await anyio.sleep(1.0)
                    await stream.receive()
                return anyio.current_time() - began

    assert run_virtual(drip) == pytest.approx(HEAD_S_MAX, abs=3.0)
