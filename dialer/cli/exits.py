"""How a command ends, for scripts: kept for ever."""

from typing import Final

DONE: Final = 0
FAILED: Final = 1
BAD_INPUT: Final = 2
ACCOUNT_REFUSED: Final = 3
NOT_BALANCED: Final = 4
INTERRUPTED: Final = 130
READER_GONE: Final = 141
"""Whoever read our output went away, as in `dialer results spring | head`. What a shell makes of SIGPIPE."""

MEANINGS: Final = {
    DONE: "done",
    FAILED: "failure: the message says what and the way out",
    BAD_INPUT: "bad input or settings, or a wrong command line",
    ACCOUNT_REFUSED: "stopped, because the API refuses the account",
    NOT_BALANCED: "the books do not add up (verify)",
    INTERRUPTED: "interrupted; the same command goes on where it stopped",
    READER_GONE: "the output pipe was closed, as `head` does",
}

EPILOG: Final = "Exit codes\n" + "\n".join(f"{code:>5}  {meaning}" for code, meaning in MEANINGS.items())
"""Stands under the help of every command."""
