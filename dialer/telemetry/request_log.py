"""Log lines of what the HTTP API was asked: orders and faults, and now and then that somebody was refused."""

from collections.abc import Mapping

from dialer.ports.engine import Clock
from dialer.telemetry.logs import Log
from dialer.web.api import Answered

REFUSED = (401, 403, 429)
"""Besides what is no HTTP at all."""
REFUSED_EACH_S = 10.0


class RequestLog:
    """Writes what was answered; give its `observe` to the API."""

    def __init__(self, log: Log, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._refused_at = float("-inf")
        self._unlogged = 0

    def observe(self, answered: Answered) -> None:
        """Write one line, if it is worth one."""
        fields = {
            "who": answered.who,
            "client": answered.client,
            "method": answered.method,
            "endpoint": answered.endpoint,
            "status": answered.status,
            "seconds": round(answered.seconds, 3),
        }
        if answered.error is not None:
            self._log.error("request.failed", **fields, exc_info=answered.error)
        elif answered.status in REFUSED or not answered.method:
            self._refused(fields)
        elif answered.method == "POST":
            self._log.info("request.answered", **fields)
        else:
            self._log.debug("request.answered", **fields)

    def _refused(self, fields: Mapping[str, object]) -> None:
        """At most one line in `REFUSED_EACH_S`; it says how many came before it unwritten."""
        now = self._clock.now()
        if 0 <= now - self._refused_at < REFUSED_EACH_S:
            self._unlogged += 1
            return
        self._log.warning("request.refused", **fields, unlogged=self._unlogged)
        self._refused_at, self._unlogged = now, 0
