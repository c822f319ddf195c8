"""What campaigns promise together, judged where possible at the account: what breaks it."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import pairwise
from math import ceil
from zoneinfo import ZoneInfo

from dialer.domain.lifecycle import WITHOUT_A_RING
from dialer.simulator.calls import Call
from tests.simulation.acts import What
from tests.simulation.plan import EPOCH_S
from tests.simulation.service_process import ServiceEvidence

TOLD_S = 4.5
"""What an operator says, and what a clock says, holds so long afterwards at the latest."""
ZONE = ZoneInfo("America/New_York")

Check = Callable[[ServiceEvidence], list[str]]


def one_call_per_attempt(seen: ServiceEvidence) -> list[str]:
    """Never twice."""
    many = Counter(call.attempt_id for call in seen.calls)
    return [f"attempt {who} made {count} calls" for who, count in many.items() if count > 1]


def one_call_per_person(seen: ServiceEvidence) -> list[str]:
    """Nobody is called who is on the phone with any of the campaigns."""
    problems = []
    for number, calls in _by_number(seen).items():
        for earlier, later in pairwise(calls):
            if earlier.ended_at is None or earlier.ended_at > later.created_at:
                problems.append(f"{number} was called at {later.created_at:.3f} during a call")
    return problems


def slots_hold(seen: ServiceEvidence) -> list[str]:
    """Never over: no more calls at once than the account was given slots, over all campaigns."""
    slots, problems = seen.plan.bounds.slots, []
    for at, live in _live(seen):
        if live > slots:
            problems.append(f"{live} calls at once at {at:.3f}, with {slots} slots")
    return problems


def nothing_is_billed_as_burst(seen: ServiceEvidence) -> list[str]:
    """Beside others whose calls have not changed for long, ours stay within the account's limit."""
    limit, problems = seen.plan.account.concurrency_limit, []
    settle_s = 3 * seen.plan.bounds.refresh_s
    for at, live in _live(seen):
        before = [change for change in ((0.0, 0), *seen.plan.others) if change[0] <= at]
        since, others = before[-1]
        starts = [began for began, ended in seen.lives if began <= at <= ended and at - began < settle_s]
        if (
            at - since > settle_s
            and not starts
            and live + others > max(limit, _live_at(seen, since) + others)
        ):
            problems.append(f"{live} calls beside {others} of others at {at:.3f}, of {limit}")
    return problems


def no_faster(seen: ServiceEvidence) -> list[str]:
    """Never over: no sliding second holds more first bytes than the rate, from all campaigns together."""
    cps, problems = seen.plan.bounds.cps, []
    most = ceil(cps)
    sent = sorted(arrival.due_at for arrival in seen.arrivals)
    for first, last in zip(sent, sent[most:], strict=False):
        if last - first < max(1.0, most / cps):
            problems.append(f"{most + 1} requests came from {first:.4f} to {last:.4f}, at {cps} a second")
    return problems


def caps_hold(seen: ServiceEvidence) -> list[str]:
    """Nobody is rung more often than the caps say, over all campaigns."""
    if seen.plan.steps:
        return []  # then nobody can say how long a window was
    problems = []
    claimed = {attempt["id"]: attempt["claimed_at"] for attempt in seen.attempts}
    for number, calls in _by_number(seen).items():
        times = sorted(claimed[call.attempt_id] for call in calls if call.rung and call.attempt_id in claimed)
        for cap in seen.plan.bounds.screen.caps.caps:
            for first, last in zip(times, times[cap.calls :], strict=False):
                if last - first < cap.window_s:
                    problems.append(f"{number} was rung {cap.calls + 1} times in {last - first:.0f} s: {cap}")
    return problems


def only_in_hours(seen: ServiceEvidence) -> list[str]:
    """No request leaves outside of its campaign's hours, where the person is."""
    if seen.plan.steps:
        return []
    problems, names = [], {campaign_id: name for name, campaign_id in seen.campaigns.items()}
    campaign_of = {attempt["id"]: names[attempt["campaign_id"]] for attempt in seen.attempts}
    for arrival in seen.arrivals:
        hours = seen.plan.configs[campaign_of[arrival.attempt_id]].screen.hours
        there = datetime.fromtimestamp(EPOCH_S + arrival.left_at - TOLD_S, ZONE)
        later = datetime.fromtimestamp(EPOCH_S + arrival.left_at, ZONE)
        for each in hours.everywhere:
            spans = each.week[there.weekday()]
            if not any(_is_in(span, there) or _is_in(span, later) for span in spans):
                problems.append(f"{arrival.attempt_id} left at {later:%H:%M:%S}, outside of its hours")
    return problems


def _is_in(span: tuple[int, int], moment: datetime) -> bool:
    minute = moment.hour * 60 + moment.minute
    return span[0] <= minute < span[1]


def budgets_hold(seen: ServiceEvidence) -> list[str]:
    """A campaign spends its budget, and no more than what calls under way may cost over their estimate."""
    problems, names = [], {campaign_id: name for name, campaign_id in seen.campaigns.items()}
    campaign_of = {attempt["id"]: names[attempt["campaign_id"]] for attempt in seen.attempts}
    for name, made in seen.plan.configs.items():
        budget = made.screen.budget
        if budget is None or budget.per_campaign_cents is None:
            continue
        calls = [call for call in seen.calls if campaign_of.get(call.attempt_id or "") == name]
        minutes = [(call.created_at, (call.duration_s or 0.0) / 60.0) for call in calls]
        spent = 0.0
        for at, _ in minutes:
            spent = sum(
                long * budget.per_minute_cents
                for call, (_, long) in zip(calls, minutes, strict=True)
                if call.ended_at is not None and call.ended_at < at - 2 * made.tracking.poll_s - 15.0
            )
            if spent > 3 * budget.per_campaign_cents:
                problems.append(f"{name} called at {at:.0f} with {spent:.0f} cents spent")
    return problems


def operators_are_obeyed(seen: ServiceEvidence) -> list[str]:
    """Nothing of a campaign leaves while it is paused, and nothing to whom the do-not-call list has."""
    problems, ids = [], seen.campaigns
    of = {attempt["id"]: (attempt["campaign_id"], attempt["to_number"]) for attempt in seen.attempts}
    told_s = TOLD_S + seen.plan.bounds.control_s
    for name, since, until in _pauses(seen):
        for arrival in seen.arrivals:
            if of[arrival.attempt_id][0] == ids[name] and since + told_s < arrival.left_at < until:
                problems.append(f"{arrival.attempt_id} left at {arrival.left_at:.3f}, paused at {since:.3f}")
    said = {order.number: at for at, order in reversed(seen.orders) if order.what is What.SUPPRESS}
    for arrival in seen.arrivals:
        suppressed_at = said.get(of[arrival.attempt_id][1] or "")
        if suppressed_at is not None and arrival.left_at > suppressed_at + TOLD_S:
            problems.append(f"{arrival.attempt_id} left at {arrival.left_at:.3f}, to a suppressed number")
    return problems


def _pauses(seen: ServiceEvidence) -> Iterator[tuple[str, float, float]]:
    paused: dict[str, float] = {}
    for at, order in seen.orders:
        if order.what is What.PAUSE:
            paused.setdefault(order.campaign, at)
        elif order.what is What.RESUME and order.campaign in paused:
            yield order.campaign, paused.pop(order.campaign), at


def ledger_knows_each_call(seen: ServiceEvidence) -> list[str]:
    """Never lost: each call is an attempt's, and a ring counts."""
    problems, attempt_of = [], {attempt["id"]: attempt for attempt in seen.attempts}
    for call in seen.calls:
        attempt = attempt_of.get(call.attempt_id or "")
        if attempt is None:
            problems.append(f"{call.call_id} belongs to no attempt")
        elif attempt["state"] in WITHOUT_A_RING and call.rung:
            problems.append(f"{call.call_id} rang, and its attempt is {attempt['state']}")
    return problems


def books_close(seen: ServiceEvidence) -> list[str]:
    """What `dialer verify` says, and that the run ended without falling over."""
    return [*seen.problems, *seen.troubles]


CHECKS: tuple[Check, ...] = (
    one_call_per_attempt,
    one_call_per_person,
    slots_hold,
    nothing_is_billed_as_burst,
    no_faster,
    caps_hold,
    only_in_hours,
    budgets_hold,
    operators_are_obeyed,
    ledger_knows_each_call,
    books_close,
)


def service_violations(seen: ServiceEvidence) -> list[tuple[str, str]]:
    """Every broken promise: the checker's name and what it says."""
    return [(check.__name__, problem) for check in CHECKS for problem in check(seen)]


def _by_number(seen: ServiceEvidence) -> dict[str, list[Call]]:
    found: dict[str, list[Call]] = {}
    for call in seen.calls:
        found.setdefault(call.to_number, []).append(call)
    return found


def _live(seen: ServiceEvidence) -> Iterator[tuple[float, int]]:
    """When a call was made, and how many were live then."""
    for call in seen.calls:
        if call.takes_slot:
            yield call.created_at, _live_at(seen, call.created_at)


def _live_at(seen: ServiceEvidence, at: float) -> int:
    return sum(
        call.takes_slot and call.created_at <= at and (call.ended_at is None or call.ended_at > at)
        for call in seen.calls
    )
