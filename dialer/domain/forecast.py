"""When the people of a list may first be called, counted before anybody is.

As far as is known now: how long calls last, how busy the lines are and what people will ask for is not.
"""

from collections import Counter
from dataclasses import dataclass, replace
from math import floor

from dialer.domain.calls import CallJob, CampaignId, JobId, OpenJob
from dialer.domain.lifecycle import JobState
from dialer.domain.screening import UNHEARD_OF, CampaignPolicy, Dial, Drop, NumberFacts, Wait
from dialer.domain.wall_clock import DAY_S

GROUPS_MAX = 500
"""Groups that are told apart; then later ones go by the day, and other reasons together."""
WAITS_MAX = 8
"""Rules that may hold a person one after the other, before the last of them has the last word."""
OTHERS = "for other reasons"

_ID = JobId(0)
_CAMPAIGN = CampaignId(0)


@dataclass(frozen=True, slots=True)
class Later:
    """Who may be called first at `at` (Unix seconds), and not before."""

    at: float
    zones: tuple[str, ...]
    """Where they may be; none: not told apart."""
    rule: str
    """What holds them until then."""


@dataclass(frozen=True, slots=True)
class Never:
    """Who may not be called at all, unless something is put right."""

    rule: str
    why: str


class Forecast:
    """Counts people by the verdict of a campaign's rules. Its size does not grow with their number."""

    def __init__(self, screen: CampaignPolicy, now: float) -> None:
        self._screen = screen
        # hours remember one verdict for each place: that of now is not to be lost for one of later
        self._ahead = replace(screen, hours=replace(screen.hours))
        self._at = now
        self.now = 0
        self.later: Counter[Later] = Counter()
        self.never: Counter[Never] = Counter()

    def add(self, job: CallJob, known: NumberFacts = UNHEARD_OF) -> None:
        """Count one person. `known`: what the ledger knows of the number."""
        open_job = OpenJob(_ID, _CAMPAIGN, job, self._at, 0)
        at, held = self._at, ""
        verdict = self._screen.judge(open_job, at, known)
        for _ in range(WAITS_MAX):
            if not isinstance(verdict, Wait):
                break
            at, held = verdict.until, verdict.rule
            verdict = self._ahead.judge(open_job, at, known)
        if isinstance(verdict, Drop):
            self._count_never(verdict, held)
        elif isinstance(verdict, Dial) and not held:
            self.now += 1
        else:
            self._count_later(job, at, held)

    @property
    def never_at_all(self) -> int:
        """People who may not be called."""
        return self.never.total()

    def _count_later(self, job: CallJob, at: float, held: str) -> None:
        later = Later(at, self._screen.place_of(job).zones, held)
        if later not in self.later and len(self.later) >= GROUPS_MAX:
            later = Later(floor(at / DAY_S) * DAY_S, (), held)
        self.later[later] += 1

    def _count_never(self, drop: Drop, held: str) -> None:
        why = drop.reason
        if held and drop.state is JobState.EXPIRED:
            why = f"{why} before it may be called ({held})"
        never = Never(drop.rule, why)
        if never not in self.never and len(self.never) >= GROUPS_MAX:
            never = Never(drop.rule, OTHERS)
        self.never[never] += 1
