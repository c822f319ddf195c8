"""A TCP proxy between dialer and API that mishandles requests; run as `python -m tests.processes.proxy`.

It prints its URL, then on SIGTERM what it has done and seen, as JSON. The plan names what happens to each
create request in turn, over and over; every other request passes.
"""

import argparse
import asyncio
import contextlib
import json
import signal
import socket
import struct
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import cycle
from time import perf_counter

import anyio

CREATE = b"/v2/create-phone-call"
HEAD_BYTES_MAX = 65_536
DRIP_BYTES = 16
STALL_S = 1.6
"""Longer than the shortest timeout of the dialer, shorter than that and its settle time."""


class Mishap(StrEnum):
    """What happens to a request."""

    NONE = "none"
    RESET_BEFORE = "reset_before"
    """Reset when the request has come; it goes no further."""
    RESET_SENT = "reset_sent"
    """Passed on and reset before there is an answer."""
    RESET_AFTER = "reset_after"
    """Passed on, answered, and reset instead of giving the answer back."""
    STALL_BEFORE = "stall_before"
    """Held back past the timeout, then passed on all the same: the call is made late."""
    STALL_AFTER = "stall_after"
    """Passed on; the answer comes past the timeout."""
    HALF_CLOSE = "half_close"
    """Passed on; our side of the connection is closed at once and answers no more."""
    HALF_ANSWER = "half_answer"
    """Passed on; half of the answer, then the end."""
    DRIP = "drip"
    """Passed on; the answer comes so slowly that the timeout strikes in the middle of it."""
    DRIP_QUICKLY = "drip_quickly"
    """Passed on; the answer comes in small pieces, in time."""
    CLOSE_AFTER = "close_after"
    """Answered, and then reset although the connection was to be kept."""


@dataclass(slots=True)
class Proxy:
    """One listener in front of one port."""

    port: int
    plan: list[Mishap]
    seen: Counter[str] = field(default_factory=Counter)
    creates: list[float] = field(default_factory=list)
    """When they came, on this machine's clock."""
    others: list[tuple[float, str]] = field(default_factory=list)
    """When other requests came, and the event that they name, if any."""
    turns: Iterator[Mishap] = field(init=False)

    def __post_init__(self) -> None:
        self.turns = cycle(self.plan)

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Requests of one connection, one after the other."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while request := await _message(reader):
                mishap = Mishap.NONE
                if CREATE in request.partition(b"\r\n")[0]:
                    self.creates.append(perf_counter())
                    mishap = next(self.turns)
                    self.seen[mishap] += 1
                else:
                    self.others.append((perf_counter(), _event(request)))
                if not await self._pass(request, mishap, writer):
                    break
        writer.close()

    async def _pass(self, request: bytes, mishap: Mishap, writer: asyncio.StreamWriter) -> bool:
        """True if the connection goes on."""
        match mishap:
            case Mishap.RESET_BEFORE:
                return _reset(writer)
            case Mishap.RESET_SENT:
                _reset(writer)
                await self._exchange(request)
                return False
            case Mishap.STALL_BEFORE:
                await anyio.sleep(STALL_S)
            case Mishap.HALF_CLOSE:
                writer.write_eof()
        answer = await self._exchange(request)
        match mishap:
            case Mishap.RESET_AFTER:
                return _reset(writer)
            case Mishap.STALL_AFTER:
                await anyio.sleep(STALL_S)
            case Mishap.HALF_CLOSE:
                return False
            case Mishap.HALF_ANSWER:
                writer.write(answer[: len(answer) // 2])
                return False
            case Mishap.DRIP:
                return await _drip(writer, answer, STALL_S)
            case Mishap.DRIP_QUICKLY:
                return await _drip(writer, answer, STALL_S / 8)
        writer.write(answer)
        await writer.drain()
        return _reset(writer) if mishap is Mishap.CLOSE_AFTER else bool(answer)

    async def _exchange(self, request: bytes) -> bytes:
        """On a connection of its own; nothing if the other side closes it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(request)
            return await _message(reader)
        except (ConnectionError, asyncio.IncompleteReadError):
            return b""
        finally:
            writer.close()


async def _message(reader: asyncio.StreamReader) -> bytes:
    """A whole request or answer; nothing at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return b""
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
    return head + await reader.readexactly(length)


def _event(request: bytes) -> str:
    """The event that a webhook names."""
    _, _, body = request.partition(b"\r\n\r\n")
    with contextlib.suppress(ValueError, AttributeError):
        return str(json.loads(body).get("event", ""))
    return ""


def _reset(writer: asyncio.StreamWriter) -> bool:
    """RST instead of FIN. Always False: nothing more comes on this connection."""
    connection = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    return False


async def _drip(writer: asyncio.StreamWriter, answer: bytes, seconds: float) -> bool:
    pieces = [answer[at : at + DRIP_BYTES] for at in range(0, len(answer), DRIP_BYTES)]
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await anyio.sleep(seconds / len(pieces))
    return True


async def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.processes.proxy", description=__doc__)
    parser.add_argument("ports", type=int, nargs="+", metavar="PORT", help="a listener in front of each")
    parser.add_argument("--plan", default=Mishap.NONE, help="mishaps, separated by commas")
    options = parser.parse_args()
    plan = [Mishap(name) for name in options.plan.split(",")]
    proxies = [Proxy(port, plan) for port in options.ports]
    servers = [
        await asyncio.start_server(proxy.connection, "127.0.0.1", 0, limit=HEAD_BYTES_MAX)
        for proxy in proxies
    ]
    with anyio.open_signal_receiver(signal.SIGTERM) as signals:
        _say([f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}" for server in servers])
        async for _ in signals:
            break
    _say([{"mishaps": each.seen, "creates": each.creates, "others": each.others} for each in proxies])


def _say(what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
