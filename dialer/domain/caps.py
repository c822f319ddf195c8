"""How often a number may be rung: caps in rolling windows, a gap between two attempts, one call at a time.

An attempt at `t` counts against a window of `w` seconds until `t + w`, that moment excluded. So the n-th last
attempt alone decides a cap of n calls, and the moment a rule names is one at which it holds no more.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
"""Seconds per unit. A day is 24 hours, whatever the clocks do."""
DURATION_MAX_S = 3650 * 86_400.0
LIVE_CALL_WAIT_S = 30.0
"""A call's end is not known before it comes; a number that has one is asked for again after so long."""

_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)\s*([smhdw])")
_CAP = re.compile(r"([0-9]{1,6})\s+per\s+(.+)")


def parse_duration(text: str) -> float:
    """Seconds of `90s`, `5m`, `4h`, `7d` or `2w`. Raises `ValueError`, which says how to write it."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            f"{text!r} is no duration: write a number and one of the units s, m, h, d, w, for example 5m"
        )
    seconds = float(match[1]) * UNITS_S[match[2]]
    if seconds > DURATION_MAX_S:
        raise ValueError(f"{text!r} is longer than ten years: write a shorter duration")
    return seconds


def spell_duration(seconds: float) -> str:
    """As `parse_duration` reads it, in the largest unit that comes out even."""
    for unit in reversed(UNITS_S):
        count, rest = divmod(seconds, UNITS_S[unit])
        if count and not rest:
            return f"{count:.0f}{unit}"
    return f"{seconds:g}s"


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `calls` attempts to a number in any `window_s` seconds."""

    calls: int
    window_s: float

    def __str__(self) -> str:
        return f"{self.calls} per {spell_duration(self.window_s)}"


def parse_cap(text: str) -> Cap:
    """The cap in `3 per 7d`. Raises `ValueError`, which says how to write it."""
    match = _CAP.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no cap: write calls per duration, for example 3 per 7d")
    calls, window_s = int(match[1]), parse_duration(match[2])
    if calls < 1 or window_s <= 0:
        raise ValueError(
            f"{text!r} allows no call at all: write at least 1 per a duration above 0, for example 1 per 4h"
        )
    return Cap(calls, window_s)


@dataclass(frozen=True, slots=True)
class Allowed:
    """The caps do not hold the call."""


@dataclass(frozen=True, slots=True)
class Until:
    """Not now; ask again at `at`."""

    at: float
    why: str
    """The rule that holds longest, in plain words, without the number."""


ALLOWED = Allowed()


@dataclass(frozen=True, slots=True)
class CapsRule:
    """What one number may take, counted over all campaigns."""

    caps: tuple[Cap, ...] = ()
    gap_s: float = 0.0
    """At least so long between two attempts."""

    @property
    def history_s(self) -> float:
        """Attempts that are older than this can be left out of `rung_at`."""
        return max(self.gap_s, *(cap.window_s for cap in self.caps), 0.0)

    @property
    def history_max(self) -> int:
        """So many of the latest attempts are enough for `judge`; 0: none is looked at."""
        return max((cap.calls for cap in self.caps), default=1 if self.gap_s else 0)

    def judge(self, rung_at: Sequence[float], has_live_call: bool, now: float) -> Allowed | Until:
        """Whether the number may be rung now.

        `rung_at`: the earlier attempts to it that may have rung, in all campaigns, ascending.
        """
        at, why = now, ""
        if has_live_call:
            at, why = now + LIVE_CALL_WAIT_S, "the number has a call under way"
        known = len(rung_at)
        if known and self.gap_s and rung_at[-1] + self.gap_s > at:
            at, why = rung_at[-1] + self.gap_s, f"at least {spell_duration(self.gap_s)} between two attempts"
        for cap in self.caps:
            if known >= cap.calls and rung_at[-cap.calls] + cap.window_s > at:
                at, why = rung_at[-cap.calls] + cap.window_s, f"at most {cap}"
        return Until(at, why) if why else ALLOWED

    def facts(self, rung_at: Sequence[float], has_live_call: bool, now: float) -> dict[str, object]:
        """What `judge` went by, for the decision record: the count in each cap's window, the last attempt."""
        return {
            "counts": {
                str(cap): sum(rung + cap.window_s > now for rung in rung_at[-cap.calls :])
                for cap in self.caps
            },
            "gap_s": self.gap_s,
            "last_rung_at": rung_at[-1] if rung_at else None,
            "has_live_call": has_live_call,
        }
