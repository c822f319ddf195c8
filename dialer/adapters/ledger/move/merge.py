"""What belongs to a ledger as a whole is brought together where campaigns come from another one: who may not
be called, what each line did and how it rests, what operators did. When in doubt, no call.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from dialer.adapters.ledger.move.copy import BATCH_ROWS, Shifts
from dialer.adapters.ledger.schema.tables import campaign, intake, job, line, operation, suppressed
from dialer.domain.breakers import LineBreaker
from dialer.domain.calls import CampaignId
from dialer.domain.resting import Rest

LONG_AGO = 0.0
"""As the day of a line's count: whoever asks next counts its calls anew, from the attempts that there are."""

_RESERVE = (
    "SELECT greatest((SELECT coalesce(max(id), 0) FROM {0}),"
    " coalesce(pg_sequence_last_value(pg_get_serial_sequence('{0}', 'id')::regclass), 0))"
)
_KEEP = sa.text("SELECT setval(pg_get_serial_sequence(:of, 'id'), :last)")


def reserve(source: sa.Connection, target: sa.Connection, campaign_ids: Sequence[CampaignId]) -> Shifts:
    """Numbers for these campaigns in a ledger on a server, which stay free for them whatever comes of it.

    The caller's transaction is the only one that writes there.
    """
    return Shifts(
        *(
            _shift(target, table.name, source.execute(_span(table, campaign_ids)).one())
            for table in (campaign, intake, job)
        )
    )


def _span(table: sa.Table, campaign_ids: Sequence[CampaignId]) -> sa.Select[Any]:
    of = table.c.id if table is campaign else table.c.campaign_id
    return sa.select(sa.func.min(table.c.id), sa.func.max(table.c.id)).where(of.in_(campaign_ids))


def _shift(target: sa.Connection, table: str, span: Any) -> int:
    low, high = span
    if low is None:
        return 0
    last: int = target.exec_driver_sql(_RESERVE.format(table)).scalar_one()
    shift = 0 if last < low else last + 1 - int(low)
    target.execute(_KEEP, {"of": table, "last": high + shift})
    return shift


def merge(
    source: sa.Connection, target: sa.Connection, campaign_ids: Sequence[CampaignId], shifts: Shifts
) -> None:
    """Bring together what belongs to both ledgers. Nobody else writes there in the caller's transaction."""
    _merge_suppressed(source, target)
    _merge_lines(source, target)
    _merge_operations(source, target, campaign_ids, shifts)


def _merge_suppressed(source: sa.Connection, target: sa.Connection) -> None:
    for rows in source.execute(sa.select(suppressed).execution_options(yield_per=BATCH_ROWS)).partitions():
        numbers = [row.number for row in rows]
        known = set(target.scalars(sa.select(suppressed.c.number).where(suppressed.c.number.in_(numbers))))
        new = [dict(row._mapping) for row in rows if row.number not in known]
        if new:
            target.execute(sa.insert(suppressed), new)


def _merge_lines(source: sa.Connection, target: sa.Connection) -> None:
    for mine in source.execute(sa.select(line)).all():
        is_it = line.c.from_number == mine.from_number
        theirs = target.execute(sa.select(line).where(is_it)).one_or_none()
        starts, breakers = mine.starts.split(), [mine.breaker]
        if theirs is not None:
            starts, breakers = [*starts, *theirs.starts.split()], [mine.breaker, theirs.breaker]
            target.execute(sa.delete(line).where(is_it))
        values = {
            "from_number": mine.from_number,
            "day_start": LONG_AGO,
            "calls": 0,
            "starts": " ".join(sorted(set(starts), key=float)),
            "breaker": _stricter(breakers),
        }
        target.execute(sa.insert(line).values(values))


def _stricter(texts: Sequence[str | None]) -> str | None:
    """Of each rest the one that lasts longer."""
    known = [LineBreaker.from_text(text) for text in texts if text is not None]
    if not known:
        return None

    def until(rest: Rest) -> tuple[float, int]:
        return (rest.until or 0.0, rest.failures)

    flagged = max((each.flagged for each in known), key=until)
    return LineBreaker(flagged, max((each.provider for each in known), key=until)).to_text()


def _merge_operations(
    source: sa.Connection, target: sa.Connection, campaign_ids: Sequence[CampaignId], shifts: Shifts
) -> None:
    """Those of these campaigns, and of numbers; the latter only once, however often campaigns are moved."""
    wanted = sa.select(operation).where(
        sa.or_(operation.c.campaign_id.in_(campaign_ids), operation.c.campaign_id.is_(None))
    )
    columns = [each for each in operation.c if each.name != "id"]
    of_none = sa.select(*columns).where(operation.c.campaign_id.is_(None))
    known = {tuple(row) for row in target.execute(of_none)}
    found = source.execute(wanted.order_by(operation.c.id).execution_options(yield_per=BATCH_ROWS))
    for rows in found.partitions():
        new = [
            {each.name: row._mapping[each.name] for each in columns}
            for row in rows
            if row.campaign_id is not None or tuple(row)[1:] not in known
        ]
        for values in new:
            if values["campaign_id"] is not None:
                values["campaign_id"] += shifts.campaign
        if new:
            target.execute(sa.insert(operation), new)
