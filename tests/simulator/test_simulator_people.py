"""Numbers and what becomes of calls to them."""

from collections import Counter
from dataclasses import replace

import anyio
import pytest
from simulator_kit import FROM, STEADY, bench, in_virtual_time, number

from dialer.domain.outcomes import REASONS
from dialer.simulator.account import Account
from dialer.simulator.chance import dice
from dialer.simulator.people import BY_LAST_TWO_DIGITS, SCRIPTS, Behaviour, Script, behaviour_of, times_of

STOPS_THE_ACCOUNT = {
    "scam_detected",
    "budget_reached",
    "telephony_provider_permission_denied",
    "sip_routing_error",
    "no_valid_payment",
    "credit_exhausted",
}


RARER = {
    "call_take_over",
    "error_asr",
    "error_llm_websocket_corrupt_payload",
    "error_llm_websocket_lost_connection",
    "error_llm_websocket_runtime",
    "error_no_audio_received",
    "error_user_not_joined",
    "manual_stopped",
    "no_concurrency_fallback",
    "transfer_bridged",
    "transfer_cancelled",
    "user_hangup",
}
"""Of behaviours without digits."""


def test_the_table_names_every_pair_of_digits_and_every_behaviour_once() -> None:
    covered = [digits for span, _ in BY_LAST_TWO_DIGITS for digits in span]
    assert covered == list(range(100))
    assert set(Behaviour) == set(SCRIPTS)
    by_digits = {who for _, who in BY_LAST_TWO_DIGITS}
    named = {script.reason for who in set(Behaviour) - by_digits for script in SCRIPTS[who]}
    assert named == RARER


def test_every_reason_that_the_api_has_is_played_but_for_those_it_no_longer_gives() -> None:
    played = {script.reason for scripts in SCRIPTS.values() for script in scripts}
    old = {"machine_detected", "error_twilio", "error_frontend_corrupted_payload", "error_inbound_webhook"}
    assert set(REASONS) - played == old


def test_00_to_59_stop_no_account_and_touch_no_from_number() -> None:
    for last in range(60):
        for script in SCRIPTS[behaviour_of(number(last))]:
            assert script.reason not in STOPS_THE_ACCOUNT | {"marked_as_spam", "network_blocked"}


def test_a_number_without_two_digits_answers() -> None:
    assert behaviour_of("sip:ada@pbx.invalid") is Behaviour.ANSWERS


@in_virtual_time
async def test_every_number_ends_as_its_script_says() -> None:
    async with bench(replace(STEADY, concurrency_limit=200, other_per_10s=0)) as b:
        made = {last: await b.dial(number(last)) for last in range(100)}
        await anyio.sleep(3700)
        for last, call in made.items():
            script = SCRIPTS[behaviour_of(number(last))][0]
            seen = await b.sdk.call.retrieve(call.call_id)
            assert (seen.call_status, seen.disconnection_reason) == (script.status, script.reason)
            assert (seen.start_timestamp is None) == (script.talk is None)
            assert (seen.transcript is None) == (script.talk is None)
            assert seen.end_timestamp is not None
            assert (seen.transfer_destination is not None) == (script.reason == "call_transfer")
        report = b.sim.report()
    assert report.live == 0
    assert report.outcomes == Counter(SCRIPTS[behaviour_of(number(last))][0].reason for last in range(100))
    assert "concurrency_limit_reached" not in report.rings_by_outcome
    assert report.rung == sum(SCRIPTS[behaviour_of(number(last))][0].rung for last in range(100))
    assert max(call.ended_at or 0 for call in b.sim.calls) == pytest.approx(3605, abs=1)


@in_virtual_time
async def test_some_answer_only_later() -> None:
    async with bench() as b:
        for _ in range(4):
            for last in (48, 49):
                await b.dial(number(last))
            await anyio.sleep(100)
        by_number = {
            last: [c.reason for c in b.sim.calls if c.to_number == number(last)] for last in (48, 49)
        }
    assert by_number[48] == ["dial_busy"] + ["user_hangup"] * 3
    assert by_number[49] == ["dial_no_answer"] * 2 + ["user_hangup"] * 2


@in_virtual_time
async def test_a_refused_call_is_no_first_call() -> None:
    async with bench(faults="concurrency_refused=1,only_first=1") as b:
        b.sim.set_account(concurrency_refusal="call_error")
        for _ in range(3):
            await b.dial(number(48))
            await anyio.sleep(100)
        reasons = [call.reason for call in b.sim.calls]
    assert reasons == ["concurrency_limit_reached", "dial_busy", "user_hangup"]


@in_virtual_time
async def test_people_can_be_chosen() -> None:
    async with bench(people={number(0): Behaviour.BUSY}) as b:
        call = await b.dial(number(0))
        await anyio.sleep(10)
        assert (await b.sdk.call.retrieve(call.call_id)).disconnection_reason == "dial_busy"


@in_virtual_time
async def test_a_flagged_number_and_a_missing_provider_ring_nobody() -> None:
    async with bench() as b:
        for changes in (
            {"flagged_numbers": frozenset({FROM})},
            {"flagged_numbers": frozenset({number(99)}), "provider_down": True},
            {"provider_down": False},
        ):
            b.sim.set_account(**changes)
            await b.dial(number(48))
            await anyio.sleep(100)
        reasons = [call.reason for call in b.sim.calls]
        rung = [call.rung for call in b.sim.calls]
    assert reasons == ["marked_as_spam", "telephony_provider_unavailable", "dial_busy"]
    assert not any(rung)


def test_times_have_their_mean_and_their_bounds() -> None:
    account = Account(ring_s=12.0, talk_s=60.0)
    answered = Script("ended", "user_hangup", talk=1.0)
    drawn = [times_of(answered, account, dice(1, index)) for index in range(4000)]
    assert sum(ring for ring, _ in drawn) / 4000 == pytest.approx(12.0, rel=0.05)
    assert sum(talk or 0 for _, talk in drawn) / 4000 == pytest.approx(60.0, rel=0.08)
    assert max(ring for ring, _ in drawn) <= account.no_answer_s
    assert max(talk or 0 for _, talk in drawn) <= account.max_call_s
