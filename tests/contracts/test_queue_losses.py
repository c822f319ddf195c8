"""What is left when a worker is killed, and when a broker is stopped and started again."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import pytest
from queue_kit import Taker, run, until, until_async
from redis.asyncio import Redis

from dialer.adapters.queues.broker import QueueConfig
from dialer.engine.events import QueueLost, QueueReached
from tests.support.services import KINDS, Place, a_queue, free_port, redis_server

WORKER = Path(__file__).with_name("queue_worker.py")
JOBS = [b'{"job_id": "j%d", "to_number": "+12125550100"}' % at for at in range(20)]


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    with a_queue(request.param) as place:
        yield place


def test_what_a_killed_worker_held_goes_to_another(place: Place) -> None:
    config = place.config
    arguments = [config.url, config.name, config.group]

    async def main() -> None:
        await place.put(*JOBS)
        worker = subprocess.Popen(  # noqa: ASYNC220
            [sys.executable, str(WORKER), *arguments],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        with worker:
            try:
                assert worker.stdout is not None
                for _ in JOBS:
                    assert await anyio.to_thread.run_sync(worker.stdout.readline) == b"taken\n"
            finally:
                worker.kill()
        assert await place.waiting() == len(JOBS)
        taker = Taker()
        async with taker.open(replace(config, consumer="other")):
            await until(lambda: len(taker.done) == len(JOBS))
            await until_async(lambda: is_empty(place))

    run(main)


async def is_empty(place: Place) -> bool:
    return await place.waiting() == 0


@dataclass(slots=True)
class Server:
    """A broker of the test's own, which it stops and starts."""

    kind: str
    command: Sequence[str]
    port: int
    process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        silent = subprocess.DEVNULL
        self.process = subprocess.Popen(self.command, stdout=silent, stderr=silent)  # noqa: ASYNC220
        await until_async(self.answers)

    async def answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1.0):
            return True
        return False

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@asynccontextmanager
async def a_server(kind: str, *, keeps: bool = True) -> AsyncIterator[tuple[Server, Place]]:
    """`keeps`: what it had is there again after it was killed."""
    folder, port = tempfile.mkdtemp(prefix="dialer-broker-"), free_port()
    if kind == "redis":
        append = ["--appendonly", "yes", "--appendfsync", "always"] if keeps else ["--appendonly", "no"]
        bound = ["--bind", "127.0.0.1", "--port", str(port), "--dir", folder, "--save", ""]
        server = Server(kind, [redis_server(), *bound, *append], port)
    else:
        found = shutil.which("nats-server", path=f"{os.environ['PATH']}:/usr/sbin")
        if found is None:
            pytest.skip("no nats-server to be started")
        server = Server(kind, [found, "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", folder], port)
    config = QueueConfig(
        url=f"{kind}://127.0.0.1:{port}",
        name="jobs",
        dead_letter="dead",
        stale_s=1.0,
        backoff_initial_s=0.05,
        backoff_max_s=0.2,
    )
    await server.start()
    try:
        yield server, Place(kind, config)
    finally:
        server.kill()
        shutil.rmtree(folder)


@pytest.mark.parametrize("kind", ["redis", "nats"])
def test_a_broker_that_is_killed_and_started_again_gives_what_it_had(kind: str) -> None:
    async def main() -> None:
        async with a_server(kind) as (server, place):
            gate = anyio.Event()
            taker = Taker(lambda body: gate.wait())
            async with taker.open(replace(place.config, prefetch=8)):
                await place.put(*JOBS)
                await until(lambda: taker.at_once == 8)
                server.kill()
                gate.set()
                await until(lambda: taker.told(QueueLost))
                await server.start()
                await until(lambda: len(taker.done) == len(JOBS))
                await until_async(lambda: is_empty(place))
                assert len(taker.told(QueueReached)) == 2

    run(main)


def test_a_redis_that_forgets_everything_is_read_on(tmp_path: Path) -> None:
    async def main() -> None:
        async with a_server("redis", keeps=False) as (server, place):
            taker = Taker()
            async with taker.open(place.config):
                await until(lambda: taker.told(QueueReached))
                await place.put(JOBS[0])
                await until(lambda: taker.done[JOBS[0]])
                server.kill()
                await until(lambda: taker.told(QueueLost))
                await server.start()
                await place.put(JOBS[1])
                await until(lambda: taker.done[JOBS[1]])

    run(main)


@pytest.mark.parametrize("place", ["redis"], indirect=True)
def test_a_stream_that_somebody_deletes_is_made_again(place: Place) -> None:
    async def main() -> None:
        taker = Taker()
        async with taker.open(place.config), Redis.from_url(place.config.url) as client:
            await until(lambda: taker.told(QueueReached))
            await client.delete(place.config.name)
            await place.put(JOBS[0])
            await until(lambda: taker.done[JOBS[0]])
        assert not taker.told(QueueLost)

    run(main)
