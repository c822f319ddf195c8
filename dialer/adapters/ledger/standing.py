"""What holds a campaign, in a few rows: none of this looks at a job or an attempt."""

import sqlalchemy as sa

from dialer.adapters.ledger.tables import campaign, line, money
from dialer.domain.breakers import CampaignBreaker, LineBreaker
from dialer.domain.calls import CampaignId
from dialer.domain.standing import Standing

LINES_MAX = 500
"""Lines that are told of: as many as anybody would look at."""

_CAMPAIGN = sa.select(campaign.c.held, campaign.c.paused, campaign.c.breaker).where(
    campaign.c.id == sa.bindparam("c")
)
_MONEY = sa.select(money.c.spent_cents, money.c.reserved_cents).where(
    money.c.campaign_id == sa.bindparam("c")
)
_LINES = (
    sa.select(line.c.from_number, line.c.breaker)
    .where(line.c.breaker.is_not(None))
    .order_by(line.c.from_number)
    .limit(LINES_MAX)
)


def standing(conn: sa.Connection, campaign_id: CampaignId) -> Standing:
    """Where the campaign stands with its rules."""
    row = conn.execute(_CAMPAIGN, {"c": campaign_id}).one()
    spent = conn.execute(_MONEY, {"c": campaign_id}).one_or_none()
    state = CampaignBreaker() if row.breaker is None else CampaignBreaker.from_text(row.breaker)
    lines: dict[tuple[str, str], bool] = {}
    for number, text in conn.execute(_LINES):
        found = LineBreaker.from_text(text)
        lines[number, "flagged"] = found.flagged.until is not None
        lines[number, "provider"] = found.provider.until is not None
    return Standing(
        held=row.held is not None,
        paused=row.paused is not None,
        spent_cents=0.0 if spent is None else spent.spent_cents,
        reserved_cents=0.0 if spent is None else spent.reserved_cents,
        breakers={"stop": state.stop is not None, "provider": state.provider.until is not None},
        line_breakers=lines,
    )
