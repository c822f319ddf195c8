"""The bare server: answers as the API would, with next to no work, so that it is the client that is measured.

    python -m tests.bench.server      prints its port; ends when its stdin is closed

A call's id is `call_` and the attempt's id, so that nothing has to be remembered; every call that a listing
is asked for has ended. `GET /bench/reset?latency=0.2` forgets the counts and sets the time to an answer,
`GET /bench/stats` gives the counts and when each create arrived (`time.perf_counter`, which on Linux is one
clock for all processes).
"""

import asyncio
import re
import sys
import time
from itertools import count
from typing import cast

import orjson
import uvloop

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_ATTEMPT_ID = re.compile(rb'"attempt_id": *"([^"]*)"')
_TO_NUMBER = re.compile(rb'"to_number": *"([^"]*)"')
_VALUES = re.compile(rb'"value": *(\[[^\]]*\])')
_CAPACITY = b'{"concurrency_limit":1000000,"current_concurrency":0,"base_concurrency":1000000}'
_CALL = (
    b'{"call_id":"call_%b","call_type":"%b","agent_id":"agent_bench","agent_name":"bench","agent_version":1,'
    b'"call_status":"registered","metadata":{"attempt_id":"%b"},"data_storage_setting":"everything",'
    b'"opt_in_signed_url":false,"direction":"outbound","from_number":"+12125550199","to_number":"%b",'
    b'"access_token":"%b","latency":{},"call_cost":{"combined_cost":0,"product_costs":[]}}'
)
_TOKEN = b"token" * 40
_ENDED = (
    '{"call_id":"%s","call_type":"phone_call","agent_id":"agent_bench","call_status":"ended",'
    '"disconnection_reason":"user_hangup","start_timestamp":1700000000000,"end_timestamp":1700000061000,'
    '"duration_ms":61000,"call_cost":{"combined_cost":12.5},"metadata":{"attempt_id":"%s"}}'
)


class Counts:
    """What came in since the last reset."""

    def __init__(self) -> None:
        self.reset(0.0)

    def reset(self, latency_s: float) -> None:
        self.latency_s = latency_s
        self.created_at: list[float] = []
        self.lists = 0
        self.others = 0

    def to_json(self) -> bytes:
        return orjson.dumps({"created_at": self.created_at, "lists": self.lists, "others": self.others})


class Connection(asyncio.Protocol):
    """One keep-alive connection; requests with a Content-Length or without a body."""

    def __init__(self, counts: Counts, serial: "count[int]") -> None:
        self._counts = counts
        self._serial = serial
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is not derived from it

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._buffer, 0, end + 2)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < whole:
                return
            head, body = self._buffer[:end], self._buffer[end + 4 : whole]
            self._buffer = self._buffer[whole:]
            self._answer(head.split(b" ", 2)[1], body)

    def _answer(self, path: bytes, body: bytes) -> None:
        counts = self._counts
        if path.startswith((b"/v2/create-", b"/v3/create-")):
            counts.created_at.append(time.perf_counter())
            self._send(b"201 Created", self._created(path, body), counts.latency_s)
        elif path == b"/v3/list-calls":
            counts.lists += 1
            self._send(b"200 OK", _listed(body), counts.latency_s)
        elif path == b"/get-concurrency":
            counts.others += 1
            self._send(b"200 OK", _CAPACITY, counts.latency_s)
        elif path == b"/bench/stats":
            self._send(b"200 OK", counts.to_json(), 0.0)
        elif path.startswith(b"/bench/reset"):
            counts.reset(float(path.partition(b"latency=")[2] or b"0"))
            self._send(b"200 OK", b"{}", 0.0)
        else:
            counts.others += 1
            self._send(b"404 Not Found", b"{}", 0.0)

    def _created(self, path: bytes, body: bytes) -> bytes:
        attempt_id, to_number = _ATTEMPT_ID.search(body), _TO_NUMBER.search(body)
        name = attempt_id[1] if attempt_id else b"%d" % next(self._serial)
        kind = b"web_call" if path.endswith(b"web-call") else b"phone_call"
        return _CALL % (name, kind, name, to_number[1] if to_number else b"", _TOKEN)

    def _send(self, status: bytes, body: bytes, after_s: float) -> None:
        answer = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
            status,
            len(body),
            body,
        )
        if after_s > 0:
            asyncio.get_running_loop().call_later(after_s, self._write, answer)
        else:
            self._write(answer)

    def _write(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


def _listed(body: bytes) -> bytes:
    """The calls that are asked for, by call id or by attempt id: all have ended."""
    values = _VALUES.search(body)
    ids: list[str] = orjson.loads(values[1]) if values else []
    attempts = [each.removeprefix("call_") for each in ids]
    items = ",".join(_ENDED % (f"call_{each}", each) for each in attempts)
    return f'{{"items":[{items}],"has_more":false}}'.encode()


async def serve() -> None:
    """Serve until stdin is closed."""
    loop = asyncio.get_running_loop()
    counts, serial = Counts(), count(1)
    server = await loop.create_server(lambda: Connection(counts, serial), "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    closed = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), closed.set)
    await closed.wait()


if __name__ == "__main__":
    uvloop.run(serve())
