"""What a check found, in words for people."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

AHEAD_S_GOOD = 2.0
AHEAD_S_MAX = 60.0
"""Calling hours, caps and the signatures of webhooks go by the clock."""
SET_THE_CLOCK = "have this machine's clock set from the network: `timedatectl set-ntp true`"


class Mark(StrEnum):
    """What is thought of what was found."""

    GOOD = "good"
    DOUBTFUL = "doubtful"
    """It works; somebody should look at it."""
    BAD = "bad"
    """Nobody can be called so."""
    SKIPPED = "skipped"
    """There was nothing to look at."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found, and what is to be done about it."""

    check: str
    mark: Mark
    said: str
    way_out: str = ""
    passes: bool = False
    """It may be otherwise in a moment without anybody's doing, as a server that does not answer."""


def is_fit(findings: Sequence[Finding]) -> bool:
    """Whether nothing of it stands in the way of calls."""
    return all(finding.mark is not Mark.BAD for finding in findings)


def beside(check: str, whose: str, ahead_s: float, unsure_s: float) -> Finding:
    """Our clock beside another one. `ahead_s`: of ours; `unsure_s`: how far off that may itself be."""
    off_s = max(abs(ahead_s) - unsure_s, 0.0)
    way = "ahead of" if ahead_s > 0 else "behind"
    said = f"this machine's clock is {off_s:.1f} s or more {way} {whose}"
    if off_s > AHEAD_S_MAX:
        return Finding(check, Mark.BAD, said, SET_THE_CLOCK)
    if off_s > AHEAD_S_GOOD:
        return Finding(check, Mark.DOUBTFUL, said, SET_THE_CLOCK)
    return Finding(check, Mark.GOOD, f"this machine's clock agrees with {whose}")
