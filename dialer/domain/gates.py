"""What a rule for a whole campaign, or for a whole line, says to the next call."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Go:
    """Nothing is in the way."""


GO = Go()


@dataclass(frozen=True, slots=True)
class Hold:
    """Not now. Jobs stay as they are and spend nothing."""

    why: str
    until: float | None = None
    """Unix seconds; None: until one of the live calls has ended."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One call, to see whether it works again; whoever starts it says so, and then the next is held."""

    why: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Nobody any more in this run: an operator has to do something."""

    why: str
    way_out: str
