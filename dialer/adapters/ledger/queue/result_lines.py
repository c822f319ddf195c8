"""Result lines get their sequence number here, inside the transaction that makes them true."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
import sqlalchemy as sa

from dialer.adapters.ledger.drivers.statements import Statement
from dialer.adapters.ledger.schema.tables import campaign, result
from dialer.domain.calls import CampaignId, JobId

Entry = tuple[CampaignId, JobId, Mapping[str, Any]]

_ADVANCE = Statement(
    sa.update(campaign)
    .where(campaign.c.id == sa.bindparam("c"))
    .values(last_seq=campaign.c.last_seq + sa.bindparam("n"))
    .returning(campaign.c.last_seq),
    *("n", "c"),
)
_INSERT = Statement(sa.insert(result), "campaign_id", "seq", "kind", "job_id", "attempt_id", "line")


def append_lines(conn: sa.Connection, entries: Iterable[Entry]) -> None:
    """Number the lines from the campaign's last one on and store them."""
    by_campaign: dict[CampaignId, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_campaign[entry[0]].append(entry)
    for campaign_id, group in by_campaign.items():
        ((last,),) = _ADVANCE.run(conn, len(group), campaign_id)
        _INSERT.run_many(
            conn,
            [
                (
                    campaign_id,
                    seq,
                    str(line["kind"]),
                    job_id,
                    line.get("attempt_id"),
                    b'{"seq":%d,%b' % (seq, orjson.dumps(line)[1:]),
                )
                for seq, (_, job_id, line) in enumerate(group, last - len(group) + 1)
            ],
        )
