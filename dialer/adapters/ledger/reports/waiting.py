"""Who of a campaign waits, for what and until when: one question for all of them."""

from collections.abc import Collection

import sqlalchemy as sa

from dialer.adapters.ledger.schema.tables import IS_OPEN, job
from dialer.domain.calls import CampaignId
from dialer.domain.waiting import Waiting, from_kept

_IDS: sa.BindParameter[list[int]] = sa.bindparam("ids", expanding=True)
_NOW: sa.BindParameter[float] = sa.bindparam("now")
_WAITING = (
    sa.select(
        job.c.campaign_id,
        job.c.waits,
        sa.func.count().label("people"),
        sa.func.min(job.c.due_at).label("first_at"),
    )
    .where(job.c.campaign_id.in_(_IDS), IS_OPEN, job.c.due_at > _NOW)
    .group_by(job.c.campaign_id, job.c.waits)
)


def waiting_of(
    conn: sa.Connection, campaign_ids: Collection[CampaignId], now: float
) -> dict[CampaignId, list[Waiting]]:
    """The open jobs of each campaign that are not due at `now` (Unix seconds), by what they wait for."""
    found: dict[CampaignId, list[Waiting]] = {each: [] for each in campaign_ids}
    for row in conn.execute(_WAITING, {"ids": [*campaign_ids], "now": now}):
        found[row.campaign_id].append(from_kept(row.waits, row.people, row.first_at))
    return found
