"""Campaigns moved from one ledger to another."""
