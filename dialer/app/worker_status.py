"""Which workers live and what each is doing, as the ledger has it: for people and for programs."""

from collections.abc import Callable

import anyio

from dialer.adapters.ledger.reports.workers import WorkerState, workers
from dialer.adapters.ledger.store import SqlLedger
from dialer.adapters.system.clock import SystemClock
from dialer.domain.results import rfc3339
from dialer.web import documents


async def workers_of(ledger: SqlLedger) -> list[WorkerState]:
    """Raises `LedgerError`."""
    now, at = SystemClock().now(), anyio.current_time()
    return await ledger.ask(lambda conn: workers(conn, now, at))


def worker_document(state: WorkerState, shows: Callable[[str], bool] = lambda _: True) -> documents.Worker:
    """`shows`: whether a campaign of this name may be seen."""
    return documents.Worker(
        worker=state.name,
        host=state.host,
        version=state.version,
        since=rfc3339(state.since),
        last_sign_at=rfc3339(state.seen_at),
        alive=state.is_alive,
        live=sum(state.live.values()),
        campaigns={name: count for name, count in state.live.items() if shows(name)},
    )
