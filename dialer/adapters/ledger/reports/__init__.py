"""What is read from the ledger for people and for metrics."""
