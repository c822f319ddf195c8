"""Where each worker runs, its version, since when, and its last sign of life."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("worker", sa.Column("host", sa.Text))
    op.add_column("worker", sa.Column("version", sa.Text))
    op.add_column("worker", sa.Column("since", sa.Float))
    op.add_column("worker", sa.Column("seen_at", sa.Float))
