"""Which parts of the service fail now: told when that changes, and kept in the ledger for `dialer status`."""

from collections.abc import Awaitable, Callable, Sequence
from math import inf

import anyio

from dialer.domain.errors import AccountBlocked, CallError
from dialer.domain.results import rfc3339
from dialer.domain.service_parts import PartFailure, ServicePart
from dialer.engine.clock import loop_time
from dialer.engine.events import Observe, ServiceFailing
from dialer.ports.engine import Clock

KEPT_EACH_S = 15.0
"""While anything fails it is written again so often: `status` passes over what is older than a minute."""
SAID_EACH_S = 60.0
"""A failure whose reason changes is told again at most so often."""


FAILURES_MAX = 3
"""An endpoint that fails so often in a row is told."""


class Failures:
    """Of one process."""

    def __init__(self, clock: Clock, observe: Observe) -> None:
        self._clock = clock
        self._observe = observe
        self._now: dict[ServicePart, PartFailure] = {}
        self._said_at: dict[ServicePart, float] = {}
        self._changed = anyio.Event()

    @property
    def now(self) -> Sequence[PartFailure]:
        """What fails at the moment."""
        return [*self._now.values()]

    def fails(self, part: ServicePart, why: str, remedy: str, *, since: float | None = None) -> None:
        """The part fails. `since`: Unix seconds, if it began before now."""
        known = self._now.get(part)
        if known is None:
            began = self._clock.now() if since is None else since
        elif known.why == why or loop_time() - self._said_at[part] < SAID_EACH_S:
            return
        else:
            began = known.since
        self._now[part] = PartFailure(part, why, remedy, began)
        self._said_at[part] = loop_time()
        self._changed.set()
        self._observe(ServiceFailing(part, why, remedy))

    def works(self, part: ServicePart) -> None:
        """The part works, as it nearly always does."""
        if part in self._now:
            del self._now[part]
            self._changed.set()
            self._observe(ServiceFailing(part, None))

    def watch(self, part: ServicePart, says: str, remedy: str) -> "Endpoint":
        """Requests whose failing in a row is the part's. `says`: what follows from it."""
        return Endpoint(self, self._clock, part, says, remedy)

    async def keep(self, write: Callable[[Sequence[PartFailure], float], Awaitable[None]]) -> None:
        """Have the ledger know of it, for as long as the process lasts. Raises `LedgerError`."""
        is_written = True  # what a process of this name left
        while True:
            self._changed = anyio.Event()
            failing = self.now
            if failing or is_written:
                await write(failing, self._clock.now())
                is_written = bool(failing)
            with anyio.move_on_after(KEPT_EACH_S if is_written else inf):
                await self._changed.wait()


class Endpoint:
    """Requests of one kind. See `Failures.watch`."""

    def __init__(self, failures: Failures, clock: Clock, part: ServicePart, says: str, remedy: str) -> None:
        self._failures = failures
        self._clock = clock
        self._part = part
        self._says = says
        self._remedy = remedy
        self._in_a_row = 0
        self._since = 0.0

    @property
    def has_failed(self) -> bool:
        """The last request did."""
        return self._in_a_row > 0

    @property
    def is_failing(self) -> bool:
        """It has failed so often that it is told."""
        return self._in_a_row >= FAILURES_MAX

    def failed(self, error: CallError, says: str | None = None) -> None:
        """One more gave no good answer. `says`: in place of what usually follows."""
        if not self._in_a_row:
            self._since = self._clock.now()
        self._in_a_row += 1
        if self.is_failing:
            since = (rfc3339(self._since) or "")[11:16]
            said = str(error).rstrip(".")
            why = f"{says or self._says}: {said} from {self._part.value} since {since} UTC"
            remedy = error.way_out if isinstance(error, AccountBlocked) else self._remedy
            self._failures.fails(self._part, why, remedy, since=self._since)

    def answered(self) -> None:
        """It works, or is nothing of this process any more."""
        self._in_a_row = 0
        self._failures.works(self._part)
