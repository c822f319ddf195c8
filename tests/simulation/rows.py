"""The leads of a run, and how the file changes from one reading to the next."""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

import anyio.lowlevel

from dialer.domain.calls import CallContent, CallJob, JobKind, RejectedRow

AREAS = (212, 312, 415, 617, 702)
STOPS_ACCOUNT = range(93, 99)


@dataclass(frozen=True, slots=True)
class Rows:
    """One state of the file. Fulfils `ports.JobSource`."""

    rows: tuple[CallJob | RejectedRow, ...]

    @property
    def name(self) -> str:
        return "leads.csv"

    @property
    def jobs(self) -> list[CallJob]:
        """The rows that can become jobs, each key and each number once."""
        taken: dict[str, CallJob] = {}
        numbers: set[str] = set()
        for row in self.rows:
            if isinstance(row, CallJob) and row.key not in taken and row.to_number not in numbers:
                taken[row.key] = row
                numbers |= {row.to_number} if row.to_number else set()
        return list(taken.values())

    async def batches(self, rows_max: int) -> AsyncIterator[Sequence[CallJob | RejectedRow]]:
        for start in range(0, len(self.rows), rows_max):
            yield self.rows[start : start + rows_max]
            await anyio.lowlevel.checkpoint()


def draw_readings(chance: Random, number: int, epoch_s: float) -> tuple[Rows, ...]:
    """So many readings, each as the one before or changed."""
    numbers = _numbers(chance)
    with_ids = chance.random() < 0.5
    kinds = (JobKind.PHONE_CALL,) if chance.random() < 0.7 else (*(9 * [JobKind.PHONE_CALL]), *JobKind)
    bounded = chance.choice((0.0, 0.1, 0.5))
    fresh = (
        _row(chance, line, to_number, with_ids, chance.choice(kinds), bounded, epoch_s)
        for line, to_number in enumerate(numbers, start=2)
    )
    many = int(20 * (6 ** chance.random() ** 2))
    rows: list[CallJob | RejectedRow] = [next(fresh) for _ in range(many)]
    for _ in range(chance.choice((0, 0, 3))):
        _spoil(chance, rows)
    readings = [Rows(tuple(rows))]
    for _ in range(number - 1):
        if chance.random() < 0.4:
            rows = [_changed(chance, row, bounded, epoch_s) for row in rows if chance.random() < 0.97]
            if with_ids and chance.random() < 0.5:
                rows += _mended(chance, rows, fresh)
            rows += [next(fresh) for _ in range(chance.randint(0, 4))]
        readings.append(Rows(tuple(rows)))
    return tuple(readings)


def _numbers(chance: Random) -> list[str]:
    """Numbers of fiction, in a drawn order. Those that stop the account are rare."""
    ordinary = [f"+1{area}55501{two:02d}" for area in AREAS for two in range(60)]
    odd = [f"+1{area}55501{two:02d}" for area in AREAS for two in range(60, 69)]
    numbers = ordinary + odd
    if chance.random() < 0.1:
        numbers += [f"+1{AREAS[0]}55501{two}" for two in chance.sample(STOPS_ACCOUNT, 2)]
    chance.shuffle(numbers)
    return numbers


def _row(
    chance: Random, line: int, to_number: str, with_ids: bool, kind: JobKind, bounded: float, epoch_s: float
) -> CallJob:
    job_id = f"row-{line}" if with_ids or kind is JobKind.WEB_CALL else None
    row = CallJob(
        key=job_id or to_number,
        to_number=None if kind is JobKind.WEB_CALL else to_number,
        line=line,
        job_id=job_id,
        kind=kind,
        priority=chance.choice((0, 0, 0, 5)),
        content=CallContent(agent_id="agent_of_the_row", variables={"name": f"Person {line}"}),
    )
    return _bounded(chance, row, bounded, epoch_s)


def _bounded(chance: Random, row: CallJob, bounded: float, epoch_s: float) -> CallJob:
    opens = epoch_s + chance.uniform(0, chance.choice((100, 3000))) if chance.random() < bounded else None
    closes = None
    if chance.random() < bounded:
        closes = (opens or epoch_s) + chance.uniform(1, chance.choice((100, 9000)))
    return replace(row, not_before=opens, expires_at=closes)


def _changed(
    chance: Random, row: CallJob | RejectedRow, bounded: float, epoch_s: float
) -> CallJob | RejectedRow:
    if isinstance(row, RejectedRow) or chance.random() < 0.9:
        return row
    return _bounded(chance, replace(row, priority=chance.choice((0, 9))), bounded, epoch_s)


def _mended(chance: Random, rows: list[CallJob | RejectedRow], fresh: Iterator[CallJob]) -> Iterator[CallJob]:
    """Some rows get other numbers, and new rows bring the old ones: people had been mixed up."""
    called = [nth for nth, row in enumerate(rows) if isinstance(row, CallJob) and row.to_number]
    for nth in chance.sample(called, min(len(called), chance.choice((1, 3, 8)))):
        was, other = rows[nth], next(fresh)
        assert isinstance(was, CallJob)
        rows[nth] = replace(was, to_number=other.to_number or was.to_number)
        yield replace(other, to_number=was.to_number, kind=JobKind.PHONE_CALL)


def _spoil(chance: Random, rows: list[CallJob | RejectedRow]) -> None:
    """Add a row that cannot become a job: refused by the reader, the same key, the same number."""
    jobs = [row for row in rows if isinstance(row, CallJob) and row.kind is JobKind.PHONE_CALL]
    line = 500 + len(rows)
    twin = chance.choice(jobs)
    rows.append(
        chance.choice(
            (
                RejectedRow(line, "no_number", "there is no number", ("", "nobody")),
                replace(twin, line=line),
                replace(twin, line=line, key=f"twin-{line}", job_id=f"twin-{line}"),
            )
        )
    )
