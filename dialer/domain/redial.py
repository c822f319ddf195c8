"""Whether and when a person is called again, from how the attempts so far ended.

One table says it: the row of a reason, else the row of its outcome. A reason that we do not know has no row
of its own: its outcome comes from its status (`outcomes.classify`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo

from dialer.domain.dayparts import spread_out
from dialer.domain.delays import Delay, LocalTime, due_after
from dialer.domain.lifecycle import FINAL_JOBS, JOB_TRANSITIONS, JobState
from dialer.domain.outcomes import REASONS, Outcome

MINUTE_S = 60.0
HOUR_S = 3600.0

SUCCESSES = frozenset({Outcome.REACHED, Outcome.CALLBACK, Outcome.DO_NOT_CALL, Outcome.CREATED})
"""Outcomes after which a job is done: somebody was spoken to, or the call was created."""

NEVER_AGAIN = frozenset(
    {Outcome.DO_NOT_CALL, Outcome.INVALID_NUMBER, Outcome.CREATED, Outcome.REFUSED, Outcome.UNKNOWN}
)
"""Outcomes for which a campaign can have no row: a repeat is forbidden, or useless."""

PUT_BACK = frozenset({Outcome.NOT_RUNG, Outcome.CONFIGURATION, Outcome.ACCOUNT})
"""Outcomes for which it can have none either: nobody was rung, so the job goes back and nothing is spent."""

SPREAD = frozenset({Outcome.NO_ANSWER, Outcome.VOICEMAIL, Outcome.DECLINED})
"""Outcomes that say something of the time of day; a busy line or a fault is about this moment only."""

DOUBLINGS_MAX = 64
"""Of the first delay for being put back; after so many any delay has reached its bound."""

UNKNOWN_REASON = "unknown_reason"
"""The row of all reasons that are not in `outcomes.REASONS`, should there be one, but for successes."""

DEFAULT_DELAYS: Mapping[str, tuple[Delay, ...]] = {
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
"""What to wait before each repeat, per outcome; an outcome that is not here is never repeated."""

GIVE_UP_STATES = FINAL_JOBS & JOB_TRANSITIONS[JobState.BUSY]
"""What a job may be closed as when its redials are used up."""


def redial_key(text: str) -> str:
    """The key of a row: an outcome, a reason or `unknown_reason`. Raises `ValueError` with the way out."""
    key = text.strip().lower().replace(" ", "_").replace("-", "_")
    outcome = REASONS[key].outcome if key in REASONS else Outcome(key) if key in set(Outcome) else None
    if outcome is None and key != UNKNOWN_REASON:
        outcomes = ", ".join(outcome for outcome in Outcome if outcome not in NEVER_AGAIN | PUT_BACK)
        raise ValueError(
            f"{text!r} is no reason and no outcome: write a disconnection_reason of the API, "
            f"one of {outcomes}, or {UNKNOWN_REASON} for reasons that dialer does not know"
        )
    if outcome in NEVER_AGAIN:
        raise ValueError(f"{text!r} can have no redials, whatever the campaign: take this row out")
    if outcome in PUT_BACK:
        raise ValueError(
            f"{text!r} rings nobody: such a job is put back and spends no attempt; take this row out"
        )
    return key


def give_up_state(text: str) -> JobState:
    """What a job becomes when its redials are used up. Raises `ValueError` with the way out."""
    try:
        state = JobState(text.strip().lower())
    except ValueError:
        state = JobState.OPEN
    if state not in GIVE_UP_STATES:
        raise ValueError(f"{text!r} ends no job: write one of {', '.join(sorted(GIVE_UP_STATES))}")
    return state


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
    """Delays per reason or outcome, each row with its own count, and a ceiling over all of them."""

    attempts_max: int = 3
    """Attempts that count, per job."""
    put_back_s: float = 30.0
    """Delay after the first attempt that made no call; doubles with each, up to `put_back_max_s`."""
    put_back_max_s: float = 600.0
    put_backs_max: int = 20
    """Attempts of one job that may make no call, before the job is given up: over two hours of them."""
    delays: Mapping[str, tuple[Delay, ...]] = field(default_factory=lambda: DEFAULT_DELAYS)
    """Keys as `redial_key` gives them, values as `parse_delays` does."""
    give_up_as: Mapping[str, JobState] = field(default_factory=dict)
    """What a job becomes at last, for keys of `delays`; else done after a success, failed after all else."""
    spread: bool = False
    """After an outcome of `SPREAD`, move a redial to a part of the day in which nobody has tried yet.

    A delay that names a local time stays as it is, and so does one that could no longer be kept.
    """
    ends_at: float | None = None
    """The campaign's end: as every job's `expires_at`."""
    analysis_wait_s: float = 5.0
    """So long the end of a call that reached somebody waits for its analysis, which may tell of a mailbox."""

    @property
    def is_local(self) -> bool:
        """Whether `decide` goes by the callee's local time."""
        return self.spread or any(isinstance(each, LocalTime) for row in self.delays.values() for each in row)

    def decide(
        self,
        outcome: Outcome,
        history: tuple[Outcome, ...],
        now: float,
        expires_at: float | None,
        *,
        reason: str | None = None,
        past_reasons: Sequence[str | None] = (),
        zone: tzinfo | None = None,
        rung_at: Sequence[float] = (),
    ) -> Again | Final:
        """What becomes of a job whose attempt has just ended with `outcome`, for `reason`.

        `history` holds the counted outcomes before this one, oldest first, and `past_reasons` their reasons:
        without them an earlier attempt counts for a row if it had the same outcome. `zone` is the callee's,
        `rung_at` the times of the attempts, this one's too.
        """
        key = self._key(outcome, reason)
        delays = self.delays.get(key, ())
        if not delays:
            return Final(self._give_up(outcome, key))
        if past_reasons:
            past = zip(history, past_reasons, strict=True)
            repeats = sum(self._key(*each) == key for each in past)
        else:
            repeats = history.count(outcome)
        if repeats >= len(delays) or len(history) + 1 >= self.attempts_max:
            return Final(self._give_up(outcome, key))
        delay = delays[repeats]
        due_at = due_after(delay, now, zone)
        closes_at = earliest(expires_at, self.ends_at)
        if closes_at is not None and due_at >= closes_at:
            return Final(JobState.EXPIRED)
        if self.spread and zone is not None and outcome in SPREAD and not isinstance(delay, LocalTime):
            moved = spread_out(due_at, rung_at, zone)
            due_at = moved if closes_at is None or moved < closes_at else due_at
        return Again(due_at)

    def _key(self, outcome: Outcome, reason: str | None) -> str:
        """The row that an end falls under."""
        if reason is not None:
            if reason in self.delays:
                return reason
            if reason not in REASONS and UNKNOWN_REASON in self.delays and outcome not in SUCCESSES:
                return UNKNOWN_REASON
        return outcome

    def _give_up(self, outcome: Outcome, key: str) -> JobState:
        return self.give_up_as.get(key, JobState.DONE if outcome in SUCCESSES else JobState.FAILED)

    def put_back(self, claims: int, history: tuple[Outcome, ...], now: float) -> Again | Final:
        """What becomes of a job whose attempt made no call, through no fault of its own.

        `claims` are the attempts before this one, counted or not.
        """
        before = claims - len(history)
        if before + 1 >= self.put_backs_max:
            return Final(JobState.FAILED)
        return self.later(before, now)

    def later(self, before: int, now: float) -> Again:
        """When a job is due again after `before` attempts, and one more, that made no call."""
        delay_s = self.put_back_s * 2.0 ** min(before, DOUBLINGS_MAX)
        return Again(now + min(self.put_back_max_s, delay_s))


def earliest(*times: float | None) -> float | None:
    """The first of these moments; None if there is none."""
    return min((at for at in times if at is not None), default=None)
