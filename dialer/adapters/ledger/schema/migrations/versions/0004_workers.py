"""Several workers on one ledger: who is alive, what they share, whose attempt it is; results sent out."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("attempt", sa.Column("worker", sa.Text))
    op.create_table(
        "worker",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("lease_until", sa.Float, nullable=False),
    )
    op.create_table(
        "allowance",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("taken", sa.LargeBinary, nullable=False),
        sa.Column("held_until", sa.Float, nullable=False, server_default="0"),
        sa.Column("holder", sa.Text),
    )
    op.create_table(
        "published",
        sa.Column("campaign_id", sa.Integer, sa.ForeignKey("campaign.id"), primary_key=True),
        sa.Column("target", sa.Text, primary_key=True),
        sa.Column("seq", sa.Integer, nullable=False),
    )
