"""Do the attempts and the record of decisions tell the same? What was claimed is beside why it was."""

from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import orjson
import sqlalchemy as sa

from dialer.adapters.ledger.schema.tables import attempt, decision
from dialer.domain.calls import CampaignId
from dialer.domain.decisions import Ruling

PAGE_ROWS = 5000
NAMED_MAX = 20
"""Attempts that are named; what differs in one way differs in many."""

_C: sa.BindParameter[int] = sa.bindparam("c")
_DECISIONS = (
    sa.select(decision.c.seq, decision.c.number, decision.c.body)
    .where(decision.c.campaign_id == _C)
    .order_by(decision.c.seq)
    .execution_options(yield_per=PAGE_ROWS)
)
_ATTEMPTS = sa.select(attempt.c.id, attempt.c.to_number, attempt.c.from_number, attempt.c.claimed_at).where(
    attempt.c.campaign_id == _C
)

_OTHER = attempt.alias("other")
_DOUBLED_HERE = sa.select(attempt.c.call_id).where(
    attempt.c.campaign_id == _C,
    sa.exists().where(_OTHER.c.call_id == attempt.c.call_id, _OTHER.c.id != attempt.c.id),
)
_DOUBLED = (
    sa.select(attempt.c.call_id, attempt.c.id)
    .where(attempt.c.call_id.in_(_DOUBLED_HERE))
    .order_by(attempt.c.claimed_at, attempt.c.id)
)

_Told = tuple[str, str | None, str | None, float]
"""An attempt's id, whom it calls, from where, and when it was claimed."""


class _Sum:
    """Tells whether two heaps hold the same, in whatever order, without keeping either."""

    def __init__(self) -> None:
        self.count = 0
        self.total = 0

    def add(self, told: _Told) -> None:
        self.count += 1
        digest = blake2b(repr(told).encode(), digest_size=16).digest()
        self.total = (self.total + int.from_bytes(digest)) % (1 << 128)


def agreement(conn: sa.Connection, campaign_id: CampaignId) -> tuple[list[str], list[str]]:
    """Problems, and notes: each attempt has exactly one decision to dial, and that tells of this attempt.

    Attempts from before the first decision are none of them: an older dialer kept no record.
    """
    problems: list[str] = []
    by_record, by_attempts = _Sum(), _Sum()
    since = None
    for at, told in _dialled(conn, campaign_id, problems):
        since = at if since is None else min(since, at)  # workers' clocks differ
        if told is not None:
            by_record.add(told)
    earlier = 0
    for told in _claimed(conn, campaign_id):
        if since is None or told[3] < since:
            earlier += 1
        else:
            by_attempts.add(told)
    if (by_record.count, by_record.total) != (by_attempts.count, by_attempts.total):
        problems += _differences(conn, campaign_id, since or 0.0)
    notes = [f"{earlier} attempts have no decision: there was no record then"] if earlier else []
    return problems[:NAMED_MAX], notes


def doubled_calls(conn: sa.Connection, campaign_id: CampaignId) -> list[str]:
    """Call ids that two attempts of the ledger have, one of them this campaign's: only one of them rang."""
    by_call: dict[str, list[str]] = {}
    for call_id, attempt_id in conn.execute(_DOUBLED, {"c": campaign_id}):
        by_call.setdefault(call_id, []).append(attempt_id)
    return [
        f"call {call_id} is on record for {len(ids)} attempts ({', '.join(ids[:NAMED_MAX])}): one made it"
        for call_id, ids in [*by_call.items()][:NAMED_MAX]
    ]


def _dialled(
    conn: sa.Connection, campaign_id: CampaignId, problems: list[str]
) -> Iterator[tuple[float, _Told | None]]:
    """The time of each decision, and the attempt that it says was made."""
    for seq, number, body in conn.execute(_DECISIONS, {"c": campaign_id}):
        try:
            at, campaign, _, attempt_id, of_number, ruling, _, _, _, seen = orjson.loads(body)
        except (ValueError, TypeError):
            problems.append(f"decision {seq} cannot be read")
            continue
        if (campaign, of_number) != (campaign_id, number):
            problems.append(f"decision {seq} is filed under another number or campaign than it is about")
        is_dial = ruling == Ruling.DIAL
        yield at, (attempt_id, of_number, seen.get("from_number"), at) if is_dial else None


def _claimed(conn: sa.Connection, campaign_id: CampaignId) -> Iterator[_Told]:
    rows: Any = conn.execute(_ATTEMPTS, {"c": campaign_id})
    return (tuple(row) for row in rows)


def _differences(conn: sa.Connection, campaign_id: CampaignId, since: float) -> list[str]:
    """Which they are. Only now all of them are kept."""
    found: list[str] = []
    record: dict[str, _Told] = {}
    for _, told in _dialled(conn, campaign_id, []):
        if told is not None and told[0] in record:
            found.append(f"attempt {told[0]} has two decisions to dial")
        elif told is not None:
            record[told[0]] = told
    for made in _claimed(conn, campaign_id):
        told = record.pop(made[0], None)
        if told is None and made[3] >= since:
            found.append(f"attempt {made[0]} has no decision: nobody knows why it was made")
        elif told is not None and told != made:
            differ = f"{_spelt(made)}, and by the record {_spelt(told)}"
            found.append(f"attempt {made[0]} is not as it was decided: {differ}")
    found += [f"attempt {attempt_id} was decided and is not in the ledger" for attempt_id in record]
    return found


def _spelt(told: _Told) -> str:
    _, to_number, from_number, at = told
    when = datetime.fromtimestamp(round(at, 3), UTC).isoformat(" ", "milliseconds").removesuffix("+00:00")
    return f"{to_number or 'nobody'} from {from_number or 'nowhere'} at {when} UTC"
