"""What a running campaign looks like: a few calm lines on a terminal, one line now and then elsewhere."""

import heapq
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import assert_never
from zoneinfo import ZoneInfo

from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dialer.cli import formatting
from dialer.cli.waiting_text import waiting_text
from dialer.domain.lifecycle import FINAL_JOBS, JobState
from dialer.domain.texts import printable
from dialer.domain.waiting import Waiting
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
from dialer.ports.engine import CampaignCounts
from dialer.telemetry.tally import PACE_WINDOW_S, Tally

ENDS_KEPT_MAX = 500
ENDS_FOR_RATE_MIN = 5
BAR_CHARS = 40
LABEL_CHARS = 9


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where the campaign stands, in this run and before it."""

    now: float
    """Unix seconds, on the campaign's own clock."""
    jobs: int
    """All jobs of the campaign, as far as the leads are read."""
    final: int
    unknown: int
    """Jobs of which nobody can tell whether a call was made."""
    slots_in_use: int
    slots: int


def snapshot_of(tally: Tally, before: CampaignCounts, now: float, slots: tuple[int, int]) -> Snapshot:
    """`before`: what the ledger held when this run began; the tally has what happened since."""
    return Snapshot(
        now=now,
        jobs=sum(before.jobs.values()) + tally.intake.new,
        final=sum(before.jobs.get(state, 0) for state in FINAL_JOBS) + tally.final,
        unknown=before.jobs.get(JobState.UNKNOWN, 0) + len(tally.unknown_ids),
        slots_in_use=slots[0],
        slots=slots[1],
    )


class ProgressView:
    """Draws one campaign. It takes the engine's events, the tally of them, and a snapshot when it draws."""

    def __init__(
        self,
        campaign: str,
        tally: Tally,
        snapshot: Callable[[], Snapshot],
        zone: ZoneInfo,
        *,
        speed: float | None = 1.0,
        pace_window_s: float = PACE_WINDOW_S,
    ) -> None:
        """`speed`: of the campaign's clock, None if it is virtual. `pace_window_s`: on that clock."""
        self._speed = speed
        self._pace_window_s = pace_window_s
        self._campaign = campaign
        self._tally = tally
        self._snapshot = snapshot
        self._zone = zone
        self._ends: deque[float] = deque(maxlen=ENDS_KEPT_MAX)
        self._due: list[float] = []
        self._held_why = ""
        self._held_until = float("-inf")
        self._campaign_held: str | None = None
        self.waiting: Sequence[Waiting] = ()
        """Who is not due, as the ledger said when it was last asked."""

    def observe(self, event: Event) -> None:
        """Take one event, for what the tally does not keep."""
        match event:
            case AttemptClosed(job_state=state, due_at=due_at, at=at):
                if state in FINAL_JOBS:
                    self._ends.append(at)
                elif due_at is not None:
                    heapq.heappush(self._due, due_at)
            case RequestHeld(why=why, wait_s=wait_s):
                self._held_why, self._held_until = why, self._snapshot().now + wait_s
            case AttemptClaimed() | AttemptUncertain() | AttemptParked() | AttemptTakenOver() | CallPlaced():
                pass
            case CampaignHeld(why=held):
                self._campaign_held = held
            case IntakeProgressed() | SlotsChanged() | CampaignChanged() | CampaignStopping():
                pass
            case QueueReached() | QueueLost() | MessageRefused() | MessageFailed() | WebhookRefused():
                pass
            case CampaignFailing() | ServiceFailing() | LogWasShortened() | ApiAnswered():
                pass
            case _:
                assert_never(event)

    def render(self) -> Table:
        """The lines for a terminal."""
        at = self._snapshot()
        lines = Table.grid(padding=(0, 2), pad_edge=False)
        lines.add_column(style="dim", no_wrap=True, min_width=LABEL_CHARS)
        lines.add_column(overflow="fold")
        bar = Table.grid(padding=(0, 2))
        drawn = ProgressBar(
            total=max(at.jobs, 1),
            completed=at.final,
            width=BAR_CHARS,
            style="bright_black",
            complete_style="cyan",
            finished_style="green",
        )
        bar.add_row(drawn, Text(f"{formatting.count(at.final)} of {self._of_jobs(at)}"))
        lines.add_row(Text(printable(self._campaign), style="bold"), bar)
        lines.add_row("calls", f"{self._calls(at)}   {self._ahead(at)}".rstrip())
        if outcomes := formatting.counts(self._tally.closed):
            lines.add_row("outcomes", Text(printable(outcomes)))
        if self._speed != 1.0:
            lines.add_row("clock", self._clock(at))
        for label, text, style in self._troubles(at):
            lines.add_row(label, Text(printable(text), style=style))
        return lines

    def line(self) -> str:
        """The same in one line, for a file."""
        at = self._snapshot()
        parts = [
            f"{formatting.moment(at.now, at.now, self._zone)}",
            f"{formatting.count(at.final)} of {self._of_jobs(at)} final",
            self._calls(at),
            formatting.counts(self._tally.closed),
            *(f"{label}: {text}" for label, text, _ in self._troubles(at)),
            self._ahead(at),
        ]
        return printable("   ".join(part for part in parts if part))

    @property
    def is_idle(self) -> bool:
        """Whether nobody is called although some are left: then the ledger can say why."""
        at = self._snapshot()
        return self._is_idle(at) and at.final < at.jobs and self._tally.stopping is None

    def _is_idle(self, at: Snapshot) -> bool:
        return at.slots_in_use == 0 and self._tally.intake_complete and not self._per_second(at)

    def _of_jobs(self, at: Snapshot) -> str:
        return formatting.count(at.jobs) + ("" if self._tally.intake_complete else ", reading")

    def _calls(self, at: Snapshot) -> str:
        return f"{at.slots_in_use} of {at.slots} slots   {self._per_second(at):.1f} a second"

    def _per_second(self, at: Snapshot) -> float:
        return self._tally.per_second(at.now, self._pace_window_s)

    def _clock(self, at: Snapshot) -> str:
        how = "as fast as it can" if self._speed is None else f"{self._speed:g} times faster"
        return f"{formatting.weekday_moment(at.now, self._zone)}, simulated, {how}"

    def _troubles(self, at: Snapshot) -> Iterator[tuple[str, str, str]]:
        """Label, text and style of each thing that is not as it should be."""
        looked_for = len(self._tally.uncertain_ids)
        if looked_for or at.unknown:
            parts = [f"{formatting.count(at.unknown)} unknown"] if at.unknown else []
            if looked_for:
                parts += [f"{formatting.count(looked_for)} being looked for: {self._tally.uncertain_why}"]
            yield "uncertain", ", ".join(parts), "yellow"
        for failing in self._tally.failing.values():
            yield "failing", f"{failing.why}; {failing.remedy}".strip("; "), "yellow"
        if (stopping := self._tally.stopping) is not None:
            yield "stopping", f"{stopping.why}; {stopping.way_out}".strip("; "), "yellow"
        elif self._campaign_held is not None:
            yield "held", self._campaign_held, "yellow"
        elif self._held_until > at.now:
            yield "held", f"{self._held_why}; again in {formatting.span(self._held_until - at.now)}", "yellow"
        if self.is_idle and (text := waiting_text(self.waiting, at.now, self._zone)):
            yield "waiting", f"{text}. Ctrl-C is safe.", ""

    def _ahead(self, at: Snapshot) -> str:
        """How long it still takes, or when the next call is due if nothing can be called until then."""
        if self._tally.stopping is not None or at.final >= at.jobs:
            return ""
        while self._due and self._due[0] <= at.now:
            heapq.heappop(self._due)
        if self._is_idle(at):  # the rate of before says nothing now
            due_at = self._due[0] if self._due and not self.waiting else None
            return (
                "" if due_at is None else f"next call due at {formatting.moment(due_at, at.now, self._zone)}"
            )
        if len(self._ends) < ENDS_FOR_RATE_MIN or at.now <= self._ends[0]:
            return ""
        each_s = (at.now - self._ends[0]) / len(self._ends)
        return f"about {formatting.span((at.jobs - at.final) * each_s)} left"
