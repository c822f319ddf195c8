"""A network in memory under the real HTTP client and server, on a virtual clock.

TCP over the loopback device gives the same trace too (tried on a busy machine), but its port numbers change
from run to run and stand in error messages, nothing can be held up in it, and it costs a system call for
every piece. Here a byte that was written arrives in the next round of the loop, or as late as the network was
drawn, unless it is down. A connection costs what DNS, TCP and TLS cost before its first byte may leave.
"""

import asyncio
import re
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any, TypeVarTuple, Unpack

import anyio

from dialer.app.clock_loop import ClockLoop

Ts = TypeVarTuple("Ts")

FIRST_PORT = 40_000
CREATE = b"POST /v2/create-phone-call "
_ATTEMPT = re.compile(rb'"attempt_id":"([^"]+)"')


class Weather(StrEnum):
    """How the network is."""

    FINE = "fine"
    REFUSES = "refuses"
    """Connections are cut, and no new one is made."""
    STALLS = "stalls"
    """No handshake is answered until the weather is fine again; connections that are there go on."""
    HOLDS = "holds"
    """What is sent arrives when the weather is fine again; so does what a handshake sends."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How long the way to a server is, and how safe. Seconds; 0: at once."""

    name_s: float = 0.0
    """To look up its name, once per connection."""
    trip_s: float = 0.0
    """There and back, once for TCP and twice for TLS. Bytes on a connection need half of it."""
    jitter: float = 0.0
    """A connection takes up to so many times longer."""
    resets: float = 0.0
    """The ratio of connections that are reset at the end of their handshake."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """The first byte of a request for a phone call, as the server sees it."""

    attempt_id: str
    left_at: float
    at: float
    due_at: float
    """When it would have arrived had the network not held it: what its sender answers for."""


class WireLoop(ClockLoop):
    """A virtual-time loop whose connections are in memory."""

    def __init__(self) -> None:
        super().__init__(speed=None)
        self._listeners: dict[int, _Listener] = {}
        self._called: dict[int, tuple[str, int]] = {}
        self._ports = FIRST_PORT
        self._weather = Weather.FINE
        self._held: list[tuple[Callable[..., object], tuple[Any, ...]]] = []
        self._cleared = asyncio.Event()
        self._ways = Ways()
        self._chance = Random(0)
        self.arrivals: list[Arrival] = []

    def set_ways(self, ways: Ways, chance: Random) -> None:
        """From now on connections take so long."""
        self._ways, self._chance = ways, chance

    @property
    def half_trip_s(self) -> float:
        """From one end to the other."""
        return self._ways.trip_s / 2

    def set_weather(self, weather: Weather) -> None:
        """Change it; what was held arrives now, in its order."""
        self._weather = weather
        if weather is not Weather.HOLDS:
            held, self._held = self._held, []
            for step, args in held:
                self.call_soon(step, *args)
        self._cleared.set()
        self._cleared = asyncio.Event()
        if weather is Weather.REFUSES:
            for listener in self._listeners.values():
                listener.cut()

    def carry(self, step: Callable[[Unpack[Ts]], object], *args: *Ts) -> None:
        """Something goes over the wire."""
        if self._weather is Weather.HOLDS:
            self._held.append((step, args))
        elif self._ways.trip_s:
            self.call_later(self.half_trip_s, step, *args)
        else:
            self.call_soon(step, *args)

    async def _shake_hands(self) -> None:
        """What it takes until a request may leave. Raises `ConnectionResetError`."""
        ways, chance = self._ways, self._chance
        seconds = (ways.name_s + 3 * ways.trip_s) * (1.0 + ways.jitter * chance.random())
        if seconds:
            await anyio.sleep(seconds)
        while self._weather in (Weather.STALLS, Weather.HOLDS) and (ways.trip_s or ways.name_s):
            await self._cleared.wait()
        if ways.resets and chance.random() < ways.resets:
            raise ConnectionResetError(104, "Connection reset by peer")

    async def create_server(  # type: ignore[override]
        self, protocol_factory: Callable[[], asyncio.Protocol], host: str, port: int, **_: Any
    ) -> "_Listener":
        """Listen. A port of 0 is the next one that was never used."""
        if port == 0:
            self._ports += 1
            port = self._ports
        listener = self._listeners[port] = _Listener(self._listeners, protocol_factory, (host, port))
        return listener

    async def sock_connect(self, sock: socket.socket, address: tuple[str, int]) -> None:  # type: ignore[override]
        """The socket itself stays unused: it is only the ticket for `create_connection`."""
        if self._weather is Weather.REFUSES or address[1] not in self._listeners:
            raise ConnectionRefusedError(111, "Connection refused")
        self._called[sock.fileno()] = address

    async def create_connection(  # type: ignore[override]
        self, protocol_factory: Callable[[], asyncio.Protocol], *, sock: socket.socket, **_: Any
    ) -> tuple["_End", asyncio.Protocol]:
        """The connection that `sock_connect` made ready."""
        address = self._called.pop(sock.fileno())
        sock.close()
        await self._shake_hands()
        listener = self._listeners.get(address[1])
        if listener is None or self._weather is Weather.REFUSES:
            raise ConnectionResetError(104, "Connection reset by peer")
        protocol = protocol_factory()
        near, far = _End(self, protocol, address), _End(self, listener.accept(), address)
        near.peer, far.peer = far, near
        listener.ends = [end for end in listener.ends if not end.is_closing()] + [near, far]
        far.begin()
        near.begin()
        return near, protocol


class _Name:
    """What stands for a listening socket."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address

    def getsockname(self) -> tuple[str, int]:
        return self._address


class _Listener:
    """As much of `asyncio.Server` as aiohttp asks for."""

    def __init__(
        self,
        registry: dict[int, "_Listener"],
        protocol_factory: Callable[[], asyncio.Protocol],
        address: tuple[str, int],
    ) -> None:
        self.sockets = [_Name(address)]
        self.accept = protocol_factory
        self.ends: list[_End] = []
        self._registry = registry
        self._port = address[1]

    def close(self) -> None:
        self._registry.pop(self._port, None)

    async def wait_closed(self) -> None:
        return

    def cut(self) -> None:
        """Every connection is gone at once, for both sides."""
        for end in self.ends:
            end.reset()
        self.ends = []


class _End(asyncio.Transport):
    """One end of a connection."""

    peer: "_End"

    def __init__(self, loop: WireLoop, protocol: asyncio.Protocol, address: tuple[str, int]) -> None:
        super().__init__({"peername": address, "sockname": address})
        self._loop = loop
        self._protocol = protocol
        self._closing = False
        self._paused: list[bytes | None] | None = None
        self._on_the_way: deque[tuple[bytes | None, float]] = deque()

    def begin(self) -> None:
        self._protocol.connection_made(self)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._closing and data:
            self._send(bytes(data))

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._send(None)
            self._loop.call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        if not self._closing:
            self._loop.carry(self.peer.reset)
            self.reset()

    def reset(self) -> None:
        """The connection is gone."""
        if not self._closing:
            self._closing = True
            lost = ConnectionResetError(104, "Connection reset by peer")
            self._loop.call_soon(self._protocol.connection_lost, lost)

    def _send(self, data: bytes | None) -> None:
        self._on_the_way.append((data, self._loop.time()))
        self._loop.carry(self._hand_over)

    def _hand_over(self) -> None:
        """The next piece is there: all take the same time, so they come in their order."""
        data, left_at = self._on_the_way.popleft()
        if data is not None and data.startswith(CREATE) and (named := _ATTEMPT.search(data)):
            due_at = left_at + self._loop.half_trip_s
            now = self._loop.time()
            self._loop.arrivals.append(Arrival(named[1].decode(), left_at, now, min(now, due_at)))
        self.peer._arrived(data)

    def _arrived(self, data: bytes | None) -> None:
        """`None`: the other end has closed."""
        if self._closing:
            return
        if self._paused is not None:
            self._paused.append(data)
        elif data is not None:
            self._protocol.data_received(data)
        elif not self._protocol.eof_received():
            self.close()

    def pause_reading(self) -> None:
        self._paused = self._paused or []

    def resume_reading(self) -> None:
        waiting, self._paused = self._paused or [], None
        for data in waiting:
            self._arrived(data)

    def is_reading(self) -> bool:
        return self._paused is None

    def is_closing(self) -> bool:
        return self._closing

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol)
        self._protocol = protocol

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        del high, low

    def can_write_eof(self) -> bool:
        return False
