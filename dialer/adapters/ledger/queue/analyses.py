"""What the API made of calls that are over: one more result line for each, and nothing else changes."""

from collections.abc import Sequence

import sqlalchemy as sa

from dialer.adapters.ledger.queue.result_lines import append_lines
from dialer.adapters.ledger.schema.rows import ATTEMPT_COLUMNS, JOB_COLUMNS, stored_attempt
from dialer.adapters.ledger.schema.tables import IS_ANALYSIS, attempt, job, result
from dialer.domain.calls import Attempt, AttemptId, CallUpdate, CampaignId
from dialer.domain.results import analysis_line

_IDS: sa.BindParameter[Sequence[str]] = sa.bindparam("ids", expanding=True)
_CLOSED = (
    sa.select(*ATTEMPT_COLUMNS, *JOB_COLUMNS)
    .join(job, attempt.c.job_id == job.c.id)
    .where(attempt.c.id.in_(_IDS), attempt.c.closed_at.is_not(None), attempt.c.call_id.is_not(None))
)
_ANALYSED = sa.select(result.c.attempt_id).where(IS_ANALYSIS, result.c.attempt_id.in_(_IDS))


def write_analyses(conn: sa.Connection, heard: Sequence[CallUpdate], at: float) -> list[CampaignId]:
    """See `ports.Ledger.analysed`."""
    first: dict[AttemptId, CallUpdate] = {}
    for news in heard:
        if news.attempt_id is not None and news.analysis is not None:
            first.setdefault(news.attempt_id, news)
    closed = _closed_without(conn, list(first))
    due = [(each, first[each.id]) for each in closed if each.call_id == first[each.id].call_id]
    append_lines(
        conn, [(each.job.campaign_id, each.job.id, analysis_line(each, news, at)) for each, news in due]
    )
    return [each.job.campaign_id for each, _ in due]


def _closed_without(conn: sa.Connection, ids: list[AttemptId]) -> list[Attempt]:
    """Those of the attempts that are closed and have a call and no analysis, in the order of `ids`."""
    found = {row[0]: row for row in conn.execute(_CLOSED, {"ids": ids})}
    analysed = set(conn.scalars(_ANALYSED, {"ids": list(found)}))
    return [stored_attempt(found[each]) for each in ids if each in found and each not in analysed]
