"""One campaign at work: intake, dispatch, tracking and the results log in one task group.

Start: what the ledger holds open is resumed before anything new is claimed. Stop, for whatever reason: claim
nothing more, let the requests under way answer, leave the rest to the ledger. The next start resumes it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from random import Random

import anyio
import anyio.abc
import anyio.lowlevel

from dialer.domain.calls import Attempt, CallUpdate, CampaignId, new_attempt_id
from dialer.domain.errors import AccountBlocked, CallError
from dialer.domain.gates import Stop
from dialer.domain.lifecycle import OPEN_ATTEMPTS, AttemptState
from dialer.domain.outcomes import Effect
from dialer.domain.redial import RedialPolicy
from dialer.domain.screening import CampaignPolicy
from dialer.engine.attempts.active import ActiveAttempts, Work
from dialer.engine.attempts.analyses import Analyses
from dialer.engine.attempts.left_behind import Beside
from dialer.engine.attempts.placing import Placer, PlacingConfig
from dialer.engine.attempts.runner import AttemptRunner
from dialer.engine.attempts.tracking import Tracker, TrackingConfig
from dialer.engine.attempts.untracked import Strangers
from dialer.engine.capacity.local import Account
from dialer.engine.capacity.pacing import Pace
from dialer.engine.capacity.shared import Crew
from dialer.engine.capacity.slots import Slot, Slots
from dialer.engine.control_watch import Operators
from dialer.engine.dispatch import Dispatcher, Due
from dialer.engine.events import (
    AttemptUncertain,
    CampaignChanged,
    CampaignFailing,
    CampaignHeld,
    CampaignPart,
    CampaignStopping,
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
    """Works through one campaign. Build it, `run` it once, `stop` it from anywhere in the same loop."""

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
        changed: Callable[[Control], CampaignConfig] | None = None,
        crew: Crew | None = None,
    ) -> None:
        """`changed`: the configuration with what an operator changed meanwhile; it must not raise. None: it
        never changes. `crew`: who else dials on the account; None: nobody does."""
        self.name = name
        self._changed = changed
        self._crew = crew
        self._held: str | None = None
        self._waits_for_an_end = False
        self._stops = False
        self._ledger = ledger
        self._api = api
        self._clock = clock
        self._config = config
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
            on_hold=None if crew is None else crew.held,
        )
        self.slots = Slots(
            config.slots, recover_s=config.recover_s, burst=config.use_paid_burst, observe=observe
        )
        self.tracker = Tracker(api, config.tracking) if crew is None else crew.tracker
        self.reporter = Reporter(ledger, sink, None if crew is None else self._on_log)
        self.analyses = Analyses(ledger, clock, lambda _: self.reporter.tell())
        self.operators = Operators(
            ledger, on_cancel=self._cancel, on_pause=self._due.now, on_changes=self._take_changes
        )
        self._strangers = Strangers(self._meet)
        self.beside = Beside(self.slots, self.tracker, clock)
        self._lives = self._make_lives(chance)
        self.under_way = self._make_under_way()
        self._dispatcher = self._make_dispatcher(chance)

    def _make_lives(self, chance: Random) -> AttemptRunner:
        config = self._config
        placer = Placer(
            self._api,
            self._ledger,
            self.tracker,
            self.pace,
            self._clock,
            chance,
            config.placing,
            self._observe,
            screen=self._screen_at_the_gate,
            leave=None if self._crew is None else self._crew.leave,
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
            self._on_blocked,
            self.slots.shrink if self._crew is None else self._crew.is_full,
            self._on_room,
        )

    def _make_under_way(self) -> ActiveAttempts:
        return ActiveAttempts(
            self._lives,
            self.slots,
            self._clock,
            self._observe,
            beside=self._beside,
            call_max_s=lambda: self._config.tracking.call_max_s,
            on_end=self.reporter.tell,
            on_none=self._due.now,
        )

    def _make_dispatcher(self, chance: Random) -> Dispatcher:
        config = self._config
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
            limits=None if self._crew is None else self._crew.limits,
        )

    async def run(self, campaign_id: CampaignId, intake: Intake) -> None:
        """Work until every job is final or open for a reason, or `stop`, with the account to itself.

        Raises `BadInput` and `LedgerError`, alone or in an exception group.
        """
        config, self._intake = self._config, intake
        account = Account(
            self._api,
            self.slots,
            self.tracker,
            answered=partial(self._ledger.answered_calls, campaign_id),
            refresh_s=config.refresh_s,
            recover_s=config.recover_s,
            on_blocked=self._on_blocked,
        )
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(account.run)
            tasks.start_soon(self.operators.follow, campaign_id, lambda: self._config.control_s)
            await self._work(campaign_id, account)
            tasks.cancel_scope.cancel()
        await self._settle_up(campaign_id)

    async def serve(self, campaign_id: CampaignId) -> None:
        """Work until `stop`, or until it is cancelled, as one campaign of a service.

        The service follows what operators want. Raises `LedgerError`, alone or in an exception group.
        """
        await self._work(campaign_id, None)
        await self._settle_up(campaign_id)

    async def _work(self, campaign_id: CampaignId, account: Account | None) -> None:
        async with anyio.create_task_group() as self._background:
            self._background.start_soon(self.reporter.follow, campaign_id)
            self._background.start_soon(self.analyses.run)
            async with anyio.create_task_group() as living:
                self._living = living.cancel_scope
                living.start_soon(self.under_way.keep)
                if account is not None:
                    self._background.start_soon(self._strangers.run)
                    await self._resume(campaign_id)
                    await account.look()
                if self.stopping is None:
                    if self._intake is not None:
                        living.start_soon(self._take_in, campaign_id, self._intake)
                    await self._dispatcher.run(campaign_id)
                await self.under_way.until_none_is_left()
                living.cancel_scope.cancel()
            self._background.cancel_scope.cancel()

    async def _settle_up(self, campaign_id: CampaignId) -> None:
        await self.analyses.write()
        if (await self._ledger.control(campaign_id)).cancelled:  # also what came back from its last attempt
            await self._ledger.cancel_open(campaign_id, self._clock.now())
        await self.reporter.write(campaign_id)

    def heard(self, news: CallUpdate) -> None:
        """Take in what a webhook says, at any time and any number of times."""
        if not self.tracker.heard(news, by_webhook=True):
            self._strangers.heard(news)
        self.analyses.heard(news)

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
            self._living.deadline = anyio.current_time() + self._config.grace_s
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

    async def _meet(self, news: CallUpdate) -> None:
        """Hear of a call that nobody follows, with the account for itself; a service meets it for all."""
        why = contradiction(news)
        shown = await self._ledger.contradict(news, why, self._clock.now())
        if shown is None:
            return
        self.contradicted(shown.attempt, why)
        if shown.is_followed:
            self.under_way.take_over(shown.attempt)
            await anyio.lowlevel.checkpoint()  # its life begins
            self.tracker.heard(news)

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

    async def _resume(self, campaign_id: CampaignId) -> None:
        """Go on with what an earlier process left open; it takes its slots before anything new.

        So do the calls that it left in other campaigns: they are the account's, too.
        """
        if await self._ledger.has_dialled():
            self.pace.assume_full()
        call_max_s = self._config.tracking.call_max_s
        left = await self._ledger.left_beside(campaign_id, call_max_s, self._clock.now())
        self.beside.hold(left, call_max_s, self._beside)
        left_open = await self._ledger.open_attempts(campaign_id, OPEN_ATTEMPTS)
        for attempt in left_open:
            self.under_way.take_over(attempt)
        for attempt in await self._ledger.open_attempts(campaign_id, frozenset({AttemptState.UNKNOWN})):
            self.under_way.take_over(attempt)

    def _start(self, attempt: Attempt, slot: Slot, sent: Callable[[], None]) -> None:
        if self.operators.paused is not None:
            self.operators.paused = None  # since the last look, else the ledger would not have given it
            self._due.now()
        self.under_way.begin(attempt, slot, sent)

    def _beside(self, work: Work) -> None:
        assert self._background is not None  # noqa: S101 - set by run
        self._background.start_soon(work)

    def _on_room(self, due_at: float | None) -> None:
        if self._crew is None:
            self.has_room()
        else:
            self._crew.has_room()
        if due_at is not None:
            self._due.at(due_at)

    def _on_log(self, why: str | None) -> None:
        self._observe(CampaignFailing(CampaignPart.RESULTS_LOG, why))

    def _idle(self, next_due_at: float | None) -> bool:
        """Nothing is due: is the work finished?"""
        read = self._intake is not None and self._intake.complete
        return next_due_at is None and read and self.under_way.count == 0

    async def _on_effect(self, effect: Effect, reason: str) -> None:
        if effect is Effect.STOP_ACCOUNT:
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
        self._config = config
        self._screen = config.screen
        self.pace.change(config.cps)
        self.slots.configure(config.slots)
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

    async def _on_blocked(self, error: CallError) -> None:
        way_out = error.way_out if isinstance(error, AccountBlocked) else ""
        self.stop(str(error), way_out=way_out, account=True)


def contradiction(news: CallUpdate) -> str:
    """What goes on record with it."""
    return f"call {news.call_id} was heard of after the attempt had been closed as one that rang nobody"
