"""The ledger: the only queue and the only memory, in SQLite or PostgreSQL."""
