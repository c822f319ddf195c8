"""Whose attempt a call is, found by its id: no call is two attempts'."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("attempt_call", "attempt", ["call_id"])
