"""A ceiling in money, per campaign and per day. Amounts are in cents, as `call_cost.combined_cost` is.

Each start reserves what a call is expected to cost; the reservation is stored with the attempt and stands
until the call's own cost is known. A call is allowed only if what was spent, all reservations and its own
fit under the ceiling. What can still exceed it: calls under way that cost more than was reserved for them.
"""

from dataclasses import dataclass

from dialer.domain.calls import CallStatus, CallUpdate
from dialer.domain.days import Day
from dialer.domain.figures import believed_cost_cents, believed_duration_s
from dialer.domain.gates import Hold, Stop


@dataclass(frozen=True, slots=True)
class Reserve:
    """The call may start; this is stored with its attempt, in the same transaction."""

    cents: float


@dataclass(frozen=True, slots=True)
class BudgetFacts:
    """What the ledger knows of one campaign. A call counts for the day that it was claimed on.

    An attempt that was put back or refused counts nowhere. One that is `unknown` counts as spent, with what
    was reserved for it: nobody knows whether and when its cost will come.
    """

    spent_cents: float = 0.0
    reserved_cents: float = 0.0
    """Stored with attempts that are under way."""
    spent_today_cents: float = 0.0
    reserved_today_cents: float = 0.0
    seen_calls: int = 0
    """Calls whose cost is known, also those that were not answered."""
    seen_cents: float = 0.0
    """What they cost together."""


@dataclass(frozen=True, slots=True)
class BudgetRule:
    per_campaign_cents: float | None
    """None: no ceiling."""
    per_day_cents: float | None
    per_minute_cents: float
    """What a minute costs, for a call whose own cost is not known."""
    expected_s: float
    """How long a call is expected to last, unanswered ones included."""
    prior_calls: int = 20
    """The expectation weighs as much as so many calls that were seen; above 0.

    Calls that nobody answers end first and cost nothing: their mean alone would reserve nothing.
    """

    def cost(self, news: CallUpdate, reserved_cents: float) -> float:
        """What an ended call has cost: as the API says, else by its length, as far as either can be believed.

        Else what was reserved for it; nothing if it never connected.
        """
        cents = believed_cost_cents(news.cost_cents)
        if cents is not None:
            return cents
        duration_s = believed_duration_s(news.duration_s)
        if duration_s is not None:
            return self.per_minute_cents * duration_s / 60.0
        return reserved_cents if _may_have_connected(news) else 0.0

    def estimate(self, facts: BudgetFacts) -> float:
        """What the next call is expected to cost: by the settings at first, then by what was seen."""
        expected = self.prior_calls * self.per_minute_cents * self.expected_s / 60.0
        return (expected + facts.seen_cents) / (self.prior_calls + facts.seen_calls)

    def judge(self, facts: BudgetFacts, day: Day) -> Reserve | Hold | Stop:
        """Whether the next call may start, and what is to be reserved for it.

        Held without a time: what is reserved for live calls may turn out to be more than they cost.
        """
        estimate = self.estimate(facts)
        whole, today = self.per_campaign_cents, self.per_day_cents
        if whole is not None and facts.spent_cents + estimate > whole:
            why = f"the campaign's budget is used up: {_short(facts.spent_cents, whole, estimate)}"
            return Stop(why, "raise budget.per_campaign_usd and run again")
        if today is not None and estimate > today:
            why = f"the day's budget is less than one call: {_short(0.0, today, estimate)}"
            return Stop(why, "raise budget.per_day_usd and run again")
        if today is not None and facts.spent_today_cents + estimate > today:
            why = f"today's budget is used up: {_short(facts.spent_today_cents, today, estimate)}"
            return Hold(why, day.end)
        if whole is not None and facts.spent_cents + facts.reserved_cents + estimate > whole:
            return Hold("what is left of the campaign's budget is reserved for calls under way")
        if today is not None and facts.spent_today_cents + facts.reserved_today_cents + estimate > today:
            return Hold("what is left of today's budget is reserved for calls under way")
        return Reserve(estimate)


def _may_have_connected(news: CallUpdate) -> bool:
    if news.started_at is not None or news.duration_s or news.cost_cents:
        return True
    return news.status not in (CallStatus.REGISTERED, CallStatus.NOT_CONNECTED)


def _short(spent: float, ceiling: float, estimate: float) -> str:
    return f"${spent / 100:.2f} of ${ceiling / 100:.2f} is spent and a call costs about ${estimate / 100:.2f}"
