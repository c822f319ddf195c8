"""The first schema. Written out, so that it stays what it was when `tables` goes on."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _campaign()
    _intake()
    _job()
    _attempt()
    _result()


def _campaign() -> None:
    op.create_table(
        "campaign",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("simulated", sa.Boolean, nullable=False),
        sa.Column("last_seq", sa.Integer, nullable=False, server_default="0"),
    )


def _intake() -> None:
    op.create_table(
        "intake",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("campaign_id", sa.Integer, sa.ForeignKey("campaign.id"), nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("started_at", sa.Float, nullable=False),
        sa.Column("complete", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("rows", sa.Integer, nullable=False, server_default="0"),
        sa.Column("new", sa.Integer, nullable=False, server_default="0"),
        sa.Column("same", sa.Integer, nullable=False, server_default="0"),
        sa.Column("changed", sa.Integer, nullable=False, server_default="0"),
        sa.Column("finished", sa.Integer, nullable=False, server_default="0"),
        sa.Column("rejected", sa.Integer, nullable=False, server_default="0"),
    )
    op.create_index("ix_intake_campaign_id", "intake", ["campaign_id"])


def _job() -> None:
    op.create_table(
        "job",
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
        sa.UniqueConstraint("campaign_id", "key", name="job_key"),
    )
    op.create_index("job_number", "job", ["campaign_id", "to_number"])
    is_open = sa.text("state = 'open'")
    op.create_index(
        "job_due",
        "job",
        ["campaign_id", "priority", "due_at", "id"],
        sqlite_where=is_open,
        postgresql_where=is_open,
    )


def _attempt() -> None:
    op.create_table(
        "attempt",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("campaign_id", sa.Integer, nullable=False),
        sa.Column("job_id", sa.Integer, sa.ForeignKey("job.id"), nullable=False),
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
    )
    op.create_index("ix_attempt_job_id", "attempt", ["job_id"])
    not_closed = sa.text("closed_at IS NULL")
    op.create_index(
        "attempt_open",
        "attempt",
        ["campaign_id", "claimed_at"],
        sqlite_where=not_closed,
        postgresql_where=not_closed,
    )


def _result() -> None:
    op.create_table(
        "result",
        sa.Column("campaign_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("job_id", sa.Integer, nullable=False),
        sa.Column("attempt_id", sa.Text),
        sa.Column("line", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
