"""At most one analysis of each attempt among the results."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    is_analysis = sa.text("kind = 'analysis'")
    op.create_index(
        "result_analysis",
        "result",
        ["attempt_id"],
        unique=True,
        sqlite_where=is_analysis,
        postgresql_where=is_analysis,
    )
