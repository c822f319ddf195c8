"""A row of cells becomes a `CallJob`, or a rejected row that says which column is wrong and what to do."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from dialer.adapters.sources.cells import BadCell, read_override, read_version
from dialer.adapters.sources.columns import Columns, Named
from dialer.adapters.sources.options import JobOptions
from dialer.adapters.sources.reading import check_place, checked_content, read_job
from dialer.adapters.sources.reject_codes import RowFault
from dialer.domain.calls import CallContent, CallJob, JobKind, RejectedRow
from dialer.domain.phone import NotANumber, NumberFault, PhoneNumber, parse_number
from dialer.domain.records import record

Value = TypeVar("Value")


class RowReader:
    """Reads rows by one plan. What a file does not have costs nothing per row."""

    def __init__(self, columns: Columns, options: JobOptions) -> None:
        self._columns = columns
        self._options = options
        self._width = len(columns.names)
        self._number = columns.known.get("to_number")
        self._only_number = len(columns.known) == 1 and self._number is not None
        self._only_variables = not (columns.metadata or columns.sip_headers) and not (
            columns.known.keys() & {"override_agent_id", "override_agent_version", "agent_override"}
        )
        self._variable_names = frozenset(name for name, _ in columns.variables)

    def read(self, line: int, cells: list[str]) -> CallJob | RejectedRow:
        """The job in the row that starts at this line of the file. Never raises."""
        try:
            job = self._job(line, self._fitted(cells))
            check_place(job, self._options)
            return job
        except BadCell as bad:
            return RejectedRow(line, bad.code, bad.reason, tuple(cells))

    def is_lead(self, cells: Sequence[str]) -> bool:
        """True if a line with these cells would make a row by itself, with a number to call."""
        if self._number is None or len(cells) != self._width or self._width == 1:
            return False
        options = self._options
        return isinstance(parse_number(cells[self._number], options.region, options.area_codes), PhoneNumber)

    def _fitted(self, cells: list[str]) -> list[str]:
        """As many cells as there are columns: missing ones are empty, surplus ones must be."""
        surplus = len(cells) - self._width
        if surplus == 0 and not self._columns.nameless:
            return cells
        if surplus > 0 and any(cells[self._width :]):
            raise BadCell(
                RowFault.TOO_MANY_CELLS,
                f"the row has {len(cells)} cells and the header {self._width}: "
                'put cells that hold the delimiter into quotes ("...")',
            )
        for index in self._columns.nameless:
            if index < len(cells) and cells[index].strip():
                raise BadCell(
                    RowFault.TOO_MANY_CELLS,
                    f"cell {index + 1} stands under no column name: name the column, or empty the cell",
                )
        return cells if surplus == 0 else [*cells[: self._width], *[""] * -surplus]

    def _job(self, line: int, cells: list[str]) -> CallJob:
        options = self._options
        row = _Row(self._columns, cells, self._only_variables)
        if not self._only_number or options.default_kind is JobKind.WEB_CALL:
            return read_job(row, options, line=line, row=tuple(cells), columns=self._variable_names)
        number = row.number(options)
        return CallJob(
            key=number,
            to_number=number,
            line=line,
            row=tuple(cells),
            kind=options.default_kind,
            content=checked_content(options.default_kind, row.content(), options, self._variable_names),
        )


@record
class _Row:
    """Fulfils `reading.Fields`."""

    columns: Columns
    cells: Sequence[str]
    only_variables: bool

    def read(self, name: str, read: Callable[[str], Value]) -> Value | None:
        index = self.columns.known.get(name)
        if index is None or not (text := self.cells[index].strip()):
            return None
        try:
            return read(text)
        except BadCell as bad:
            raise BadCell(bad.code, f"column {self.columns.names[index]!r} {bad.reason}") from None

    def number(self, options: JobOptions) -> str:
        index = self.columns.known.get("to_number")
        if index is None:
            raise BadCell(NumberFault.NO_NUMBER, "the file has no column for the number: add to_number")
        number = parse_number(self.cells[index], options.region, options.area_codes)
        if isinstance(number, NotANumber):
            raise BadCell(number.code, f"column {self.columns.names[index]!r} {number.reason}")
        return number.e164

    def content(self) -> CallContent:
        columns, cells = self.columns, self.cells
        if self.only_variables:
            return CallContent(variables=_filled(columns.variables, cells))
        return CallContent(
            agent_id=self.read("override_agent_id", str),
            agent_version=self.read("override_agent_version", read_version),
            agent_override=self.read("agent_override", read_override),
            metadata=_filled(columns.metadata, cells),
            variables=_filled(columns.variables, cells),
            sip_headers=_filled(columns.sip_headers, cells),
        )


def _filled(named: Named, cells: Sequence[str]) -> dict[str, str]:
    """The cells under these names, as they are, but for those that are empty."""
    return {name: cell for name, index in named if (cell := cells[index]) and not cell.isspace()}
