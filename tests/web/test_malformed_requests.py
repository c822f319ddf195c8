"""What is no HTTP: it costs one count and, now and then, one line, in which nothing of it stands."""

import io
import logging

import anyio
import orjson
import pytest
from api_kit import SetClock, app_on, desk_on

from dialer.adapters.ledger.shared import open_shared_sqlite
from dialer.telemetry.logs import configure
from dialer.telemetry.request_log import RequestLog
from dialer.web.api import Answered
from dialer.web.server import serve
from dialer.web.tokens import new_token
from dialer.web.webhooks import PATH

REQUESTS = 300
TOKEN = new_token()
BAD = [
    f"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\0\r\n\r\n".encode(),
    f"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN[:20]}\0{TOKEN[20:]}\r\n\r\n".encode(),
    f"POST /v1/jobs HTTP/9\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode(),
    f"\x16\x03\x01 {TOKEN}\r\n\r\n".encode("latin-1"),
    f"POST {PATH} HTTP/1.1\r\nContent-Length: -1\r\nX-A: {TOKEN}\r\n\r\n".encode(),
    b"POST /v1/jobs HTTP/1.1\r\nX-A: " + TOKEN.encode() + b"x" * 20_000 + b"\r\n\r\n",
]


async def send(port: int, data: bytes) -> bytes:
    async with await anyio.connect_tcp("127.0.0.1", port) as stream:
        await stream.send(data)
        with anyio.move_on_after(5):
            return await stream.receive()
    return b""


@pytest.mark.parametrize("data", BAD, ids=range(len(BAD)))
def test_it_is_counted_and_nothing_of_it_is_logged(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    stream, clock, seen = io.StringIO(), SetClock(), list[Answered]()
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    log = RequestLog(configure("json", "debug", stream, clock=clock), clock)

    async def main() -> None:
        def malformed(client: str) -> None:
            seen.append(Answered(None, client, "", "", 400, 0.0))
            log.observe(seen[-1])

        async with (
            open_shared_sqlite(None, on_thread=False) as ledger,
            serve(app_on(desk_on(ledger)), "127.0.0.1:0", malformed=malformed) as url,
        ):
            for _ in range(REQUESTS):
                answer = await send(int(url.rpartition(":")[2]), data)
                assert answer.split(b" ")[1] == b"400"

    anyio.run(main)
    assert len(seen) == REQUESTS
    assert {each.client for each in seen} == {"127.0.0.1"}
    (line,) = [orjson.loads(each) for each in stream.getvalue().splitlines()]
    assert (line["event"], line["status"], line["client"]) == ("request.refused", 400, "127.0.0.1")
    for part in (TOKEN, TOKEN[:20], TOKEN[20:]):
        assert part not in stream.getvalue()
