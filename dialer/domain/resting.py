"""Something that failed is left alone for a while, then tried with one call.

            failures in a row              its time is over, one call
    CLOSED ───────────────────► RESTING ─────────────────────────────► ON TRIAL
       ▲                           ▲  └─────────◄── it made no call ──────┘ │
       │                           └──── it failed: twice as long ──────────┤
       │                           └──── it shows nothing: as long ─────────┤
       └───────────────────────────────── it worked ────────────────────────┘

Calls that were claimed before the rest began say nothing: several may fail for one cause, and one that
succeeds had begun when all was well. For the same reason they say nothing once it is closed again.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Self

from dialer.domain.calls import AttemptId
from dialer.domain.gates import GO, Go, Hold, Trial
from dialer.domain.lifecycle import IllegalTransition

DOUBLINGS_MAX = 64
"""Beyond this any rest is longer than any bound."""


class Proof(StrEnum):
    """What the end of a call shows of the thing that rests."""

    WORKED = "worked"
    FAILED = "failed"
    UNCLEAR = "unclear"
    NO_CALL = "no_call"
    """No call was made after all: a trial may be made again at once."""


@dataclass(frozen=True, slots=True)
class RestRule:
    after: int
    """Failures in a row that begin a rest; at least 1."""
    first_s: float
    max_s: float
    """Each rest that follows a failed trial is twice as long as the one before, up to this."""

    def rest_s(self, rests: int) -> float:
        """How long the rest of this number lasts; the first is 1."""
        return float(min(self.max_s, self.first_s * 2.0 ** min(max(rests, 1) - 1, DOUBLINGS_MAX)))


@dataclass(frozen=True, slots=True)
class Rest:
    """The state. `Rest()` is closed, with nothing known."""

    failures: int = 0
    """In a row, while closed."""
    rests: int = 0
    """In a row; forgotten once it was closed for as long as the last rest."""
    until: float | None = None
    """None: closed."""
    trial: str | None = None
    """The attempt that is the trial call."""
    since: float = 0.0
    """When it was opened or closed last. A call claimed before says nothing."""
    why: str = ""

    def judge(self, now: float) -> Go | Hold | Trial:
        """Whether a call may go out. `now` and all times: Unix seconds."""
        if self.until is None:
            return GO
        if self.trial is not None:
            return Hold(f"{self.why}; its trial call is under way")
        if now < self.until:
            return Hold(self.why, self.until)
        return Trial(self.why)

    def allows(self, attempt_id: AttemptId) -> bool:
        """Whether this attempt, claimed a while ago, may still be sent: nothing rests, or it is the trial."""
        return self.until is None or self.trial == attempt_id

    def try_with(self, attempt_id: AttemptId, now: float) -> Self:
        """This attempt is the trial. Raises `IllegalTransition` unless `judge` says `Trial`."""
        if not isinstance(self.judge(now), Trial):
            raise IllegalTransition("a trial call needs a rest that is over and no other trial")
        return replace(self, trial=attempt_id)

    def after(
        self, proof: Proof, attempt_id: AttemptId, claimed_at: float, why: str, rule: RestRule, now: float
    ) -> Self:
        """The state once a call has ended; the same object if that changes nothing."""
        if self.until is None:
            return self._closed_after(proof, claimed_at, why, rule, now)
        if attempt_id != self.trial:
            return self
        match proof:
            case Proof.WORKED:
                return replace(self, failures=0, until=None, trial=None, since=now, why="")
            case Proof.FAILED:
                return self._open(self.rests + 1, why, rule, now)
            case Proof.UNCLEAR:
                return self._open(self.rests, self.why, rule, now)
            case Proof.NO_CALL:
                return replace(self, trial=None)

    def _closed_after(self, proof: Proof, claimed_at: float, why: str, rule: RestRule, now: float) -> Self:
        if claimed_at < self.since:
            return self
        if proof is Proof.WORKED and self.failures > 0:
            return replace(self, failures=0)
        if proof is not Proof.FAILED:
            return self
        if self.failures + 1 < rule.after:
            return replace(self, failures=self.failures + 1)
        recovered = now - self.since >= rule.rest_s(self.rests)
        return self._open(1 if recovered else self.rests + 1, why, rule, now)

    def _open(self, rests: int, why: str, rule: RestRule, now: float) -> Self:
        until = now + rule.rest_s(rests)
        return replace(self, failures=0, rests=rests, until=until, trial=None, since=now, why=why)

    def to_data(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """From `to_data`. Raises `ValueError`, `TypeError` or `LookupError` for anything else."""
        until, trial = data["until"], data["trial"]
        return cls(
            failures=int(data["failures"]),
            rests=int(data["rests"]),
            until=None if until is None else float(until),
            trial=None if trial is None else str(trial),
            since=float(data["since"]),
            why=str(data["why"]),
        )


CLOSED = Rest()
