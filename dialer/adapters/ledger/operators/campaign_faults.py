"""Faults that hold one campaign alone: each worker writes its own, and any process can tell them."""

from collections.abc import Collection, Sequence

import sqlalchemy as sa

from dialer.adapters.ledger.schema.tables import campaign, campaign_fault
from dialer.domain.calls import CampaignId
from dialer.ports.sharing import CampaignFault

FRESH_S = 60.0
"""A worker repeats its faults several times in this time: older ones are a dead worker's."""

_IDS: sa.BindParameter[list[int]] = sa.bindparam("ids", expanding=True)
_CAMPAIGN = sa.select(campaign.c.id).where(campaign.c.name == sa.bindparam("name")).scalar_subquery()
_ADD = sa.insert(campaign_fault).values(campaign_id=_CAMPAIGN)
_FRESH = (
    sa.select(campaign_fault)
    .where(campaign_fault.c.campaign_id.in_(_IDS), campaign_fault.c.seen_at > sa.bindparam("seen_after"))
    .order_by(campaign_fault.c.since, campaign_fault.c.worker, campaign_fault.c.part)
)


def tell_faults(conn: sa.Connection, worker: str, faults: Sequence[CampaignFault], now: float) -> None:
    """See `sharing.Sharing`."""
    is_gone = campaign_fault.c.seen_at < now - FRESH_S
    conn.execute(sa.delete(campaign_fault).where((campaign_fault.c.worker == worker) | is_gone))
    for each in faults:
        values = {"worker": worker, "part": each.part, "why": each.why}
        times = {"since": each.since, "next_try_at": each.next_try_at, "seen_at": now}
        conn.execute(_ADD, {"name": each.campaign, **values, **times})


def faults_of(
    conn: sa.Connection, campaign_ids: Collection[CampaignId], now: float
) -> dict[CampaignId, list[CampaignFault]]:
    """Those that workers have now, the oldest first."""
    found: dict[CampaignId, list[CampaignFault]] = {each: [] for each in campaign_ids}
    for row in conn.execute(_FRESH, {"ids": [*campaign_ids], "seen_after": now - FRESH_S}):
        told = CampaignFault("", row.part, row.why, row.since, row.next_try_at, row.worker)
        found[row.campaign_id].append(told)
    return found
