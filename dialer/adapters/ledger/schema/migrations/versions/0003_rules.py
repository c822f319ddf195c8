"""Rules: what they go by, what they decided, what operators did."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _campaign()
    _attempt()
    _facts()
    _records()


def _campaign() -> None:
    for column in (
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
    ):
        op.add_column("campaign", column)


def _attempt() -> None:
    for column in (
        sa.Column("to_number", sa.Text),
        sa.Column("agent_id", sa.Text),
        sa.Column("reserved_cents", sa.Float),
    ):
        op.add_column("attempt", column)
    op.execute("UPDATE attempt SET to_number = (SELECT job.to_number FROM job WHERE job.id = attempt.job_id)")
    op.create_index("attempt_time", "attempt", ["campaign_id", "claimed_at"])
    op.create_index("attempt_number", "attempt", ["to_number", "claimed_at"])


def _facts() -> None:
    op.create_table(
        "line",
        sa.Column("from_number", sa.Text, primary_key=True),
        sa.Column("day_start", sa.Float, nullable=False),
        sa.Column("calls", sa.Integer, nullable=False),
        sa.Column("starts", sa.Text, nullable=False),
        sa.Column("breaker", sa.Text),
    )
    # of a day that is over, so that each is counted when it is first looked at
    op.execute(
        "INSERT INTO line (from_number, day_start, calls, starts)"
        " SELECT DISTINCT from_number, 0.0, 0, '' FROM attempt WHERE from_number IS NOT NULL"
    )
    op.create_table(
        "money",
        sa.Column("campaign_id", sa.Integer, sa.ForeignKey("campaign.id"), primary_key=True),
        sa.Column("spent_cents", sa.Float, nullable=False, server_default="0"),
        sa.Column("reserved_cents", sa.Float, nullable=False, server_default="0"),
        sa.Column("spent_today_cents", sa.Float, nullable=False, server_default="0"),
        sa.Column("reserved_today_cents", sa.Float, nullable=False, server_default="0"),
        sa.Column("seen_calls", sa.Integer, nullable=False, server_default="0"),
        sa.Column("seen_cents", sa.Float, nullable=False, server_default="0"),
        sa.Column("day_start", sa.Float, nullable=False, server_default="0"),
    )
    op.create_table(
        "suppressed",
        sa.Column("number", sa.Text, primary_key=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )


def _records() -> None:
    op.create_table(
        "operation",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("command", sa.Text, nullable=False),
        sa.Column("campaign_id", sa.Integer, sa.ForeignKey("campaign.id")),
        sa.Column("number", sa.Text),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_index("ix_operation_number", "operation", ["number"])
    op.create_table(
        "decision",
        sa.Column("campaign_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Text),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_decision_number", "decision", ["number"])
