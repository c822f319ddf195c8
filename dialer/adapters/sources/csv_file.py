"""A CSV file as a source of jobs: any delimiter, any usual encoding, any size, whatever a spreadsheet did.

Rows in = accepted + rejected, always: a bad row is refused with its line, a code and a reason, and reading
goes on with the next. Blank lines, also those of delimiters only, are no rows. Only a file that cannot be a
lead list at all raises `BadInput`.

    bytes → dialect.py    encoding, delimiter, header
          → records.py    physical lines → rows of cells
          → columns.py    header → which column is what
          → jobs.py       row → CallJob or RejectedRow, by the rules of reading.py
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path

import anyio.lowlevel

from dialer.adapters.sources.columns import holds_number, read_header
from dialer.adapters.sources.dialect import DELIMITERS, HEADER_LINES_MAX, TextFile, find_header, open_text
from dialer.adapters.sources.jobs import RowReader
from dialer.adapters.sources.options import CsvOptions
from dialer.adapters.sources.records import Records
from dialer.domain.calls import CallJob, RejectedRow
from dialer.domain.errors import BadInput
from dialer.domain.headers import Looks

_BLANK = f"{DELIMITERS} \r\n"
"""What a line above the header may hold."""


class CsvFile:
    """Fulfils `ports.JobSource`."""

    def __init__(self, path: Path, options: CsvOptions | None = None) -> None:
        self._path = path
        self._options = options or CsvOptions()
        self.encoding: str | None = None
        """How the file is read; known once it was opened."""
        self.unclear: Mapping[str, Looks] = {}
        """Columns that are not understood and should perhaps be; known once the header was read."""

    @property
    def name(self) -> str:
        """The file, as the operator named it."""
        return str(self._path)

    def examine(self) -> None:
        """Read the header of a file that can be read again. Raises `BadInput` if this is no lead list."""
        if self._path.exists() and not self._path.is_file():
            return  # a pipe: what is read is gone
        file = open_text(self._path, self._options.encoding)
        with file.stream:
            self._start(Records(file.stream, file.unreadable))

    async def batches(self, rows_max: int) -> AsyncIterator[Sequence[CallJob | RejectedRow]]:
        """The rows in order. Raises `BadInput` if this is no lead list, or has no rows."""
        has_rows = False
        batch: list[CallJob | RejectedRow] = []
        file = open_text(self._path, self._options.encoding)
        self.encoding = file.encoding
        with file.stream:
            for steps, row in enumerate(self._rows(file), start=1):
                if row is not None:
                    batch.append(row)
                if steps % rows_max == 0:
                    if batch:
                        has_rows = True
                        yield batch
                        batch = []
                    await anyio.lowlevel.checkpoint()
        if batch:
            yield batch
        elif not has_rows:
            raise BadInput(f"{self._path}: the file has a header but no rows: add one line for each person")

    def _rows(self, file: TextFile) -> Iterator[CallJob | RejectedRow | None]:
        """Each row; None for a blank line, so that a caller can share its time however many there are."""
        try:
            records = Records(file.stream, file.unreadable)
            reader, delimiter = self._start(records)
            for line, cells, fault in records.read(delimiter, reader.is_lead):
                if fault is not None:
                    yield RejectedRow(line, fault.code, fault.reason, tuple(cells))
                elif _is_blank(cells):
                    yield None
                else:
                    yield reader.read(line, cells)
        except (OSError, UnicodeError) as error:
            raise BadInput(f"{self._path}: cannot be read on: {error}") from error

    def count_rows(self) -> int | None:
        """How many rows it has, refused ones included; None if it can be read only once."""
        if not self._path.is_file():
            return None
        file = open_text(self._path, self._options.encoding)
        with file.stream:
            records = Records(file.stream, file.unreadable)
            reader, delimiter = self._start(records)
            found = records.read(delimiter, reader.is_lead)
            return sum(fault is not None or not _is_blank(cells) for _, cells, fault in found)

    def _start(self, records: Records) -> tuple[RowReader, str]:
        """Read the header."""
        while (lines := records.peek(HEADER_LINES_MAX)) and not lines[0].strip(_BLANK):
            records.skip(1)
        if not lines:
            raise BadInput(f"{self._path}: the file is blank: it needs a header line and a line per person")
        header = find_header(lines, holds_number)
        if (damage := records.damage(lines[: header.lines])) is not None:
            raise BadInput(f"{self._path}: the header {damage.reason}")
        records.skip(header.lines)
        options = self._options
        columns = read_header(header.cells, self.name, options.default_kind, options.ignored)
        self.unclear = columns.unclear
        if options.needs_from_number and columns.all_need_from_number(options.default_kind):
            raise BadInput(
                f"{self._path}: there is no number to call from: give --from +1..., set `from_numbers`, "
                "or add a column from_number"
            )
        return RowReader(columns, options), header.delimiter


def _is_blank(cells: Sequence[str]) -> bool:
    text = "".join(cells)
    return not text or text.isspace()
