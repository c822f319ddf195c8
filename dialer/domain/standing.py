"""Where a campaign stands with the rules that hold it: for those who watch, in one look."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Standing:
    """As the ledger has it now."""

    held: bool = False
    """When it was last asked, nobody could be claimed, whoever it was."""
    paused: bool = False
    spent_cents: float = 0.0
    """Ends of calls so far; 0 without a budget, which alone keeps count."""
    reserved_cents: float = 0.0
    """For calls that are under way."""
    breakers: Mapping[str, bool] = field(default_factory=dict)
    """The campaign's, by name: is it open? Open: it holds calls, or tries one."""
    line_breakers: Mapping[tuple[str, str], bool] = field(default_factory=dict)
    """By from-number and name, of lines that had something to do with one, in any campaign."""
