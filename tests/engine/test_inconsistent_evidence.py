"""One attempt whose evidence contradicts itself: any answer, webhooks, listing and get-call, in any order."""

import asyncio
import json
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.adapters.ledger.schema.tables import attempt as attempts
from dialer.app.clock_loop import run_virtual
from dialer.domain.calls import AttemptId, CallId, CallUpdate
from dialer.domain.caps import Cap, CapsRule
from dialer.domain.lifecycle import WITHOUT_A_RING, AttemptState, JobState
from dialer.domain.screening import CampaignPolicy
from dialer.engine.events import AttemptClosed
from dialer.simulator.calls import Call
from tests.engine.test_placing_limits import relay_of
from tests.support.campaigns import EPOCH, World, world
from tests.support.people import CALLER, STEADY, job, number
from tests.support.relay import PLAIN, Twist

PROCESSES_MAX = 4
"""A refusal of the account ends one; so many more go on."""
STAYS_S = 350.0
"""A second job, due by then, keeps the process: no webhook is lost for want of one."""
EXPIRES_S = 700.0

PAGE = b"<html>Bad gateway</html>"
ANSWERS = {
    "own": None,
    "foreign": (201, b'{"call_id":"call_foreign","call_status":"registered","metadata":{"attempt_id":"x"}}'),
    "strange": (201, b'{"call_id":"call_strange","call_status":"registered"}'),
    "unreadable": (201, PAGE),
    "400": (400, b'{"status":"error","message":"Bad request"}'),
    "401": (401, b'{"status":"error","message":"Invalid API key"}'),
    "402": (402, b'{"status":"error","message":"Payment required"}'),
    "409": (409, b'{"message":"A concurrent request with the same idempotency key is being processed"}'),
    "422": (422, b'{"status":"error","message":"Invalid"}'),
    "429": (429, b'{"status":"error","message":"Too many requests"}'),
    "500": (500, b'{"status":"error","message":"Internal"}'),
    "page": (403, PAGE),
    "drop": None,
    "timeout": None,
}
SAID: dict[str, dict[str, Any]] = {
    "started": {"status": "ongoing", "started_at": EPOCH},
    "ended": {"status": "ended", "reason": "user_hangup", "duration_s": 9.0, "cost_cents": 3.0},
    "denied": {"status": "error", "reason": "concurrency_limit_reached"},
    "denied though it rang": {"status": "error", "reason": "sip_routing_error", "started_at": EPOCH},
    "denied by the account": {"status": "error", "reason": "credit_exhausted", "cost_cents": 7.0},
    "odd": {"status": "error", "reason": "no_concurrency_fallback", "duration_s": -4.0, "cost_cents": 1e9},
    "analysed": {"status": "ended", "reason": "user_hangup", "analysis": {"call_summary": "spoke"}},
}


@dataclass(frozen=True)
class Case:
    """What is said of one attempt's call."""

    answer: str
    made: bool
    answer_after_s: float
    webhooks: tuple[tuple[float, str], ...]
    """Seconds after the request, and what each says. Only of a call that was made."""
    listing: str
    get: str


SEEN = st.sampled_from(["shows", "denies", "denies the ring", "late"])
CASES = st.builds(
    Case,
    st.sampled_from(sorted(ANSWERS)),
    st.booleans(),
    st.sampled_from([0.0, 4.0, 15.0]),
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.5, 2.0, 10.0, 40.0, 300.0]), st.sampled_from(sorted(SAID))),
        max_size=3,
    ).map(tuple),
    SEEN,
    SEEN,
)


@settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(CASES)
def test_whatever_is_said_no_ring_is_denied_and_nobody_is_rung_twice(case: Case) -> None:
    run_virtual(partial(play, case))


async def play(case: Case) -> None:
    """From the claim until everybody knows all there is."""
    heard: list[tuple[float, CallUpdate]] = []
    screen = CampaignPolicy((CALLER,), caps=CapsRule((Cap(1, 7 * 86_400.0),)))
    jobs = [
        job(0, expires_at=EPOCH + EXPIRES_S),
        job(1, not_before=EPOCH + STAYS_S, expires_at=EPOCH + EXPIRES_S),
    ]
    async with world(replace(STEADY, listing_lag_s=1.0), relayed=True) as w:
        relay_of(w).on("create", twist(case, w, heard))
        closed: list[AttemptClosed] = []
        for _ in range(PROCESSES_MAX):
            p = await w.run(
                jobs, screen=screen, timeout_s=30.0, call_max_s=400.0, poll_s=15.0, recover_s=60.0
            )
            closed += [each for each in p.of(AttemptClosed) if each.attempt.job.job == jobs[0]]
            if p.campaign.stopping is None:
                break
        assert p.jobs.keys().isdisjoint({JobState.OPEN, JobState.BUSY}), "it comes to an end"
        rung = [at for at, news in heard if rang(news)]
        for each in closed:
            told = [news for at, news in heard if at < each.at and news.attempt_id == each.attempt.id]
            if any(rang(news) for news in told):
                assert each.state not in WITHOUT_A_RING, "a ring was shown before it was closed"
            if told:
                assert each.state is not AttemptState.REFUSED, "a call was shown before it was closed"
        if heard:
            stored = sa.select(attempts.c.state).where(attempts.c.id == heard[0][1].attempt_id)
            state = await p.ledger.ask(lambda conn: conn.execute(stored).scalar_one())
            assert state != AttemptState.REFUSED, "what came later is on record"
            assert not (rung and state in WITHOUT_A_RING), "what came later is on record"
        calls = [each for each in w.sim.calls if each.to_number == number(0)]
        if rung:
            assert [each for each in calls if each.created_at > min(rung)] == [], "rung again"


def rang(news: CallUpdate) -> bool:
    """Written down a second time: the engine's own word on it is what is tried."""
    return news.status in ("ongoing", "ended") or bool(news.started_at or news.duration_s or news.cost_cents)


def twist(case: Case, w: World, heard: list[tuple[float, CallUpdate]]) -> Twist:
    """What is done to the first request; the simulator has made its call by `then`."""

    def then() -> None:
        if case.made:
            (call,) = w.sim.calls
            show(w, "list-calls", case.listing, call)
            show(w, "get-call", case.get, call)
            for after_s, said in case.webhooks:
                asyncio.get_running_loop().call_later(after_s, hear, w, call, said, heard)

    how = Twist(passes=case.made, then=then, after_s=case.answer_after_s)
    match case.answer:
        case "own" if case.made:
            return how
        case "own" | "drop":
            return replace(how, drops=True)
        case "timeout":
            return replace(how, drops=True, after_s=60.0)
    given_answer = ANSWERS[case.answer]
    assert given_answer is not None
    return replace(how, status=given_answer[0], body=given_answer[1])


def hear(w: World, call: Call, said: str, heard: list[tuple[float, CallUpdate]]) -> None:
    """A webhook comes, and counts if somebody is there."""
    news = CallUpdate(CallId(call.call_id), attempt_id=AttemptId(str(call.attempt_id)), **SAID[said])
    if w.processes[-1].ended_at is None and w.processes[-1].campaign.stopping is None:
        heard.append((w.clock.now(), news))
    w.hear("", news)


def show(w: World, part: str, how: str, call: Call) -> None:
    """What that endpoint says of the call from now on."""
    item = {
        "call_id": call.call_id,
        "call_status": "error",
        "disconnection_reason": "registered_call_timeout",
        "metadata": {"attempt_id": call.attempt_id},
    }
    items = {"denies": [], "late": [], "denies the ring": [item], "shows": None}[how]
    if items is None:
        return
    body = json.dumps({"items": items, "has_more": False} if part == "list-calls" else item).encode()
    told = Twist(passes=False, status=200, body=body)
    if part == "get-call" and not items:
        told = Twist(passes=False, status=422, body=b'{"status":"error","message":"not found"}')
    relay_of(w).always(part, told)
    if how == "late":
        asyncio.get_running_loop().call_later(60.0, relay_of(w).always, part, PLAIN)
