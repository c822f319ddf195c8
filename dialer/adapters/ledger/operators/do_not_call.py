"""Many numbers onto the do-not-call list at once; one at a time is in `campaigns`."""

from collections.abc import Sequence

import sqlalchemy as sa

from dialer.adapters.ledger.drivers.statements import Statement
from dialer.adapters.ledger.schema.tables import attempt, operation, suppressed
from dialer.domain.lifecycle import OPEN_ATTEMPTS
from dialer.ports.engine import Operation

_NUMBERS: sa.BindParameter[list[str]] = sa.bindparam("numbers", expanding=True)
_KNOWN = sa.select(suppressed.c.number).where(suppressed.c.number.in_(_NUMBERS))
_INSERT = Statement(sa.insert(suppressed), "number", "source", "reason", "at")
_COUNT = sa.select(sa.func.count()).select_from(suppressed)
_LIVE = sa.select(sa.func.count()).where(
    attempt.c.to_number == sa.bindparam("number"),
    attempt.c.closed_at.is_(None),
    attempt.c.state.in_([state.value for state in OPEN_ATTEMPTS]),
)


def suppress_many(conn: sa.Connection, numbers: Sequence[str], source: str, reason: str, at: float) -> int:
    """Never call these numbers again, in any campaign; how many are new.

    The first word on a number stands.
    """
    known = set(conn.scalars(_KNOWN, {"numbers": numbers})) if numbers else set()
    new = [number for number in dict.fromkeys(numbers) if number not in known]
    _INSERT.run_many(conn, [(each, source, reason, at) for each in new])
    return len(new)


def record_import(conn: sa.Connection, by: Operation, detail: str, command: str = "dnc import") -> None:
    """Who brought a file, or another list, in."""
    values = {"at": by.at, "who": by.who, "command": command, "detail": detail, "reason": by.reason}
    conn.execute(sa.insert(operation).values(**values))


def suppressed_count(conn: sa.Connection) -> int:
    """How many numbers are on the list."""
    count: int = conn.execute(_COUNT).scalar_one()
    return count


def live_calls(conn: sa.Connection, number: str) -> int:
    """Calls to this number that are under way now, in any campaign."""
    count: int = conn.execute(_LIVE, {"number": number}).scalar_one()
    return count
