"""A lead list into a queue: each accepted row one message, which is one job however often it is published."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dialer.adapters.queues.broker import BrokerLost, Outgoing, QueueConfig, Sender, shown
from dialer.adapters.queues.opening import open_job_sender
from dialer.adapters.sinks.csv_file import RejectsFile
from dialer.adapters.sources.csv_file import CsvFile
from dialer.adapters.sources.messages import MESSAGE_BYTES_MAX, write_message
from dialer.adapters.sources.reject_codes import MessageFault
from dialer.app.engine_config import csv_options, queue_config
from dialer.app.event_loop import run_on_loop
from dialer.domain.calls import CallJob, RejectedRow
from dialer.domain.errors import BadInput
from dialer.domain.texts import campaign_fault
from dialer.engine.intake import duplicate
from dialer.ports.engine import Added, AddedAs
from dialer.settings import Settings

ROWS_AT_ONCE = 500
"""So many messages are with the broker before its confirmations are waited for."""

Tell = Callable[[str, int], None]
"""Hears what is being done and how far it is."""


@dataclass(frozen=True, slots=True)
class Enqueued:
    """What became of a lead list."""

    where: str
    """The broker's URL without secrets."""
    name: str
    campaign: str | None
    published: int
    rejected: int
    rejects: Path | None
    """Where the refused rows are; None if there are none."""


def enqueue(settings: Settings, leads: Path, campaign: str | None, tell: Tell) -> Enqueued:
    """Publish every row of the list, in order; those that cannot be jobs go to the rejects file.

    Raises `BadInput`, and `BrokerLost`, which says how many messages were confirmed before it.
    """
    config = queue_config(settings)
    if config is None:
        raise BadInput("no queue is named: give --queue URL, or set queue.url")
    if campaign is not None:
        fault = campaign_fault(campaign)
        if fault is not None:
            raise BadInput(f"--campaign: {campaign!r} {fault}")
    source = CsvFile(leads, csv_options(settings))
    folder = settings.results.folder
    path = None if folder is None else folder / f"{campaign or leads.stem}.rejects.csv"

    async def main() -> tuple[int, int]:
        with RejectsFile(path) as rejects:
            publishing = _Publishing(campaign, rejects, tell)
            return await publishing.run(config, source)

    published, rejected = run_on_loop(main)
    rejects = path if rejected else None
    return Enqueued(shown(config.url), config.name, campaign, published, rejected, rejects)


class _Publishing:
    """One list on its way."""

    def __init__(self, campaign: str | None, rejects: RejectsFile, tell: Tell) -> None:
        self._campaign = campaign
        self._rejects = rejects
        self._tell = tell
        self._seen: dict[int, int | None] = {}
        """Job ids and numbers, as hashes, with the line where each stood first: a list may be long."""
        self._published = 0
        self._rejected = 0

    async def run(self, config: QueueConfig, source: CsvFile) -> tuple[int, int]:
        """How many were published, how many refused."""
        try:
            async with open_job_sender(config) as sender:
                async for batch in source.batches(ROWS_AT_ONCE):
                    await self._publish(sender, batch)
        except BrokerLost as error:
            raise BrokerLost(
                f"{error}; {self._published:,} messages were confirmed before. Give the same command again: "
                "a job that is there already is not called twice"
            ) from error
        return self._published, self._rejected

    async def _publish(self, sender: Sender, batch: Sequence[CallJob | RejectedRow]) -> None:
        messages: list[Outgoing] = []
        for each in batch:
            taken = each if isinstance(each, RejectedRow) else self._outgoing(each)
            if isinstance(taken, RejectedRow):
                self._rejects.write(taken)
                self._rejected += 1
            else:
                messages.append(taken)
        await sender.send(messages)
        self._published += len(messages)
        self._tell("published", self._published)

    def _outgoing(self, job: CallJob) -> Outgoing | RejectedRow:
        """As the ledger would take it: the first of a job id or a number, and no other."""
        names = [("key", job.key), ("number", job.to_number)]
        places = [hash(name) for name in names if name[1] is not None]
        for place, by_key in zip(places, (True, False), strict=False):
            if place in self._seen:
                first = Added(AddedAs.DUPLICATE, self._seen[place], by_key=by_key and job.job_id is not None)
                return duplicate(job, first)
        body = write_message(self._campaign, job)
        if len(body) > MESSAGE_BYTES_MAX:
            reason = (
                f"the row is a message of {len(body):,} bytes; {MESSAGE_BYTES_MAX:,} are taken: shorten it"
            )
            return RejectedRow(job.line or 0, MessageFault.MESSAGE_TOO_LONG, reason, job.row)
        self._seen.update(dict.fromkeys(places, job.line))
        return Outgoing(body)
