"""An error says what happened and what follows from it."""

from dialer.domain.errors import AccountBlocked, CallNotStarted, Limit


def test_a_call_that_was_not_started_says_why_and_when_to_go_again() -> None:
    error = CallNotStarted("HTTP 429", limit=Limit.RATE, retry_after_s=7.0)
    assert (str(error), error.limit, error.retry_after_s) == ("HTTP 429", Limit.RATE, 7.0)
    assert CallNotStarted("no such host", limit=Limit.CONNECTION).retry_after_s is None


def test_a_blocked_account_says_the_way_out() -> None:
    error = AccountBlocked("HTTP 402", way_out="pay")
    assert (str(error), error.way_out) == ("HTTP 402", "pay")
