"""What the engine does with the ledger: jobs in, claims, outcomes, result lines."""
