"""Whether the ledger has room for what is given over HTTP: open jobs, and campaigns that are at work."""

from collections.abc import Callable, Collection

import anyio

from dialer.adapters.ledger.queue.account_limits import campaigns_at_work, open_jobs
from dialer.adapters.ledger.store import SqlLedger
from dialer.adapters.system.clock import SystemClock
from dialer.domain.rights import Grant
from dialer.settings import Settings
from dialer.web.front_desk import NotNow

COUNT_EACH_S = 1.0
"""Open jobs and campaigns at work are counted so often at most."""
ROOM_AFTER_S = 30.0
"""After so many seconds a full ledger may have room again."""


class Room:
    """What is there, counted now and then, and what each token gave since this worker began."""

    def __init__(self, orders: SqlLedger, settings: Callable[[], Settings]) -> None:
        self._orders = orders
        self._settings = settings
        self._counted_at = float("-inf")
        self._open_jobs = 0
        self._at_work: set[str] = set()
        self._given: dict[str, set[str]] = {}

    async def check(self) -> None:
        """Raises `NotNow` while the ledger holds as many open jobs as it may, `LedgerError` if it is lost."""
        now, jobs_max = anyio.current_time(), self._settings().service.open_jobs_max
        if now - self._counted_at >= COUNT_EACH_S:
            due_by = SystemClock().now()
            self._open_jobs, at_work = await self._orders.ask(
                lambda conn: (open_jobs(conn), campaigns_at_work(conn, due_by, now))
            )
            self._at_work = set(at_work)
            self._counted_at = now
        else:
            # is it there? Whoever dials waits for a lost one, and this request with it
            await self._orders.campaigns()
        if self._open_jobs >= jobs_max:
            raise NotNow(
                f"the ledger holds {self._open_jobs:,} open jobs and service.open_jobs_max is {jobs_max:,}: "
                "give them again when some are done",
                ROOM_AFTER_S,
            )

    def check_campaigns(self, named: Collection[str], grant: Grant) -> None:
        """Raises `NotNow` if with these more campaigns were at work than may be, of all or of who asks."""
        settings = self._settings()
        given = self._given.setdefault(grant.holder, set())
        given &= self._at_work
        all_max, own_max = settings.service.campaigns_max, settings.api.campaigns_max
        _check_count(self._at_work, named, "are at work", "service.campaigns_max", all_max)
        _check_count(given, named, f"of {grant.holder} are at work", "api.campaigns_max", own_max)
        given.update(named)
        self._at_work.update(named)


def _check_count(
    known: set[str], named: Collection[str], at_work: str, setting: str, campaigns_max: int
) -> None:
    count = len(known.union(named))
    if count > campaigns_max and not known.issuperset(named):
        raise NotNow(
            f"with these jobs {count:,} campaigns {at_work} and {setting} is {campaigns_max:,}: "
            "give them again when some are done",
            ROOM_AFTER_S,
        )
