"""What can go wrong when a call is asked for. Each error answers one question: may a call exist?

CallError
 ├── CallRefused      no, and it says what is at fault (`Blame`)
 ├── CallNotStarted   no, and it may be tried again (says when)
 ├── CallUncertain    perhaps: look before doing anything
 └── AccountBlocked   no, for anyone: stop and say so

DialerError           the user's mistake or the machine's: a message for people and an exit code
 ├── BadInput         2: the leads, the settings, the command line
 │    └── MovedAway   2: the campaign is in another ledger
 └── LedgerError      1: the ledger cannot be read or written
      └── LedgerLost   1: its server does not answer

BadMessage            one job of many that a queue or a client gave; the others are taken
 └── NotAllowed       whoever gave it may not give this one
"""

from enum import StrEnum


class CallError(Exception):
    """A request that gave no call id. The message names no secret and no person's number."""


class Blame(StrEnum):
    """What a refusal is about. Only what is about the person closes a job."""

    PERSON = "person"
    """The number to call: another request for it would be refused, too."""
    DO_NOT_CALL = "do_not_call"
    """The person is marked do-not-call on the API's side: suppressed, and nothing is wrong."""
    LINE = "line"
    """The from-number: the account does not have it, or may not use it."""
    SETUP = "setup"
    """The agent, or something that all requests have: others would be refused, too."""
    UNCLEAR = "unclear"
    """The message does not say."""


class CallRefused(CallError):
    """No call was made (4xx). `blame`: what is to be mended before the same request can make one."""

    def __init__(self, message: str, *, blame: Blame) -> None:
        super().__init__(message)
        self.blame = blame


class Limit(StrEnum):
    """What a `CallNotStarted` ran into."""

    RATE = "rate"
    """429: the account asks for less."""
    CONCURRENCY = "concurrency"
    """The account has no room for another call."""
    CONNECTION = "connection"
    """Nothing was sent: refused, unreachable, no such host, TLS."""
    SHARED = "shared"
    """The pace, of this process or of all workers together, left no room for it in time."""


class CallNotStarted(CallError):
    """No call was made; the same request may go again. `retry_after_s`: when the API says so, else None."""

    def __init__(self, message: str, *, limit: Limit, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.limit = limit
        self.retry_after_s = retry_after_s


class CallUncertain(CallError):
    """The request left and no clear answer came: timeout, dropped connection, 5xx, unreadable 201.

    `on_the_way`: a proxy or firewall answered instead of the API: what comes next would be answered alike.
    """

    def __init__(self, message: str, *, on_the_way: bool = False) -> None:
        super().__init__(message)
        self.on_the_way = on_the_way


class AccountBlocked(CallError):
    """The API refuses the account: 401, 402. `way_out` tells the operator what to do."""

    def __init__(self, message: str, *, way_out: str) -> None:
        super().__init__(message)
        self.way_out = way_out


class DialerError(Exception):
    """Ends the command with a plain message: what is wrong, where, and the way out. No stack trace."""

    exit_code = 1


class LogShortened(DialerError):
    """The results log lost lines while it was written. It is mended up to the last line that it has left."""


class BadInput(DialerError):
    """The leads, a setting or the command line: names the file, line, column or setting."""

    exit_code = 2


class MovedAway(BadInput):
    """What is asked for is in another ledger. The message says where, which is for operators alone."""


class LedgerError(DialerError):
    """The ledger cannot be opened, read or written."""


class NoLedger(LedgerError):
    """There is none where one was named."""


class BadMessage(Exception):
    """A job that was given cannot be taken as it is, now or later; whoever gave it is told.

    Neither attribute holds a phone number or a secret.
    """

    def __init__(self, code: str, reason: str) -> None:
        """`code`: stable, for machines. `reason`: the field, what is wrong and what to do."""
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class NotAllowed(BadMessage):
    """Who gives this has no right to it. The reason names the right or bound, and its setting."""

    def __init__(self, reason: str) -> None:
        super().__init__("not_allowed", reason)


class LedgerLost(LedgerError):
    """The ledger's server does not answer."""
