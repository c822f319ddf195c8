"""One campaign at work: intake, dispatch, tracking and the results log in one task group.

Start: what the ledger holds open is resumed before anything new is claimed. Stop, for whatever reason: claim
nothing more, let the requests under way answer, leave the rest to the ledger. The next start resumes it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from random import Random

import anyio
import anyio.abc
import anyio.lowlevel

from dialer.domain.calls import Attempt, CallUpdate, CampaignId, new_attempt_id
from dialer.domain.errors import AccountBlocked
from dialer.domain.gates import Stop
from dialer.domain.outcomes import Effect
from dialer.domain.redial import RedialPolicy
from dialer.domain.screening import CampaignPolicy
from dialer.engine.attempts.active import ActiveAttempts, Work
from dialer.engine.attempts.analyses import Analyses
from dialer.engine.attempts.placing import Placer, PlacingConfig
from dialer.engine.attempts.runner import AttemptRunner
from dialer.engine.attempts.tracking import TrackingConfig
from dialer.engine.capacity.capacity import Capacity
from dialer.engine.capacity.pacing import Pace
from dialer.engine.capacity.slots import Slot
from dialer.engine.control_watch import Operators
from dialer.engine.dispatch import Dispatcher, Due
from dialer.engine.events import (
    AttemptUncertain,
    CampaignChanged,
    CampaignFailing,
    CampaignHeld,
    CampaignPart,
    CampaignStopping,
    LogWasShortened,
    Observe,
)
from dialer.engine.intake import Intake
from dialer.engine.results_log import Reporter
from dialer.ports.engine import CallApi, Clock, Control, Ledger, NothingDue, ResultSink


@dataclass(frozen=True, slots=True)
class CampaignConfig:
    cps: float
    burst_s: float
    guard_s: float
    slots: int
    refresh_s: float
    recover_s: float
    use_paid_burst: bool
    in_flight_max: int
    grace_s: float
    """After a stop, for requests under way to answer."""
    placing: PlacingConfig
    tracking: TrackingConfig
    redial: RedialPolicy
    screen: CampaignPolicy
    control_s: float = 0.5
    """Between two looks at what operators want."""
    limit: int | None = None
    """Attempts to make at most; None: no bound."""


class Campaign:
    """Works through one campaign. Build it, `work` once, `stop` it from anywhere in the same loop."""

    def __init__(
        self,
        name: str,
        ledger: Ledger,
        api: CallApi,
        sink: ResultSink,
        clock: Clock,
        chance: Random,
        config: CampaignConfig,
        observe: Observe,
        changed: Callable[[Control], CampaignConfig] | None,
        capacity: Capacity,
        *,
        served: bool = False,
    ) -> None:
        """`changed`: the configuration with what an operator changed meanwhile; it must not raise. None: it
        never changes. `capacity`: the account. `served`: the process goes on with other campaigns: no rule
        ends this one, and its results log is tried again; else an error of the log is raised."""
        self.name = name
        self._changed = changed
        self._capacity = capacity
        self._served = served
        self._held: str | None = None
        self._waits_for_an_end = False
        self._stops = False
        self._ledger = ledger
        self._api = api
        self._clock = clock
        self.config = config
        self._screen = config.screen
        self._due = Due(clock)
        self._observe = observe
        self._living: anyio.CancelScope | None = None
        self._background: anyio.abc.TaskGroup | None = None
        self._intake: Intake | None = None
        self._reading = anyio.CancelScope()
        self.stopping: CampaignStopping | None = None
        self.pace = Pace(
            config.cps,
            burst_s=config.burst_s,
            guard_s=config.guard_s,
            observe=observe,
            on_hold=capacity.held,
        )
        self.slots = capacity.slots(config, observe)
        self.tracker = capacity.tracker
        self.reporter = Reporter(ledger, sink, self._on_shortened, self._on_log if served else None)
        self.analyses = Analyses(ledger, clock, lambda _: self.reporter.tell())
        self.operators = Operators(
            ledger, on_cancel=self._cancel, on_pause=self._due.now, on_changes=self._take_changes
        )
        self._lives = self._make_lives(chance)
        self.under_way = self._make_under_way()
        self._dispatcher = self._make_dispatcher(chance)

    def _make_lives(self, chance: Random) -> AttemptRunner:
        config = self.config
        placer = Placer(
            self._api,
            self._ledger,
            self.tracker,
            self.pace,
            self._clock,
            chance,
            config.placing,
            self._observe,
            gate=self._capacity.gate,
            screen=self._screen_at_the_gate,
            leave=self._capacity.leave,
        )
        return AttemptRunner(
            self._ledger,
            placer,
            self.tracker,
            self._clock,
            config.redial,
            lambda: self._screen,
            self._observe,
            self._on_effect,
            self._capacity.gate,
            self._capacity.is_full,
            self._on_room,
        )

    def _make_under_way(self) -> ActiveAttempts:
        return ActiveAttempts(
            self._lives,
            self.slots,
            self._clock,
            self._observe,
            beside=self._beside,
            call_max_s=lambda: self.config.tracking.call_max_s,
            on_end=self.reporter.tell,
            on_none=self._due.now,
        )

    def _make_dispatcher(self, chance: Random) -> Dispatcher:
        config = self.config
        return Dispatcher(
            self._ledger,
            self.slots,
            self.pace,
            self._due,
            self._clock,
            in_flight_max=config.in_flight_max,
            lanes=min(config.in_flight_max, max(2, ceil(config.cps / 10))),
            screen=lambda: self._screen,
            encode=self._api.encode,
            new_id=partial(new_attempt_id, chance=chance),
            start=self._start,
            idle=self._idle,
            on_stop=self.drain,
            on_answer=self._on_answer,
            limit=config.limit,
            limits=self._capacity.limits,
            waits=self._served,
            gate=self._capacity.gate,
            call_max_s=config.tracking.call_max_s,
        )

    async def work(
        self,
        campaign_id: CampaignId,
        intake: Intake | None = None,
        begin: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Work until `stop`, or until it is cancelled; with an intake that ends, until all its work is done.

        `begin`: what comes before anything is claimed. Whoever calls this follows what operators want, and
        calls `settle_up` afterwards. Raises `BadInput` and `LedgerError`, alone or in an exception group.
        """
        self._intake = intake
        async with anyio.create_task_group() as self._background:
            self._background.start_soon(self.reporter.follow, campaign_id)
            self._background.start_soon(self.analyses.run)
            async with anyio.create_task_group() as living:
                self._living = living.cancel_scope
                living.start_soon(self.under_way.keep)
                if begin is not None:
                    await begin()
                if self.stopping is None:
                    if intake is not None:
                        living.start_soon(self._take_in, campaign_id, intake)
                    await self._dispatcher.run(campaign_id)
                await self.under_way.until_none_is_left()
                living.cancel_scope.cancel()
            self._background.cancel_scope.cancel()

    async def settle_up(self, campaign_id: CampaignId) -> None:
        """Write what is written last. Raises `LedgerError`."""
        await self.analyses.write()
        if (await self._ledger.control(campaign_id)).cancelled:  # also what came back from its last attempt
            await self._ledger.cancel_open(campaign_id, self._clock.now())
        await self.reporter.write(campaign_id)

    def stop(self, why: str, *, way_out: str = "", account: bool = False) -> None:
        """Stop politely. Everything is resumable at any moment, so this only saves the next start work."""
        if self._stops:
            return
        self._stops = True  # also out of a drain, which would last as long as its calls
        self.stopping = CampaignStopping(why, way_out, account)
        self._reading.cancel()
        self._dispatcher.stop()
        self.pace.stop()
        self._lives.stop()
        if self._living is not None:
            self._living.deadline = anyio.current_time() + self.config.grace_s
        self._observe(self.stopping)

    @property
    def is_idle(self) -> bool:
        """It has no attempt under way."""
        return self.under_way.is_empty

    @property
    def is_leaving(self) -> bool:
        """It takes nothing up any more: it was stopped, or it has come to the end of a drain."""
        return self._stops or (self.stopping is not None and self.is_idle)

    def contradicted(self, attempt: Attempt, why: str) -> None:
        """What was said of a closed attempt was not so."""
        self._observe(AttemptUncertain(attempt, why))

    def news(self) -> None:
        """Another worker or an intake wrote something: jobs may be due, a slot may be free."""
        self._due.now()
        self.reporter.tell()

    def has_room(self) -> None:
        """A call has ended, of this campaign or another one: a place may be free."""
        if self._waits_for_an_end:
            self._due.now()

    async def _take_in(self, campaign_id: CampaignId, intake: Intake) -> None:
        with self._reading:
            await intake.run(campaign_id, self._due.now)

    def _start(self, attempt: Attempt, slot: Slot, sent: Callable[[], None]) -> None:
        if self.operators.paused is not None:
            self.operators.paused = None  # since the last look, else the ledger would not have given it
            self._due.now()
        self.under_way.begin(attempt, slot, sent)

    def _beside(self, work: Work) -> None:
        assert self._background is not None  # noqa: S101 - set by work
        self._background.start_soon(work)

    def _on_room(self, due_at: float | None) -> None:
        self._capacity.has_room()
        if due_at is not None:
            self._due.at(due_at)

    def _on_log(self, why: str | None) -> None:
        self._observe(CampaignFailing(CampaignPart.RESULTS_LOG, why))

    def _on_shortened(self, why: str) -> None:
        self._observe(LogWasShortened(why))

    async def _idle(self, campaign_id: CampaignId, next_due_at: float | None) -> bool:
        """Nothing is due: is the work finished?"""
        read = self._intake is not None and self._intake.complete
        is_done = next_due_at is None and read and self.under_way.count == 0
        return is_done and await self._capacity.is_done_with(campaign_id)

    async def _on_effect(self, effect: Effect, reason: str) -> None:
        """In a service the campaign's breaker, which is in the ledger, holds it; the others go on."""
        if effect is Effect.STOP_ACCOUNT and not self._served:
            self.stop(
                f"the account may not call: {reason}",
                way_out="settle it in the Retell dashboard, then run the same command again",
                account=True,
            )

    def drain(self, stop: Stop) -> None:
        """Claim nothing more, and end when the calls that are going on have ended: a rule says so."""
        if self.stopping is None:
            self.stopping = CampaignStopping(stop.why, stop.way_out, account=False)
            self._reading.cancel()
            self._dispatcher.stop()
            self._observe(self.stopping)

    def change(self, config: CampaignConfig) -> None:
        """From now on these rules hold, for what is claimed next and for what has not left yet; and this
        pace and these slots."""
        self.config = config
        self._screen = config.screen
        self.pace.change(config.cps)
        self._capacity.change(self.slots, config)
        self._due.now()

    def _screen_at_the_gate(self, is_repeat: bool) -> CampaignPolicy:
        why = None if self.stopping is None else self.stopping.why
        return self.operators.at_the_gate(self._screen, why, is_repeat=is_repeat)

    def _cancel(self) -> None:
        self.drain(Stop("the campaign was cancelled", "begin another one"))
        self.pace.release()

    def _take_changes(self, control: Control) -> None:
        if self._changed is not None:
            config = self._changed(control)
            screen = replace(config.screen, version=control.version)  # else it would never be done
            self.change(replace(config, screen=screen))
            self._observe(CampaignChanged(control.changes))

    def _on_answer(self, nothing: NothingDue | None) -> None:
        """What a claim got; None: a job."""
        if nothing is not None:
            is_held = nothing.held is not None and self.operators.paused is None
            self._waits_for_an_end = nothing.busy or is_held
        why = None if nothing is None else nothing.held
        if why != self._held:
            self._held = why
            self._observe(CampaignHeld(why))

    def refused(self, error: AccountBlocked) -> None:
        """The API refuses the account for certain."""
        self.stop(str(error), way_out=error.way_out, account=True)


def contradiction(news: CallUpdate) -> str:
    """What goes on record with it."""
    return f"call {news.call_id} was heard of after the attempt had been closed as one that rang nobody"
