"""How many rows a reading left in its list when it was stopped."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("intake", sa.Column("unread", sa.Integer))
