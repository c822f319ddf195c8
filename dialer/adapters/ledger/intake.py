"""Taking jobs in: insert or ignore on the key, so that the same file read twice is the same work once."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from dialer.adapters.ledger.many import execute_many
from dialer.adapters.ledger.rows import job_values
from dialer.adapters.ledger.tables import intake, job
from dialer.domain.calls import CallJob, CampaignId, IntakeId
from dialer.domain.lifecycle import FINAL_JOBS, JobState
from dialer.ports import Added, AddedAs, IntakeCounts

_COMPARED = (
    "kind",
    "to_number",
    "from_number",
    "timezone",
    "priority",
    "not_before",
    "expires_at",
    "content",
)
_KNOWN_COLUMNS = (
    job.c.key,
    job.c.id,
    job.c.line,
    job.c.intake_id,
    job.c.state,
    job.c.claims,
    job.c.due_at,
    *(job.c[name] for name in _COMPARED),
)
_C: sa.BindParameter[int] = sa.bindparam("c")
_VALUES: sa.BindParameter[list[str]] = sa.bindparam("values", expanding=True)
_BY_KEY = sa.select(*_KNOWN_COLUMNS).where(job.c.campaign_id == _C, job.c.key.in_(_VALUES))
_BY_NUMBER = sa.select(job.c.to_number, job.c.key, job.c.line, job.c.intake_id).where(
    job.c.campaign_id == _C, job.c.to_number.in_(_VALUES)
)
_INSERT = sa.insert(job)
_SEEN = (
    sa.update(job)
    .where(job.c.id == sa.bindparam("j"))
    .values(intake_id=sa.bindparam("i"), line=sa.bindparam("l"))
)
_CHANGE = (
    sa.update(job)
    .where(job.c.id == sa.bindparam("j"), job.c.state == JobState.OPEN.value)
    .values({name: sa.bindparam(f"new_{name}") for name in (*_COMPARED, "intake_id", "line", "due_at")})
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
        keys = {"c": campaign_id, "values": [each.key for each in jobs]}
        self._known = {row[0]: row for row in conn.execute(_BY_KEY, keys)}
        numbers = {"c": campaign_id, "values": [each.to_number for each in jobs if each.to_number]}
        self._numbers: dict[str, tuple[str, int | None]] = {
            number: (key, line if read_by == intake_id else None)
            for number, key, line, read_by in conn.execute(_BY_NUMBER, numbers)
        }
        """Who has a number, and in which line of this same reading."""
        self._in_batch: dict[str, int | None] = {}
        self._inserts: list[dict[str, Any]] = []
        self._changes: list[dict[str, Any]] = []
        self._seen: list[dict[str, Any]] = []

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
            key, line = self._numbers.get(given.to_number or "", (given.key, None))
            if key != given.key and not self._is_stream:
                return Added(AddedAs.DUPLICATE, line=line)
            if known is not None and known.to_number != given.to_number:
                self._numbers.pop(known.to_number, None)
        holds = given.to_number if known is None or known.state == JobState.OPEN else known.to_number
        if holds is not None:
            self._numbers[holds] = given.key, given.line
        self._in_batch[given.key] = given.line
        return self._add_new(given) if known is None else self._meet_again(given, known)

    def write(self, conn: sa.Connection) -> None:
        execute_many(conn, _INSERT, self._inserts)
        execute_many(conn, _SEEN, self._seen)
        if self._changes:
            conn.execute(_CHANGE, self._changes)

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
        self._inserts.append(
            {
                "campaign_id": self._campaign_id,
                "intake_id": self._intake_id,
                "state": JobState.OPEN.value,
                "due_at": self._first_due(given),
                "claims": 0,
                "history": "",
                **job_values(given),
            }
        )
        return Added(AddedAs.NEW, line=given.line)

    def _meet_again(self, given: CallJob, known: sa.Row[*tuple[Any, ...]]) -> Added:
        values = job_values(given)
        changed = any(values[name] != getattr(known, name) for name in _COMPARED)
        state = JobState(known.state)
        if changed and state is JobState.OPEN:
            # a job that waits for its redial goes on waiting
            due_at = max(known.due_at, given.not_before or 0.0) if known.claims else self._first_due(given)
            new = {f"new_{name}": values[name] for name in (*_COMPARED, "line")}
            self._changes.append(
                {"j": known.id, "new_intake_id": self._intake_id, "new_due_at": due_at, **new}
            )
            return Added(AddedAs.CHANGED, line=given.line)
        self._seen.append({"j": known.id, "i": self._intake_id, "l": given.line})
        how = AddedAs.FINISHED if state in FINAL_JOBS else AddedAs.SAME
        return Added(how, line=given.line, was_changed=changed)
