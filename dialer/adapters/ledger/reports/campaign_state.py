"""What holds a campaign, in a few rows: none of this looks at a job or an attempt."""

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from dialer.adapters.ledger.schema.tables import campaign, line, money
from dialer.domain.breakers import CampaignBreaker, LineBreaker
from dialer.domain.calls import CampaignId
from dialer.domain.standing import Standing

LINES_MAX = 500
"""Lines that are told of: as many as anybody would look at."""

_IDS: sa.BindParameter[list[int]] = sa.bindparam("ids", expanding=True)
_CAMPAIGNS = sa.select(campaign.c.id, campaign.c.held, campaign.c.paused, campaign.c.breaker).where(
    campaign.c.id.in_(_IDS)
)
_MONEY = sa.select(money.c.campaign_id, money.c.spent_cents, money.c.reserved_cents).where(
    money.c.campaign_id.in_(_IDS)
)
_LINES = (
    sa.select(line.c.from_number, line.c.breaker)
    .where(line.c.breaker.is_not(None))
    .order_by(line.c.from_number)
    .limit(LINES_MAX)
)


def standings(conn: sa.Connection, campaign_ids: Collection[CampaignId]) -> dict[CampaignId, Standing]:
    """Where these campaigns stand with their rules."""
    asked = {"ids": [*campaign_ids]}
    spent = {row.campaign_id: row for row in conn.execute(_MONEY, asked)}
    lines = _line_breakers(conn)
    return {row.id: _standing(row, spent.get(row.id), lines) for row in conn.execute(_CAMPAIGNS, asked)}


def _standing(row: Any, spent: Any, lines: Mapping[tuple[str, str], bool]) -> Standing:
    state = CampaignBreaker() if row.breaker is None else CampaignBreaker.from_text(row.breaker)
    return Standing(
        held=row.held is not None,
        paused=row.paused is not None,
        spent_cents=0.0 if spent is None else spent.spent_cents,
        reserved_cents=0.0 if spent is None else spent.reserved_cents,
        breakers={"stop": state.stop is not None, "provider": state.provider.until is not None},
        line_breakers=lines,
    )


def _line_breakers(conn: sa.Connection) -> dict[tuple[str, str], bool]:
    lines: dict[tuple[str, str], bool] = {}
    for number, text in conn.execute(_LINES):
        found = LineBreaker.from_text(text)
        lines[number, "flagged"] = found.flagged.until is not None
        lines[number, "provider"] = found.provider.until is not None
    return lines
