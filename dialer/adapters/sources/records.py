"""Physical lines become rows of cells, and one bad row never takes others with it.

The csv module reads an unclosed quote up to the next quote, or to the end of the file: every row between
is gone without a word. So a row that ran over several lines is looked at again:

- it never closed, ran on too far, or text stands behind its closing quote: the quote was a mistake. Its
  first line is refused and the lines below it are read again, each for itself;
- it is well formed, but a line inside it is a whole lead of its own: nobody can tell which was meant. It is
  refused as a whole, with all its text in the rejects; nothing out of it is dialled.
"""

import csv
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

from dialer.adapters.sources.reject_codes import RowFault

ROW_CHARS_MAX = 65_536
"""The longest line and the longest row, in characters. Below the csv module's own bound for a cell."""
ROW_LINES_MAX = 100
"""A row may run over so many physical lines (newlines in quoted cells)."""


@dataclass(frozen=True, slots=True)
class Fault:
    code: RowFault
    reason: str


UNCLOSED = Fault(
    RowFault.UNCLOSED_QUOTE,
    'a quote (") opens a cell and does not close it: close it, or write "" for a quote that is meant',
)
SWALLOWED = Fault(
    RowFault.UNCLOSED_QUOTE,
    'a quoted cell runs over lines that look like rows of their own: close the quote (") or take it out',
)
TOO_LONG = Fault(RowFault.ROW_TOO_LONG, f"the line is longer than {ROW_CHARS_MAX} characters")
UNREADABLE = Fault(
    RowFault.BAD_ENCODING,
    "holds bytes that are no text in the file's encoding, or could be read in several ways: save "
    "the file as UTF-8, or say with --encoding (`intake.encoding`) which it has, such as cp1252 or gb18030",
)
NUL = Fault(RowFault.NUL_CHARACTER, "holds a NUL character: this row is damaged")

Record = tuple[int, list[str], Fault | None]
"""The physical line where it starts (from 1), its cells, and what is wrong with its form."""


class _RunsOn(Exception):
    """The row under way got too long."""


class Records:
    """The rows of a text, in flat memory. Blank lines come too, so that a reader can share its time."""

    def __init__(self, stream: TextIO, unreadable: re.Pattern[str]) -> None:
        self._stream = stream
        self._unreadable = unreadable
        self._again: deque[str] = deque()
        self._row: list[str] = []
        self._line = 1
        self._at_end = False

    def peek(self, lines_max: int) -> Sequence[str]:
        """The next physical lines, which will be read again; none at the end of the text."""
        while len(self._again) < lines_max and (line := self._next_line()):
            self._again.append(line)
        return tuple(self._again)

    def skip(self, lines: int) -> None:
        """Pass over lines that `peek` gave."""
        for _ in range(lines):
            self._again.popleft()
        self._line += lines

    def read(self, delimiter: str, is_lead: Callable[[Sequence[str]], bool]) -> Iterator[Record]:
        """The rows from here on. `is_lead` says whether the cells of one line make a lead by themselves."""
        row = self._row
        while not self._at_end:
            row.clear()
            reader = csv.reader(self._feed(), delimiter=delimiter)
            try:
                for cells in reader:
                    fault: Fault | None = None
                    if len(row) > 1 or self._at_end:
                        if not _is_well_formed(row, delimiter):
                            break
                        if any(is_lead(_cells(line, delimiter)) for line in row[1:]):
                            fault = SWALLOWED
                    yield self._line, cells, fault or self.damage(row)
                    self._line += len(row)
                    row.clear()
            except (_RunsOn, csv.Error):
                pass
            if row:
                yield self._give_up_first_line(delimiter)

    def _give_up_first_line(self, delimiter: str) -> Record:
        """Refuse the first line of the row under way; the others will be read again."""
        first, *others = self._row
        self._again.extendleft(reversed(others))
        self._at_end = self._at_end and not others
        self._line += 1
        fault = TOO_LONG if len(first) >= ROW_CHARS_MAX else UNCLOSED
        return self._line - 1, _cells(first, delimiter), fault

    def _feed(self) -> Iterator[str]:
        """Physical lines for the csv module, remembered until its row is done."""
        row, again, readline = self._row, self._again, self._stream.readline
        while True:
            line = again.popleft() if again else readline(ROW_CHARS_MAX)
            if len(line) >= ROW_CHARS_MAX:
                line = self._finish_long_line(line)
            elif not line:
                self._at_end = True
                return
            row.append(line)
            if len(line) >= ROW_CHARS_MAX or (len(row) > 1 and self._is_too_much()):
                raise _RunsOn
            yield line

    def _next_line(self) -> str:
        return self._finish_long_line(self._stream.readline(ROW_CHARS_MAX))

    def _finish_long_line(self, line: str) -> str:
        """The line as it is; of one that was cut at the bound the rest is passed over, and it gets an end."""
        piece = line
        while len(piece) >= ROW_CHARS_MAX and piece[-1] not in "\r\n":
            piece = self._stream.readline(ROW_CHARS_MAX)
        return line if piece is line else line + "\n"

    def _is_too_much(self) -> bool:
        return len(self._row) > ROW_LINES_MAX or sum(map(len, self._row)) > ROW_CHARS_MAX

    def damage(self, row: Sequence[str]) -> Fault | None:
        """What no text should hold, if these lines do."""
        for line in row:
            if "\0" in line:
                return NUL
            if not line.isascii() and self._unreadable.search(line):
                return UNREADABLE
        return None


def _is_well_formed(row: Sequence[str], delimiter: str) -> bool:
    try:
        return len(list(csv.reader(row, delimiter=delimiter, strict=True))) == 1
    except csv.Error:
        return False


def _cells(line: str, delimiter: str) -> list[str]:
    """The cells of one physical line, whatever its quotes are."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return [line]
