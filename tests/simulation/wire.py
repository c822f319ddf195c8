"""A network in memory under the real HTTP client and server, on a virtual clock.

TCP over the loopback device gives the same trace too (tried on a busy machine), but its port numbers change
from run to run and stand in error messages, nothing can be held up in it, and it costs a system call for
every piece. Here a byte that was written arrives in the next round of the loop, unless the network is down.
"""

import asyncio
import socket
from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVarTuple, Unpack

from dialer.rehearsal.loop import ClockLoop

Ts = TypeVarTuple("Ts")

FIRST_PORT = 40_000


class Weather(StrEnum):
    """How the network is."""

    FINE = "fine"
    REFUSES = "refuses"
    """Connections are cut, and no new one is made."""
    HOLDS = "holds"
    """What is sent arrives when the weather is fine again."""


class WireLoop(ClockLoop):
    """A virtual-time loop whose connections are in memory."""

    def __init__(self) -> None:
        super().__init__(speed=None)
        self._listeners: dict[int, _Listener] = {}
        self._called: dict[int, tuple[str, int]] = {}
        self._ports = FIRST_PORT
        self._weather = Weather.FINE
        self._held: list[tuple[Callable[..., object], tuple[Any, ...]]] = []

    def set_weather(self, weather: Weather) -> None:
        """Change it; what was held arrives now, in its order."""
        self._weather = weather
        if weather is not Weather.HOLDS:
            held, self._held = self._held, []
            for step, args in held:
                self.call_soon(step, *args)
        if weather is Weather.REFUSES:
            for listener in self._listeners.values():
                listener.cut()

    def carry(self, step: Callable[[Unpack[Ts]], object], *args: *Ts) -> None:
        """Something goes over the wire."""
        if self._weather is Weather.HOLDS:
            self._held.append((step, args))
        else:
            self.call_soon(step, *args)

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

    def begin(self) -> None:
        self._protocol.connection_made(self)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._closing and data:
            self._loop.carry(self.peer._arrived, bytes(data))

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._loop.carry(self.peer._arrived, None)
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
