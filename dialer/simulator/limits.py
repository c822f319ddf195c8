"""Sliding windows: how many at most, and how many there were."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class SlidingWindow:
    """Lets at most `limit` events through in any `period_s`; remembers no more than the limit's times.

    The limit is told at each question, so that it may change while running. A limit of 0 is no limit.
    """

    period_s: float
    _times: deque[float] = field(default_factory=deque)

    def wait_s(self, now: float, limit: int) -> float:
        """Seconds until the next event may pass; 0 when it may pass now."""
        if not limit:
            return 0.0
        self._forget(now)
        surplus = len(self._times) - limit
        return 0.0 if surplus < 0 else self._times[surplus] + self.period_s - now

    def add(self, now: float) -> None:
        self._forget(now)
        self._times.append(now)

    def remaining(self, limit: int) -> int:
        return max(0, limit - len(self._times))

    def _forget(self, now: float) -> None:
        times = self._times
        while times and now - times[0] >= self.period_s:
            times.popleft()


def most_within(times: Sequence[float], width_s: float) -> int:
    """Largest number of the ascending `times` in any half-open window [t, t + width_s)."""
    most = first = 0
    for last, time in enumerate(times):
        while time - times[first] >= width_s:
            first += 1
        most = max(most, last - first + 1)
    return most


def seconds_up(seconds: float) -> int:
    """Whole seconds for a header: never 0, so that who obeys it does not come too early."""
    return max(1, math.ceil(seconds))
