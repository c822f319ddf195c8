"""The ledger's tables. A change here needs a migration beside it; a test compares them.

A new word in a column of states or kinds needs one too: an older dialer must refuse what it cannot read.
Times are Unix seconds (float), so that a number read back is the number written, on every database.
"""

import sqlalchemy as sa

from dialer.domain.lifecycle import JobState
from dialer.domain.results import ResultKind

SCHEMA_VERSION = "0013"
"""The newest migration this program knows."""

metadata = sa.MetaData()

campaign = sa.Table(
    "campaign",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("simulated", sa.Boolean, nullable=False),
    sa.Column("last_seq", sa.Integer, nullable=False, server_default="0"),
    sa.Column("paused", sa.Text),
    sa.Column("cancelled_at", sa.Float),
    sa.Column("version", sa.Integer, nullable=False, server_default="0"),
    sa.Column("changes", sa.Text, nullable=False, server_default="{}"),
    sa.Column("breaker", sa.Text),
    sa.Column("canary_passed", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("canary_since", sa.Float, nullable=False, server_default="0"),
    sa.Column("held", sa.Text),
    sa.Column("held_until", sa.Float),
    sa.Column("decisions", sa.Integer, nullable=False, server_default="0"),
    sa.Column("decisions_hash", sa.LargeBinary),
    sa.Column("run_by", sa.Text),
)

intake = sa.Table(
    "intake",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("campaign_id", sa.Integer, sa.ForeignKey("campaign.id"), nullable=False, index=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("started_at", sa.Float, nullable=False),
    sa.Column("complete", sa.Boolean, nullable=False, server_default=sa.false()),
    *(
        sa.Column(name, sa.Integer, nullable=False, server_default="0")
        for name in ("rows", "new", "same", "changed", "finished", "rejected")
    ),
    sa.Column("unread", sa.Integer),
)

job = sa.Table(
    "job",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("campaign_id", sa.Integer, sa.ForeignKey("campaign.id"), nullable=False),
    sa.Column("intake_id", sa.Integer, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("job_id", sa.Text),
    sa.Column("line", sa.Integer),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("to_number", sa.Text),
    sa.Column("from_number", sa.Text),
    sa.Column("timezone", sa.Text),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("not_before", sa.Float),
    sa.Column("expires_at", sa.Float),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("due_at", sa.Float, nullable=False),
    sa.Column("claims", sa.Integer, nullable=False),
    sa.Column("history", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text),
    sa.Column("closed_at", sa.Float),
    sa.Column("waits", sa.Text),  # see domain/waiting.py
    sa.UniqueConstraint("campaign_id", "key", name="job_key"),
)

IS_OPEN = sa.text(f"state = '{JobState.OPEN}'")
"""Written out, not bound: a database uses a partial index only where it sees the same words."""

sa.Index("job_number", job.c.campaign_id, job.c.to_number)
sa.Index(
    "job_due",
    job.c.campaign_id,
    job.c.priority,
    job.c.due_at,
    job.c.id,
    sqlite_where=IS_OPEN,
    postgresql_where=IS_OPEN,
)

attempt = sa.Table(
    "attempt",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("campaign_id", sa.Integer, nullable=False),
    sa.Column("job_id", sa.Integer, sa.ForeignKey("job.id"), nullable=False, index=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("from_number", sa.Text),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("claimed_at", sa.Float, nullable=False),
    sa.Column("last_sent_at", sa.Float, nullable=False),
    sa.Column("call_id", sa.Text),
    sa.Column("placed_at", sa.Float),
    sa.Column("closed_at", sa.Float),
    sa.Column("outcome", sa.Text),
    sa.Column("status", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("duration_s", sa.Float),
    sa.Column("cost_cents", sa.Float),
    sa.Column("error", sa.Text),
    sa.Column("to_number", sa.Text),
    sa.Column("agent_id", sa.Text),
    sa.Column("reserved_cents", sa.Float),
    sa.Column("worker", sa.Text),
    sa.Column("live_until", sa.Float),
)

NOT_CLOSED = sa.text("closed_at IS NULL")
sa.Index(
    "attempt_open",
    attempt.c.campaign_id,
    attempt.c.claimed_at,
    sqlite_where=NOT_CLOSED,
    postgresql_where=NOT_CLOSED,
)

sa.Index("attempt_time", attempt.c.campaign_id, attempt.c.claimed_at)
sa.Index("attempt_call", attempt.c.call_id)
sa.Index("attempt_number", attempt.c.to_number, attempt.c.claimed_at)

result = sa.Table(
    "result",
    metadata,
    sa.Column("campaign_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("job_id", sa.Integer, nullable=False),
    sa.Column("attempt_id", sa.Text),
    sa.Column("line", sa.LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

IS_ANALYSIS = sa.text(f"kind = '{ResultKind.ANALYSIS}'")
sa.Index(
    "result_analysis",
    result.c.attempt_id,
    unique=True,
    sqlite_where=IS_ANALYSIS,
    postgresql_where=IS_ANALYSIS,
)
"""At most one analysis of an attempt, whatever asks for it; the other lines do not go in here."""

line = sa.Table(
    "line",
    metadata,
    sa.Column("from_number", sa.Text, primary_key=True),
    sa.Column("day_start", sa.Float, nullable=False),
    sa.Column("calls", sa.Integer, nullable=False),
    sa.Column("starts", sa.Text, nullable=False),
    sa.Column("breaker", sa.Text),
)
"""What each from-number did last, over all campaigns, and what its breakers say."""

money = sa.Table(
    "money",
    metadata,
    sa.Column("campaign_id", sa.Integer, sa.ForeignKey("campaign.id"), primary_key=True),
    *(
        sa.Column(name, sa.Float, nullable=False, server_default="0")
        for name in ("spent_cents", "reserved_cents", "spent_today_cents", "reserved_today_cents")
    ),
    sa.Column("seen_calls", sa.Integer, nullable=False, server_default="0"),
    sa.Column("seen_cents", sa.Float, nullable=False, server_default="0"),
    sa.Column("day_start", sa.Float, nullable=False, server_default="0"),
)
"""What a campaign with a budget has spent."""

suppressed = sa.Table(
    "suppressed",
    metadata,
    sa.Column("number", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
)
"""Numbers that nobody may call, in any campaign."""

contradiction = sa.Table(
    "contradiction",
    metadata,
    sa.Column("attempt_id", sa.Text, primary_key=True),
    sa.Column("nth", sa.Integer, primary_key=True),
    sa.Column("call_id", sa.Text, nullable=False),
    sa.Column("campaign_id", sa.Integer, sa.ForeignKey("campaign.id"), nullable=False, index=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("followed", sa.Boolean, nullable=False),
)
"""Calls that were heard of after their attempts had been closed without one. Only ever added to."""

operation = sa.Table(
    "operation",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("command", sa.Text, nullable=False),
    sa.Column("campaign_id", sa.Integer, sa.ForeignKey("campaign.id")),
    sa.Column("number", sa.Text, index=True),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)
"""What operators did. Only ever added to."""

worker = sa.Table(
    "worker",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("lease_until", sa.Float, nullable=False),
    sa.Column("host", sa.Text),
    sa.Column("version", sa.Text),
    sa.Column("since", sa.Float),
    sa.Column("seen_at", sa.Float),
)
"""Who dials from this ledger, and until when it counts as alive, in seconds of the ledger's clock."""

campaign_fault = sa.Table(
    "campaign_fault",
    metadata,
    sa.Column("campaign_id", sa.Integer, sa.ForeignKey("campaign.id"), primary_key=True),
    sa.Column("worker", sa.Text, primary_key=True),
    sa.Column("part", sa.Text, primary_key=True),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("since", sa.Float, nullable=False),
    sa.Column("next_try_at", sa.Float, nullable=False),
    sa.Column("seen_at", sa.Float, nullable=False),
)
"""What holds one campaign alone at one worker, which repeats it while it lasts."""

failing = sa.Table(
    "failing",
    metadata,
    sa.Column("worker", sa.Text, primary_key=True),
    sa.Column("part", sa.Text, primary_key=True),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("remedy", sa.Text, nullable=False),
    sa.Column("since", sa.Float, nullable=False),
    sa.Column("seen_at", sa.Float, nullable=False),
)
"""What of the parts that all campaigns share fails at which process; written again while it does."""

allowance = sa.Table(
    "allowance",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("taken", sa.LargeBinary, nullable=False),
    sa.Column("held_until", sa.Float, nullable=False, server_default="0"),
    sa.Column("holder", sa.Text),
)
"""What all workers share by its name: requests in a period, or a post that one of them holds."""

published = sa.Table(
    "published",
    metadata,
    sa.Column("campaign_id", sa.Integer, sa.ForeignKey("campaign.id"), primary_key=True),
    sa.Column("target", sa.Text, primary_key=True),
    sa.Column("seq", sa.Integer, nullable=False),
)
"""Up to which line a campaign's results went out to a queue or stream."""

decision = sa.Table(
    "decision",
    metadata,
    sa.Column("campaign_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Text, index=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
"""Why each job was dialled, held or dropped: a chain. Only ever added to."""
