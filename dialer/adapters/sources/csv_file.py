"""A CSV file as a source of jobs: any delimiter, any usual encoding, any size, whatever a spreadsheet did.

Rows in = accepted + rejected, always: a bad row is refused with its line, a code and a reason, and reading
goes on with the next. Blank lines, also those of delimiters only, are no rows. Only a file that cannot be a
lead list at all raises `BadInput`.

    bytes → dialect.py    encoding, delimiter, header
          → records.py    physical lines → rows of cells
          → columns.py    header → which column is what
          → jobs.py       row → CallJob or RejectedRow
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio.lowlevel

from dialer.adapters.sources.cells import known_zones
from dialer.adapters.sources.columns import holds_number, read_header
from dialer.adapters.sources.dialect import DELIMITERS, HEADER_LINES_MAX, TextFile, find_header, open_text
from dialer.adapters.sources.jobs import Check, RowReader
from dialer.adapters.sources.records import Records
from dialer.domain.calls import CallJob, JobKind, RejectedRow
from dialer.domain.errors import BadInput
from dialer.domain.phone import is_region

_BLANK = f"{DELIMITERS} \r\n"
"""What a line above the header may hold."""


@dataclass(frozen=True, slots=True)
class CsvOptions:
    """How the files of an operator are to be understood. Raises `BadInput` for what does not exist."""

    region: str | None = None
    """Country (two letters) of the numbers without +; None: such a row is refused."""
    encoding: str | None = None
    """None: detect."""
    default_kind: JobKind = JobKind.PHONE_CALL
    """For rows that name none."""
    default_timezone: str = "UTC"
    """IANA zone of the times without an offset in rows without a zone."""
    needs_from_number: bool = False
    """No line is configured: each phone call's row has to bring its own from-number."""
    check: Check | None = None
    """Asked for each row's content; each problem it finds refuses the row as `bad_content`."""
    needed: Mapping[str, str | None] = field(default_factory=dict)
    """The variables that the agent needs, each with its default; None: a row without it is refused."""
    place_of: Callable[[CallJob], object] | None = None
    """Asked for each job; if it raises `ValueError` the row is refused as `bad_place`, in its words."""

    def __post_init__(self) -> None:
        if self.region is not None and not is_region(self.region):
            raise BadInput(
                f"`intake.region` is {self.region!r}, which is no country: use two capitals, for example US"
            )
        if self.default_timezone not in known_zones():
            raise BadInput(
                f"`intake.timezone` is {self.default_timezone!r}, which is no IANA zone: "
                "use for example America/New_York"
            )


class CsvFile:
    """Fulfils `ports.JobSource`."""

    def __init__(self, path: Path, options: CsvOptions | None = None) -> None:
        self._path = path
        self._options = options or CsvOptions()

    @property
    def name(self) -> str:
        """The file, as the operator named it."""
        return str(self._path)

    async def batches(self, rows_max: int) -> AsyncIterator[Sequence[CallJob | RejectedRow]]:
        """The rows in order. Raises `BadInput` if this is no lead list, or has no rows."""
        has_rows = False
        batch: list[CallJob | RejectedRow] = []
        file = open_text(self._path, self._options.encoding)
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
        columns = read_header(header.cells, self.name, options.default_kind)
        if options.needs_from_number and columns.all_need_from_number(options.default_kind):
            raise BadInput(
                f"{self._path}: there is no number to call from: give --from +1..., set `from_numbers`, "
                "or add a column from_number"
            )
        reader = RowReader(
            columns,
            region=options.region,
            zone=options.default_timezone,
            kind=options.default_kind,
            needs_from_number=options.needs_from_number,
            check=options.check,
            needed=options.needed,
            place_of=options.place_of,
        )
        return reader, header.delimiter


def _is_blank(cells: Sequence[str]) -> bool:
    text = "".join(cells)
    return not text or text.isspace()
