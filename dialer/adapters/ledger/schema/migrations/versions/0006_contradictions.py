"""Calls that were heard of after their attempts had been closed as ones without a call, or without a ring."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "contradiction",
        sa.Column("attempt_id", sa.Text, primary_key=True),
        sa.Column("nth", sa.Integer, primary_key=True),
        sa.Column("call_id", sa.Text, nullable=False),
        sa.Column("campaign_id", sa.Integer, sa.ForeignKey("campaign.id"), nullable=False, index=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("followed", sa.Boolean, nullable=False),
    )
