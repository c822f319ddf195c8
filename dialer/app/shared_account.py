"""The account, as one of several workers has it: wiring of a service, and of a run on a server."""

import socket
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from dialer.adapters.ledger.drivers.server import is_server
from dialer.adapters.ledger.shared import SharedLedger, open_shared_sqlite
from dialer.adapters.retell.client import RetellApi, open_api
from dialer.adapters.system.installed import needs_extra
from dialer.app.engine_config import campaign_config, retell_config
from dialer.domain.calls import CampaignId
from dialer.engine.capacity.shared import Crew, CrewConfig
from dialer.engine.events import Observe
from dialer.ports.engine import Clock
from dialer.settings import Settings


@dataclass(frozen=True, slots=True)
class SharedAccount:
    """What a worker dials with, opened."""

    ledger: SharedLedger
    api: RetellApi
    crew: Crew


def worker_name(settings: Settings) -> str:
    """A name that no other process has."""
    return f"{settings.service.worker or socket.gethostname()}-{token_hex(4)}"


@asynccontextmanager
async def shared_account(
    settings: Settings, worker: str, clock: Clock, observe: Observe, *, run: str | None = None
) -> AsyncIterator[SharedAccount]:
    """Ledger, API and capacity of a worker. `run`: the one campaign that it works on.

    `observe`: told what concerns the account. Raises `BadInput` and `LedgerError`.
    """
    crews: list[Crew] = []

    def on_news(of: Collection[CampaignId] | None) -> None:
        for crew in crews:
            crew.news(of)

    async def before_list() -> None:
        for crew in crews:
            await crew.may_list()

    connections, retell = settings.retell.connections_max, retell_config(settings, base_url=None)
    opened = open_api(
        retell, connections_max=connections, before_list=before_list, clock=clock, observe=observe
    )
    async with _ledger(settings, clock, on_news, run) as ledger, opened as api:
        campaign_id = None
        if run is not None:
            campaign_id = await ledger.open_campaign(run, clock.now(), simulated=False)
        crew = Crew(ledger, api, clock, crew_config(settings, worker, campaign_id), observe)
        crews.append(crew)
        yield SharedAccount(ledger, api, crew)


def crew_config(settings: Settings, worker: str, campaign_id: CampaignId | None = None) -> CrewConfig:
    """The account's bounds, by the settings. `campaign_id`: as `CrewConfig`."""
    campaign = campaign_config(settings, None)
    return CrewConfig(
        worker=worker,
        is_alone=not is_server(settings.ledger.url),
        lease_s=settings.service.lease_s,
        cps=campaign.cps,
        slots=campaign.slots,
        guard_s=settings.service.guard_s,
        use_paid_burst=campaign.use_paid_burst,
        refresh_s=campaign.refresh_s,
        recover_s=campaign.recover_s,
        tracking=campaign.tracking,
        refused_max=campaign.screen.breakers.refused_a_minute_max,
        campaign_id=campaign_id,
    )


@asynccontextmanager
async def _ledger(
    settings: Settings,
    clock: Clock,
    on_news: Callable[[Collection[CampaignId] | None], None],
    run: str | None,
) -> AsyncIterator[SharedLedger]:
    url = settings.ledger.url
    if not is_server(url):
        async with open_shared_sqlite(Path(url), on_thread=True, clock=clock) as ledger:
            yield ledger
        return
    try:
        from dialer.adapters.ledger.postgres import open_shared_postgres  # what it needs is an extra
    except ImportError as error:
        raise needs_extra("a ledger in PostgreSQL", "postgres", error) from error
    async with open_shared_postgres(url, on_news, run=run) as ledger:
        yield ledger
