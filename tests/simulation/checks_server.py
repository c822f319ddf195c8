"""What the account sees and what operators said, one function each: what breaks a promise, in plain words."""

from collections.abc import Iterator
from math import ceil, inf

from dialer.domain.lifecycle import WITHOUT_A_RING, AttemptState
from tests.simulation.acts import What
from tests.simulation.evidence import HEARD_S, Evidence
from tests.simulation.wire import Arrival

TOLD_S = 4.5
"""A request may leave so long after an operator's word is in the ledger: what was asked a second ago still
holds, and a connection may be waited for."""


def no_faster(seen: Evidence) -> list[str]:
    """Never over: no sliding second holds more first bytes than the rate, as the server sees them."""
    sent = sorted(arrival.due_at for arrival in seen.heard.arrivals)
    paces = [(0.0, seen.plan.config.cps), *_paces(seen)]
    problems = []
    for cps in {pace for _, pace in paces}:
        most = ceil(cps)
        width_s = max(1.0, most / cps)
        for first, last in zip(sent, sent[most:], strict=False):
            if last - first < width_s and _paces_in(seen, paces, first, last) == {cps}:
                problems.append(f"{most + 1} requests came from {first:.4f} to {last:.4f}, at {cps} a second")
    return problems


def _paces(seen: Evidence) -> Iterator[tuple[float, float]]:
    for at, act in seen.heard.acts:
        if act.what is What.SET:
            yield at, dict(act.changes)["cps"]


def _paces_in(seen: Evidence, paces: list[tuple[float, float]], first: float, last: float) -> set[float]:
    """Those that may have held in that time: a change is seen within `control_s`, and so by a new process."""
    since = first - seen.plan.config.control_s - 1.0
    found = {pace for at, pace in paces if since < at <= last}
    found |= {pace for _, pace in [pace for pace in paces if pace[0] <= since][-1:]}
    is_new = any(since < life.began <= last for life in seen.heard.lives)
    return found | ({seen.plan.config.cps} if is_new else set())


def keys_are_known(seen: Evidence) -> list[str]:
    """No request is repeated under a key that the account has forgotten."""
    if not seen.plan.config.placing.api_honours_key:
        return []
    life_s = seen.plan.account.key_life_s
    first: dict[str, Arrival] = {}
    problems = []
    for arrival in seen.heard.arrivals:
        known = first.setdefault(arrival.attempt_id, arrival)
        if (age_s := arrival.due_at - known.at) >= life_s and _is_uncertain(seen, arrival):
            if _nobody_knows(seen, known.left_at, arrival.left_at):
                continue
            problems.append(f"{arrival.attempt_id} was repeated at {arrival.at:.3f}, after {age_s:.0f} s")
    return problems


def _nobody_knows(seen: Evidence, since: float, until: float) -> bool:
    """Whether the clock went back and the process ended meanwhile: then nothing knows the key's age."""
    went_back = any(since < at < until and by < 0.0 for at, by in seen.steps)
    return went_back and any(since < life.ended < until for life in seen.heard.lives)


def _is_uncertain(seen: Evidence, arrival: Arrival) -> bool:
    """Whether the ledger held the attempt for uncertain: else every request before surely made no call."""
    uncertain = seen.uncertain_since.get(arrival.attempt_id)
    return uncertain is not None and uncertain < arrival.left_at


def repeats_are_written_first(seen: Evidence) -> list[str]:
    """What goes out once more is in the ledger before it leaves."""
    problems = []
    written: dict[str, list[float]] = {}
    for at, attempt_id in seen.heard.repeats:
        written.setdefault(attempt_id, []).append(at)
    last: dict[str, float] = {}
    for arrival in seen.heard.arrivals:
        who, left_at = arrival.attempt_id, arrival.left_at
        if _is_uncertain(seen, arrival) and not any(
            last.get(who, 0.0) <= at <= left_at for at in written.get(who, ())
        ):
            problems.append(f"{who} was repeated at {left_at:.3f}, of which nothing was written")
        last[who] = left_at
    return problems


def what_is_heard_is_believed(seen: Evidence) -> list[str]:
    """Nothing is asked for again whose call a webhook has shown to the same process, nor is it unknown."""
    problems = []
    for heard_at, attempt_id in seen.heard.webhooks:
        life = next((life for life in seen.heard.lives if life.began <= heard_at <= life.ended), None)
        if life is None:
            continue
        for arrival in seen.arrivals_of.get(attempt_id, ()):
            if heard_at + HEARD_S < arrival.left_at <= life.ended:
                problems.append(
                    f"{attempt_id} was heard of at {heard_at:.3f}, repeated at {arrival.left_at:.3f}"
                )
        for at, state in seen.states_of.get(attempt_id, ()):
            if (
                state is AttemptState.UNKNOWN
                and heard_at + HEARD_S < at <= life.ended
                and _was_open(seen, attempt_id, heard_at)
            ):
                problems.append(f"{attempt_id} was heard of at {heard_at:.3f} and is unknown at {at:.3f}")
    return problems


def no_evidence_is_denied(seen: Evidence) -> list[str]:
    """Once anything shows an attempt's call it is never refused; once anything shows its ring it counts."""
    problems = []
    for who, states in seen.states_of.items():
        for at, state in states:
            if state is AttemptState.REFUSED and seen.shown_at.get(who, inf) + HEARD_S < at:
                problems.append(f"{who} was refused at {at:.3f}, its call shown at {seen.shown_at[who]:.3f}")
            if state in WITHOUT_A_RING and seen.rang_at.get(who, inf) + HEARD_S < at:
                problems.append(f"{who} is {state} at {at:.3f}, its ring shown at {seen.rang_at[who]:.3f}")
    for attempt in seen.attempts:  # what was shown after its end is on record
        who, state = attempt["id"], attempt["state"]
        if state == AttemptState.REFUSED and who in seen.shown_at:
            problems.append(f"{who} ends as refused, its call shown at {seen.shown_at[who]:.3f}")
        if state in WITHOUT_A_RING and who in seen.rang_at:
            problems.append(f"{who} ends as {state}, its ring shown at {seen.rang_at[who]:.3f}")
    return problems


def _was_open(seen: Evidence, attempt_id: str, at: float) -> bool:
    """Whether it was being looked for when it was heard of."""
    before = [state for when, state in seen.states_of.get(attempt_id, ()) if when <= at]
    return not before or before[-1] is AttemptState.UNCERTAIN


def nobody_who_refused(seen: Evidence) -> list[str]:
    """Nobody is asked to be called whom the do-not-call list has had for some seconds."""
    problems = []
    numbers = {attempt["id"]: attempt["to_number"] for attempt in seen.attempts}
    said = {act.number: at for at, act in reversed(seen.heard.acts) if act.what is What.SUPPRESS}
    for arrival in seen.heard.arrivals:
        since = said.get(numbers.get(arrival.attempt_id) or "")
        if since is not None and arrival.left_at > since + TOLD_S:
            problems.append(
                f"{arrival.attempt_id} left at {arrival.left_at:.3f}, to a number suppressed at {since:.3f}"
            )
    return problems


def operators_are_obeyed(seen: Evidence) -> list[str]:
    """Nothing leaves while the campaign is paused, nor once it is cancelled."""
    problems, stopped = [], None
    spans: list[tuple[float, float, What]] = []
    for at, act in seen.heard.acts:
        if act.what in (What.PAUSE, What.CANCEL) and stopped is None:
            stopped = at, act.what
        elif act.what is What.RESUME and stopped is not None and stopped[1] is What.PAUSE:
            spans.append((stopped[0], at, What.PAUSE))
            stopped = None
    if stopped is not None:
        spans.append((stopped[0], float("inf"), stopped[1]))
    for since, until, what in spans:
        late = since + seen.plan.config.control_s + TOLD_S
        problems += [
            f"{arrival.attempt_id} left at {arrival.left_at:.3f}, {what} since {since:.3f}"
            for arrival in seen.heard.arrivals
            if late < arrival.left_at < until
        ]
    return problems


def caps_hold(seen: Evidence) -> list[str]:
    """Nobody is rung more often than the caps say, by the times of the claims."""
    if seen.steps:
        return []  # then nobody can say how long a window was
    problems = []
    for number, times in seen.rung_by_number.items():
        for cap in seen.plan.config.screen.caps.caps:
            for first, last in zip(times, times[cap.calls :], strict=False):
                if last - first < cap.window_s:
                    problems.append(f"{number} was rung {cap.calls + 1} times in {last - first:.0f} s: {cap}")
    return problems
