"""Alive and ready, in virtual time."""

from collections.abc import Awaitable, Callable

import anyio
import pytest
from aiohttp import ClientSession

from dialer.app.clock_loop import run_virtual
from dialer.engine.events import CampaignStopping
from dialer.telemetry.exposition import monitor_app
from dialer.telemetry.health import BEAT_S, LAG_MAX_S, LEDGER_MAX_S, Health
from dialer.telemetry.metrics import Metrics
from dialer.telemetry.tally import Tally
from dialer.web.server import serve


def beating(case: Callable[[Health], Awaitable[None]]) -> list[float]:
    """Run a case beside the beat; how late each beat came."""
    lags: list[float] = []

    async def main() -> None:
        health = Health(lambda: None)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(health.beat, lags.append)
            await case(health)
            tasks.cancel_scope.cancel()

    run_virtual(main)
    return lags


def test_a_loop_that_comes_round_is_alive() -> None:
    async def case(health: Health) -> None:
        assert health.not_alive() == []
        await anyio.sleep(10)
        assert health.not_alive() == []

    lags = beating(case)
    assert len(lags) >= 9
    assert max(lags) < 0.001


@pytest.mark.parametrize("scale", [1.0, 60.0])
def test_a_loop_that_does_not_come_round_is_not_alive(scale: float) -> None:
    async def main() -> None:
        health = Health(lambda: None, scale=scale)
        await beat_for(health, BEAT_S * scale)
        await anyio.sleep((LAG_MAX_S + BEAT_S + 0.5) * scale)  # nobody beats
        assert health.not_alive() == ["the event loop is 5.5 s late"]
        assert health.not_alive()[0] in health.not_ready()
        await beat_for(health, BEAT_S * scale)
        assert health.not_alive() == []

    run_virtual(main)


async def beat_for(health: Health, seconds: float) -> None:
    with anyio.move_on_after(seconds + 1e-3):
        await health.beat(lambda lag_s: None)


def test_ready_is_a_ledger_that_answers() -> None:
    async def case(health: Health) -> None:
        assert health.not_ready() == ["the ledger has not been used yet"]
        health.committed(failed=False)
        assert health.not_ready() == []
        health.committed(failed=True)
        assert health.not_ready() == ["the ledger's last transaction failed"]
        health.committed(failed=False)
        await anyio.sleep(LEDGER_MAX_S - 1)
        assert health.not_ready() == []
        await anyio.sleep(2)
        assert health.not_ready() == ["the ledger has not answered for 15 s"]

    beating(case)


@pytest.mark.parametrize(
    ("account", "says"), [(False, "it is stopping"), (True, "the API refuses the account")]
)
def test_who_stops_is_alive_but_not_ready(account: bool, says: str) -> None:
    async def main() -> None:
        tally = Tally()
        health = Health(lambda: tally.stopping)
        health.committed(failed=False)
        tally.observe(CampaignStopping("because", "do this", account))
        assert (health.not_alive(), health.not_ready()) == ([], [says])

    run_virtual(main)


def test_the_probes_say_so_in_their_status() -> None:
    async def main() -> None:
        metrics = Metrics("spring", 2)
        health = Health(lambda: metrics.tally.stopping)
        app = monitor_app([metrics], health)
        async with serve(app, "127.0.0.1:0") as url, ClientSession() as session:

            async def get(path: str) -> tuple[int, str]:
                async with session.get(url + path) as answer:
                    return answer.status, await answer.text()

            assert await get("/livez") == (200, "ok\n")
            assert await get("/readyz") == (503, "the ledger has not been used yet\n")
            health.committed(failed=True)
            metrics.observe(CampaignStopping("because", "do this", account=False))
            said = "it is stopping\nthe ledger's last transaction failed\n"
            assert await get("/readyz") == (503, said)
            assert (await get("/metrics"))[0] == 200

    run_virtual(main)
