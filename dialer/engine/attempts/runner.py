"""One attempt's life, from its claim to its end; a resumed one goes the same way as a new one.

Decide, then write down, then tell. Nothing here comes back up the way: when a person is to be called again,
the ledger makes the job due again.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import assert_never

import anyio

from dialer.domain.calls import Attempt, CallUpdate, JobId, JobKind
from dialer.domain.errors import AccountBlocked, Blame, CallError, CallUncertain
from dialer.domain.evidence import RUNG, NobodyRung, NoCall
from dialer.domain.lifecycle import AttemptState, CallTaken, IllegalTransition, JobState
from dialer.domain.outcomes import Effect, Outcome, classify
from dialer.domain.records import record
from dialer.domain.redial import SUCCESSES, Again, Final, RedialPolicy
from dialer.domain.results import analysis_line, attempt_line, job_line
from dialer.domain.screening import CampaignPolicy
from dialer.domain.suppression import Suppressed
from dialer.engine.account_gate import AccountGate, Asked
from dialer.engine.attempts.placing import Parked, Placed, Placement, Placer, PutBack, Refused
from dialer.engine.attempts.tracking import Followed, Following, Tracker
from dialer.engine.capacity.pacing import PaceStopped
from dialer.engine.events import (
    AttemptClaimed,
    AttemptClosed,
    AttemptParked,
    AttemptTakenOver,
    AttemptUncertain,
    CallPlaced,
    Observe,
)
from dialer.ports.engine import AttemptUpdate, Clock, Finish, Ledger

TRIES_AT_ONCE = 2
"""So often a request that was refused for the agent goes again at once. With the first that makes three,
after which the campaign stops, also one of a single person."""


@record
class _Ended:
    """The call is over, or is settled by having been created; the person may have been rung."""

    state = AttemptState.ENDED


@record
class _Unspent:
    """Nobody was rung; the attempt does not count."""

    proof: NoCall | NobodyRung
    state = AttemptState.UNSPENT


@record
class _Refused:
    """The API will never take the request."""

    proof: NoCall
    state = AttemptState.REFUSED


@record
class _Close:
    """How an attempt is to be closed, decided before anything is written."""

    how: _Ended | _Unspent | _Refused
    outcome: Outcome
    after: Again | Final
    counts: bool
    news: CallUpdate | None = None
    error: str | None = None
    blame: Blame | None = None
    """What a refused request was refused for."""
    analysed: CallUpdate | None = None
    """What has been heard of the call's analysis by now; what comes later is written by `Analyses`."""


class AttemptRunner:
    """Runs attempts, any number at a time."""

    def __init__(
        self,
        ledger: Ledger,
        placer: Placer,
        tracker: Tracker,
        clock: Clock,
        redial: RedialPolicy,
        screen: Callable[[], CampaignPolicy],
        observe: Observe,
        on_effect: Callable[[Effect, str], Awaitable[None]],
        gate: AccountGate,
        on_full: Callable[[], None],
        on_room: Callable[[float | None], None],
    ) -> None:
        """`on_full`: the account refused a call for want of room. `on_room`: a request was answered or an
        attempt closed, so that a claim may get what it waited for; with the time its job is due again."""
        self._ledger = ledger
        self._placer = placer
        self._tracker = tracker
        self._clock = clock
        self._redial = redial
        self._screen = screen
        self._observe = observe
        self._on_effect = on_effect
        self._gate = gate
        self._on_full = on_full
        self._on_room = on_room
        self._followed: set[Followed] = set()
        self._resting: set[anyio.CancelScope] = set()
        self._accepted = 0
        """Requests of this process that made a call."""
        self._refused: dict[JobId, int] = {}
        """How many had, when a job's request was refused last without a word of what it is about."""
        self._stopped = False

    def stop(self) -> None:
        """End every life that only waits; what it waits for is in the ledger. Requests under way go on."""
        self._stopped = True
        for followed in self._followed:
            followed.end()
        for scope in self._resting:
            scope.cancel()

    async def begin(
        self, attempt: Attempt, sent: Callable[[], None], free_slot: Callable[[], None]
    ) -> Attempt | None:
        """Live a fresh attempt. `sent` is called once its request no longer is under way.

        `free_slot`: called if the call is over and only its analysis is waited for.

        The attempt comes back if it was parked; else it is closed, or a stop left it open.
        """
        with self._follow(attempt) as followed:
            followed.free_slot = free_slot
            try:
                placement = await self._send(attempt, followed)
            finally:
                sent()
            if isinstance(placement, CallUncertain):
                return await self._uncertain(attempt, followed, str(placement))
            return await self._take_fresh(attempt, followed, placement)

    async def resume(self, attempt: Attempt, free_slot: Callable[[], None]) -> Attempt | None:
        """Live an attempt that was found open: whether its request left is not known. As `begin`."""
        with self._follow(attempt) as followed:
            followed.free_slot = free_slot
            if attempt.state is AttemptState.PLACED:
                return await self._track(attempt, followed)
            return await self._uncertain(attempt, followed, "it was under way when the last process ended")

    async def watch_parked(
        self, attempt: Attempt, first_s: float, every_s: float, looked: Callable[[bool], None]
    ) -> None:
        """Look for an unknown attempt in the background; found, it goes on as any other.

        `first_s`: before the first look. `looked`: told after each whether the call was found; one that
        nobody could carry out has not found it.
        """
        wait_s = first_s
        with self._follow(attempt) as followed, self._rest():
            while followed.news is None and not followed.is_over:
                with anyio.move_on_after(wait_s):
                    await followed.until_found()
                wait_s = every_s
                with suppress(CallError):  # nobody could look; the next round will
                    await self._tracker.look(followed)
                looked(followed.news is not None)
            if followed.news is not None:
                await self._found(attempt, followed, followed.news)

    async def _found(self, attempt: Attempt, followed: Followed, news: CallUpdate) -> None:
        """The call of an unknown attempt, which an operator may have resolved meanwhile."""
        try:
            await self._placed(attempt, followed, Placed(news, adopted=True))
        except IllegalTransition:
            why = f"call {news.call_id} was found, but an operator had resolved the attempt"
            self._observe(AttemptUncertain(attempt, why))
            shown = await self._ledger.contradict(news, why, self._clock.now())
            if shown is not None and shown.is_followed:
                await self._again(shown.attempt, followed)
            else:
                self._observe(AttemptTakenOver(attempt, why, closed=True))  # else it would count as live

    async def _send(self, attempt: Attempt, followed: Followed) -> Placement | CallUncertain:
        try:
            placement = await self._placer.send(attempt, followed)
        except PaceStopped:
            return PutBack("stopped before the request left", at_once=True)
        except AccountBlocked as error:
            self._gate.refused(error, Asked.CREATE)
            return PutBack(str(error), at_once=True)
        if isinstance(placement, Placed | Refused):
            self._gate.accepted()
        return placement

    async def _take_fresh(self, attempt: Attempt, followed: Followed, placement: Placement) -> Attempt | None:
        """What the answers to a fresh attempt's request come to, beside what else was heard of its call."""
        if isinstance(placement, Placed | Parked):
            return await self._take(attempt, followed, placement)
        if isinstance(placement, PutBack) and placement.account_full:
            self._on_full()
        proof = followed.evidence.no_call()
        if proof is not None:
            await self._close(attempt, self._without_a_call(attempt, placement, proof))
        if followed.evidence.news is None:
            return None
        news = followed.evidence.news
        why = f"the answer said that no call was made ({placement.why}), but call {news.call_id} was heard of"
        self._observe(AttemptUncertain(attempt, why))
        if proof is None:
            return await self._placed(attempt, followed, Placed(news, adopted=True))
        shown = await self._ledger.contradict(news, why, self._clock.now())  # heard while that was written
        return await self._again(shown.attempt, followed) if shown and shown.is_followed else None

    async def _again(self, reopened: Attempt, followed: Followed) -> Attempt | None:
        """Follow a call that was heard of after its attempt had been closed as one without a call."""
        self._observe(AttemptClaimed(reopened, resumed=True))
        if followed.call_id is None and reopened.call_id is not None:
            self._tracker.placed(followed, reopened.call_id)
        return await self._track(reopened, followed)

    def _without_a_call(self, attempt: Attempt, placement: PutBack | Refused, proof: NoCall) -> _Close:
        now, job = self._clock.now(), attempt.job
        match placement:
            case PutBack(why, _, at_once):
                after = Again(now) if at_once else self._redial.put_back(job.claims, job.history, now)
                return _Close(_Unspent(proof), Outcome.NOT_RUNG, after, counts=False, error=why)
            case Refused(why, blame):
                return self._refusal(attempt, why, blame, proof)
            case _:
                assert_never(placement)

    def _refusal(self, attempt: Attempt, why: str, blame: Blame, proof: NoCall) -> _Close:
        """What is not about the person closes no job: it is called once that is put right."""
        now, job = self._clock.now(), attempt.job
        if blame is Blame.LINE and attempt.from_number is None:
            blame = Blame.SETUP
        outcome, before = Outcome.CONFIGURATION, job.claims - len(job.history)
        match blame:
            case Blame.LINE:
                after = Again(now)  # by another line, or when this one has rested
            case Blame.SETUP:
                after = Again(now) if before < TRIES_AT_ONCE else self._redial.later(before, now)
            case Blame.UNCLEAR if not self._is_its_own(job.id) or before < TRIES_AT_ONCE:
                outcome, after = Outcome.REFUSED, self._redial.later(before, now)
            case Blame.DO_NOT_CALL:
                done = Final(JobState.DONE)
                kept = Outcome.DO_NOT_CALL
                return _Close(_Refused(proof), kept, done, counts=True, error=why, blame=blame)
            case Blame.PERSON | Blame.UNCLEAR:
                final = Final(JobState.FAILED)
                return _Close(_Refused(proof), Outcome.REFUSED, final, counts=True, error=why, blame=blame)
            case _:
                assert_never(blame)
        return _Close(_Unspent(proof), outcome, after, counts=False, error=why, blame=blame)

    def _is_its_own(self, job_id: JobId) -> bool:
        """Whether other requests made calls since this job's was refused the last time."""
        accepted = self._refused.pop(job_id, self._accepted)
        if self._accepted > accepted:
            return True
        self._refused[job_id] = self._accepted
        return False

    async def _take(self, attempt: Attempt, followed: Followed, placement: Placed | Parked) -> Attempt | None:
        match placement:
            case Placed():
                return await self._placed(attempt, followed, placement)
            case Parked(why):
                return await self._park(attempt, why)
            case _:
                assert_never(placement)

    async def _uncertain(self, attempt: Attempt, followed: Followed, why: str) -> Attempt | None:
        now = self._clock.now()
        # when a claimed attempt's request left, nobody wrote down: as late as now, for all we know
        sent_at, call_max_s = attempt.last_sent_at, None
        if attempt.state is AttemptState.CLAIMED:
            sent_at, call_max_s = now, self._tracker.call_max_s
        attempt = replace(attempt, state=AttemptState.UNCERTAIN, last_sent_at=sent_at)
        await self._ledger.update(
            AttemptUpdate(
                attempt,
                AttemptState.UNCERTAIN,
                now,
                last_sent_at=sent_at,
                error=why,
                call_max_s=call_max_s,
            )
        )
        self._observe(AttemptUncertain(attempt, why))
        placement: Placed | Parked | None = None
        with self._rest(), suppress(PaceStopped):
            placement = await self._placer.settle(attempt, followed, why)
        return None if placement is None else await self._take(attempt, followed, placement)

    async def _placed(self, attempt: Attempt, followed: Followed, placed: Placed) -> Attempt | None:
        try:
            return await self._follow_call(attempt, followed, placed)
        except CallTaken as error:
            return await self._not_its_call(attempt, followed, str(error))

    async def _not_its_call(self, attempt: Attempt, followed: Followed, why: str) -> Attempt | None:
        """It was given another attempt's call: look for its own, once; then nobody can tell."""
        self._tracker.not_its_call(followed)
        if attempt.state is AttemptState.CLAIMED:
            return await self._uncertain(attempt, followed, why)
        self._observe(AttemptUncertain(attempt, why))
        return None if attempt.state is AttemptState.UNKNOWN else await self._park(attempt, why)

    async def _follow_call(self, attempt: Attempt, followed: Followed, placed: Placed) -> Attempt | None:
        news, now, was = placed.news, self._clock.now(), attempt.state
        attempt = attempt.placed(news.call_id, now)
        self._accepted += 1
        self._refused.pop(attempt.job.id, None)
        self._on_room(None)
        self._observe(CallPlaced(attempt, news.call_id, placed.adopted, now - attempt.claimed_at))
        if attempt.job.job.kind is not JobKind.PHONE_CALL:
            done = Final(JobState.DONE)
            await self._close(attempt, _Close(_Ended(), Outcome.CREATED, done, counts=True, news=news))
            return None
        if followed.call_id is None:
            self._tracker.placed(followed, news.call_id)
        self._tracker.heard(news)
        reopened = JobState.BUSY if was is AttemptState.UNKNOWN else None
        await self._ledger.update(
            AttemptUpdate(
                attempt,
                AttemptState.PLACED,
                now,
                call_id=news.call_id,
                job_state=reopened,
                breakers=self._screen().breakers,
                call_max_s=self._tracker.call_max_s,
            )
        )
        return await self._track(attempt, followed)

    async def _track(self, attempt: Attempt, followed: Followed) -> Attempt | None:
        await followed.until_over()
        with self._rest():
            await self._doubt(followed)
        if followed.has_anothers_call:
            why = f"call {attempt.call_id}, which it was given, is another attempt's"
            return await self._park(replace(attempt, call_id=None), why)
        if followed.lost:
            return await self._park(attempt, "the API does not know the call id any more")
        if followed.news is not None and followed.news.is_over and not followed.is_doubted:
            await self._ended(attempt, followed, followed.news)
        return None  # else a stop let it go: the next process follows it

    async def _ended(self, attempt: Attempt, followed: Followed, news: CallUpdate) -> None:
        meaning = classify(news.status, news.reason)
        if meaning.effect is Effect.PUT_BACK:
            self._on_full()
        proof = None if meaning.effect in RUNG else followed.evidence.nobody_rung()
        now, job = self._clock.now(), attempt.job
        if proof is not None:
            after: Again | Final = self._redial.put_back(job.claims, job.history, now)
            close = _Close(_Unspent(proof), meaning.outcome, after, counts=False, news=news)
        elif meaning.effect in RUNG:
            outcome = await self._reached_whom(meaning.outcome, followed)
            now = self._clock.now()
            after = self._decide(outcome, attempt, news, now)
            close = _Close(_Ended(), outcome, after, counts=True, news=news)
        else:
            outcome = Outcome.PLATFORM_FAULT
            after = self._decide(outcome, attempt, news, now)
            why = f"{news.reason} says that nobody was rung, but the call has a start, a length or a cost"
            close = _Close(_Ended(), outcome, after, counts=True, news=news, error=why)
        await self._close(attempt, replace(close, analysed=followed.analysed))
        if meaning.effect is not Effect.NONE:
            await self._on_effect(meaning.effect, news.reason or news.status)

    async def _reached_whom(self, outcome: Outcome, followed: Followed) -> Outcome:
        """A mailbox may end as a person does: its analysis, which comes after the end, says so.

        Waits for that without a slot, at most as long as the policy says.
        """
        if outcome is not Outcome.REACHED:
            return outcome
        if followed.analysed is None and self._redial.analysis_wait_s:
            followed.free_slot()
            with self._rest(), anyio.move_on_after(self._redial.analysis_wait_s):
                await followed.until_analysed()
            if followed.analysed is None and followed.call_id is not None and not self._stopped:
                await self._tracker.ask(followed, followed.call_id)
        analysed = followed.analysed
        return Outcome.VOICEMAIL if analysed is not None and analysed.found_voicemail else outcome

    async def _doubt(self, followed: Followed) -> None:
        """An end that says that nobody was rung is believed once get-call says that the call is over."""
        news = followed.news
        if news is not None and news.is_over and classify(news.status, news.reason).effect not in RUNG:
            followed.is_doubted = True
            await self._tracker.ask_until_over(followed, news.call_id)
            followed.is_doubted = False

    def _decide(self, outcome: Outcome, attempt: Attempt, news: CallUpdate, now: float) -> Again | Final:
        job, zone = attempt.job, None
        if outcome not in SUCCESSES and self._redial.is_local:
            zone = self._screen().zone_of(job.job)
        # the row of a reason that says something else does not fit
        fits = outcome is classify(news.status, news.reason).outcome
        return self._redial.decide(
            outcome,
            job.history,
            now,
            job.job.expires_at,
            reason=news.reason if fits or outcome is not Outcome.VOICEMAIL else None,
            zone=zone,
            rung_at=(*job.rung_at, attempt.claimed_at),
        )

    async def _park(self, attempt: Attempt, why: str) -> Attempt:
        now, call_max_s = self._clock.now(), self._tracker.call_max_s
        await self._ledger.update(
            AttemptUpdate(
                attempt,
                AttemptState.UNKNOWN,
                now,
                last_sent_at=now,
                error=why,
                job_state=JobState.UNKNOWN,
                line=attempt_line(attempt, AttemptState.UNKNOWN, Outcome.UNKNOWN, now, None, why),
                breakers=self._screen().breakers,
                call_max_s=call_max_s,
            )
        )
        # a repeat may have left up to now, and its call lasts from then
        parked = replace(attempt, state=AttemptState.UNKNOWN, last_sent_at=now, live_for_s=call_max_s)
        self._observe(AttemptParked(parked, why))
        return parked

    async def _close(self, attempt: Attempt, close: _Close) -> None:
        now, job = self._clock.now(), attempt.job
        lines = [attempt_line(attempt, close.how.state, close.outcome, now, close.news, close.error)]
        call_id = close.news.call_id if close.news else attempt.call_id
        job_state = JobState.OPEN
        due_at: float | None = None
        match close.after:
            case Again(at):
                due_at = at
            case Final(state):
                job_state = state
                lines.append(job_line(job, state, close.outcome, attempt.number, call_id, now, close.error))
            case _:
                assert_never(close.after)
        if close.analysed is not None and close.analysed.call_id == call_id:
            lines.append(analysis_line(attempt, close.analysed, now))
        history = (*job.history, close.outcome) if close.counts else job.history
        await self._ledger.finish(
            Finish(
                attempt,
                close.how.state,
                close.outcome,
                now,
                job_state,
                due_at,
                history,
                lines,
                close.news,
                close.error,
                suppress=self._asked_for_no_more(attempt, close),
                spent_cents=self._spent_cents(attempt, close.news if close.counts else None),
                breakers=self._screen().breakers,
                blame=close.blame,
            )
        )
        self._on_room(due_at)
        self._observe(
            AttemptClosed(
                attempt, close.how.state, close.outcome, job_state, due_at, close.news, close.error, now
            )
        )

    def _asked_for_no_more(self, attempt: Attempt, close: _Close) -> Suppressed | None:
        number = attempt.job.job.to_number
        if close.outcome is not Outcome.DO_NOT_CALL or number is None:
            return None
        now = self._clock.now()
        if close.blame is not None:
            return Suppressed(number, "retell", "is marked do-not-call in Retell's contacts", now)
        reason = f"the person asked for it in call {close.news.call_id if close.news else ''}"
        return Suppressed(number, "call", reason, now)

    def _spent_cents(self, attempt: Attempt, news: CallUpdate | None) -> float:
        rule = self._screen().budget
        if rule is None or news is None or attempt.reserved_cents is None:
            return 0.0
        return rule.cost(news, attempt.reserved_cents)

    def _follow(self, attempt: Attempt) -> Following:
        """Hear of its call, until a stop."""
        following = self._tracker.follow(attempt, self._followed, partial(self._closed_elsewhere, attempt))
        if self._stopped:
            following.followed.end()
        return following

    def _closed_elsewhere(self, attempt: Attempt) -> None:
        self._observe(AttemptTakenOver(attempt, "another worker heard first how it ended", closed=True))

    @contextmanager
    def _rest(self) -> Iterator[None]:
        """Waiting that a stop may end."""
        with anyio.CancelScope() as scope:
            if self._stopped:
                scope.cancel()
            self._resting.add(scope)
            try:
                yield
            finally:
                self._resting.discard(scope)
