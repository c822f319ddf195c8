"""Run by alembic to migrate the connection that `database` gives it, inside its transaction."""

from alembic import context

from dialer.adapters.ledger.schema.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes few things in place
)
with context.begin_transaction():
    context.run_migrations()
