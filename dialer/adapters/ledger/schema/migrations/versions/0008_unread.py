"""How many rows a reading left in its list when it was stopped."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("intake", sa.Column("unread", sa.Integer))
