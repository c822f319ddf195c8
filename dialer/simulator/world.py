"""The state of the account: its calls and how they go, its slots, keys and rates.

A call's life, each arrow one timer on the event loop:

    registered ──ring──→ ongoing ──talk──→ ended | error ──analysis──→ analysed
        └────────ring──→ not_connected | error

Everything here decides synchronously; waiting and talking HTTP is the server's part.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Final

from dialer.simulator.account import Account, ConcurrencyRefusal, RateRefusal
from dialer.simulator.calls import Call, Kind, OddFigures, Request
from dialer.simulator.chance import dice
from dialer.simulator.faults import Faults
from dialer.simulator.limits import SlidingWindow, seconds_up
from dialer.simulator.people import NO_SLOT, Behaviour, Script, script_of, times_of
from dialer.simulator.report import Tally
from dialer.simulator.validation import Json, Refusal, allowed_by

DENY_RINGS: Final = (
    *("sip_routing_error", "telephony_provider_permission_denied"),
    *("concurrency_limit_reached", "no_concurrency_fallback", "registered_call_timeout"),
)
"""Reasons that say that nobody was rung, and stop no account."""


Who = Callable[[str, int], Behaviour]
"""What a number does when it is called, given how many calls it has answered before."""


class Event(StrEnum):
    """Webhook events; calls that never connect get `call_ended` only."""

    STARTED = "call_started"
    ENDED = "call_ended"
    ANALYZED = "call_analyzed"


class World:
    """All times are the event loop's seconds. `tell(call, event, last)` is called as events happen."""

    def __init__(
        self,
        account: Account,
        faults: Faults,
        *,
        seed: int,
        who: Who,
        tell: Callable[[Call, Event, bool], None],
    ) -> None:
        self.account = account
        self.faults = faults
        self.seed = seed
        self.tally = Tally()
        self.calls: list[Call] = []
        self.by_id: dict[str, Call] = {}
        self._who = who
        self._tell = tell
        self._by_key: dict[str, tuple[Call, int]] = {}
        self._by_attempt: dict[str, Call] = {}
        self._repeated_attempts: dict[str, list[Call]] = {}
        self._asked: dict[str, int] = {}
        self._answered: dict[str, int] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._rate = SlidingWindow(1.0)
        self._next_dial_at = 0.0
        self._made = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def stop(self) -> None:
        """The calls freeze as they are."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._loop = None

    def asked(self, number: str) -> int:
        """Counts a create request for the number; returns how many there were before."""
        before = self._asked.get(number, 0)
        self._asked[number] = before + 1
        return before

    def dial(self, body: Json, raw: bytes, nth: int, arrived: float, *, refused: bool = False) -> Call:
        """Makes a call, or gives back the one that its key made.

        `nth` is what `asked` returned. `refused`: as if no slot were free. Raises Refusal 400, 402, 422 or
        429. That a key with a different body gets 400 is our choice; it is not documented.
        """
        now = self.now()
        repeated = self._repeated(body, raw, now)
        if repeated is not None:
            self.tally.replays += 1
            return repeated
        allowed_by(self.account, body)
        wait_s = self._rate_wait_s(now)
        number = str(body["to_number"])
        full = refused or self.tally.live >= self.account.outbound_slots
        script = self._without_slot(number, nth) if full else self._script_of(number, body)
        call = self._new_call(Kind.DIALLED, body, f"{number}/{nth}", now, script=script)
        chance = dice(self.seed, "times", number, nth)
        call.ring_s, call.talk_s = times_of(script, self.account, chance)
        self.tally.accepted.append(arrived)
        if call.request.idempotency_key is not None:
            self._by_key[call.request.idempotency_key] = (call, hash(raw))
        if call.takes_slot:
            self._live_changes(+1, now)
        step = self._end if call.talk_s is None else self._connect
        self._at(now + wait_s + call.ring_s, step, call)
        return call

    def register(self, kind: Kind, body: Json, now: float) -> Call:
        """A call that is not dialled here and takes no slot: see Kind. Raises Refusal 402 or 422."""
        allowed_by(self.account, body)
        return self._new_call(kind, body, f"{kind}/{self._made}", now)

    def hang_up(self, call: Call) -> None:
        """Raises Refusal 400 if the call is over."""
        if call.ended_at is not None:
            raise Refusal(400, "Call is already ended.")
        self._end(call, "ended", "manual_stopped")

    def of_attempts(self, attempt_ids: Iterable[str]) -> list[Call]:
        """All calls whose `metadata.attempt_id` is one of these."""
        found: list[Call] = []
        for attempt in attempt_ids:
            if attempt in self._by_attempt:
                found.append(self._by_attempt[attempt])
                found += self._repeated_attempts.get(attempt, ())
        return found

    def _repeated(self, body: Json, raw: bytes, now: float) -> Call | None:
        key = body.get("idempotency_key")
        if not self.account.idempotency or not isinstance(key, str) or key not in self._by_key:
            return None
        call, fingerprint = self._by_key[key]
        if now - call.created_at >= self.account.key_life_s:
            return None
        if fingerprint != hash(raw):
            raise Refusal(400, "idempotency_key was already used with a different request.")
        return call

    def _rate_wait_s(self, now: float) -> float:
        """Takes a place in the account's calls per second; seconds until it may be dialled."""
        rate = self.account.calls_per_second
        if rate is None:
            return 0.0
        if self.account.rate_refusal == RateRefusal.QUEUE:
            turn = max(now, self._next_dial_at)
            self._next_dial_at = turn + 1.0 / rate
            return turn - now
        limit = max(1, int(rate))
        self._rate.period_s = max(self.account.cps_window_s, 1.0 / rate)
        wait_s = self._rate.wait_s(now, limit)
        if wait_s > 0.0:
            raise self.over_limit("calls-per-second", limit, wait_s)
        self._rate.add(now)
        return 0.0

    def over_limit(self, limiter: str, limit: int, reset_s: float) -> Refusal:
        """A 429 with the API's headers; every second one for a limit also carries Retry-After."""
        self.tally.refusals[limiter] += 1
        headers = {
            "X-RateLimit-Limiter": limiter,
            "RateLimit-Limit": str(limit),
            "RateLimit-Remaining": "0",
            "RateLimit-Reset": str(seconds_up(reset_s)),
        }
        if self.tally.refusals[limiter] % 2 == 0:
            headers["Retry-After"] = headers["RateLimit-Reset"]
        return Refusal(429, "Account rate limited, please throttle your requests.", headers)

    def _without_slot(self, number: str, nth: int) -> Script:
        self.tally.refusals["concurrency"] += 1
        form = self.account.concurrency_refusal
        if form == ConcurrencyRefusal.BOTH:
            heads = dice(self.seed, "refusal", number, nth).random() < 0.5
            form = ConcurrencyRefusal.HTTP if heads else ConcurrencyRefusal.CALL_ERROR
        if form == ConcurrencyRefusal.CALL_ERROR:
            return NO_SLOT
        raise Refusal(429, f"Concurrency limit of {self.account.concurrency_limit} calls reached.")

    def _script_of(self, number: str, body: Json) -> Script:
        if self.account.provider_down:
            return script_of(Behaviour.PROVIDER_DOWN, 0)
        if body["from_number"] in self.account.flagged_numbers:
            return script_of(Behaviour.SPAM, 0)
        before = self._answered.get(number, 0)
        self._answered[number] = before + 1
        return script_of(self._who(number, before), before)

    def _new_call(
        self, kind: Kind, body: Json, name: str, now: float, *, script: Script | None = None
    ) -> Call:
        # no id is given twice, also not by another simulator of the same seed: a ledger may know both
        whose = f"{self.seed}/{name}/{body.get('metadata')}"
        digest = hashlib.blake2b(whose.encode(), digest_size=16).hexdigest()
        late = self._hit("listing_late", name)
        lag_s = self.faults.listing_late_s if late else self.account.listing_lag_s
        call = Call(
            seq=self._made,
            call_id=f"call_{digest}",
            kind=kind,
            request=Request.of(body, self.account.agent_id),
            script=script,
            created_at=now,
            listed_at=now + lag_s,
        )
        if self._hit("odd_figures", name):
            call.odd = dice(self.seed, "odd", name).choice(list(OddFigures))
        call.denied_by_listing = self._hit("listing_denies", name)
        call.denied_by_get = self._hit("get_denies", name)
        self._made += 1
        self._keep(call)
        return call

    def call_before(self, call: Call) -> Call:
        """The call that was made before this one; itself if it is the first."""
        at = self.calls.index(call)
        return self.calls[max(0, at - 1)]

    def _hit(self, fault: str, *of: object) -> bool:
        hit = self.faults.hits(fault, self.seed, *of)
        if hit:
            self.tally.faults[fault] += 1
        return hit

    def forget(self) -> None:
        """Lets go of the calls of which nothing more will come, and of their keys."""
        calls = [call for call in self.calls if call.call_id in self._timers]
        keys = {key: made for key, made in self._by_key.items() if made[0].call_id in self._timers}
        for each in (self.calls, self.by_id, self._by_attempt, self._repeated_attempts):
            each.clear()
        for call in calls:
            self._keep(call)
        self._by_key = keys
        self.tally.forget()

    def _keep(self, call: Call) -> None:
        self.calls.append(call)
        self.by_id[call.call_id] = call
        if (
            call.request.attempt_id is not None
            and self._by_attempt.setdefault(call.request.attempt_id, call) is not call
        ):
            self._repeated_attempts.setdefault(call.request.attempt_id, []).append(call)

    def _connect(self, call: Call) -> None:
        call.status = "ongoing"
        call.started_at = self.now()
        self._tell(call, Event.STARTED, False)
        self._at(call.started_at + (call.talk_s or 0.0), self._end, call)

    def _end(self, call: Call, status: str | None = None, reason: str | None = None) -> None:
        timer = self._timers.pop(call.call_id, None)
        if timer is not None:
            timer.cancel()
        if call.script is not None:
            call.status, call.reason = call.script.status, call.script.reason
        call.status, call.reason = status or call.status, reason or call.reason
        if call.started_at is not None and self._hit("reason_denies_ring", call.call_id):
            call.status = "error"
            call.reason = dice(self.seed, "denied", call.call_id).choice(DENY_RINGS)
        call.ended_at = self.now()
        if call.takes_slot:
            self._live_changes(-1, call.ended_at)
        analysing = call.started_at is not None and not self._hit("analysis_missing", call.call_id)
        self._tell(call, Event.ENDED, not analysing)
        if analysing:
            self._at(call.ended_at + self.account.analysis_s, self._analyse, call)

    def _analyse(self, call: Call) -> None:
        self._timers.pop(call.call_id, None)
        call.analysed = True
        self._tell(call, Event.ANALYZED, True)

    def now(self) -> float:
        if self._loop is None:
            raise RuntimeError("the simulator is not being served")
        return self._loop.time()

    def _at(self, when: float, step: Callable[[Call], None], call: Call) -> None:
        if self._loop is not None:
            self._timers[call.call_id] = self._loop.call_at(when, step, call)

    def _live_changes(self, by: int, now: float) -> None:
        self.tally.live_changes(by, now, self.account.used_by_others)
