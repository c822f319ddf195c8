"""The brokers of jobs and of results: whether they can be reached. Nothing is made there."""

from collections.abc import Sequence
from time import perf_counter

from dialer.adapters.queues.broker import shown
from dialer.adapters.queues.opening import ping
from dialer.commands.doctor.findings import Finding, Mark
from dialer.domain.errors import DialerError
from dialer.settings import Settings

START_IT = "start it, or correct its URL; a service that runs waits for it"


async def queue(settings: Settings) -> Sequence[Finding]:
    """That of `queue.url`."""
    return [await _reached("queue", settings.queue.url)]


async def publish(settings: Settings) -> Sequence[Finding]:
    """That of `publish.url`."""
    return [await _reached("publish", settings.publish.url)]


async def _reached(check: str, url: str | None) -> Finding:
    if url is None:
        return Finding(check, Mark.SKIPPED, f"{check}.url is not set")
    began = perf_counter()
    try:
        await ping(url)
    except DialerError as error:
        return Finding(check, Mark.BAD, str(error), START_IT, passes=True)
    return Finding(check, Mark.GOOD, f"{shown(url)} answered in {(perf_counter() - began) * 1000:.0f} ms")
