"""What one asker may take of the HTTP API."""

from dataclasses import dataclass

BURST_S = 2.0
"""Seconds' worth of requests that may come at once after a pause."""


@dataclass(frozen=True, slots=True)
class ApiBounds:
    body_bytes_max: int
    body_s: float
    """Seconds in which a body must have come."""
    items_max: int
    """Jobs in one request."""
    requests_per_s: float
    """Of each token."""


class Allowance:
    """A bucket that fills with time; each request takes one out. Times are the loop's, in seconds."""

    def __init__(self, per_s: float, now: float) -> None:
        self._per_s = per_s
        self._full = max(per_s * BURST_S, 1.0)
        self._left = self._full
        self._at = now

    def take(self, now: float) -> float:
        """0.0: it may go. Else nothing is taken, and it may in so many seconds."""
        self._left = min(self._full, self._left + (now - self._at) * self._per_s)
        self._at = now
        if self._left >= 1.0:
            self._left -= 1.0
            return 0.0
        return (1.0 - self._left) / self._per_s
