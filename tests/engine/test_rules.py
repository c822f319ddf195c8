"""Rules of a running campaign: what they say of a request that waits, of a call that ends, of who is next."""

from dataclasses import replace
from itertools import pairwise

import anyio
import orjson
import pytest

from dialer.adapters.ledger.operators import campaigns
from dialer.domain.agents import AgentChoice, choose_agent
from dialer.domain.breakers import BreakerRules
from dialer.domain.budget import BudgetRule
from dialer.domain.canary import CanaryRule
from dialer.domain.caps import CapsRule
from dialer.domain.gates import Hold, Stop
from dialer.domain.hours import HoursRule
from dialer.domain.lifecycle import JobState
from dialer.domain.lines import Line
from dialer.domain.local_hours import Hours
from dialer.domain.screening import CampaignPolicy
from dialer.domain.suppression import Suppressed
from dialer.domain.windows import parse_week
from dialer.engine.events import AttemptClaimed, AttemptClosed, CampaignHeld, CampaignStopping
from dialer.ports.engine import Operation
from tests.engine.test_control import LOOKS, ledger_says, order, quiet
from tests.engine.test_placing_limits import relay_of, says
from tests.engine.test_placing_uncertain import NOT_MADE
from tests.support.campaigns import in_virtual_time, world
from tests.support.people import ANSWERED_S, CALLER, STEADY, answering, config, job, number
from tests.support.relay import Twist

# --- at the gate ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [says(429, RateLimit_Reset="60"), NOT_MADE], ids=["held", "uncertain"])
@in_virtual_time
async def test_who_is_suppressed_while_a_request_waits_is_not_rung(first: Twist) -> None:
    async with world(relayed=True) as w:
        relay_of(w).on("create", first)
        async with w.running([job(0)], settle_s=20, looks_max=2) as p:
            await anyio.sleep(5)
            said = Suppressed(number(0), "operator", "wrote", w.clock.now())
            by = Operation("ann", w.clock.now())
            await p.ledger.operate(lambda conn: campaigns.suppress(conn, said, by))
        assert w.report.calls == 0
        assert p.jobs == ({JobState.UNKNOWN: 1} if first is NOT_MADE else {JobState.SKIPPED: 1})


@in_virtual_time
async def test_a_rule_that_stops_the_campaign_stops_what_has_not_left_yet() -> None:
    async with world(relayed=True) as w:
        relay_of(w).on("create", *[says(429, RateLimit_Reset="60")] * 2)
        async with w.running(answering(6), cps=2.0) as p:
            await anyio.sleep(5)
            p.campaign.drain(Stop("20 requests in a row were refused", "look at them"))
        assert (w.report.calls, p.jobs) == (0, {JobState.OPEN: 6})
        assert p.tally.claimed == len(p.of(AttemptClosed)) == len(p.of(AttemptClaimed)) > 0


@in_virtual_time
async def test_rules_that_cannot_be_known_hold_and_give_nobody_up() -> None:
    unreadable = CampaignPolicy((CALLER,), hold=Hold("dnc.txt cannot be read"))
    async with world() as w, w.running(answering(5), screen=unreadable, **LOOKS) as p:
        p.campaign._changed = lambda control: config(**LOOKS)
        with quiet(w):
            await anyio.sleep(3600)
        assert [held.why for held in p.of(CampaignHeld)] == ["dnc.txt cannot be read"]
        await order(p, campaigns.change, {})
    assert p.jobs == {JobState.DONE: 5}


@in_virtual_time
async def test_a_stop_of_a_breaker_lets_the_calls_that_go_on_come_to_their_end() -> None:
    rules = BreakerRules(configuration_max=2)
    people = [*answering(10), job(95, area=400), job(95, area=401), *answering(40)[10:]]
    async with world() as w:
        p = await w.run(people, cps=5, screen=CampaignPolicy((CALLER,), breakers=rules))
        stopping = p.campaign.stopping
        assert stopping is not None
        assert stopping.why.startswith("2 calls in a row failed for the telephony's configuration")
        assert p.jobs[JobState.DONE] >= 10
        assert await ledger_says(p, "SELECT count(*) FROM attempt WHERE closed_at IS NULL") == [(0,)]
        assert await ledger_says(p, "SELECT DISTINCT history FROM job WHERE state = 'open'") == [("",)]
        again = await w.run(
            people[:10], cps=5, screen=CampaignPolicy((CALLER,), breakers=replace(rules, configuration_max=0))
        )
        assert again.tally.claimed > 20


@in_virtual_time
async def test_what_waits_for_a_line_that_is_flagged_meanwhile_does_not_leave() -> None:
    async with world(relayed=True) as w:
        relay_of(w).on("create", Twist(), says(429, RateLimit_Reset="30"))
        people = [job(60, priority=9), *answering(3)]
        async with w.running(people, cps=20.0, redial_delays={"spam_blocked": (9000.0,)}) as p:
            with quiet(w, after_s=1.0):
                await anyio.sleep(3590)
            assert await ledger_says(p, "SELECT count(*) FROM attempt WHERE closed_at IS NULL") == [(0,)]
            assert "its line rests by now" in str({closed.error for closed in p.of(AttemptClosed)})
            await anyio.sleep(60)
            assert w.report.calls == 2, "the trial"
        assert w.report.calls >= 4


@in_virtual_time
async def test_a_hold_for_answers_is_over_with_the_answers() -> None:
    """Not with the ends of the calls, which come a minute later."""
    rules = BreakerRules(refused_in_a_row_max=0, refused_a_minute_max=4)
    async with world(replace(STEADY, latency_s=0.4), relayed=True) as w:
        relay_of(w).on("create", says(400, b'{"message":"to_number is invalid"}'))
        p = await w.run(answering(30), screen=CampaignPolicy((CALLER,), breakers=rules), cps=20.0)
        assert p.jobs == {JobState.DONE: 29, JobState.FAILED: 1}
        assert max(call.created_at for call in w.sim.calls) < 10
        assert p.of(CampaignHeld) != []


@in_virtual_time
async def test_a_lines_slot_is_taken_again_when_its_call_is_known_to_be_over() -> None:
    async with world() as w:
        await w.run(answering(6), screen=CampaignPolicy(lines=(Line(CALLER, slots=3),)))
        second = sorted(call.created_at for call in w.sim.calls)[3:]
        assert max(second) < ANSWERED_S + 2.6, "two seconds of which are between two looks"


# --- calls and people -----------------------------------------------------------------------------------


@in_virtual_time
async def test_who_asks_for_no_more_calls_gets_none_from_another_campaign_either() -> None:
    async with world() as w:
        p = await w.run([job(51), job(0)])
        assert p.jobs == {JobState.DONE: 2}
        said = await p.ledger.suppressed(number(51))
        assert said is not None
        assert (said.source, said.reason) == (
            "call",
            f"the person asked for it in call {w.sim.calls[0].call_id}",
        )
        assert await p.ledger.suppressed(number(0)) is None


@in_virtual_time
async def test_who_sleeps_is_called_when_the_hours_open_and_holds_nobody_up() -> None:
    hours = HoursRule((Hours("campaign", parse_week({"mon-sun": "08:00-20:00"})),))
    opens = 5 * 3600.0  # in New York it is three in the night, in London eight
    people = [
        *[job(n, 212, priority=9, timezone="America/New_York") for n in range(5)],
        *[job(n, 213, timezone="Europe/London") for n in range(5)],
    ]
    async with world() as w:
        p = await w.run(people, screen=CampaignPolicy((CALLER,), hours=hours), cps=20.0)
        at = {call.to_number: call.created_at for call in w.sim.calls}
        assert p.jobs == {JobState.DONE: 10}
        assert max(at[number(n, 213)] for n in range(5)) < 2
        late = [at[number(n, 212)] - opens for n in range(5)]
        assert min(late) >= 0
        assert max(late) < 1


@in_virtual_time
async def test_agents_talk_by_their_weight_and_stay_with_a_job() -> None:
    agents = (AgentChoice("agent_a"), AgentChoice("agent_b", agent_version=3, weight=2.0))
    screen = CampaignPolicy((CALLER,), agents=agents, campaign="campaign")
    people = [*answering(30), *[job(48, 300 + n) for n in range(10)]]  # those are busy once
    async with world(relayed=True) as w:
        p = await w.run(people, screen=screen, redial_delays={"busy": (60.0,)})
        assert p.jobs == {JobState.DONE: 40}
        chosen = {row.to_number: choose_agent(row.key, agents, "campaign") for row in people}
        assert len({each.agent_id for each in chosen.values()}) == 2
        asked = [orjson.loads(seen.body) for seen in relay_of(w).creates()]
        assert len(asked) == 50
        for body in asked:
            agent = chosen[body["to_number"]]
            assert body["override_agent_id"] == agent.agent_id
            assert body.get("override_agent_version") == agent.agent_version
        lines = w.log.of("attempt")
        assert {(line["to_number"], line["agent_id"]) for line in lines} == {
            (who, each.agent_id) for who, each in chosen.items()
        }


# --- lines, money, canary -------------------------------------------------------------------------------


@in_virtual_time
async def test_lines_at_their_pace_and_slots_are_filled_and_are_no_hold() -> None:
    lines = (Line("+13055550190", cps=1.0), Line("+13055550191", slots=3))
    async with world() as w:
        p = await w.run(answering(60), screen=CampaignPolicy(lines=lines), cps=20.0)
        assert p.jobs == {JobState.DONE: 60}
        paced = sorted(call.created_at for call in w.sim.calls if call.from_number == lines[0].number)
        slotted = [call for call in w.sim.calls if call.from_number == lines[1].number]
        assert min(later - sooner for sooner, later in pairwise(paced)) > 0.99
        for call in slotted:
            live = [each for each in slotted if each.created_at <= call.created_at < (each.ended_at or 0)]
            assert len(live) <= 3
        assert p.of(CampaignHeld) == []


@in_virtual_time
async def test_a_hold_is_over_with_the_next_claim() -> None:
    screen = CampaignPolicy((CALLER,), canary=CanaryRule(4, 0.5))
    async with world() as w:
        p = await w.run(answering(20), screen=screen, cps=20.0)
        assert p.jobs == {JobState.DONE: 20}
        whys = [held.why for held in p.of(CampaignHeld)]
        assert (whys[0], whys[-1]) == ("canary: 0 of the first 4 calls have ended", None)
        last = max(at for at, event in p.events if isinstance(event, CampaignHeld))
        claims = [at for at, event in p.events if isinstance(event, AttemptClaimed)]
        assert claims[4] - ANSWERED_S < 2.5
        assert last <= claims[4] + 0.001, "told with the first call behind it and not with the last"


@in_virtual_time
async def test_a_budget_is_kept_and_its_end_says_so() -> None:
    rule = BudgetRule(100.0, None, per_minute_cents=10.0, expected_s=60.0)
    async with world() as w:
        p = await w.run(answering(40), screen=CampaignPolicy((CALLER,), budget=rule), cps=20.0)
        stopping = p.campaign.stopping
        assert stopping is not None
        assert stopping.why.startswith("the campaign's budget is used up")
        ((spent, reserved),) = await ledger_says(p, "SELECT spent_cents, reserved_cents FROM money")
        assert (80 < spent <= 100, reserved) == (True, pytest.approx(0.0, abs=1e-6))
        assert spent == pytest.approx(sum(line["cost_cents"] or 0 for line in w.log.of("attempt")))


@in_virtual_time
async def test_figures_that_cannot_be_are_recorded_and_not_believed() -> None:
    """Negative, huge and missing ones: each call counts with what was reserved for it, or by its length."""
    rule = BudgetRule(100.0, None, per_minute_cents=10.0, expected_s=60.0)
    async with world(faults="odd_figures=1") as w:
        p = await w.run(answering(40), screen=CampaignPolicy((CALLER,), budget=rule), cps=20.0)
        ((spent, seen),) = await ledger_says(p, "SELECT spent_cents, seen_calls FROM money")
        assert (spent, seen) == (pytest.approx(100.0), 10)
        told = {(line["duration_s"], line["cost_cents"]) for line in w.log.of("attempt")}
        assert told == {(-60.0, -1e6), (1e12, 1e300), (None, None)}
        assert {line["ended_at"] for line in w.log.of("attempt")} >= {None}


@in_virtual_time
async def test_a_gap_counts_from_the_ring_and_not_from_the_claim() -> None:
    """Busy at first; the request for it was held for two minutes."""
    screen = CampaignPolicy((CALLER,), caps=CapsRule(gap_s=600.0))
    async with world(relayed=True) as w:
        relay_of(w).on("create", says(429, RateLimit_Reset="120"))
        p = await w.run([job(48)], screen=screen, redial_delays={"busy": (60.0,)})
        first, second = [call.created_at for call in w.sim.calls]
        assert first >= 120
        assert second - first >= 600
        assert p.jobs == {JobState.DONE: 1}


# --- drain ----------------------------------------------------------------------------------------------

DRAINED = Stop("the budget is used up", "raise it")


@in_virtual_time
async def test_a_drain_lasts_as_long_as_its_calls_and_a_signal_ends_it() -> None:
    async with world() as w:
        async with w.running(answering(40), cps=5.0) as p:
            await anyio.sleep(3)
            p.campaign.drain(DRAINED)
            p.campaign.drain(DRAINED)
            await anyio.sleep(10)
            assert p.ended_at is None
            since = anyio.current_time()
            p.stop()
            p.stop()
            await p.ended.wait()
            assert anyio.current_time() - since < 0.1
            assert [event.why for event in p.of(CampaignStopping)] == ["the budget is used up", "interrupted"]
            assert p.campaign.stopping is not None
            assert p.campaign.stopping.why == "interrupted", "by which a second signal is known"
        again = await w.run(answering(40))
        assert (again.tally.uncertain, again.jobs, w.report.calls) == (0, {JobState.DONE: 40}, 40)


@in_virtual_time
async def test_a_drain_reads_no_more_and_records_every_end() -> None:
    async with world(webhooks=True) as w:
        async with w.running(answering(40), cps=5.0) as p:
            await anyio.sleep(3)
            p.campaign.drain(DRAINED)
            with quiet(w, after_s=0.1):
                await p.ended.wait()
        assert p.jobs == {JobState.DONE: w.report.calls, JobState.OPEN: 40 - w.report.calls}


@in_virtual_time
async def test_grace_bounds_a_stop_out_of_a_drain() -> None:
    async with world(relayed=True) as w:
        relay_of(w).always("create", Twist(after_s=60))
        async with w.running(answering(5), grace_s=12) as p:
            await anyio.sleep(1)
            p.campaign.drain(DRAINED)
            await anyio.sleep(5)
            since = anyio.current_time()
            p.stop()
            await p.ended.wait()
            assert anyio.current_time() - since == pytest.approx(12, abs=0.1)
            p.crashed = True  # those were cut off, with their slots


@in_virtual_time
async def test_an_account_that_is_blocked_during_a_drain_is_told() -> None:
    async with world() as w, w.running([*answering(5), job(97, area=500)], cps=20.0) as p:
        await anyio.sleep(0.35)
        p.campaign.drain(DRAINED)
        await p.ended.wait()
        assert p.campaign.stopping is not None
        assert p.campaign.stopping.account
