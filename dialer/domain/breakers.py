"""Breakers: when calls fail for a reason that the next calls would fail for too, no further call is made.

What failed decides what is held, and for how long:

    account (unpaid, out of credit, blocked)    the campaign stops
    configuration (permission, SIP routing)     the campaign stops after 3 in a row
    marked as spam, blocked by a network        that line rests, then one trial call
    provider unavailable, several in a row      that line, or all, rest for longer and longer, then a trial
    refused requests (4xx), 50 within a minute  all wait for the window, before the API's 60 a minute
    refused requests, 20 in a row               the campaign stops
    a from-number that the API does not take    that line rests, then one trial call; if that is so of all
                                                lines of the campaign, it stops
    an agent that the API does not take, or a   the campaign stops after 3 in a row
    form of request that it does not take

Held jobs stay in the ledger as they are and spend no attempt. A line's breaker is the number's, for all
campaigns; the others are the campaign's. Both are kept in the ledger as text: a restart changes nothing, and
another process can show them. `after` gives back the same object when nothing has changed.

Source of the 60 a minute: the API's documentation of its rate limits (answers of 4xx, per organization).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, assert_never

from dialer.domain.calls import AttemptId
from dialer.domain.gates import GO, Go, Hold, Stop, Trial
from dialer.domain.resting import CLOSED, Proof, Rest, RestRule
from dialer.domain.signs import Event, Sign, flag_proof, line_proof, provider_proof

WINDOW_S = 60.0
"""The API counts refused requests over this."""
GUARD_S = 1.0
"""Kept beyond the window, since its server counts when an answer leaves and we when it arrives."""

FLAGGED_REST = RestRule(after=1, first_s=3600.0, max_s=86_400.0)
REFUSED_REST = RestRule(after=1, first_s=300.0, max_s=3600.0)
"""Of a line that the account does not have: until somebody has bought it, or taken it out of the list."""
PROVIDER_REST = RestRule(after=3, first_s=30.0, max_s=1800.0)


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """None or 0: that breaker is off. The account's is never off."""

    flagged: RestRule | None = FLAGGED_REST
    provider: RestRule | None = PROVIDER_REST
    provider_is_shared: bool = False
    """All lines go through one provider and rest together."""
    configuration_max: int = 3
    """Stop after so many configuration faults in a row, on one line or on any: a call that goes out in
    between shows that the set-up works, and that the fault was the destination's. Also after so many requests
    in a row that were refused for the agent, or for something that they all have."""
    refused_in_a_row_max: int = 20
    """Stop after so many: then it is not the numbers, which were checked before, but what they share."""
    refused_a_minute_max: int = 50

    @property
    def line_provider(self) -> RestRule | None:
        """The provider's rule as far as it holds for a single line."""
        return None if self.provider_is_shared else self.provider

    @property
    def shared_provider(self) -> RestRule | None:
        """The provider's rule as far as it holds for all lines together."""
        return self.provider if self.provider_is_shared else None


def _rest_after(
    rest: Rest, proof: Proof | None, event: Event, rule: RestRule | None, why: str, now: float
) -> Rest:
    if proof is None or rule is None:
        return rest
    if rest is CLOSED and proof is not Proof.FAILED:  # as it nearly always is
        return rest
    return rest.after(proof, event.attempt_id, event.claimed_at, f"{why}: {event.detail}", rule, now)


def _try_with(rest: Rest, rule: RestRule | None, attempt_id: AttemptId, now: float) -> Rest:
    on_trial = rule is not None and isinstance(rest.judge(now), Trial)
    return rest.try_with(attempt_id, now) if on_trial else rest


@dataclass(frozen=True, slots=True)
class LineBreaker:
    """The state of one from-number."""

    flagged: Rest = CLOSED
    provider: Rest = CLOSED
    refused: Rest = CLOSED
    """The API does not take calls from it."""

    @property
    def trials(self) -> frozenset[str]:
        """The attempts that are its trial calls."""
        each = (self.flagged.trial, self.provider.trial, self.refused.trial)
        return frozenset(trial for trial in each if trial is not None)

    def judge(self, rules: BreakerRules, now: float) -> Go | Hold | Trial:
        """Whether the line may make a call."""
        verdicts = [self.refused.judge(now)] + [
            rest.judge(now)
            for rest, rule in ((self.flagged, rules.flagged), (self.provider, rules.line_provider))
            if rule is not None
        ]
        holds = [verdict for verdict in verdicts if isinstance(verdict, Hold)]
        if holds:
            return max(holds, key=lambda hold: (hold.until is None, hold.until))
        return next((verdict for verdict in verdicts if isinstance(verdict, Trial)), GO)

    def allows(self, rules: BreakerRules, attempt_id: AttemptId) -> bool:
        """Whether an attempt that was claimed a while ago may still be sent; else it is put back."""
        flagged = rules.flagged is None or self.flagged.allows(attempt_id)
        return (
            flagged
            and self.refused.allows(attempt_id)
            and (rules.line_provider is None or self.provider.allows(attempt_id))
        )

    def try_with(self, rules: BreakerRules, attempt_id: AttemptId, now: float) -> Self:
        """This attempt is the trial that `judge` asks for."""
        return replace(
            self,
            flagged=_try_with(self.flagged, rules.flagged, attempt_id, now),
            provider=_try_with(self.provider, rules.line_provider, attempt_id, now),
            refused=_try_with(self.refused, REFUSED_REST, attempt_id, now),
        )

    def tried_anew(self, now: float) -> Self:
        """Somebody has seen to it: whether the API takes calls from it is tried now, not after its rest."""
        if self.refused.until is None or self.refused.until <= now:
            return self
        return replace(self, refused=replace(self.refused, until=now))

    def after(self, event: Event, rules: BreakerRules, now: float) -> Self:
        """The state once an attempt from this line has ended (or was accepted)."""
        flagged = _rest_after(
            self.flagged, flag_proof(event.sign), event, rules.flagged, "the line is flagged", now
        )
        provider = _rest_after(
            self.provider, provider_proof(event.sign), event, rules.line_provider, _PROVIDER, now
        )
        refused = _rest_after(self.refused, line_proof(event.sign), event, REFUSED_REST, _NOT_TAKEN, now)
        if flagged is self.flagged and provider is self.provider and refused is self.refused:
            return self
        return replace(self, flagged=flagged, provider=provider, refused=refused)

    def to_text(self) -> str:
        """One line of JSON."""
        rests = {"flagged": self.flagged, "provider": self.provider, "refused": self.refused}
        return _dump({name: rest.to_data() for name, rest in rests.items()})

    @classmethod
    def from_text(cls, text: str) -> Self:
        """From `to_text`. Raises `ValueError` for anything else."""
        try:
            data = json.loads(text)
            refused = data.get("refused")  # older versions wrote none
            return cls(
                Rest.from_data(data["flagged"]),
                Rest.from_data(data["provider"]),
                CLOSED if refused is None else Rest.from_data(refused),
            )
        except (TypeError, LookupError, AttributeError) as error:
            raise ValueError(_DAMAGED) from error


@dataclass(frozen=True, slots=True)
class CampaignBreaker:
    """The state of one campaign."""

    stop: Stop | None = None
    """Stays until an operator runs the campaign again."""
    faults: int = 0
    """Configuration faults in a row, on any line."""
    line_faults: tuple[tuple[str, int], ...] = ()
    """Configuration faults in a row on each line that has some."""
    refused_in_a_row: int = 0
    setup_refused: int = 0
    """Those of them that blame the agent or what all requests have, in a row."""
    refused_at: tuple[float, ...] = ()
    """When the last requests were refused, oldest first; as many as may be within a minute."""
    provider: Rest = CLOSED

    def judge(self, rules: BreakerRules, under_way: int, now: float) -> Go | Hold | Trial | Stop:
        """Whether the campaign may make a call. `under_way`: requests without an answer as yet."""
        if self.stop is not None:
            return self.stop
        refused = self._judge_refused(rules.refused_a_minute_max, under_way, now)
        if refused is not None:
            return refused
        return self.provider.judge(now) if rules.shared_provider is not None else GO

    def _judge_refused(self, most: int, under_way: int, now: float) -> Hold | None:
        # in the future: the clock was set back
        recent = [at for at in self.refused_at if abs(now - at) < WINDOW_S + GUARD_S]
        if most == 0 or not recent:
            return None
        if len(recent) >= most:
            until = recent[-most] + WINDOW_S + GUARD_S
            return Hold(
                f"{len(recent)} requests were refused within a minute, and the API blocks at 60", until
            )
        if len(recent) + under_way >= most:  # when one was refused the next may be too
            return Hold("requests were refused, and too many are under way to send more before their answers")
        return None

    def allows(self, rules: BreakerRules, attempt_id: AttemptId) -> bool:
        """Whether an attempt that was claimed a while ago may still be sent; else it is put back."""
        return self.stop is None and (rules.shared_provider is None or self.provider.allows(attempt_id))

    def try_with(self, rules: BreakerRules, attempt_id: AttemptId, now: float) -> Self:
        """This attempt is the trial that `judge` asks for."""
        provider = _try_with(self.provider, rules.shared_provider, attempt_id, now)
        return self if provider is self.provider else replace(self, provider=provider)

    def after(self, event: Event, rules: BreakerRules, now: float) -> Self:
        """The state once an attempt was accepted, or has ended."""
        proof = provider_proof(event.sign)
        provider = _rest_after(self.provider, proof, event, rules.shared_provider, _PROVIDER, now)
        changed = self if provider is self.provider else replace(self, provider=provider)
        match event.sign:
            case Sign.ACCEPTED:
                refused = self.refused_in_a_row or self.setup_refused
                return replace(changed, refused_in_a_row=0, setup_refused=0) if refused else changed
            case Sign.RANG:
                return changed._without_faults(event.line)
            case Sign.CONFIGURATION:
                return changed._misconfigured(event, rules)
            case Sign.REFUSED:
                return changed._counted_refused(rules, now)._refused(event, rules)
            case Sign.LINE_REFUSED | Sign.DO_NOT_CALL_REFUSED:  # of the API's minute alone
                return changed._counted_refused(rules, now)
            case Sign.SETUP_REFUSED:
                return changed._counted_refused(rules, now)._setup_refused(event, rules)
            case Sign.ACCOUNT:
                way_out = event.way_out or _WAYS_OUT.get(event.detail, _SETTLE)
                return changed._stopped(f"the account may not call: {event.detail}", way_out)
            case Sign.FLAGGED | Sign.PROVIDER_DOWN | Sign.NO_CALL | Sign.UNCLEAR:
                return changed
            case _:
                assert_never(event.sign)

    def resumed(self) -> Self:
        """An operator has seen to it and runs the campaign again: what led to a stop is forgotten.

        What rests goes on resting, and the API's minute goes on.
        """
        return replace(self, stop=None, faults=0, line_faults=(), refused_in_a_row=0, setup_refused=0)

    def _stopped(self, why: str, way_out: str) -> Self:
        return self if self.stop is not None else replace(self, stop=Stop(why, way_out))

    def _without_faults(self, line: str | None) -> Self:
        others = tuple(each for each in self.line_faults if each[0] != line)
        if self.faults == 0 and others == self.line_faults:
            return self
        return replace(self, faults=0, line_faults=others)

    def _misconfigured(self, event: Event, rules: BreakerRules) -> Self:
        line = event.line or ""
        by_line = dict(self.line_faults)
        by_line[line] = by_line.get(line, 0) + 1
        changed = replace(self, faults=self.faults + 1, line_faults=tuple(sorted(by_line.items())))
        if rules.configuration_max == 0 or max(changed.faults, by_line[line]) < rules.configuration_max:
            return changed
        why = f"{rules.configuration_max} calls in a row failed for the telephony's configuration"
        return changed._stopped(f"{why}: {event.detail}", _CHECK_LINE)

    def _counted_refused(self, rules: BreakerRules, now: float) -> Self:
        """One more of the API's minute."""
        kept = self.refused_at[-(rules.refused_a_minute_max - 1) :] if rules.refused_a_minute_max > 1 else ()
        return replace(self, refused_at=(*kept, now))

    def _setup_refused(self, event: Event, rules: BreakerRules) -> Self:
        changed = replace(self, setup_refused=self.setup_refused + 1)
        if rules.configuration_max == 0 or changed.setup_refused < rules.configuration_max:
            return changed._refused(event, rules)
        why = f"the API does not take the agent or the form of the requests: {event.detail}"
        return changed._stopped(why, _CHECK_SETUP)

    def _refused(self, event: Event, rules: BreakerRules) -> Self:
        changed = replace(self, refused_in_a_row=self.refused_in_a_row + 1)
        if rules.refused_in_a_row_max == 0 or changed.refused_in_a_row < rules.refused_in_a_row_max:
            return changed
        why = f"the API refused {changed.refused_in_a_row} requests in a row"
        return changed._stopped(f"{why}, the last with: {event.detail}", _CHECK_REQUEST)

    def to_text(self) -> str:
        """One line of JSON."""
        return _dump(
            {
                "stop": [self.stop.why, self.stop.way_out] if self.stop else None,
                "faults": self.faults,
                "line_faults": self.line_faults,
                "refused_in_a_row": self.refused_in_a_row,
                "setup_refused": self.setup_refused,
                "refused_at": self.refused_at,
                "provider": self.provider.to_data(),
            }
        )

    @classmethod
    def from_text(cls, text: str) -> Self:
        """From `to_text`. Raises `ValueError` for anything else."""
        try:
            data = json.loads(text)
            stop = data["stop"]
            return cls(
                stop=None if stop is None else Stop(str(stop[0]), str(stop[1])),
                faults=int(data["faults"]),
                line_faults=tuple((str(line), int(count)) for line, count in data["line_faults"]),
                refused_in_a_row=int(data["refused_in_a_row"]),
                setup_refused=int(data.get("setup_refused", 0)),  # older versions wrote none
                refused_at=tuple(float(at) for at in data["refused_at"]),
                provider=Rest.from_data(data["provider"]),
            )
        except (TypeError, LookupError) as error:
            raise ValueError(_DAMAGED) from error


def no_line_left(breakers: Sequence[LineBreaker | None], now: float) -> Stop | None:
    """The stop of a campaign whose lines the API refuses all; `breakers`: of each of its lines."""
    refused = [each.refused for each in breakers if each is not None]
    held = [rest for rest in refused if rest.until is not None and rest.trial is None and now < rest.until]
    return Stop(held[-1].why, _CHECK_NUMBERS) if held and len(held) == len(breakers) else None


_PROVIDER = "the telephony provider is unavailable"
_NOT_TAKEN = "the API does not take calls from this line"
_DAMAGED = "is no state of a breaker"
_CHECK_LINE = "check the from-number's telephony settings (termination, permissions), then run again"
_CHECK_NUMBERS = (
    "buy or import the number in the Retell account of this key, or write another one into from_numbers; "
    "then run again: nobody was called for these requests, and nobody is left out"
)
_CHECK_SETUP = (
    "check the agent's id and version and, after a change of the API, for a newer dialer; then run again: "
    "nobody was called for these requests, and nobody is left out"
)
_CHECK_REQUEST = "check the agent, the from-number and what the rows have in common, then run again"
_SETTLE = "settle it in the Retell dashboard, then run again"
_WAYS_OUT = {
    "no_valid_payment": "add a valid payment method in the Retell dashboard, then run again",
    "credit_exhausted": "add credit in the Retell dashboard, then run again",
    "budget_reached": "raise the workspace's budget in the Retell dashboard, then run again",
    "scam_detected": "Retell has blocked the account for a suspected scam: write to its support",
}


def _dump(data: dict[str, Any]) -> str:
    return json.dumps(data, separators=(",", ":"), allow_nan=False)
