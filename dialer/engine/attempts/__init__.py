"""Attempts: placed, followed, closed."""
