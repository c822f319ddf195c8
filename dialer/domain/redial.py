"""Whether and when a person is called again, from how the attempts so far ended. Pure arithmetic."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dialer.domain.lifecycle import JobState
from dialer.domain.outcomes import Outcome

MINUTE_S = 60.0
HOUR_S = 3600.0

SUCCESSES = frozenset({Outcome.REACHED, Outcome.CALLBACK, Outcome.DO_NOT_CALL, Outcome.CREATED})
"""Outcomes after which a job is done: somebody was spoken to, or the call was created."""

DEFAULT_DELAYS: Mapping[Outcome, tuple[float, ...]] = {
    Outcome.BUSY: (5 * MINUTE_S, 30 * MINUTE_S),
    Outcome.NO_ANSWER: (HOUR_S, 4 * HOUR_S),
    Outcome.VOICEMAIL: (4 * HOUR_S,),
    Outcome.DECLINED: (4 * HOUR_S,),
    Outcome.DIAL_FAILED: (15 * MINUTE_S,),
    Outcome.PROVIDER_UNAVAILABLE: (5 * MINUTE_S, 15 * MINUTE_S, HOUR_S),
    Outcome.SPAM_BLOCKED: (HOUR_S,),
    Outcome.PLATFORM_FAULT: (10 * MINUTE_S,),
    Outcome.CONFIGURATION: (HOUR_S,),
    Outcome.ACCOUNT: (HOUR_S,),
}
"""Seconds to wait before each repeat, per outcome; an outcome that is not here is never repeated."""


@dataclass(frozen=True, slots=True)
class Again:
    """The job is due again."""

    due_at: float


@dataclass(frozen=True, slots=True)
class Final:
    """The job is closed."""

    state: JobState


@dataclass(frozen=True, slots=True)
class RedialPolicy:
    """Delays per outcome, each outcome with its own count, and a ceiling over all of them."""

    attempts_max: int = 3
    """Attempts that count, per job."""
    put_back_s: float = 30.0
    """Delay after the first attempt that made no call; doubles with each, up to `put_back_max_s`."""
    put_back_max_s: float = 600.0
    put_backs_max: int = 20
    """Attempts of one job that may make no call, before the job is given up: over two hours of them."""
    delays: Mapping[Outcome, tuple[float, ...]] = field(default_factory=lambda: DEFAULT_DELAYS)

    def decide(
        self, outcome: Outcome, history: tuple[Outcome, ...], now: float, expires_at: float | None
    ) -> Again | Final:
        """What becomes of a job whose attempt has just ended with `outcome`.

        `history` holds the counted outcomes before this one, oldest first.
        """
        if outcome in SUCCESSES:
            return Final(JobState.DONE)
        delays = self.delays.get(outcome, ())
        repeats = history.count(outcome)
        if repeats >= len(delays) or len(history) + 1 >= self.attempts_max:
            return Final(JobState.FAILED)
        due_at = now + delays[repeats]
        if expires_at is not None and due_at >= expires_at:
            return Final(JobState.EXPIRED)
        return Again(due_at)

    def put_back(self, claims: int, history: tuple[Outcome, ...], now: float) -> Again | Final:
        """What becomes of a job whose attempt made no call, through no fault of its own.

        `claims` are the attempts before this one, counted or not.
        """
        before = claims - len(history)
        if before + 1 >= self.put_backs_max:
            return Final(JobState.FAILED)
        return Again(now + min(self.put_back_max_s, self.put_back_s * 2.0**before))
