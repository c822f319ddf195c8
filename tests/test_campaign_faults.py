"""What fails in one campaign is in the ledger as long as it fails, with the next try."""

import anyio

from dialer.adapters.ledger.operators.campaign_faults import faults_of
from dialer.adapters.ledger.shared import SharedLedger, open_shared_sqlite
from dialer.app.campaign_faults import REPEAT_S, CampaignFaults
from dialer.app.clock_loop import run_virtual
from dialer.domain.calls import CampaignId
from dialer.engine.events import CampaignFailing, CampaignPart
from dialer.engine.results_log import AGAIN_S
from dialer.engine.service import FAULT_REST_S
from dialer.ports.sharing import CampaignFault

NOW = 1_800_000_000.0


class LoopClock:
    def now(self) -> float:
        return NOW + anyio.current_time()


async def told(ledger: SharedLedger, campaign_id: CampaignId) -> list[CampaignFault]:
    now = LoopClock().now()
    return (await ledger.ask(lambda conn: faults_of(conn, [campaign_id], now)))[campaign_id]


def test_what_fails_is_told_as_long_as_it_fails() -> None:
    async def main() -> None:
        clock = LoopClock()
        async with open_shared_sqlite(None, on_thread=False) as ledger, anyio.create_task_group() as tasks:
            spring = await ledger.campaign_named("spring", NOW)
            faults = CampaignFaults(ledger, "one", clock)
            tasks.start_soon(faults.run)
            observe = faults.observer("spring")
            began = clock.now()
            observe(CampaignFailing(CampaignPart.CAMPAIGN, "no such file"))
            observe(CampaignFailing(CampaignPart.RESULTS_LOG, "no room"))
            await anyio.sleep(1)
            rules, log = await told(ledger, spring)
            assert (rules.why, rules.since, rules.next_try_at) == (
                "no such file",
                began,
                began + FAULT_REST_S,
            )
            assert (log.part, log.worker, log.next_try_at) == ("results_log", "one", began + AGAIN_S)
            await anyio.sleep(20 * REPEAT_S)
            rules, log = await told(ledger, spring)
            assert (rules.since, log.since) == (began, began)
            assert clock.now() - REPEAT_S <= log.next_try_at <= clock.now() + AGAIN_S
            observe(CampaignFailing(CampaignPart.CAMPAIGN, "another file"))
            observe(CampaignFailing(CampaignPart.RESULTS_LOG, None))
            await anyio.sleep(1)
            (rules,) = await told(ledger, spring)
            assert (rules.why, rules.since) == ("another file", began)
            observe(CampaignFailing(CampaignPart.CAMPAIGN, None))
            await anyio.sleep(1)
            assert await told(ledger, spring) == []
            tasks.cancel_scope.cancel()

    run_virtual(main)
