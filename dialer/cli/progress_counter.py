"""How far something long is, from two seconds on: one line on a terminal, else a line now and then."""

import sys

from dialer.adapters.system.clock import SystemClock
from dialer.cli import formatting

SHOWN_AFTER_S = 2.0
SHOWN_EVERY_S = 0.5
LINE_EVERY_S = 10.0
"""Between two lines where there is no terminal to draw on."""


class Counting:
    """Counts `of`: numbers, jobs."""

    def __init__(self, of: str) -> None:
        self._of = of
        self._clock = SystemClock()
        self._began = self._last = self._clock.now()
        self._drew = False

    def tell(self, doing: str, count: int) -> None:
        """So many are done; what is done with them goes behind them."""
        now, on_terminal = self._clock.now(), sys.stderr.isatty()
        every_s = SHOWN_EVERY_S if on_terminal else LINE_EVERY_S
        if now - self._began < SHOWN_AFTER_S or now - self._last < every_s:
            return
        self._last, self._drew = now, on_terminal
        text = f"{formatting.count(count)} {self._of} {doing}"
        shown = formatting.Styled(f"\r\x1b[K{text}") if on_terminal else text
        formatting.echo(shown, err=True, nl=not on_terminal)

    def end(self) -> None:
        """Take away the line that was drawn."""
        if self._drew:
            formatting.echo(formatting.Styled("\r\x1b[K"), err=True, nl=False)
