"""What operators do to the ledger."""
