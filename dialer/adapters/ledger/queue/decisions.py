"""The record of decisions in the ledger: one chain per campaign, only ever added to."""

from collections.abc import Iterator

import orjson
import sqlalchemy as sa

from dialer.adapters.ledger.drivers.statements import Statement, Values
from dialer.adapters.ledger.schema.tables import campaign, decision
from dialer.domain.calls import CampaignId
from dialer.domain.decisions import (
    FIRST_HASH,
    Decision,
    Entry,
    Head,
    check_chain,
    decode,
    encode,
    fields_of,
    link,
)

PAGE_ROWS = 5000
_SIMPLE = frozenset({str, int, bool})

_INSERT = Statement(sa.insert(decision), "campaign_id", "seq", "number", "body", "hash")
_C: sa.BindParameter[int] = sa.bindparam("c")
_PAGE = (
    sa.select(decision.c.seq, decision.c.body, decision.c.hash)
    .where(decision.c.campaign_id == _C, decision.c.seq > sa.bindparam("after"))
    .order_by(decision.c.seq)
    .limit(PAGE_ROWS)
)
_HEAD = sa.select(campaign.c.decisions, campaign.c.decisions_hash).where(campaign.c.id == _C)
_OF_NUMBER = (
    sa.select(decision.c.body)
    .where(decision.c.number == sa.bindparam("number"))
    .order_by(decision.c.campaign_id, decision.c.seq)
)
_OF_CAMPAIGN = (
    sa.select(decision.c.body)
    .where(decision.c.campaign_id == _C, decision.c.number.is_(None))
    .order_by(decision.c.seq)
)


class Chain:
    """What one transaction adds behind the campaign's last decision."""

    def __init__(self, campaign_id: CampaignId, count: int, last_hash: bytes | None) -> None:
        self._id = campaign_id
        self._count = count
        self._hash = last_hash or FIRST_HASH
        self._rows: list[Values] = []

    @property
    def count(self) -> int:
        return self._count

    @property
    def hash(self) -> bytes | None:
        """The last entry's; None before the first."""
        return self._hash if self._count else None

    def add(self, made: Decision) -> None:
        """Behind the last one."""
        body = encoded(made)
        self._count, self._hash = self._count + 1, link(self._hash, body)
        self._rows.append((self._id, self._count, made.number, body, self._hash))

    def write(self, conn: sa.Connection) -> None:
        """The caller keeps `count` and `hash` with the campaign, in the same transaction."""
        _INSERT.run_many(conn, self._rows)


def encoded(made: Decision) -> bytes:
    """The very bytes of `domain.decisions.encode`, mostly in a third of the time."""
    if _is_plain(made.at) and _is_plain(made.until) and all(map(_is_plain, made.input.values())):
        try:
            body = orjson.dumps(fields_of(made), option=orjson.OPT_SORT_KEYS)
        except TypeError:  # what it does not take
            return encode(made)
        if body.isascii() and b"\x7f" not in body:
            return body
    return encode(made)


def _is_plain(value: object) -> bool:
    """Whether every encoder writes it the same way: text, a whole number, a time that needs no exponent."""
    if type(value) is float:
        return 1.0 <= value < 1e15
    return value is None or type(value) in _SIMPLE


def chain_problems(conn: sa.Connection, campaign_id: CampaignId) -> list[str]:
    """What is wrong with the campaign's record of decisions; nothing if it is as it was written."""
    count, last = conn.execute(_HEAD, {"c": campaign_id}).one()
    return check_chain(_entries(conn, campaign_id), Head(count, last or FIRST_HASH))


def decisions_of(conn: sa.Connection, number: str) -> list[Decision]:
    """Every decision about a number, in all campaigns, oldest first in each."""
    return [decode(body) for body in conn.scalars(_OF_NUMBER, {"number": number})]


def campaign_decisions(conn: sa.Connection, campaign_id: CampaignId) -> list[Decision]:
    """What held the campaign as a whole, oldest first."""
    return [decode(body) for body in conn.scalars(_OF_CAMPAIGN, {"c": campaign_id})]


def _entries(conn: sa.Connection, campaign_id: CampaignId) -> Iterator[Entry]:
    after, previous = 0, FIRST_HASH
    while rows := conn.execute(_PAGE, {"c": campaign_id, "after": after}).all():
        for seq, body, digest in rows:
            # what somebody wrote over may be text: to be told, and not to fall over
            yield Entry(seq, previous, body if isinstance(body, bytes) else str(body).encode(), digest)
            after, previous = seq, digest
