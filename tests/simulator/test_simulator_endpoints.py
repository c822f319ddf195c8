"""The official SDK drives every endpoint and parses every answer."""

import anyio
import pytest
import retell
from simulator_kit import EPOCH_S, FROM, STEADY, bench, in_virtual_time, number

from dialer.simulator.account import Account


@in_virtual_time
async def test_a_call_from_creation_to_analysis() -> None:
    async with bench() as b:
        made = await b.dial(
            number(0),
            "attempt-1",
            retell_llm_dynamic_variables={"name": "Ada"},
            custom_sip_headers={"X-Line": "7"},
            override_agent_id="agent_x",
            override_agent_version=3,
            agent_override={"agent": {"voice_speed": 1.1}},
        )
        assert (made.call_status, made.direction, made.call_type) == ("registered", "outbound", "phone_call")
        assert (made.agent_id, made.agent_version) == ("agent_x", 3)
        assert made.start_timestamp is None

        await anyio.sleep(6)
        ongoing = await b.sdk.call.retrieve(made.call_id)
        assert ongoing.call_status == "ongoing"
        assert ongoing.start_timestamp == pytest.approx((EPOCH_S + 5) * 1000, abs=20)
        assert ongoing.transcript is None

        await anyio.sleep(59.5)
        ended = await b.sdk.call.retrieve(made.call_id)
        assert (ended.call_status, ended.disconnection_reason) == ("ended", "user_hangup")
        assert ended.duration_ms == pytest.approx(60_000, abs=20)
        assert ended.end_timestamp - ended.start_timestamp == pytest.approx(ended.duration_ms, abs=1)
        assert ended.call_cost.combined_cost == pytest.approx(60 * 0.1417, abs=0.01)
        assert ended.call_analysis is None
        assert ended.metadata == {"attempt_id": "attempt-1"}
        assert ended.retell_llm_dynamic_variables == {"name": "Ada"}
        assert ended.custom_sip_headers == {"X-Line": "7"}
        assert ended.transcript.startswith("Agent: Hello")

        await anyio.sleep(1)
        analysed = await b.sdk.call.retrieve(made.call_id)
        assert analysed.call_analysis.call_successful is True
        listed = (await b.sdk.call.list()).items[0]
        assert listed.call_id == made.call_id
        assert "transcript" not in listed.to_dict()


@in_virtual_time
async def test_an_agent_version_may_be_a_tag() -> None:
    async with bench() as b:
        made = await b.dial(number(0), override_agent_version="prod")
        assert (made.agent_version, made.agent_tag) == (1, "prod")


@in_virtual_time
async def test_registered_and_web_calls_take_no_slot() -> None:
    async with bench() as b:
        registered = await b.sdk.call.register_phone_call(agent_id="agent_x", to_number=number(1))
        assert (registered.call_status, registered.agent_id) == ("registered", "agent_x")
        web = await b.sdk.call.create_web_call(agent_id="agent_x", metadata={"k": "v"})
        assert web.transport == "gateway"
        assert web.expires_at > EPOCH_S * 1000
        old = (await b.post("/v2/create-web-call", {"agent_id": "agent_x"})).json()
        assert (old["call_type"], old["call_status"]) == ("web_call", "registered")
        assert old["access_token"]
        assert (await b.sdk.call.retrieve(web.call_id)).metadata == {"k": "v"}
        assert (await b.sdk.concurrency.retrieve()).current_concurrency == 0
        assert b.sim.report().calls == 0


@in_virtual_time
async def test_stopping_a_call() -> None:
    async with bench() as b:
        ringing, talking = await b.dial(number(0)), await b.dial(number(54))
        await b.sdk.call.stop(ringing.call_id)
        await anyio.sleep(20)
        await b.sdk.call.stop(talking.call_id)
        for call_id in (ringing.call_id, talking.call_id):
            stopped = await b.sdk.call.retrieve(call_id)
            assert (stopped.call_status, stopped.disconnection_reason) == ("ended", "manual_stopped")
        assert (await b.sdk.concurrency.retrieve()).current_concurrency == 0
        with pytest.raises(retell.BadRequestError):
            await b.sdk.call.stop(talking.call_id)
        await anyio.sleep(4000)
        assert b.sim.call(talking.call_id).reason == "manual_stopped"


@in_virtual_time
async def test_concurrency_is_reported_in_full() -> None:
    account = Account(
        concurrency_limit=30,
        purchased_concurrency=10,
        reserved_inbound_concurrency=4,
        used_by_others=2,
        burst_enabled=True,
    )
    async with bench(account) as b:
        await b.dial(number(54))
        seen = await b.sdk.concurrency.retrieve()
    assert seen.current_concurrency == 3
    assert (seen.concurrency_limit, seen.base_concurrency, seen.purchased_concurrency) == (30, 20, 10)
    assert (seen.concurrency_burst_enabled, seen.concurrency_burst_limit) == (True, 90)
    assert seen.reserved_inbound_concurrency == 4


@in_virtual_time
async def test_errors_have_the_statuses_of_the_pages() -> None:
    async with bench() as b:
        with pytest.raises(retell.UnprocessableEntityError, match="Cannot find requested asset"):
            await b.sdk.call.retrieve("call_unknown")
        with pytest.raises(retell.UnprocessableEntityError):
            await b.sdk.call.stop("call_unknown")
        with pytest.raises(retell.AuthenticationError, match="API key is missing or invalid"):
            await b.sdk.with_options(api_key="wrong").call.list()
        assert (await b.post("/v2/list-calls", {})).status_code == 404
        assert (await b.post("/v2/create-phone-call", {}, headers={"Authorization": "x"})).status_code == 401
        b.sim.set_account(paid=False)
        with pytest.raises(retell.APIStatusError) as unpaid:
            await b.dial(number(0))
        assert unpaid.value.status_code == 402


GOOD = {"from_number": FROM, "to_number": number(0)}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (GOOD, 201),
        (GOOD | {"a_field_from_the_future": 1}, 201),
        (GOOD | {"metadata": {"x": "y" * 49_000}}, 201),
        (GOOD | {"metadata": {"x": "y" * 51_000}}, 400),
        (GOOD | {"metadata": "text"}, 400),
        ({"to_number": number(0)}, 400),
        (GOOD | {"to_number": "2025550100"}, 400),
        (GOOD | {"to_number": "+1202555010x"}, 400),
        (GOOD | {"to_number": "+1 202 555 0100"}, 400),
        (GOOD | {"to_number": 12025550100}, 400),
        (GOOD | {"from_number": "100"}, 400),
        (GOOD | {"from_number": "100", "ignore_e164_validation": True}, 201),
        (GOOD | {"ignore_e164_validation": "yes"}, 400),
        (GOOD | {"retell_llm_dynamic_variables": {"age": 44}}, 400),
        (GOOD | {"custom_sip_headers": {"X-Age": 44}}, 400),
        (GOOD | {"agent_override": {"agent": {}, "retell_llm": {}, "conversation_flow": {}}}, 201),
        (GOOD | {"agent_override": {"voice": {}}}, 400),
        (GOOD | {"agent_override": {"agent": 1}}, 400),
        (GOOD | {"override_agent_version": 1.5}, 400),
        (GOOD | {"override_agent_id": ""}, 400),
        (GOOD | {"idempotency_key": 5}, 400),
        (GOOD | {"override_agent_id": "agent_unknown"}, 422),
        (GOOD | {"from_number": number(99)}, 404),
        (GOOD | {"to_number": number(7)}, 201),
        (GOOD | {"to_number": number(7), "honor_internal_dnc": True}, 400),
        ([GOOD], 400),
        (b'{"from_number": ', 400),
        (b"", 400),
        (b'"' + b"x" * (1 << 20) + b'"', 413),
    ],
)
def test_what_create_phone_call_refuses(body: object, status: int) -> None:
    @in_virtual_time
    async def scene() -> None:
        account = Account(
            agents=frozenset(), from_numbers=frozenset({FROM, "100"}), do_not_call=frozenset({number(7)})
        )
        async with bench(account) as b:
            answer = await b.post("/v2/create-phone-call", body)
            assert answer.status_code == status, answer.text
            if status != 201:
                assert answer.json()["status"] == "error"
                assert answer.json()["message"]
            assert len(b.sim.calls) == (status == 201)

    scene()


@in_virtual_time
async def test_the_content_type_is_looked_at() -> None:
    async with bench() as b:
        answer = await b.post("/v2/create-phone-call", GOOD, headers={"Content-Type": "text/plain"})
        assert answer.status_code == 415


@in_virtual_time
async def test_other_creates_are_validated_too() -> None:
    async with bench() as b:
        for path in ("/v2/register-phone-call", "/v2/create-web-call", "/v3/create-web-call"):
            assert (await b.post(path, {})).status_code == 400
            assert (await b.post(path, {"agent_id": "a", "agent_override": {"x": {}}})).status_code == 400
        answer = await b.post("/v2/register-phone-call", {"agent_id": "a", "direction": "up"})
        assert answer.status_code == 400


@in_virtual_time
async def test_a_key_gives_the_same_call_for_an_hour() -> None:
    async with bench() as b:
        body = GOOD | {"idempotency_key": "k", "metadata": {"attempt_id": "k"}}
        first = await b.post("/v2/create-phone-call", body)
        await anyio.sleep(3500)
        again = await b.post("/v2/create-phone-call", body)
        assert (again.status_code, again.content) == (201, first.content)
        different = await b.post("/v2/create-phone-call", body | {"from_number": number(1)})
        assert different.status_code == 400
        assert b.sim.report().replays == 1
        await anyio.sleep(101)
        late = await b.post("/v2/create-phone-call", body)
        assert late.json()["call_id"] != first.json()["call_id"]
        assert b.sim.report().doubled_rings == 1


@in_virtual_time
async def test_an_account_may_ignore_the_key() -> None:
    async with bench(Account(idempotency=False)) as b:
        calls = {(await b.dial(number(0), "k")).call_id for _ in range(3)}
        assert len(calls) == 3
        report = b.sim.report()
    assert (report.doubled_calls, report.doubled_rings, report.numbers_doubled) == (2, 2, 1)
    assert report.replays == 0


@in_virtual_time
async def test_answers_take_the_latency() -> None:
    async with bench(Account(latency_s=0.2)) as b:
        before = b.sim.calls
        start = anyio.current_time()
        await b.dial(number(0))
        assert anyio.current_time() - start == pytest.approx(0.2, abs=0.01)
        assert before[0].created_at == pytest.approx(start, abs=0.01)


def test_the_same_seed_gives_the_same_calls() -> None:
    def run(seed: int, order: list[int]) -> dict[str, tuple[str, float, float | None]]:
        found: dict[str, tuple[str, float, float | None]] = {}

        @in_virtual_time
        async def scene() -> None:
            async with bench(Account(), seed=seed) as b:
                for last in order:
                    await b.dial(number(last))
                found.update({c.to_number: (c.call_id, c.ring_s, c.talk_s) for c in b.sim.calls})

        scene()
        return found

    assert run(1, [0, 1, 2]) == run(1, [2, 0, 1])
    assert run(1, [0, 1, 2]) != run(2, [0, 1, 2])


def test_wrong_forms_are_refused_when_configured() -> None:
    with pytest.raises(ValueError, match="maybe"):
        Account(concurrency_refusal="maybe")
    assert STEADY.outbound_slots == 20
