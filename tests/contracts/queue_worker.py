"""A worker of its own process that takes messages and never finishes one; it says so until it is killed."""

import sys

import anyio

from dialer.adapters.queues.broker import QueueConfig
from dialer.adapters.queues.intake import open_queue


async def main(url: str, name: str, group: str) -> None:
    async def handle(body: bytes) -> None:
        print("taken", flush=True)  # noqa: T201
        await anyio.sleep_forever()

    config = QueueConfig(
        url=url, name=name, dead_letter=f"{name}-dead", group=group, consumer="killed", stale_s=1.0
    )
    async with open_queue(config, handle, lambda event: None):
        await anyio.sleep_forever()


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:])
