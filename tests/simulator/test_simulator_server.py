"""Starting, stopping, and clocks other than the virtual one."""

import asyncio

import anyio
import pytest
import retell
from simulator_kit import EPOCH_S, FROM, STEADY, bench, in_virtual_time, number

from dialer.app.clock_loop import run
from dialer.simulator.server import Simulator


@in_virtual_time
async def test_what_fails_inside_comes_out_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        async with bench():
            raise ZeroDivisionError


@in_virtual_time
async def test_it_stops_with_calls_answers_and_webhooks_under_way() -> None:
    async with anyio.create_task_group() as tasks, bench(STEADY, "stall=1,stall_s=1000") as b:
        b.sim.set_account(webhook_url="http://127.0.0.1:9/hook", webhook_delay_s=500.0)

        async def dial() -> None:
            with pytest.raises(retell.APIConnectionError):
                await b.dial(number(42))

        tasks.start_soon(dial)
        await anyio.sleep(10)
    report = b.sim.report()
    assert (report.calls, report.outcomes) == (1, {"dial_busy": 1})


@in_virtual_time
async def test_after_the_end_everything_can_be_read() -> None:
    async with bench() as b:
        await b.dial(number(54))
        await anyio.sleep(100)
    await anyio.sleep(10_000)
    report = b.sim.report()
    assert (report.live, b.sim.calls[0].status) == (1, "ongoing")
    assert report.live_seconds == pytest.approx(100, abs=1)


@in_virtual_time
async def test_a_port_can_be_chosen() -> None:
    first = Simulator(now=lambda: EPOCH_S)
    async with first.serve("127.0.0.1", 0):
        port = int(first.url.rsplit(":", 1)[1])
    second = Simulator(now=lambda: EPOCH_S)
    async with second.serve(port=port):
        assert second.url == f"http://127.0.0.1:{port}"


def test_it_works_on_a_fast_clock() -> None:
    async def scene() -> None:
        async with bench() as b:
            await b.dial(number(0), "a")
            await anyio.sleep(70)
            assert b.sim.calls[0].reason == "user_hangup"

    run(scene, speed=600.0)


def test_the_official_client_works_on_the_usual_loop() -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        async with (
            Simulator(STEADY, now=lambda: EPOCH_S + loop.time()) as sim,
            retell.AsyncRetell(api_key="sim-key", base_url=sim.url, max_retries=0) as sdk,
        ):
            made = await sdk.call.create_phone_call(from_number=FROM, to_number=number(0))
            assert (await sdk.call.retrieve(made.call_id)).call_status == "registered"

    anyio.run(scene)
