"""A do-not-call file: one number a line, or a CSV with columns for the number; `#` begins a comment.

A person who is in it must not be called, so nothing is passed over: one line that cannot be understood, and
the whole file is refused with its name and line. In a CSV every number of a row counts, whichever of its
number columns it stands in.

A file written in place may be read half-written, at the end of a line. So one that has lost numbers is
believed once it has stayed as it is for `STILL_S`; one that was moved to its name is believed at once.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dialer.adapters.sources.columns import holds_number, number_columns
from dialer.adapters.sources.dialect import HEADER_LINES_MAX, Header, find_header, open_text
from dialer.adapters.sources.records import Records
from dialer.domain.errors import BadInput
from dialer.domain.phone import NotANumber
from dialer.domain.suppression import (
    COMMENT,
    NumberSet,
    Suppressed,
    parse_suppressed_number,
    parse_suppression_line,
)

READINGS_MAX = 3
"""A file that changes while it is read is read again so often."""
_SWALLOWED = re.compile(r"[0-9](?:[ ().-]{0,3}[0-9]){6}")
"""What may be a number; in a cell of several lines a stray quote may have taken in the rows below."""
LINES_AT_ONCE = 1000
STILL_S = 60.0
"""Seconds for which a file that has lost numbers must stay as it is before that is believed."""
FAULTS_SHOWN_MAX = 1000

Refuse = Callable[[int, str], None]
"""Takes a line that cannot be understood, and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class _Version:
    """What changes when somebody writes to a file or puts another in its place."""

    mtime_ns: int
    ctime_ns: int
    size: int
    inode: int


class SuppressionFile:
    """The numbers of one file, as they were at the last reading; none before the first."""

    def __init__(
        self,
        path: Path,
        *,
        region: str | None = None,
        encoding: str | None = None,
        until: str = "Nobody is called before the whole do-not-call file can be read",
    ) -> None:
        """`region`: country (two letters) of the numbers without +. `encoding`: None to detect it.
        `until`: what its faults keep from being done, for people."""
        self._path = path
        self._until = until
        self._region = region
        self._encoding = encoding
        self._numbers = NumberSet()
        self._version: _Version | None = None
        self._fault: tuple[_Version, str] | None = None
        self._shorter: tuple[_Version, NumberSet, float] | None = None
        """What it holds since when, while that is not believed yet."""

    @property
    def name(self) -> str:
        """The file, as the operator named it."""
        return str(self._path)

    def __len__(self) -> int:
        """How many different numbers it holds."""
        return len(self._numbers)

    @property
    def numbers(self) -> NumberSet:
        """What it holds (E.164); the set of one reading never changes."""
        return self._numbers

    def find(self, number: str) -> Suppressed | None:
        """Why `number` (E.164) must not be called; None if it is not in the file."""
        if self._version is None or not self._numbers.covers(number):
            return None
        return Suppressed(number, self.name, "in the do-not-call file", self._version.mtime_ns / 1e9)

    def reload_if_changed(self, now: float = 0.0) -> bool:
        """Read the file unless it is as it was; true if it was read. `now`: seconds that only go on.

        Raises `BadInput` as long as it cannot be read in full: then nobody may be called. An unchanged file
        costs one look at its entry in the directory.
        """
        version = self._look()
        if version == self._version:
            return False
        if self._fault is not None and self._fault[0] == version:
            raise BadInput(self._fault[1])
        if self._shorter is not None and self._shorter[0] == version:
            return self._believe(version, self._shorter[1], self._shorter[2], now)
        for _ in range(READINGS_MAX):
            numbers = self._read(version)
            before, version = version, self._look()
            if before == version:
                return self._believe(version, numbers, now, now)
        raise BadInput(
            f"{self._path}: it changes while it is read: write a new file and move it to this name"
        )

    def _believe(self, version: _Version, numbers: NumberSet, since: float, now: float) -> bool:
        """Take these numbers over. Raises `BadInput` while they may be those of half a file."""
        is_same_file = self._version is not None and self._version.inode == version.inode
        if is_same_file and now - since < STILL_S and (lost := numbers.lacks(self._numbers)):
            self._shorter = version, numbers, since
            raise BadInput(
                f"{self._path}: {lost:,} numbers are gone from it since it was read last, and it may be half "
                f"written. Nobody is called before it has stayed as it is for {STILL_S:.0f} s; a whole file "
                "that is moved to its name is believed at once"
            )
        self._numbers, self._version, self._fault, self._shorter = numbers, version, None, None
        return True

    def each(self) -> Iterator[str]:
        """Its numbers as they stand in it now, doubles included, without keeping them.

        Raises `BadInput` where it cannot be read on, or at its end with every line that cannot be understood:
        then what came before is not all.
        """
        version = self._look()
        faults: list[str] = []
        count = 0

        def refuse(line: int, what: str) -> None:
            nonlocal count
            count += 1
            if count <= FAULTS_SHOWN_MAX:
                faults.append(f"line {line}: {what}")

        yield from self._stream(version, refuse)
        if count == 1:
            raise self._bad(*faults)
        if faults:
            more = f"\n  and {count - len(faults):,} more" if count > len(faults) else ""
            listed = "".join(f"\n  {each}" for each in faults)
            raise BadInput(
                f"{self._path}: {count:,} lines cannot be understood. {self._until}: correct each, or put # "
                f"in front of it{listed}{more}"
            )
        if self._look() != version:
            raise BadInput(f"{self._path}: it changed while it was read: read it again")

    def _look(self) -> _Version:
        try:
            stat = self._path.stat()
        except OSError as error:
            raise BadInput(f"{self._path}: cannot be read: {error.strerror or error}") from error
        return _Version(stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino)

    def _read(self, version: _Version) -> NumberSet:
        try:
            return NumberSet(self._stream(version, self._refuse))
        except BadInput as error:
            if not isinstance(error.__cause__, OSError):
                self._fault = version, str(error)
            raise

    def _stream(self, version: _Version, refuse: Refuse) -> Iterator[str]:
        if version.size == 0:
            raise BadInput(f"{self._path}: the file is empty: if nobody is in it, say so in a # comment")
        try:
            file = open_text(self._path, self._encoding, only_numbers=True)
            with file.stream:
                yield from self._numbers_in(Records(file.stream, file.unreadable), refuse)
        except (OSError, UnicodeError) as error:
            raise BadInput(f"{self._path}: cannot be read on: {error}") from error

    def _numbers_in(self, records: Records, refuse: Refuse) -> Iterator[str]:
        line = 1
        while lines := records.peek(HEADER_LINES_MAX):
            if lines[0].strip() and not lines[0].startswith(COMMENT):
                break
            _is_whole(line, records, lines[0], refuse)
            records.skip(1)
            line += 1
        if not lines:
            return iter(())
        header = find_header(lines, holds_number)
        if not holds_number(header.cells):
            return self._plain(records, line, refuse)
        records.skip(header.lines)
        return self._table(records, header, refuse)

    def _plain(self, records: Records, line: int, refuse: Refuse) -> Iterator[str]:
        """The numbers of a file that has one a line."""
        while lines := records.peek(LINES_AT_ONCE):
            for text in lines:
                if _is_whole(line, records, text, refuse):
                    number = parse_suppression_line(text, self._region)
                    if isinstance(number, NotANumber):
                        refuse(line, f"the line {number.reason}")
                    elif number is not None:
                        yield number
                line += 1
            records.skip(len(lines))

    def _table(self, records: Records, header: Header, refuse: Refuse) -> Iterator[str]:
        """The numbers of a CSV."""
        columns = number_columns(header.cells)

        def is_row(cells: Sequence[str]) -> bool:
            texts = [cells[index] for index in columns if index < len(cells)]
            return any(isinstance(parse_suppressed_number(text, self._region), str) for text in texts)

        for line, cells, fault in records.read(header.delimiter, is_row):
            if fault is not None:
                refuse(line, fault.reason)
            elif cells and not cells[0].startswith(COMMENT) and any(cell.strip() for cell in cells):
                yield from self._row(line, cells, header, columns, refuse)

    def _row(
        self, line: int, cells: Sequence[str], header: Header, columns: Sequence[int], refuse: Refuse
    ) -> Iterator[str]:
        if any(cell.strip() for cell in cells[len(header.cells) :]):
            return refuse(line, f"the row has {len(cells)} cells and the header {len(header.cells)}")
        if any(_SWALLOWED.search(cell) for cell in cells if "\n" in cell or "\r" in cell):
            return refuse(line, 'a cell of several lines has a number in it: is there a " too many?')
        is_empty = True
        for index in columns:
            if index >= len(cells) or not (text := cells[index].strip()):
                continue
            number = parse_suppressed_number(text, self._region)
            if isinstance(number, NotANumber):
                return refuse(line, f"column {header.cells[index]!r} {number.reason}")
            is_empty = False
            yield number
        if is_empty:
            refuse(line, "the row has no number")

    def _refuse(self, line: int, what: str) -> None:
        raise self._bad(f"line {line}: {what}")

    def _bad(self, fault: str) -> BadInput:
        return BadInput(f"{self._path}, {fault}. {self._until}: correct the line, or put # in front of it")


def _is_whole(line: int, records: Records, text: str, refuse: Refuse) -> bool:
    fault = records.damage((text,))
    if fault is not None:
        refuse(line, f"the line {fault.reason}")
    return fault is None
