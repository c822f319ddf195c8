"""So many in any sliding period: the log of the last ones, kept where all who share the bound can see it.

Of any N+1 that were taken in a row the last comes at least one period after the first. One that is taken at
T may be used until T plus a tolerance: a period that is longer by the tolerance than what was promised keeps
the promise for the uses, too.
"""

import struct
from bisect import bisect_right
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Allowance:
    """`per_period` in any `period_s`; `taken`: when, oldest first, by one clock."""

    per_period: int
    period_s: float
    taken: tuple[float, ...] = ()

    def seen_at(self, now: float) -> Self:
        """What still counts. A clock that was set back makes the future of before be now: too late, never
        too early."""
        # added up as `next_at` does: at that moment there is room, to the last digit
        begins = bisect_right(self.taken, now, key=lambda at: at + self.period_s)
        counts = tuple(min(at, now) for at in self.taken[begins:])
        return type(self)(self.per_period, self.period_s, counts)

    @property
    def room(self) -> int:
        """How many may be taken now; as `seen_at` left it."""
        return max(0, self.per_period - len(self.taken))

    def next_at(self, now: float) -> float:
        """When the next may be taken; as `seen_at` left it."""
        over = len(self.taken) - self.per_period
        return now if over < 0 else self.taken[over] + self.period_s

    def take(self, number: int, now: float) -> Self:
        """With so many more, taken now."""
        return type(self)(self.per_period, self.period_s, (*self.taken, *[now] * number))

    def give_back(self, at: float) -> Self:
        """Without one that was taken then and not used, if it still counts."""
        if at not in self.taken:
            return self
        index = self.taken.index(at)
        return type(self)(self.per_period, self.period_s, self.taken[:index] + self.taken[index + 1 :])

    def packed(self) -> bytes:
        """The log as it is stored: doubles."""
        return struct.pack(f"<{len(self.taken)}d", *self.taken)

    @classmethod
    def unpacked(cls, per_period: int, period_s: float, stored: bytes) -> Self:
        """What `packed` stored, under a bound that may have changed since."""
        return cls(per_period, period_s, struct.unpack(f"<{len(stored) // 8}d", stored))
