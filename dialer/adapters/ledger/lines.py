"""Result lines get their sequence number here, inside the transaction that makes them true."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
import sqlalchemy as sa

from dialer.adapters.ledger.many import execute_many
from dialer.adapters.ledger.tables import campaign, result
from dialer.domain.calls import CampaignId, JobId

Entry = tuple[CampaignId, JobId, Mapping[str, Any]]

_LAST = sa.select(campaign.c.last_seq).where(campaign.c.id == sa.bindparam("c")).with_for_update()
_ADVANCE = sa.update(campaign).where(campaign.c.id == sa.bindparam("c")).values(last_seq=sa.bindparam("last"))
_INSERT = sa.insert(result)


def append_lines(conn: sa.Connection, entries: Iterable[Entry]) -> None:
    """Number the lines from the campaign's last one on and store them."""
    by_campaign: dict[CampaignId, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_campaign[entry[0]].append(entry)
    for campaign_id, group in by_campaign.items():
        last = conn.execute(_LAST, {"c": campaign_id}).scalar_one()
        rows = [
            {
                "campaign_id": campaign_id,
                "seq": seq,
                "kind": str(line["kind"]),
                "job_id": job_id,
                "attempt_id": line.get("attempt_id"),
                "line": orjson.dumps({"seq": seq, **line}),
            }
            for seq, (_, job_id, line) in enumerate(group, last + 1)
        ]
        execute_many(conn, _INSERT, rows)
        conn.execute(_ADVANCE, {"c": campaign_id, "last": last + len(rows)})
