"""A row of cells becomes a `CallJob`, or a rejected row that says which column is wrong and what to do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from dialer.adapters.sources.cells import (
    BadCell,
    read_from_number,
    read_job_id,
    read_kind,
    read_override,
    read_priority,
    read_time,
    read_version,
    read_zone,
)
from dialer.adapters.sources.columns import Columns, Named
from dialer.adapters.sources.reject_codes import RowFault
from dialer.domain.calls import CallContent, CallJob, JobKind, RejectedRow
from dialer.domain.phone import NotANumber, NumberFault, PhoneNumber, parse_number
from dialer.domain.variables import BadVariable, check_variables

Value = TypeVar("Value")

Check = Callable[[JobKind, CallContent], Sequence[str]]
"""The API adapter's problems with a row's content, each a sentence for people; none if it is fine."""


class RowReader:
    """Reads rows by one plan. What a file does not have costs nothing per row."""

    def __init__(
        self,
        columns: Columns,
        *,
        region: str | None,
        zone: str,
        kind: JobKind,
        needs_from_number: bool,
        check: Check | None,
        needed: Mapping[str, str | None],
        place_of: Callable[[CallJob], object] | None,
    ) -> None:
        self._columns = columns
        self._width = len(columns.names)
        self._number = columns.known.get("to_number")
        self._only_number = len(columns.known) == 1 and self._number is not None
        self._only_variables = not (columns.metadata or columns.sip_headers) and not (
            columns.known.keys() & {"override_agent_id", "override_agent_version", "agent_override"}
        )
        self._region = region
        self._zone = zone
        self._kind = kind
        self._needs_from_number = needs_from_number
        self._check = check
        self._needed = needed
        self._variable_names = frozenset(name for name, _ in columns.variables)
        self._place_of = place_of

    def read(self, line: int, cells: list[str]) -> CallJob | RejectedRow:
        """The job in the row that starts at this line of the file. Never raises."""
        try:
            job = self._job(line, self._fitted(cells))
            self._check_place(job)
            return job
        except BadCell as bad:
            return RejectedRow(line, bad.code, bad.reason, tuple(cells))

    def is_lead(self, cells: Sequence[str]) -> bool:
        """True if a line with these cells would make a row by itself, with a number to call."""
        if self._number is None or len(cells) != self._width or self._width == 1:
            return False
        return isinstance(parse_number(cells[self._number], self._region), PhoneNumber)

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
        if self._only_number and self._kind is not JobKind.WEB_CALL:
            number = self._read_number(cells)
            return CallJob(
                key=number,
                to_number=number,
                line=line,
                row=tuple(cells),
                kind=self._kind,
                content=self._read_content(cells, self._kind),
            )
        kind = self._read("kind", cells, read_kind) or self._kind
        job_id = self._read("job_id", cells, read_job_id)
        # A web call rings nobody; the person's number in the row must not make it this person's second call.
        to_number = None if kind is JobKind.WEB_CALL else self._read_number(cells)
        key = job_id or to_number
        if key is None:
            raise BadCell(RowFault.NO_JOB_ID, "a web call has no number, so it needs a job_id: add one")
        from_number = self._read("from_number", cells, self._read_from_number)
        if from_number is None and self._needs_from_number and kind is JobKind.PHONE_CALL:
            raise BadCell(
                RowFault.NO_FROM_NUMBER, "the row names no from_number, and no `from_numbers` are configured"
            )
        zone = self._read("timezone", cells, read_zone)
        not_before, expires_at = self._read_times(cells, zone or self._zone)
        return CallJob(
            key=key,
            to_number=to_number,
            line=line,
            row=tuple(cells),
            job_id=job_id,
            kind=kind,
            from_number=from_number,
            timezone=zone,
            priority=self._read("priority", cells, read_priority) or 0,
            not_before=not_before,
            expires_at=expires_at,
            content=self._read_content(cells, kind),
        )

    def _read(self, column: str, cells: list[str], read: Callable[[str], Value]) -> Value | None:
        """A known column's cell through its reader; None if the file or the row does not have it."""
        index = self._columns.known.get(column)
        if index is None or not (text := cells[index].strip()):
            return None
        try:
            return read(text)
        except BadCell as bad:
            raise BadCell(bad.code, f"column {self._columns.names[index]!r} {bad.reason}") from None

    def _read_number(self, cells: list[str]) -> str:
        if self._number is None:
            raise BadCell(NumberFault.NO_NUMBER, "the file has no column for the number: add to_number")
        number = parse_number(cells[self._number], self._region)
        if isinstance(number, NotANumber):
            raise BadCell(number.code, f"column {self._columns.names[self._number]!r} {number.reason}")
        return number.e164

    def _read_from_number(self, text: str) -> str:
        return read_from_number(text, self._region)

    def _read_times(self, cells: list[str], zone: str) -> tuple[float | None, float | None]:
        not_before = self._read("not_before", cells, lambda text: read_time(text, zone, is_end=False))
        expires_at = self._read("expires_at", cells, lambda text: read_time(text, zone, is_end=True))
        if not_before is not None and expires_at is not None and expires_at <= not_before:
            raise BadCell(RowFault.BAD_TIME, "expires_at is not later than not_before: correct one of them")
        return not_before, expires_at

    def _read_content(self, cells: list[str], kind: JobKind) -> CallContent:
        columns = self._columns
        if self._only_variables:
            content = CallContent(variables=_filled(columns.variables, cells))
        else:
            content = self._read_full_content(cells)
        if self._needed:
            content = self._with_needed(content)
        if self._check is not None and (problems := self._check(kind, content)):
            raise BadCell(RowFault.BAD_CONTENT, "; ".join(problems))
        return content

    def _with_needed(self, content: CallContent) -> CallContent:
        """With the defaults of variables that the row leaves empty."""
        variables = check_variables(content.variables, self._needed, self._variable_names)
        if isinstance(variables, BadVariable):
            raise BadCell(variables.code, variables.reason)
        return content if variables is content.variables else replace(content, variables=variables)

    def _check_place(self, job: CallJob) -> None:
        if self._place_of is not None and job.to_number is not None:
            try:
                self._place_of(job)
            except ValueError as error:
                raise BadCell(RowFault.BAD_PLACE, str(error)) from None

    def _read_full_content(self, cells: list[str]) -> CallContent:
        columns = self._columns
        return CallContent(
            agent_id=self._read("override_agent_id", cells, str),
            agent_version=self._read("override_agent_version", cells, read_version),
            agent_override=self._read("agent_override", cells, read_override),
            metadata=_filled(columns.metadata, cells),
            variables=_filled(columns.variables, cells),
            sip_headers=_filled(columns.sip_headers, cells),
        )


def _filled(named: Named, cells: list[str]) -> dict[str, str]:
    """The cells under these names, as they are, but for those that are empty."""
    return {name: cell for name, index in named if (cell := cells[index]) and not cell.isspace()}
