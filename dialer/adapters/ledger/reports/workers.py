"""Which workers dial from the ledger, and what each of them is doing."""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from dialer.adapters.ledger.queue.account_limits import clock
from dialer.adapters.ledger.schema.tables import NOT_CLOSED, attempt, campaign, worker

GONE_SHOWN_S = 3600.0
"""A worker that gave its last sign of life longer ago is not shown."""
SIGN_S_MAX = 900.0
"""A file has the machine's time since its start, which says nothing after another start: then this does."""

_WORKERS = sa.select(worker).order_by(worker.c.since, worker.c.name)
_LIVE = (
    sa.select(attempt.c.worker, campaign.c.name, sa.func.count())
    .join(campaign, campaign.c.id == attempt.c.campaign_id)
    .where(NOT_CLOSED, attempt.c.worker.is_not(None))
    .group_by(attempt.c.worker, campaign.c.name)
    .order_by(campaign.c.name)
)


@dataclass(frozen=True, slots=True)
class WorkerState:
    """One process that dials from the ledger. Times are Unix seconds; None: it is of an older version."""

    name: str
    host: str | None
    version: str | None
    since: float | None
    seen_at: float | None
    """Its last sign of life."""
    is_alive: bool
    live: Mapping[str, int]
    """Attempts under way that are its, by campaign."""


def workers(conn: sa.Connection, now: float, at: float) -> list[WorkerState]:
    """Those that are alive, and those that were within the hour. `now`: the wall clock; `at`: the loop's."""
    live: dict[str, dict[str, int]] = {}
    for who, name, count in conn.execute(_LIVE):
        live.setdefault(who, {})[name] = count
    ledger_at = clock(conn, at)
    found: list[WorkerState] = []
    for row in conn.execute(_WORKERS):
        silent_s = 0.0 if row.seen_at is None else now - row.seen_at
        is_alive = row.lease_until > ledger_at and silent_s <= SIGN_S_MAX
        if is_alive or silent_s <= GONE_SHOWN_S:
            state = WorkerState(
                row.name, row.host, row.version, row.since, row.seen_at, is_alive, live.get(row.name, {})
            )
            found.append(state)
    return found
