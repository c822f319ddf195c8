"""A campaign that was moved to another ledger: it stays here as it was, to be read, and nobody dials it."""

import json

import sqlalchemy as sa

from dialer.adapters.ledger.schema.tables import campaign, operation
from dialer.domain.calls import CampaignId
from dialer.domain.errors import MovedAway
from dialer.ports.engine import Operation

COMMAND = "ledger copy"
"""Of the operations that it leaves in both ledgers."""

_MOVED_TO = "moved to "
"""How `campaign.paused` begins then. An operator's pause is `paused by` somebody, so that it never does."""

IS_HERE = sa.or_(campaign.c.paused.is_(None), campaign.c.paused.not_like(f"{_MOVED_TO}%"))
"""Of a campaign: it may be dialled from this ledger."""

_PAUSED = sa.select(campaign.c.name, campaign.c.paused).where(campaign.c.id == sa.bindparam("c"))

_SEAL = (
    sa.select(operation.c.detail)
    .where(operation.c.campaign_id == sa.bindparam("c"), operation.c.command == COMMAND)
    .order_by(operation.c.id.desc())
    .limit(1)
)


def is_moved(paused: str) -> bool:
    """Whether this is what `campaign.paused` is, once it was moved."""
    return paused.startswith(_MOVED_TO)


def moved_to(conn: sa.Connection, campaign_id: CampaignId) -> str | None:
    """Where it is now; None: here."""
    paused = conn.execute(_PAUSED, {"c": campaign_id}).one().paused
    return paused.removeprefix(_MOVED_TO) if paused is not None and is_moved(paused) else None


def refuse_moved(conn: sa.Connection, campaign_id: CampaignId) -> None:
    """Raise `MovedAway` if it is somewhere else."""
    name, paused = conn.execute(_PAUSED, {"c": campaign_id}).one()
    if paused is not None and is_moved(paused):
        raise MovedAway(f"campaign {name} of this ledger was {paused}: name that ledger with --ledger")


def refuse_all_moved(conn: sa.Connection) -> None:
    """Raise `MovedAway` if all that the ledger had is in another one: a new campaign would be left behind."""
    real = sa.select(campaign.c.paused).where(campaign.c.simulated.is_(sa.false()))
    paused = conn.scalars(real).all()
    places = [each for each in paused if each is not None and is_moved(each)]
    if places and len(places) == len(paused):
        raise MovedAway(f"all campaigns of this ledger were {places[-1]}: name that ledger with --ledger")


def seal(conn: sa.Connection, campaign_id: CampaignId, place: str, by: Operation) -> None:
    """From now on it is at that place."""
    before = paused_before(conn, campaign_id)
    paused = sa.update(campaign).where(campaign.c.id == campaign_id).values(paused=f"{_MOVED_TO}{place}")
    conn.execute(paused)
    record(conn, campaign_id, json.dumps({"to": place, "paused": before}), by)


def paused_before(conn: sa.Connection, campaign_id: CampaignId) -> str | None:
    """`campaign.paused`, as it was before it was sealed, if it is."""
    if moved_to(conn, campaign_id) is None:
        paused: str | None = conn.execute(_PAUSED, {"c": campaign_id}).one().paused
        return paused
    known: str | None = json.loads(conn.execute(_SEAL, {"c": campaign_id}).scalar_one())["paused"]
    return known


def record(conn: sa.Connection, campaign_id: CampaignId, detail: str, by: Operation) -> None:
    """That it was moved, by whom, when and why."""
    said = {"at": by.at, "who": by.who, "command": COMMAND, "detail": detail, "reason": by.reason}
    conn.execute(sa.insert(operation).values(campaign_id=campaign_id, number=None, **said))
