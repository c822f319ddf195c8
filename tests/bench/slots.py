"""How much of the slots is used while there is work, on the simulator in virtual time.

Use is what the simulated account saw: seconds of live calls over slots times seconds, from two mean calls
after the slots were first full until the last job was begun.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from dialer.adapters.ledger.store import open_sqlite
from dialer.adapters.retell.answers import parse_event
from dialer.adapters.retell.client import open_api
from dialer.adapters.retell.config import RetellConfig
from dialer.adapters.retell.signature import Signatures
from dialer.adapters.sinks.jsonl import JsonlLog
from dialer.adapters.sources.csv_file import CsvFile
from dialer.adapters.system.clock import LoopClock
from dialer.app.clock_loop import run_virtual
from dialer.app.engine_config import campaign_config
from dialer.domain.calls import CallUpdate
from dialer.engine.campaign import Campaign, CampaignConfig
from dialer.engine.capacity.local import LocalCapacity
from dialer.engine.events import Observe
from dialer.engine.intake import Intake
from dialer.engine.run import Run
from dialer.ports.engine import Clock
from dialer.settings import Pace, Settings, Tracking
from dialer.simulator.account import Account
from dialer.simulator.people import Behaviour
from dialer.simulator.server import Simulator
from dialer.web.server import serve
from dialer.web.webhooks import PATH, webhook_app
from tests.bench.leads import numbers, write_phone_leads
from tests.bench.report import Report
from tests.bench.serving import Server, measure
from tests.bench.spending import spend

SLOTS = 100
MEAN_S = 60.0
SIGMA = 0.8
WEBHOOK_DELAY_S = 0.3
USE_WANTED = 0.97
KEY = "sim-key"
EPOCH = 1_800_000_000.0


def measure_slots(report: Report, server: Server, quick: bool) -> None:
    """Section 7. The bare server is not needed."""
    del server
    calls = 600 if quick else 5_000
    title = (
        f"7. Slot use: {SLOTS} slots, {calls:,} calls of lognormal length, mean {MEAN_S:g} s, sigma {SIGMA}"
    )
    report.begin("slots", title)
    rows, figures = [], {}
    ways = {"webhooks after 0.3 s": (True, 2.0), "polling every 2 s": (False, 2.0)}
    for name, (webhooks, poll_s) in ways.items():
        measured = measure("slots", calls=calls, webhooks=webhooks, poll_s=poll_s)
        report.spin()
        figures[name] = measured
        virtual = f"{measured['virtual_s']:,.0f} s"
        rows.append(
            [name, f"{measured['use']:.1%}", str(measured["peak"]), virtual, f"{measured['seconds']:.1f} s"]
        )
    report.table(["", "slots used", "most at once", "virtual time", "real time"], rows)
    report.figures["7"] = figures
    for name, figure in figures.items():
        report.target(f"slots_{name.split()[0]}", f"slots used, {name}", figure["use"], USE_WANTED)


def measure_use(given: Mapping[str, Any]) -> dict[str, Any]:
    """One campaign in virtual time; in a worker."""
    found: dict[str, Any] = {}

    async def main() -> None:
        with TemporaryDirectory(prefix="dialer-bench-") as folder:
            found.update(await _campaign(Path(folder), given["calls"], given["webhooks"], given["poll_s"]))

    return {**spend(lambda: run_virtual(main)), **found}


async def _campaign(folder: Path, calls: int, webhooks: bool, poll_s: float) -> dict[str, Any]:
    clock = LoopClock(EPOCH, asyncio.get_running_loop())
    account = Account(
        concurrency_limit=SLOTS,
        ring_s=0.0,
        talk_s=MEAN_S,
        talk_sigma=SIGMA,
        webhook_delay_s=WEBHOOK_DELAY_S,
        creates_per_10s=0,
    )
    people = dict.fromkeys(numbers(calls), Behaviour.ANSWERS)
    leads = write_phone_leads(folder / "leads.csv", calls)
    async with (
        Simulator(account, seed=1, now=clock.now, people=people) as simulator,
        open_sqlite(None, dispatches=False, on_thread=False) as ledger,
        open_api(RetellConfig(api_key=KEY, base_url=simulator.url), connections_max=SLOTS) as api,
    ):
        campaign_id = await ledger.open_campaign("bench", clock.now(), simulated=True)
        intake = Intake(
            ledger, CsvFile(leads), clock, rows_max=200, refuse=lambda row: None, observe=lambda event: None
        )
        with JsonlLog(folder / "bench.jsonl") as sink:
            config = _config(poll_s)
            observe: Observe = lambda event: None  # noqa: E731
            capacity = LocalCapacity(ledger, api, clock, campaign_id, config, observe)
            campaign = Campaign("bench", ledger, api, sink, clock, Random(1), config, observe, None, capacity)
            run = Run(campaign, ledger, capacity, clock)
            async with _receiver(run, clock) as url:
                if webhooks:
                    simulator.set_account(webhook_url=url)
                await run.work(campaign_id, intake)
        return _use(simulator)


def _config(poll_s: float) -> CampaignConfig:
    settings = Settings(
        from_numbers=("+12125550199",),
        pace=Pace(cps=20, slots=SLOTS),
        tracking=Tracking(poll_s=poll_s),
    )
    return campaign_config(settings, None)


@asynccontextmanager
async def _receiver(run: Run, clock: Clock) -> AsyncIterator[str]:
    """Webhooks as the product takes them."""

    def hear(event: str, news: CallUpdate) -> None:
        del event
        run.heard(news)

    app = webhook_app(Signatures([KEY], clock.now), parse_event, hear, body_bytes_max=1_000_000)
    async with serve(app, "127.0.0.1:0") as url:
        yield url + PATH


def _use(simulator: Simulator) -> dict[str, Any]:
    begun = sorted(call.created_at for call in simulator.calls)
    since, until = begun[SLOTS - 1] + 2 * MEAN_S, begun[-1]
    report = simulator.report()
    return {
        "use": simulator.live_seconds(since, until) / (SLOTS * (until - since)),
        "peak": report.peak_live,
        "virtual_s": until - begun[0],
        "calls": len(begun),
    }
