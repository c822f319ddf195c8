"""What of the parts that all campaigns share fails at which process, for `dialer status`."""

from collections.abc import Sequence

import sqlalchemy as sa

from dialer.adapters.ledger.schema.tables import failing
from dialer.domain.service_parts import PartFailure, ServicePart, WorkerFailure

SEEN_S_MAX = 60.0
"""What was written longer ago was left by a process that ended without a word."""

_OLD = failing.c.seen_at < sa.bindparam("before")
_FORGET = sa.delete(failing).where(sa.or_(failing.c.worker == sa.bindparam("of"), _OLD))
_ADD = sa.insert(failing)


def keep_failing(conn: sa.Connection, worker: str, now: Sequence[PartFailure], at: float) -> None:
    """This is what fails at that process, in place of what was written of it before."""
    conn.execute(_FORGET, {"of": worker, "before": at - SEEN_S_MAX})
    for each in now:
        said = {"part": each.part.value, "why": each.why, "remedy": each.remedy, "since": each.since}
        conn.execute(_ADD, {"worker": worker, "seen_at": at, **said})


def failing_parts(conn: sa.Connection, now: float) -> Sequence[WorkerFailure]:
    """What fails now, at any process."""
    wanted = sa.select(failing).where(failing.c.seen_at >= now - SEEN_S_MAX).order_by(failing.c.since)
    known = {part.value for part in ServicePart}
    return [
        WorkerFailure(row.worker, PartFailure(ServicePart(row.part), row.why, row.remedy, row.since))
        for row in conn.execute(wanted)
        if row.part in known
    ]
