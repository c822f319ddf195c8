"""What people see while a campaign runs."""

import io
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from rich.console import Console

from dialer.cli.progress import ProgressView, Snapshot, snapshot_of
from dialer.domain.calls import Attempt, AttemptId, CallJob, CampaignId, JobId, OpenJob
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.domain.outcomes import Outcome
from dialer.domain.waiting import Waiting
from dialer.engine.events import (
    AttemptClaimed,
    AttemptClosed,
    AttemptParked,
    AttemptUncertain,
    CampaignHeld,
    CampaignStopping,
    Event,
    IntakeProgressed,
    RequestHeld,
)
from dialer.ports.engine import CampaignCounts, IntakeCounts
from dialer.telemetry.tally import Tally

NOON_S = 1_763_398_800.0
"""2025-11-17 12:00 in New York."""
NEW_YORK = ZoneInfo("America/New_York")
NUMBER = "+12125550142"
JOB = OpenJob(JobId(1), CampaignId(1), CallJob(key=NUMBER, to_number=NUMBER), due_at=0.0, claims=0)


def attempt(name: str, at: float) -> Attempt:
    return Attempt(AttemptId(name), JOB, 1, AttemptState.CLAIMED, None, b"{}", at, at)


@dataclass
class Scene:
    """A campaign of 3,000 jobs of which 100 were final before this run."""

    now: float = NOON_S
    slots: tuple[int, int] = (18, 20)
    zone: ZoneInfo = NEW_YORK
    tally: Tally = field(default_factory=Tally)
    before: CampaignCounts = field(
        default_factory=lambda: CampaignCounts(
            jobs={JobState.DONE: 100, JobState.OPEN: 900},
            outcomes={},
            live=0,
            uncertain=0,
            attempts=0,
            calls=0,
            next_due_at=None,
        )
    )

    def __post_init__(self) -> None:
        self.view = ProgressView("spring", self.tally, self.snapshot, self.zone)
        self.tell(IntakeProgressed(IntakeCounts(rows=3000, new=2000, same=1000), complete=True))

    def snapshot(self) -> Snapshot:
        return snapshot_of(self.tally, self.before, self.now, self.slots)

    def tell(self, *events: Event) -> None:
        for event in events:
            self.tally.observe(event)
            self.view.observe(event)

    def call(
        self, outcome: Outcome, state: JobState, due_at: float | None = None, each_s: float = 1.0
    ) -> None:
        """One attempt, claimed and closed at once, `each_s` after the one before."""
        self.now += each_s
        one = attempt(f"a{self.tally.claimed}", self.now)
        self.tell(AttemptClaimed(one, resumed=False))
        self.tell(AttemptClosed(one, AttemptState.ENDED, outcome, state, due_at, None, None, self.now))

    def drawn(self) -> str:
        console = Console(file=io.StringIO(), width=80, color_system=None, force_terminal=True)
        console.print(self.view.render())
        assert isinstance(console.file, io.StringIO)
        return console.file.getvalue()


def test_a_campaign_at_work() -> None:
    scene = Scene()
    for n in range(200):
        scene.call(Outcome.VOICEMAIL if n % 10 == 0 else Outcome.REACHED, JobState.DONE)
    drawn = scene.drawn()
    assert "spring" in drawn
    assert "300 of 3,000" in drawn
    assert "18 of 20 slots   1.0 a second   about 45 min left" in drawn
    assert "reached 180, voicemail 20" in drawn
    assert "held" not in drawn
    assert "uncertain" not in drawn
    assert max(map(len, drawn.splitlines())) <= 80
    assert len(drawn.splitlines()) == 3
    assert scene.view.line() == (
        "12:03   300 of 3,000 final   18 of 20 slots   1.0 a second   reached 180, voicemail 20   "
        "about 45 min left"
    )


def test_while_the_leads_are_read() -> None:
    scene = Scene()
    scene.tell(IntakeProgressed(IntakeCounts(rows=200, new=200), complete=False))
    assert "100 of 1,200, reading" in scene.drawn()


def test_a_simulation_shows_its_clock() -> None:
    scene = Scene()
    assert "simulated" not in scene.drawn()
    for speed, says in ((900.0, "900 times faster"), (None, "as fast as it can")):
        scene.view = ProgressView(
            "spring", scene.tally, scene.snapshot, scene.zone, speed=speed, pace_window_s=225.0
        )
        assert f"clock      Mon 12:00, simulated, {says}" in scene.drawn()
    for _ in range(90):
        scene.call(Outcome.REACHED, JobState.DONE)
    scene.now += 100.0
    assert "0.5 a second" in scene.drawn(), "over the time between two drawings, not the last ten seconds"


def test_when_only_redials_are_left() -> None:
    scene = Scene(slots=(0, 20))
    scene.call(Outcome.NO_ANSWER, JobState.OPEN, due_at=NOON_S + 7500)
    scene.call(Outcome.BUSY, JobState.OPEN, due_at=NOON_S + 300)
    scene.now = NOON_S + 60
    assert "next call due at 12:05" in scene.drawn()
    scene.now = NOON_S + 400
    assert "next call due at 14:05" in scene.drawn()


def test_while_nobody_may_be_called_the_rate_of_the_day_says_nothing() -> None:
    """Those that wait for the morning wait by a rule, of which no event tells when it ends."""
    scene = Scene(slots=(0, 20))
    for _ in range(30):
        scene.call(Outcome.REACHED, JobState.DONE)
        scene.now += 1.0
    assert "left" in scene.drawn()
    scene.now += 3 * 3600
    drawn = scene.drawn()
    assert "left" not in drawn
    assert "next call" not in drawn


def test_while_the_api_holds_us() -> None:
    scene = Scene()
    scene.tell(RequestHeld("429 too many requests", 3.0))
    assert "held       429 too many requests; again in 3 s" in scene.drawn()
    scene.now += 3.0
    assert "held" not in scene.drawn()


def test_what_holds_the_campaign_is_said_until_it_is_over() -> None:
    scene = Scene()
    scene.tell(CampaignHeld("paused by ann: lunch"))
    assert "held       paused by ann: lunch" in scene.drawn()
    scene.tell(CampaignHeld(None))
    assert "held" not in scene.drawn()


def test_while_nobody_is_called_it_is_said_who_waits_and_for_what() -> None:
    scene = Scene(slots=(0, 20))
    scene.view.waiting = [Waiting("hours", ("America/Denver",), 3, NOON_S + 7200)]
    assert "waiting    outside calling hours: 3 from 12:00 Denver (in 2 h 00 min)." in scene.drawn()
    assert "waiting: outside calling hours" in scene.view.line()
    scene.slots = (1, 20)
    assert "waiting" not in scene.drawn(), "somebody is called"


def test_what_is_not_certain_is_said() -> None:
    scene = Scene()
    scene.tell(
        AttemptUncertain(attempt("a1", 0.0), "timeout"), AttemptUncertain(attempt("a2", 0.0), "timeout")
    )
    scene.tell(AttemptParked(attempt("a2", 0.0), "not listed"))
    assert "1 unknown, 1 being looked for: timeout" in scene.drawn()


def test_while_it_stops() -> None:
    scene = Scene()
    scene.tell(RequestHeld("429", 30.0), CampaignStopping("402 unpaid", "pay the bill", account=True))
    drawn = scene.drawn()
    assert "stopping   402 unpaid; pay the bill" in drawn
    assert "held" not in drawn
    assert "left" not in drawn


def test_no_number_is_shown() -> None:
    scene = Scene()
    scene.call(Outcome.REACHED, JobState.DONE)
    assert "0142" not in scene.drawn() + scene.view.line()
