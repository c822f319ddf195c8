"""Jobs that come one by one, over HTTP or from a queue: those that gather go into the ledger together."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import anyio

from dialer.domain.calls import CallJob, CampaignId, IntakeId
from dialer.domain.errors import LedgerError
from dialer.engine.intake import add_up
from dialer.ports.engine import Added, Clock, IntakeCounts, Ledger
from dialer.ports.sharing import Sharing

JOBS_MAX = 500
"""Jobs that go into one transaction."""
STREAMS_MAX = 1000
"""Campaigns whose reading is kept at hand; one that comes again after so many others begins a new reading."""


@dataclass(eq=False, slots=True)
class _Given:
    jobs: Sequence[CallJob]
    done: anyio.Event = field(default_factory=anyio.Event)
    added: Sequence[Added] = ()
    error: LedgerError | None = None


@dataclass(eq=False, slots=True)
class _Stream:
    """One campaign's reading of what this process is given; it has no end."""

    campaign_id: CampaignId
    intake_id: IntakeId
    counts: IntakeCounts = field(default_factory=IntakeCounts)
    waiting: list[_Given] = field(default_factory=list)
    is_at_work: bool = False


class Submissions:
    """Takes jobs of any campaign in. One answer per job, in order, once they are durable."""

    def __init__(
        self,
        ledger: Ledger,
        sharing: Sharing,
        clock: Clock,
        source: str,
        on_added: Callable[[Collection[CampaignId]], None] = lambda _: None,
    ) -> None:
        """`source`: what the reading is called in the ledger. `on_added`: told whose jobs are there now."""
        self._ledger = ledger
        self._sharing = sharing
        self._clock = clock
        self._source = source
        self._on_added = on_added
        self._streams: dict[str, _Stream] = {}
        self._opening = anyio.Lock()

    async def submit(self, campaign: str, jobs: Sequence[CallJob]) -> Sequence[Added]:
        """All of them or none. Raises `BadInput` if the campaign is a rehearsal's, and `LedgerError`."""
        stream = self._streams.pop(campaign, None)
        if stream is None:
            stream = await self._open(campaign)
        else:
            self._streams[campaign] = stream  # the last one to be let go
        given = _Given(jobs)
        stream.waiting.append(given)
        if not stream.is_at_work:
            await self._write(stream)
        await given.done.wait()
        if given.error is not None:
            raise given.error
        return given.added

    async def _open(self, campaign: str) -> _Stream:
        async with self._opening:
            if campaign not in self._streams:
                now = self._clock.now()
                campaign_id = await self._sharing.campaign_named(campaign, now)
                intake_id = await self._ledger.begin_intake(campaign_id, self._source, now)
                self._streams[campaign] = _Stream(campaign_id, intake_id)
            opened = self._streams[campaign]
            self._let_go()
            return opened

    def _let_go(self) -> None:
        """Months bring ever new campaigns, of which nobody says that it was the last job."""
        for name in [*self._streams][: max(0, len(self._streams) - STREAMS_MAX)]:
            if not self._streams[name].is_at_work:
                del self._streams[name]

    async def _write(self, stream: _Stream) -> None:
        """Whoever comes first writes for those who come meanwhile."""
        stream.is_at_work = True
        try:
            with anyio.CancelScope(shield=True):
                while stream.waiting:
                    await self._write_some(stream)
        finally:
            stream.is_at_work = False

    async def _write_some(self, stream: _Stream) -> None:
        group, jobs = [stream.waiting.pop(0)], 0
        jobs = len(group[0].jobs)
        while stream.waiting and jobs + len(stream.waiting[0].jobs) <= JOBS_MAX:
            group.append(stream.waiting.pop(0))
            jobs += len(group[-1].jobs)
        try:
            await self._add(stream, group)
        except LedgerError as error:
            for given in group:
                given.error = type(error)(str(error))
        except BaseException:
            for given in group:
                given.error = LedgerError("this worker is ending: ask again, or another one")
            raise
        finally:
            for given in group:
                given.done.set()

    async def _add(self, stream: _Stream, group: list[_Given]) -> None:
        before = stream.counts
        added = await self._ledger.add(
            stream.intake_id,
            stream.campaign_id,
            [job for given in group for job in given.jobs],
            lambda answers: add_up(before, answers, 0),
            self._clock.now(),
            is_stream=True,
        )
        stream.counts = add_up(before, added, 0)
        self._on_added((stream.campaign_id,))
        answers = iter(added)
        for given in group:
            given.added = [next(answers) for _ in given.jobs]
