"""A simulated account in real time with short calls, and the balancer before the webhooks of many workers.

    python -m tests.processes.account_process REPORT WEBHOOK_PORT [WEBHOOK_PORT …]

It prints where the API is. Each odd SIGUSR1 begins and each even one ends a time over which the use of slots
is measured; at SIGTERM REPORT gets the account's report, and `used_s` and `between_s` of these times.
"""

import asyncio
import signal
import sys
from pathlib import Path

import anyio
import orjson
import uvloop

from dialer.adapters.system.clock import SystemClock
from dialer.simulator.account import Account
from dialer.simulator.faults import Faults
from dialer.simulator.server import Simulator
from dialer.web.webhooks import PATH

CALLS_AT_ONCE = 60
"""More than the workers are told, so that one too many would be made and seen."""
RING_S, TALK_S = 0.5, 1.8
FAULTS = "drop_after=0.01,error_after=0.01,drop_before=0.01,only_first=2"
WEBHOOK_DELAY_S = 0.05


class Balancer:
    """Sends each connection on to the next worker that takes it, as one before a real service does."""

    def __init__(self, ports: list[int]) -> None:
        self._ports = ports

    async def serve(self) -> tuple[asyncio.Server, int]:
        server = await asyncio.start_server(self._forward, "127.0.0.1", 0)
        return server, server.sockets[0].getsockname()[1]

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(len(self._ports)):
            self._ports.append(self._ports.pop(0))
            try:
                onward = await asyncio.open_connection("127.0.0.1", self._ports[-1])
            except OSError:
                continue
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_copy, reader, onward[1])
                tasks.start_soon(_copy, onward[0], writer)
            return
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except OSError:
        return
    finally:
        writer.close()


async def main(report: Path, ports: list[int]) -> None:
    clock = SystemClock()
    balancer, port = await Balancer(ports).serve()
    account = Account(
        concurrency_limit=CALLS_AT_ONCE,
        ring_s=RING_S,
        ring_sigma=0.2,
        talk_s=TALK_S,
        talk_sigma=0.3,
        listing_lag_s=0.3,
        webhook_url=f"http://127.0.0.1:{port}{PATH}",
        webhook_delay_s=WEBHOOK_DELAY_S,
    )
    simulator = Simulator(account, Faults.parse(FAULTS), now=clock.now)
    marks: list[float] = []
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGUSR1) as signals:
        async with balancer, simulator.serve():
            print(simulator.url, flush=True)  # noqa: T201 - for the one who started it
            async for number in signals:
                if number is signal.SIGTERM:
                    break
                marks.append(anyio.current_time())
    times = list(zip(marks[::2], marks[1::2], strict=False))
    used_s = sum(simulator.live_seconds(since, until) for since, until in times)
    used = {"used_s": used_s, "between_s": sum(until - since for since, until in times)}
    report.write_bytes(orjson.dumps({**orjson.loads(simulator.report().to_json()), **used}))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(Path(sys.argv[1]), [int(each) for each in sys.argv[2:]]))
