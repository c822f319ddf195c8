"""The ledger's tables, their versions, and rows as objects."""
