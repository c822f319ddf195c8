"""Jobs that come while a service works: read by the settings of now, and taken from the queue."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio

from dialer.adapters.ledger.shared import SharedLedger
from dialer.adapters.sources.messages import read_message
from dialer.adapters.sources.reject_codes import MessageFault
from dialer.app.engine_config import job_options, queue_config
from dialer.app.monitoring import Monitor
from dialer.domain.calls import CampaignId, Submitted
from dialer.domain.errors import BadInput, BadMessage
from dialer.engine.events import Observe
from dialer.engine.submissions import Submissions
from dialer.ports.engine import Clock
from dialer.settings import Settings
from dialer.settings.grants import check_given, grant_of_queue

FULL_LOOK_S = 2.0
"""Between two looks whether the ledger has room for more open jobs."""


class JobReader:
    """Reads jobs by the settings of now, whose rules are made once for all of them."""

    def __init__(self, settings: Callable[[], Settings], clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._in_force = settings()
        self._options = job_options(self._in_force, clock.now())

    def read(self, item: bytes | Mapping[str, Any]) -> Submitted:
        """Raises `BadMessage`."""
        now = self._settings()
        if now is not self._in_force:
            self._options = job_options(now, self._clock.now())
            self._in_force = now
        return read_message(item, self._options)


@asynccontextmanager
async def queue_taken(
    settings: Callable[[], Settings],
    ledger: SharedLedger,
    clock: Clock,
    worker: str,
    observe: Observe,
    monitor: Monitor,
    on_added: Callable[[Collection[CampaignId]], None],
) -> AsyncIterator[None]:
    """Take jobs from the queue while the context is open, where the settings name one.

    `worker`: its name among those that share the queue. `on_added`: as `Submissions`. Raises `BadInput`
    without the packages.
    """
    config = queue_config(settings(), worker)
    if config is None:
        yield
        return
    from dialer.adapters.queues.intake import Queue, open_queue  # what they need is an extra

    reader = JobReader(settings, clock)
    submissions = Submissions(ledger, ledger, clock, f"queue {config.name}", on_added)

    async def handle(message: bytes) -> None:
        given, now = reader.read(message), settings()
        campaign = given.campaign or now.service.campaign
        check_given(grant_of_queue(now.queue), now, campaign, given.job)
        try:
            await submissions.submit(campaign, [given.job])
        except BadInput as error:  # a rehearsal's, now and later
            raise BadMessage(MessageFault.BAD_CAMPAIGN, str(error)) from None
        monitor.message_taken()

    async def keep_room(queue: Queue) -> None:
        while True:
            if await ledger.open_jobs() >= settings().service.open_jobs_max:
                queue.pause()
            else:
                queue.resume()
            await anyio.sleep(FULL_LOOK_S)

    async with open_queue(config, handle, observe) as queue, anyio.create_task_group() as tasks:
        monitor.queue_opened(queue.lag, lambda: queue.is_paused)
        tasks.start_soon(keep_room, queue)
        yield
        tasks.cancel_scope.cancel()
