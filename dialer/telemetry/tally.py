"""What has happened so far, in numbers: folds the engine's events, for progress, metrics and log lines."""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import assert_never

from dialer.domain.calls import AttemptId
from dialer.domain.lifecycle import FINAL_JOBS, JobState
from dialer.domain.outcomes import Outcome
from dialer.domain.service_parts import ServicePart
from dialer.engine.events import (
    ApiAnswered,
    AttemptClaimed,
    AttemptClosed,
    AttemptParked,
    AttemptTakenOver,
    AttemptUncertain,
    CallPlaced,
    CampaignChanged,
    CampaignFailing,
    CampaignHeld,
    CampaignStopping,
    Event,
    IntakeProgressed,
    LogWasShortened,
    MessageFailed,
    MessageRefused,
    QueueLost,
    QueueReached,
    RequestHeld,
    ServiceFailing,
    SlotsChanged,
    WebhookRefused,
)
from dialer.ports.engine import IntakeCounts

CLAIMS_KEPT_MAX = 1024
PACE_WINDOW_S = 10.0


@dataclass(slots=True)
class Tally:
    """Counts since this process started; the ledger knows what was before. An observer: `tally.observe`."""

    intake: IntakeCounts = field(default_factory=IntakeCounts)
    intake_complete: bool = False
    claimed: int = 0
    """Attempts written ahead by this process."""
    resumed: int = 0
    """Attempts found open at start."""
    placed: int = 0
    """Calls that got their id."""
    adopted: int = 0
    """Those of them that were found afterwards."""
    uncertain: int = 0
    """Requests without a clear answer, ever."""
    parked: int = 0
    """Attempts that became unknown, ever."""
    held: int = 0
    """Times the API said not now."""
    closed: Counter[Outcome] = field(default_factory=Counter)
    """Attempts by how they ended."""
    jobs: Counter[JobState] = field(default_factory=Counter)
    """Jobs that became final with an attempt; one that was dropped without an attempt is not seen here."""
    slots: int | None = None
    """Calls at once that are allowed now; None until it was said."""
    held_why: str | None = None
    """Why nobody may be called now, whoever it is."""
    changes: int = 0
    """Changes of the settings while it ran."""
    queue_is_reached: bool | None = None
    """None until it was tried."""
    queue_losses: int = 0
    """Times that the queue's broker could not be reached, or was lost."""
    refused: Counter[str] = field(default_factory=Counter)
    """Messages that went to the dead letters, by code."""
    messages_failed: int = 0
    """Messages that went back to the queue."""
    stopping: CampaignStopping | None = None
    failing: dict[ServicePart, ServiceFailing] = field(default_factory=dict)
    """What all campaigns share and fails now."""
    live_ids: set[AttemptId] = field(default_factory=set)
    """Attempts under way. As many as there are slots at most."""
    uncertain_ids: set[AttemptId] = field(default_factory=set)
    """Attempts being looked for now."""
    uncertain_why: str = ""
    """Of the last one."""
    unknown_ids: set[AttemptId] = field(default_factory=set)
    """Attempts that are unknown now."""
    claim_times: deque[float] = field(default_factory=lambda: deque(maxlen=CLAIMS_KEPT_MAX))

    def observe(self, event: Event) -> None:
        """Take one event."""
        match event:
            case AttemptClaimed():
                self._claimed(event)
            case CallPlaced():
                self.placed += 1
                self.adopted += event.adopted
                self._moved_on(event.attempt.id)
                self.live_ids.add(event.attempt.id)
            case AttemptClosed():
                self._closed(event)
            case IntakeProgressed(counts=counts, complete=complete):
                self.intake, self.intake_complete = counts, complete
            case AttemptUncertain(attempt=attempt, why=why):
                self.uncertain += 1
                self.uncertain_why = why
                self.uncertain_ids.add(attempt.id)
            case AttemptParked(attempt=attempt):
                self.parked += 1
                self._moved_on(attempt.id)
                self.unknown_ids.add(attempt.id)
            case AttemptTakenOver(attempt=attempt):
                self._moved_on(attempt.id)
            case RequestHeld():
                self.held += 1
            case SlotsChanged(slots=slots):
                self.slots = slots
            case CampaignHeld(why=why):
                self.held_why = why
            case CampaignChanged():
                self.changes += 1
            case CampaignStopping():
                self.stopping = event
            case QueueReached():
                self.queue_is_reached = True
            case QueueLost():
                self.queue_is_reached = False
                self.queue_losses += 1
            case MessageRefused(code=code):
                self.refused[code] += 1
            case MessageFailed():
                self.messages_failed += 1
            case ServiceFailing(part=part, why=None):
                self.failing.pop(part, None)
            case ServiceFailing(part=part):
                self.failing[part] = event
            case WebhookRefused() | CampaignFailing() | LogWasShortened() | ApiAnswered():
                pass
            case _:
                assert_never(event)

    def _claimed(self, event: AttemptClaimed) -> None:
        self.live_ids.add(event.attempt.id)
        if event.resumed:
            self.resumed += 1
        else:
            self.claimed += 1
            self.claim_times.append(event.attempt.claimed_at)

    def _closed(self, event: AttemptClosed) -> None:
        self._moved_on(event.attempt.id)
        self.closed[event.outcome] += 1
        if event.job_state in FINAL_JOBS:
            self.jobs[event.job_state] += 1

    def _moved_on(self, attempt_id: AttemptId) -> None:
        self.live_ids.discard(attempt_id)
        self.uncertain_ids.discard(attempt_id)
        self.unknown_ids.discard(attempt_id)

    @property
    def live(self) -> int:
        """Attempts under way now."""
        return len(self.live_ids)

    @property
    def final(self) -> int:
        """Jobs that became final with an attempt."""
        return self.jobs.total()

    def per_second(self, now: float, window_s: float = PACE_WINDOW_S) -> float:
        """Calls claimed per second in the last `window_s` seconds before `now` (Unix seconds).

        Over a shorter time while fewer are remembered: just after the start, or when very fast.
        """
        recent = [at for at in self.claim_times if now - at < window_s]
        if not recent:
            return 0.0
        all_are_recent = len(recent) == len(self.claim_times)
        span_s = now - recent[0] if all_are_recent else window_s
        return len(recent) / max(span_s, 1.0)
