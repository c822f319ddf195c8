"""What people who are not called now wait for, and until when: in the same words wherever it is said."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dialer.domain.screening import Wait

REDIAL: Final = "redial"
"""What a job waits for after a call that was not the last."""
HOURS: Final = "hours"

_WORDS: Final = {
    "": "due later",
    HOURS: "outside calling hours",
    REDIAL: "to be called again",
    "not_before": "not before the time in their row",
    "campaign.starts_at": "before the campaign's start",
    "caps": "called as often as the caps allow",
    "hold": "held by a rule that cannot be read",
    "line_cap": "the lines have made their calls of today",
    "line_rest": "the line rests",
    "line_slots": "all slots of the line are in use",
    "line_pace": "the pace of the line",
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """Some people of a campaign who wait for the same thing."""

    rule: str
    """The rule that put them off; empty: the ledger was written before it was kept."""
    zones: tuple[str, ...]
    """Where they may be, for calling hours; by the clocks there they are called from `first_at` on."""
    people: int
    first_at: float
    """Unix seconds when the first of them is due."""

    @property
    def what(self) -> str:
        """For what they wait, in plain words."""
        return _WORDS.get(self.rule, self.rule.replace("_", " "))


def kept(wait: "Wait") -> str:
    """What the ledger keeps of a wait: its rule, and for calling hours the zones of the place."""
    if wait.rule != HOURS:
        return wait.rule
    zones, _, _ = str(wait.input.get("place", "")).partition("|")
    return f"{HOURS} {zones}".strip()


def from_kept(text: str | None, people: int, first_at: float) -> Waiting:
    """The other way round."""
    rule, *zones = (text or "").split() or [""]
    return Waiting(rule, tuple(zones), people, first_at)


def by_rule(waiting: Iterable[Waiting]) -> list[tuple[str, Sequence[Waiting]]]:
    """What they wait for, each with its groups: most people first, then who is due first."""
    groups: dict[str, list[Waiting]] = {}
    for each in waiting:
        groups.setdefault(each.what, []).append(each)
    for found in groups.values():
        found.sort(key=lambda each: (each.first_at, -each.people))
    return sorted(groups.items(), key=lambda item: -sum(each.people for each in item[1]))
