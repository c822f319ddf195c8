"""`dialer check`: what a run would do with a list, before anybody is called."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from dialer.adapters.ledger.drivers.ledger_time import ledger_time
from dialer.adapters.ledger.queue.facts import moment, numbers_facts
from dialer.adapters.ledger.store import SqlLedger, open_sqlite
from dialer.adapters.rules.data_in_use import DataInUse
from dialer.adapters.sources.csv_file import CsvFile
from dialer.adapters.system.clock import SystemClock
from dialer.app.engine_config import csv_options
from dialer.app.event_loop import run_on_loop
from dialer.app.ledger import open_ledger
from dialer.app.rulebook import Rulebook
from dialer.app.simulation import SIMULATED_FROM
from dialer.domain.calls import CallJob, RejectedRow
from dialer.domain.forecast import Forecast
from dialer.domain.headers import Looks
from dialer.domain.screening import UNHEARD_OF, CampaignPolicy, NumberFacts
from dialer.engine.events import IntakeProgressed, Observe
from dialer.engine.intake import add_up, duplicate
from dialer.engine.twice_listed import TwiceListed
from dialer.ports.engine import Added, AddedAs, IntakeCounts
from dialer.settings import Loaded
from dialer.settings.contact import hours_notice

REJECTS_SHOWN_MAX = 20
CHECK_ROWS_MAX = 1000
"""Rows that go into the throwaway ledger at a time."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What `dialer run` would do with a file."""

    leads: Path
    at: float
    """Unix seconds for which it is said."""
    intake: IntakeCounts
    rejected: Mapping[str, int]
    """Refused rows by reason code."""
    first_rejects: Sequence[RejectedRow]
    encoding: str
    """As which the list was read."""
    is_told: bool
    """The encoding was given; else it was found out."""
    unclear: Mapping[str, Looks]
    """Columns that are not understood and look like something that a rule should know."""
    forecast: Forecast
    from_numbers: tuple[str, ...]
    calls_today_max: int | None
    """What all lines together may make today; None: no bound."""
    cps: float
    slots: int
    hours: str
    hours_notice: str | None
    """What is to be said of calling hours that were taken off."""
    data: Sequence[DataInUse]
    """Which data decide where and when people may be called."""
    ledger: str | None
    """The ledger that knows of suppressed numbers and earlier calls; None: there is none yet."""

    @property
    def people(self) -> int:
        """Jobs that would be made and may be called at some time."""
        return self.intake.new - self.forecast.never_at_all

    @property
    def pace_s(self) -> float:
        """Seconds for one attempt each, by calls per second alone; the calls' length may make it longer."""
        return self.people / self.cps


def check_leads(
    loaded: Loaded, leads: Path, observe: Observe = lambda event: None, at: float | None = None
) -> CheckReport:
    """Read the leads as `run` would, into a ledger that is thrown away, and ask the rules about each person.

    `at`: Unix seconds at which the run would begin; None: now. Raises `BadInput`, `LedgerError`.
    """
    settings = loaded.settings
    now = SystemClock().now() if at is None else at
    rulebook = Rulebook(settings, "check", now)
    screen = rulebook.config.screen
    # without any line the run would be refused, not each person: that is said by itself
    forecast = Forecast(screen if screen.pool else replace(screen, from_numbers=(SIMULATED_FROM,)), now)
    source = CsvFile(leads, csv_options(settings, screen))
    reading = _Reading(source, forecast, observe)
    knows = Path(settings.ledger.url).exists()

    async def main() -> None:
        async with AsyncExitStack() as stack:
            ledger = None
            if knows:
                ledger = await stack.enter_async_context(open_ledger(settings, dispatches=False))
            await reading.read(await stack.enter_async_context(_throwaway()), ledger, now)

    run_on_loop(main)
    return CheckReport(
        leads=leads,
        at=now,
        intake=reading.counts,
        rejected=dict(reading.rejected.most_common()),
        first_rejects=reading.first_rejects,
        encoding=source.encoding or "utf-8",
        is_told=settings.intake.encoding is not None,
        unclear=source.unclear,
        forecast=forecast,
        from_numbers=tuple(line.number for line in screen.pool),
        calls_today_max=_calls_today_max(screen, now),
        cps=settings.pace.cps,
        slots=settings.pace.slots,
        hours=settings.rules.hours,
        hours_notice=hours_notice(settings.rules),
        data=rulebook.data,
        ledger=settings.ledger.url if knows else None,
    )


class _Reading:
    """One reading of a list, as an intake does it, with a forecast of each job that is new."""

    def __init__(self, source: CsvFile, forecast: Forecast, observe: Observe) -> None:
        self._source = source
        self._forecast = forecast
        self._observe = observe
        self.counts = IntakeCounts()
        self.rejected: Counter[str] = Counter()
        self.first_rejects: list[RejectedRow] = []

    async def read(self, throwaway: SqlLedger, ledger: SqlLedger | None, now: float) -> None:
        """Read the list to its end. `throwaway` finds what stands in it twice; `ledger` knows the numbers."""
        campaign_id = await throwaway.open_campaign("check", now, simulated=False)
        intake_id = await throwaway.begin_intake(campaign_id, self._source.name, now)
        twice = TwiceListed()
        async for batch in self._source.batches(CHECK_ROWS_MAX):
            jobs = twice.agreed([each for each in batch if isinstance(each, CallJob)])
            refused = [each for each in batch if isinstance(each, RejectedRow)]
            before = self.counts

            def counts(
                added: Sequence[Added], before: IntakeCounts = before, refused: int = len(refused)
            ) -> IntakeCounts:
                return add_up(before, added, refused)

            added = await throwaway.add(intake_id, campaign_id, jobs, counts, now)
            self.counts = counts(added)
            new = []
            for job, answer in zip(jobs, added, strict=True):
                if answer.how is AddedAs.DUPLICATE:
                    refused.append(duplicate(job, answer))
                else:
                    new.append(job)
            self._refuse(refused)
            await self._judge(new, ledger, now)
            self._observe(IntakeProgressed(self.counts, complete=False))

    def _refuse(self, rows: list[RejectedRow]) -> None:
        for row in sorted(rows, key=lambda each: each.line):
            self.rejected[row.code] += 1
            if len(self.first_rejects) < REJECTS_SHOWN_MAX:
                self.first_rejects.append(row)

    async def _judge(self, jobs: list[CallJob], ledger: SqlLedger | None, now: float) -> None:
        known: Mapping[str, NumberFacts] = {}
        if ledger is not None:
            numbers = [job.to_number for job in jobs if job.to_number is not None]
            known = await ledger.ask(
                lambda conn: numbers_facts(conn, numbers, moment(ledger_time(conn), now))
            )
        for job in jobs:
            self._forecast.add(job, known.get(job.to_number or "", UNHEARD_OF))


@asynccontextmanager
async def _throwaway() -> AsyncIterator[SqlLedger]:
    with TemporaryDirectory(prefix="dialer-check-") as folder:
        async with open_sqlite(Path(folder) / "check.db", dispatches=True, on_thread=False) as ledger:
            yield ledger


def _calls_today_max(screen: CampaignPolicy, now: float) -> int | None:
    each = [line.calls_max(screen.day(now).date) for line in screen.pool]
    bounded = [calls for calls in each if calls is not None]
    return sum(bounded) if bounded and len(bounded) == len(each) else None
