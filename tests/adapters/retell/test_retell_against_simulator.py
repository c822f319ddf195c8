"""Every method of the client against the simulator, which somebody else wrote from the same pages."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import anyio
import pytest
from retell_kit import CALLEE, CALLER, CONFIG, JOB, api_at

from dialer.adapters.retell.client import RetellApi
from dialer.adapters.retell.config import RetellConfig
from dialer.adapters.system.clock import LoopClock
from dialer.app.clock_loop import run_virtual
from dialer.domain.calls import (
    AttemptId,
    CallContent,
    CallId,
    CallJob,
    CallStatus,
    CallUpdate,
    Capacity,
    JobKind,
)
from dialer.domain.errors import AccountBlocked, CallNotStarted, CallRefused, CallUncertain, Limit
from dialer.simulator.account import Account
from dialer.simulator.faults import Faults
from dialer.simulator.server import Simulator

ACCOUNT = Account(api_key=CONFIG.api_key, ring_s=5.0, ring_sigma=0.0, talk_s=60.0, talk_sigma=0.0)
EPOCH = 1_790_000_000.0

Test = Callable[[RetellApi, Simulator], Awaitable[None]]


def _run(test: Test, account: Account = ACCOUNT, faults: str = "", *, config: RetellConfig = CONFIG) -> None:
    async def main() -> None:
        clock = LoopClock(EPOCH, asyncio.get_running_loop())
        async with (
            Simulator(account, Faults.parse(faults), now=clock.now) as sim,
            api_at(sim.url, config) as api,
        ):
            await test(api, sim)

    run_virtual(main)


async def _dial(api: RetellApi, attempt: str, job: CallJob = JOB) -> CallUpdate:
    return await api.create(job.kind, api.encode(job, AttemptId(attempt), CALLER))


async def _get(api: RetellApi, call_id: CallId) -> CallUpdate:
    news = await api.get(call_id)
    assert news is not None
    return news


def test_a_phone_call_from_its_creation_to_its_end() -> None:
    async def test(api: RetellApi, sim: Simulator) -> None:
        content = CallContent(variables={"name": "Ann"}, metadata={"crm": 1})
        news = await _dial(api, "attempt_1", replace(JOB, job_id="row-7", content=content))
        assert (news.status, news.attempt_id, news.is_over) == (CallStatus.REGISTERED, "attempt_1", False)
        metadata = sim.call(news.call_id).request.metadata
        assert metadata == {"attempt_id": "attempt_1", "crm": 1, "job_id": "row-7"}
        await anyio.sleep(30)
        going = await _get(api, news.call_id)
        assert going.status == CallStatus.ONGOING
        assert going.started_at == pytest.approx(EPOCH + 5, abs=1)
        await anyio.sleep(60)
        over = await _get(api, news.call_id)
        assert (over.status, over.is_over, over.duration_s) == (CallStatus.ENDED, True, 60.0)
        assert None not in (over.reason, over.ended_at, over.cost_cents, over.analysis)
        details = await api.details(news.call_id)
        assert details is not None
        assert (details.to_number, details.call_status) == (CALLEE, CallStatus.ENDED)

    _run(test)


@pytest.mark.parametrize("kind", [JobKind.WEB_CALL, JobKind.REGISTER_PHONE_CALL])
def test_the_other_kinds_are_registered(kind: JobKind) -> None:
    async def test(api: RetellApi, _: Simulator) -> None:
        news = await _dial(api, "attempt_1", replace(JOB, kind=kind))
        assert news.call_id
        assert (news.web_access is not None) is (kind is JobKind.WEB_CALL)
        if kind is JobKind.REGISTER_PHONE_CALL:
            assert (news.status, news.attempt_id) == (CallStatus.REGISTERED, "attempt_1")

    _run(test)


def test_a_web_call_says_how_the_browser_joins() -> None:
    async def test(api: RetellApi, sim: Simulator) -> None:
        news = await _dial(api, "attempt_1", replace(JOB, kind=JobKind.WEB_CALL))
        assert news.web_access is not None
        assert news.web_access.token
        assert news.web_access.expires_at == pytest.approx(EPOCH + 30, abs=1)
        assert news.web_access.ice_servers == [{"urls": "stun:stun.invalid:3478"}]
        assert news.web_access.transport == "gateway"
        assert sim.report().requests["POST /v3/create-web-call"] == {"201": 1}

    _run(test)


def test_web_calls_can_be_made_by_the_old_endpoint() -> None:
    async def test(api: RetellApi, sim: Simulator) -> None:
        news = await _dial(api, "attempt_1", replace(JOB, kind=JobKind.WEB_CALL))
        assert (news.status, news.attempt_id) == (CallStatus.REGISTERED, "attempt_1")
        assert news.web_access is not None
        assert news.web_access.transport is None
        assert sim.report().requests["POST /v2/create-web-call"] == {"201": 1}

    _run(test, config=replace(CONFIG, web_call_version=2))


def test_a_call_is_found_by_its_attempt_and_listed_by_its_id() -> None:
    async def test(api: RetellApi, _: Simulator) -> None:
        ids = [(await _dial(api, f"attempt_{number}")).call_id for number in range(5)]
        asked = [AttemptId("attempt_3"), AttemptId("attempt_1"), AttemptId("attempt_9")]
        assert {news.call_id for news in await api.find(asked)} == {ids[1], ids[3]}
        listed = await api.list([*ids[:2], CallId("call_of_nobody")])
        assert {news.call_id for news in listed} == set(ids[:2])

    _run(test)


def test_the_same_bytes_make_one_call() -> None:
    async def test(api: RetellApi, sim: Simulator) -> None:
        first, second = await _dial(api, "attempt_1"), await _dial(api, "attempt_1")
        assert first.call_id == second.call_id
        assert len(sim.calls) == 1

    _run(test)


def test_a_call_is_hung_up() -> None:
    async def test(api: RetellApi, _: Simulator) -> None:
        news = await _dial(api, "attempt_1")
        await anyio.sleep(20)
        await api.stop(news.call_id)
        assert (await _get(api, news.call_id)).is_over
        assert await api.get(CallId("call_of_nobody")) is None

    _run(test)


def test_the_capacity() -> None:
    async def test(api: RetellApi, _: Simulator) -> None:
        await _dial(api, "attempt_1")
        assert await api.capacity() == Capacity(limit=7, in_use=3, reserved_inbound=1, burst_limit=21)

    account = replace(
        ACCOUNT, concurrency_limit=7, used_by_others=2, reserved_inbound_concurrency=1, burst_enabled=True
    )
    _run(test, account)


@pytest.mark.parametrize(
    ("faults", "error"),
    [
        ("error_before=1", CallUncertain),
        ("error_after=1", CallUncertain),
        ("drop_before=1", CallUncertain),
        ("drop_after=1", CallUncertain),
        ("unreadable=1", CallUncertain),
        ("stall=1", CallUncertain),
        ("rate_limited=1", CallNotStarted),
        ("concurrency_refused=1", CallNotStarted),
    ],
)
def test_each_fault_of_a_create_is_what_it_means(faults: str, error: type[Exception]) -> None:
    async def test(api: RetellApi, sim: Simulator) -> None:
        with pytest.raises(error):
            await _dial(api, "attempt_1")
        assert error is CallUncertain or sim.calls == []

    _run(test, faults=faults)


def test_a_rate_limit_says_how_long() -> None:
    async def test(api: RetellApi, _: Simulator) -> None:
        await _dial(api, "attempt_1")
        with pytest.raises(CallNotStarted) as caught:
            await _dial(api, "attempt_2")
        assert caught.value.limit is Limit.RATE
        assert caught.value.retry_after_s is not None

    _run(test, replace(ACCOUNT, creates_per_10s=1))


def test_a_full_account_is_a_matter_of_concurrency() -> None:
    async def test(api: RetellApi, _: Simulator) -> None:
        await _dial(api, "attempt_1")
        with pytest.raises(CallNotStarted) as caught:
            await _dial(api, "attempt_2")
        assert caught.value.limit is Limit.CONCURRENCY

    _run(test, replace(ACCOUNT, concurrency_limit=1))


@pytest.mark.parametrize("account", [replace(ACCOUNT, paid=False), replace(ACCOUNT, api_key="another")])
def test_an_account_that_may_not_call_is_blocked(account: Account) -> None:
    async def test(api: RetellApi, _: Simulator) -> None:
        with pytest.raises(AccountBlocked):
            await _dial(api, "attempt_1")

    _run(test, account)


def test_a_line_that_is_not_ours_is_refused() -> None:
    async def test(api: RetellApi, _: Simulator) -> None:
        with pytest.raises(CallRefused):
            await _dial(api, "attempt_1")

    _run(test, replace(ACCOUNT, from_numbers=frozenset({"+12125550199"})))


@pytest.mark.parametrize("faults", ["read_error=1", "read_dropped=1"])
def test_trouble_in_a_request_that_makes_no_call_is_no_call(faults: str) -> None:
    async def test(api: RetellApi, _: Simulator) -> None:
        call_id = (await _dial(api, "attempt_1")).call_id
        for ask in (
            api.capacity(),
            api.find([AttemptId("attempt_1")]),
            api.list([call_id]),
            api.get(call_id),
            api.stop(call_id),
        ):
            with pytest.raises(CallNotStarted):
                await ask

    _run(test, faults=faults)
