"""Which figures of a call are believed. All are recorded as the API gave them; sums are made of these alone.

A figure may be missing, negative or out of all proportion: a webhook of a broken version, a changed unit.
One of them must neither give a budget back nor use it up.
"""

CALL_S_MAX = 86_400.0
"""Seconds; a day. The API ends a call after `max_call_duration_ms`, which is two hours at most."""
COST_CENTS_MAX = 100_000.0
"""Cents; $1,000 for one call: two hours at more than $8 a minute, beyond any price of the API's list."""
TIME_MAX = 4_102_444_800.0
"""Unix seconds: the year 2100."""


def believed_duration_s(seconds: float | None) -> float | None:
    """The length of a call, or None if it cannot be."""
    return seconds if seconds is not None and 0.0 <= seconds <= CALL_S_MAX else None


def believed_cost_cents(cents: float | None) -> float | None:
    """The cost of a call, or None if it cannot be."""
    return cents if cents is not None and 0.0 <= cents <= COST_CENTS_MAX else None


def believed_time(at: float | None) -> float | None:
    """A moment in Unix seconds, or None if it cannot be one of a call."""
    return at if at is not None and 0.0 <= at <= TIME_MAX else None
