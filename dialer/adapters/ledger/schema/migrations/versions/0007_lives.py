"""Until when an attempt that nobody closed may be a live call, by the ledger's own clock."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("attempt", sa.Column("live_until", sa.Float))
