"""SQLite and PostgreSQL below the ledger: files, threads, connections."""
