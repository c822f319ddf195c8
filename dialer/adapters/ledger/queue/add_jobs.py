"""Taking jobs in: insert or ignore on the key, so that the same file read twice is the same work once."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from dialer.adapters.ledger.drivers.statements import Statement, Values
from dialer.adapters.ledger.schema.rows import JOB_VALUES, job_values
from dialer.adapters.ledger.schema.tables import attempt, intake, job
from dialer.domain.calls import CallJob, CampaignId, IntakeId
from dialer.domain.lifecycle import FINAL_JOBS, JobState
from dialer.domain.spellings import spellings
from dialer.ports.engine import Added, AddedAs, IntakeCounts

_COMPARED = JOB_VALUES[JOB_VALUES.index("kind") :]
"""What makes a row another one; what stands before only says which it is, and where."""


class _Known(NamedTuple):
    """A job that the ledger has already."""

    key: str
    id: int
    line: int | None
    intake_id: int
    state: str
    claims: int
    due_at: float
    compared: tuple[Any, ...]
    """The values of `_COMPARED`."""

    @property
    def to_number(self) -> str | None:
        number: str | None = self.compared[_TO_NUMBER]
        return number


_TO_NUMBER = _COMPARED.index("to_number")
_OTHERS = len(_Known._fields) - 1
_C: sa.BindParameter[int] = sa.bindparam("c")
_VALUES: sa.BindParameter[list[str]] = sa.bindparam("values", expanding=True)
_BY_KEY = Statement(
    sa.select(*(job.c[name] for name in (*_Known._fields[:_OTHERS], *_COMPARED))).where(
        job.c.campaign_id == _C, job.c.key.in_(_VALUES)
    ),
    "c",
    listed="values",
)
_BY_NUMBER = Statement(
    sa.select(job.c.to_number, job.c.key, job.c.line, job.c.intake_id).where(
        job.c.campaign_id == _C, job.c.to_number.in_(_VALUES)
    ),
    "c",
    listed="values",
)
_CLAIMED = Statement(
    sa.select(attempt.c.to_number, job.c.key)
    .join(job, job.c.id == attempt.c.job_id)
    .where(attempt.c.to_number.in_(_VALUES), attempt.c.campaign_id == _C),
    "c",
    listed="values",
)
_INSERT = Statement(
    sa.insert(job), "campaign_id", "intake_id", "state", "due_at", "claims", "history", *JOB_VALUES
)
_SEEN = Statement(
    sa.update(job)
    .where(job.c.id == sa.bindparam("j"))
    .values(intake_id=sa.bindparam("i"), line=sa.bindparam("l")),
    *("i", "l", "j"),
)
_CHANGED = (*_COMPARED, "line", "intake_id", "due_at")
_CHANGE = Statement(
    sa.update(job)
    .where(job.c.id == sa.bindparam("j"), job.c.state == JobState.OPEN.value)
    .values({name: sa.bindparam(f"new_{name}") for name in _CHANGED}),
    *(f"new_{name}" for name in _CHANGED),
    "j",
)


def add_jobs(
    conn: sa.Connection,
    intake_id: IntakeId,
    campaign_id: CampaignId,
    jobs: Sequence[CallJob],
    now: float,
    *,
    is_stream: bool,
) -> list[Added]:
    """One answer per job, in order. See `ports.AddedAs` and `ports.Ledger.add`."""
    batch = _Batch(conn, intake_id, campaign_id, jobs, now, is_stream)
    added = [batch.add(each) for each in jobs]
    batch.write(conn)
    return added


def count(conn: sa.Connection, intake_id: IntakeId, counts: IntakeCounts, complete: bool) -> None:
    """Write the counts of a reading down."""
    values = {name: getattr(counts, name) for name in IntakeCounts.__slots__}
    conn.execute(sa.update(intake).where(intake.c.id == intake_id).values(complete=complete, **values))


def leave_unread(conn: sa.Connection, campaign_id: CampaignId, source: str, rows: int) -> int:
    """The source's last reading was stopped. `rows`: all that it has; gives those that were not read."""
    is_last = sa.select(sa.func.max(intake.c.id)).where(
        intake.c.campaign_id == campaign_id, intake.c.source == source
    )
    left = conn.execute(
        sa.update(intake)
        .where(intake.c.id == is_last.scalar_subquery())
        .values(unread=rows - intake.c.rows)
        .returning(intake.c.unread)
    ).scalar_one_or_none()
    return rows if left is None else int(left)


class _Batch:
    """What the ledger knows of a batch's keys and numbers, and what is to be written."""

    def __init__(
        self,
        conn: sa.Connection,
        intake_id: IntakeId,
        campaign_id: CampaignId,
        jobs: Sequence[CallJob],
        now: float,
        is_stream: bool,
    ) -> None:
        self._is_stream = is_stream
        self._intake_id = intake_id
        self._campaign_id = campaign_id
        self._now = now
        keys = _BY_KEY.run(conn, campaign_id, [each.key for each in jobs])
        self._known = {row[0]: _Known._make((*row[:_OTHERS], tuple(row[_OTHERS:]))) for row in keys}
        given = [spelling for each in jobs if each.to_number for spelling in spellings(each.to_number)]
        numbers = _BY_NUMBER.run(conn, campaign_id, given)
        self._numbers: dict[str, tuple[str, int | None]] = {
            number: (key, line if read_by == intake_id else None) for number, key, line, read_by in numbers
        }
        """Who has a number, and in which line of this same reading."""
        self._claimed: defaultdict[str, set[str]] = defaultdict(set)
        """Which jobs have claimed a number, also where their row has another one by now."""
        for number, key in () if is_stream else _CLAIMED.run(conn, campaign_id, given):
            self._claimed[number].add(key)
        self._in_batch: dict[str, int | None] = {}
        self._inserts: list[Values] = []
        self._changes: list[Values] = []
        self._seen: list[Values] = []

    def add(self, given: CallJob) -> Added:
        """Decide about one job; `write` carries it out."""
        first = self._first_with_key(given)
        if self._is_stream and given.key in self._in_batch:
            return Added(AddedAs.SAME, line=given.line)
        if first is not None and not self._is_stream:
            return Added(AddedAs.DUPLICATE, line=first[0], by_key=given.job_id is not None)
        known = self._known.get(given.key)
        # a job that is not open keeps the number it was called on, whatever its row says now
        if known is None or known.state == JobState.OPEN:
            names = () if self._is_stream or not given.to_number else spellings(given.to_number)
            for key, line in (self._numbers[name] for name in names if name in self._numbers):
                if key != given.key:
                    return Added(AddedAs.DUPLICATE, line=line)
            takes_over = known is None or known.to_number != given.to_number
            if takes_over and any(self._claimed.get(name, set()) - {given.key} for name in names):
                return Added(AddedAs.DUPLICATE, line=None)  # the person was called for another job
            if known is not None and known.to_number != given.to_number:
                self._numbers.pop(known.to_number or "", None)
        holds = given.to_number if known is None or known.state == JobState.OPEN else known.to_number
        if holds is not None:
            self._numbers[holds] = given.key, given.line
        self._in_batch[given.key] = given.line
        return self._add_new(given) if known is None else self._meet_again(given, known)

    def write(self, conn: sa.Connection) -> None:
        _INSERT.run_many(conn, self._inserts)
        _SEEN.run_many(conn, self._seen)
        _CHANGE.run_many(conn, self._changes)

    def _first_due(self, given: CallJob) -> float:
        return self._now if given.not_before is None else max(given.not_before, self._now)

    def _first_with_key(self, given: CallJob) -> tuple[int | None] | None:
        """The line of the row of this same reading that has the key already, in a tuple; None if none has."""
        if given.key in self._in_batch:
            return (self._in_batch[given.key],)
        known = self._known.get(given.key)
        if known is not None and known.intake_id == self._intake_id:
            return (known.line,)
        return None

    def _add_new(self, given: CallJob) -> Added:
        due_at, values = self._first_due(given), job_values(given)
        self._inserts.append(
            (self._campaign_id, self._intake_id, JobState.OPEN.value, due_at, 0, "", *values)
        )
        return Added(AddedAs.NEW, line=given.line)

    def _meet_again(self, given: CallJob, known: _Known) -> Added:
        values = job_values(given)[-len(_COMPARED) :]
        changed = values != known.compared
        state = JobState(known.state)
        if changed and state is JobState.OPEN:
            # a job that waits for its redial goes on waiting
            due_at = max(known.due_at, given.not_before or 0.0) if known.claims else self._first_due(given)
            self._changes.append((*values, given.line, self._intake_id, due_at, known.id))
            return Added(AddedAs.CHANGED, line=given.line)
        self._seen.append((self._intake_id, given.line, known.id))
        how = AddedAs.FINISHED if state in FINAL_JOBS else AddedAs.SAME
        return Added(how, line=given.line, was_changed=changed)
