"""How far results went out of the ledger, beside the results log."""

import sqlalchemy as sa

from dialer.adapters.ledger.schema.tables import campaign
from dialer.adapters.ledger.schema.tables import published as published_table
from dialer.domain.calls import CampaignId

_TARGET: sa.BindParameter[str] = sa.bindparam("target_is")
_SEQ = sa.func.coalesce(published_table.c.seq, 0)
_UNPUBLISHED = (
    sa.select(campaign.c.name, campaign.c.id, _SEQ)
    .select_from(
        campaign.outerjoin(
            published_table,
            sa.and_(published_table.c.campaign_id == campaign.c.id, published_table.c.target == _TARGET),
        )
    )
    .where(campaign.c.last_seq > _SEQ, campaign.c.simulated.is_(sa.false()))
    .order_by(campaign.c.id)
)


def unpublished(conn: sa.Connection, target: str) -> list[tuple[str, CampaignId, int]]:
    """See `sharing.Sharing`."""
    rows = conn.execute(_UNPUBLISHED, {"target_is": target})
    return [(row[0], CampaignId(row[1]), row[2]) for row in rows]


def published(conn: sa.Connection, campaign_id: CampaignId, target: str, seq: int) -> None:
    """See `sharing.Sharing`. It never goes back."""
    is_it = sa.and_(published_table.c.campaign_id == campaign_id, published_table.c.target == target)
    further = sa.update(published_table).where(is_it, published_table.c.seq < seq).values(seq=seq)
    if conn.execute(further).rowcount:
        return
    if conn.execute(sa.select(published_table.c.seq).where(is_it)).one_or_none() is None:
        conn.execute(sa.insert(published_table).values(campaign_id=campaign_id, target=target, seq=seq))
