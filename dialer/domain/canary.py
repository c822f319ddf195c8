"""The canary: the first calls of a campaign show whether the rest is worth making."""

from collections.abc import Iterable
from dataclasses import dataclass

from dialer.domain.gates import GO, Go, Hold, Stop
from dialer.domain.outcomes import Outcome

FAILURES = frozenset(
    {
        Outcome.PLATFORM_FAULT,
        Outcome.CONFIGURATION,
        Outcome.DIAL_FAILED,
        Outcome.PROVIDER_UNAVAILABLE,
        Outcome.SPAM_BLOCKED,
        Outcome.REFUSED,
        Outcome.UNKNOWN,
    }
)
"""Outcomes that are the campaign's fault, not the callee's."""
NO_CALL = frozenset({Outcome.NOT_RUNG, Outcome.ACCOUNT})
"""Outcomes that say nothing of the campaign: the account had no room, or may not call."""


@dataclass(frozen=True, slots=True)
class CanaryFacts:
    """Of the first calls, at most as many as the rule asks for."""

    started: int
    ended: int
    failed: int


@dataclass(frozen=True, slots=True)
class CanaryRule:
    calls: int
    """How many go first; at least 1."""
    failure_share_max: float
    """The share of them, 0 to 1, that may fail; one more and the campaign stops."""
    failures: frozenset[Outcome] = FAILURES

    def count(self, outcomes: Iterable[Outcome | None]) -> CanaryFacts:
        """The facts from the attempts' outcomes in the order of their claims; None: still open.

        An attempt with an outcome of `NO_CALL` is none of the calls: the next takes its place. Give the
        attempts since an operator last resumed the campaign, so that what was mended gets its chance.
        """
        started = ended = failed = 0
        for outcome in outcomes:
            if started == self.calls:
                break
            if outcome not in NO_CALL:
                started += 1
                ended += outcome is not None
                failed += outcome in self.failures
        return CanaryFacts(started, ended, failed)

    def judge(self, facts: CanaryFacts) -> Go | Hold | Stop:
        """Whether the next call may start. Stops as soon as the share can no longer be kept."""
        if facts.failed / self.calls > self.failure_share_max:
            return Stop(
                f"{facts.failed} of the first {self.calls} calls failed, "
                f"and no more than {self.failure_share_max:.0%} may",
                "look at their reasons in the results and mend what is wrong, or allow more by "
                "canary.failure_share_max; then run again",
            )
        if facts.started >= self.calls and facts.ended < self.calls:
            return Hold(f"canary: {facts.ended} of the first {self.calls} calls have ended")
        return GO
