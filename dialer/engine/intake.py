"""From a source into the ledger: one batch at a time, and only then the next."""

from collections.abc import Callable, Sequence

from dialer.domain.calls import CallJob, CampaignId, RejectedRow
from dialer.engine.events import IntakeProgressed, Observe
from dialer.engine.twice_listed import TwiceListed
from dialer.ports.engine import Added, AddedAs, Clock, IntakeCounts, JobSource, Ledger

Refuse = Callable[[RejectedRow], None]


class Intake:
    """One reading of one source."""

    def __init__(
        self,
        ledger: Ledger,
        source: JobSource,
        clock: Clock,
        *,
        rows_max: int,
        refuse: Refuse,
        observe: Observe,
    ) -> None:
        """`refuse` takes each row that became no job."""
        self._ledger = ledger
        self._source = source
        self._clock = clock
        self._rows_max = rows_max
        self._refuse = refuse
        self._observe = observe
        self._twice = TwiceListed()
        self.counts = IntakeCounts()
        self.complete = False

    async def run(self, campaign_id: CampaignId, on_batch: Callable[[], None]) -> None:
        """Read the source to its end; `on_batch` is told when jobs may be due.

        Raises `BadInput`, `LedgerError`.
        """
        intake_id = await self._ledger.begin_intake(campaign_id, self._source.name, self._clock.now())
        async for batch in self._source.batches(self._rows_max):
            jobs = self._twice.agreed([each for each in batch if isinstance(each, CallJob)])
            rejected = [each for each in batch if isinstance(each, RejectedRow)]
            before = self.counts

            def counts(
                added: Sequence[Added],
                before: IntakeCounts = before,
                rejected: int = len(rejected),
            ) -> IntakeCounts:
                return add_up(before, added, rejected)

            added = await self._ledger.add(intake_id, campaign_id, jobs, counts, self._clock.now())
            self.counts = counts(added)
            repeated = [
                duplicate(job, answer)
                for job, answer in zip(jobs, added, strict=True)
                if answer.how is AddedAs.DUPLICATE
            ]
            for row in sorted(rejected + repeated, key=lambda each: each.line):
                self._refuse(row)
            self._observe(IntakeProgressed(self.counts, complete=False))
            on_batch()
        await self._ledger.end_intake(intake_id, self.counts)
        self.complete = True
        self._observe(IntakeProgressed(self.counts, complete=True))
        on_batch()


def add_up(before: IntakeCounts, added: Sequence[Added], rejected: int) -> IntakeCounts:
    """The reading's counts after one more batch."""
    how = [each.how for each in added]
    return IntakeCounts(
        rows=before.rows + len(added) + rejected,
        new=before.new + how.count(AddedAs.NEW),
        same=before.same + how.count(AddedAs.SAME),
        changed=before.changed + how.count(AddedAs.CHANGED),
        finished=before.finished + how.count(AddedAs.FINISHED),
        rejected=before.rejected + how.count(AddedAs.DUPLICATE) + rejected,
    )


def duplicate(job: CallJob, added: Added) -> RejectedRow:
    """The refusal of a row whose job id or number stands in the campaign already."""
    first = "a row of an earlier reading" if added.line is None else f"row {added.line}"
    if added.by_key:
        code, what = "duplicate_job_id", f"duplicate job id {job.job_id} of"
    else:
        code, what = "duplicate_number", "duplicate of"
    return RejectedRow(job.line or 0, code, f"{what} {first}: called once", job.row)
