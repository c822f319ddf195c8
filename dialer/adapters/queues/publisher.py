"""Result lines to a broker, beside the results log: at least once, in order, each under its number.

Who publishes keeps in mind how far it came; after a failure it publishes again from there, and readers tell
what they have by the message's id, `<campaign>:<seq>`.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import anyio

from dialer.adapters.queues.broker import BrokerLost, Outgoing, PublishFailed, Sender
from dialer.adapters.queues.opening import open_result_sender
from dialer.domain.results import ResultLine

CAMPAIGN_HEADER = "dialer-campaign"
SEQ_HEADER = "dialer-seq"
LINES_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class PublisherConfig:
    """Where results go."""

    url: str = field(repr=False)
    """As `QueueConfig.url`."""
    name: str = "dialer-results"
    """The stream, queue or subject."""


@asynccontextmanager
async def open_publisher(config: PublisherConfig) -> AsyncIterator["Publisher"]:
    """It connects when there is something to publish. Raises `BadInput` for a URL of no broker."""
    open_result_sender(config.url, config.name)  # says what is wrong with the URL, or not installed
    publisher = Publisher(config)
    try:
        yield publisher
    finally:
        await publisher.leave()


class Publisher:
    """To one stream, queue or subject; a connection that was lost is made anew by the next `publish`."""

    def __init__(self, config: PublisherConfig) -> None:
        self._config = config
        self._sender: Sender | None = None
        self._connection = AsyncExitStack()
        self._one = anyio.Lock()

    async def publish(self, campaign: str, lines: Sequence[ResultLine]) -> None:
        """The broker has them all when this returns. Raises `PublishFailed`: it may have some of them."""
        async with self._one:
            try:
                sender = await self._reach()
                for begin in range(0, len(lines), LINES_AT_ONCE):
                    part = lines[begin : begin + LINES_AT_ONCE]
                    await sender.send([_outgoing(campaign, line) for line in part])
            except BrokerLost as error:
                await self.leave()
                raise PublishFailed(f"results were not published: {error}") from error
            except BaseException:
                await self.leave()  # cancelled in the middle: what was on its way is not known
                raise

    async def leave(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection, self._sender = self._connection, AsyncExitStack(), None
        with anyio.CancelScope(shield=True):
            await connection.aclose()

    async def _reach(self) -> Sender:
        if self._sender is None:
            opening = open_result_sender(self._config.url, self._config.name)
            self._sender = await self._connection.enter_async_context(opening)
        return self._sender


def _outgoing(campaign: str, line: ResultLine) -> Outgoing:
    return Outgoing(
        line.line, f"{campaign}:{line.seq}", {CAMPAIGN_HEADER: campaign, SEQ_HEADER: str(line.seq)}
    )
