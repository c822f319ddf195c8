"""Is this process alive, and may it dial? For those who restart it and those who send it work.

A loop that is stuck answers nothing at all: the prober's own timeout finds that. `/livez` finds what such a
prober would miss between two looks, a loop that comes round but far too late.
"""

from collections.abc import Callable, Iterator, Mapping

import anyio

from dialer.domain.service_parts import ServicePart
from dialer.engine.events import CampaignStopping, ServiceFailing

BEAT_S = 1.0
LAG_MAX_S = 5.0
"""A loop that wakes up later than this is not alive: answers and webhooks wait as long."""
LEDGER_MAX_S = 15.0
"""The ledger is asked twice a second at least; an answer older than this is a ledger that hangs."""
NOT_READY: Mapping[ServicePart, str] = {
    ServicePart.ACCOUNT: "the API refuses the account",
    ServicePart.LISTING: "calls cannot be followed",
}
"""The parts without which a process is not ready."""
Failing = Mapping[ServicePart, ServiceFailing]


class Health:
    """What the probes go by. Times are the loop's; `scale`: its seconds to a second of the probers."""

    def __init__(
        self,
        stopping: Callable[[], CampaignStopping | None],
        failing: Callable[[], Failing] = dict,
        *,
        scale: float = 1.0,
    ) -> None:
        """`stopping`: why no further job is claimed by anybody here, if so. `failing`: what fails now."""
        self._stopping = stopping
        self._failing = failing
        self._scale = scale
        self._beat_at: float | None = None
        self._lag_s = 0.0
        self._ledger_at: float | None = None
        self._ledger_failed = False

    async def beat(self, lagged: Callable[[float], None]) -> None:
        """Feel the loop's pulse for ever. `lagged`: told how late each beat came."""
        while True:
            planned = anyio.current_time() + BEAT_S * self._scale
            await anyio.sleep_until(planned)
            self._beat_at = anyio.current_time()
            self._lag_s = self._beat_at - planned
            lagged(self._lag_s)

    def committed(self, failed: bool) -> None:
        """The ledger ended a transaction; `failed`: because it could not be read or written."""
        self._ledger_at = anyio.current_time()
        self._ledger_failed = failed

    def not_alive(self) -> list[str]:
        """Why it should be restarted; nothing if it should not."""
        if self._beat_at is None:
            return []
        overdue_s = anyio.current_time() - self._beat_at - BEAT_S * self._scale
        lag_s = max(self._lag_s, overdue_s) / self._scale
        return [f"the event loop is {lag_s:.1f} s late"] if lag_s > LAG_MAX_S else []

    def ledger_trouble(self) -> str | None:
        """Why the ledger cannot be used now; None if it can."""
        if self._ledger_failed:
            return "the ledger's last transaction failed"
        if self._ledger_at is None:
            return "the ledger has not been used yet"
        if anyio.current_time() - self._ledger_at > LEDGER_MAX_S * self._scale:
            return f"the ledger has not answered for {LEDGER_MAX_S:.0f} s"
        return None

    def not_ready(self) -> list[str]:
        """Why it dials nobody, or should be sent nothing; nothing if it does."""
        problems = self.not_alive()
        stopping = self._stopping()
        if stopping is not None:
            problems.append("the API refuses the account" if stopping.account else "it is stopping")
        problems += self._parts_failing()
        trouble = self.ledger_trouble()
        return problems if trouble is None else [*problems, trouble]

    def _parts_failing(self) -> Iterator[str]:
        failing = self._failing()
        for part, said in NOT_READY.items():
            if part in failing:
                yield f"{said}: {failing[part].why}"
