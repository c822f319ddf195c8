"""What a row or a message says becomes a `CallJob`: the same rules and words wherever it comes from."""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Protocol, TypeVar

from dialer.adapters.sources.cells import (
    BadCell,
    read_from_number,
    read_job_id,
    read_kind,
    read_priority,
    read_time,
    read_zone,
)
from dialer.adapters.sources.options import JobOptions
from dialer.adapters.sources.reject_codes import RowFault
from dialer.domain.calls import CallContent, CallJob, JobKind
from dialer.domain.headers import do_not_call_names, fold, yes_or_no
from dialer.domain.variables import BadVariable, check_variables

Value = TypeVar("Value")


class Fields(Protocol):
    """What one row says, by the names of `columns.KNOWN_COLUMNS`."""

    def read(self, name: str, read: Callable[[str], Value]) -> Value | None:
        """A field's text through its reader; None if there is none. Raises `BadCell`, which names it."""
        ...

    def number(self, options: JobOptions) -> str:
        """The number to call, E.164. Raises `BadCell`, also if there is none."""
        ...

    def content(self) -> CallContent:
        """What goes into the request besides the numbers, unchecked. Raises `BadCell`."""
        ...


def read_job(
    fields: Fields,
    options: JobOptions,
    *,
    line: int | None = None,
    row: tuple[str, ...] = (),
    columns: Collection[str] | None = None,
) -> CallJob:
    """The job, but for `check_place`. `columns`: see `check_variables`. Raises `BadCell`."""
    kind = fields.read("kind", read_kind) or options.default_kind
    job_id = fields.read("job_id", read_job_id)
    # A web call rings nobody; the person's number in the row must not make it this person's second call.
    to_number = None if kind is JobKind.WEB_CALL else fields.number(options)
    key = job_id or to_number
    if key is None:
        raise BadCell(RowFault.NO_JOB_ID, "a web call has no number, so it needs a job_id: add one")
    from_number = fields.read(
        "from_number", lambda text: read_from_number(text, options.region, options.area_codes)
    )
    if from_number is None and options.needs_from_number and kind is JobKind.PHONE_CALL:
        raise BadCell(
            RowFault.NO_FROM_NUMBER, "the row names no from_number, and no `from_numbers` are configured"
        )
    zone = fields.read("timezone", read_zone)
    not_before, expires_at = _times(fields, zone or options.default_timezone)
    return CallJob(
        key=key,
        to_number=to_number,
        line=line,
        row=row,
        job_id=job_id,
        kind=kind,
        from_number=from_number,
        timezone=zone,
        priority=fields.read("priority", read_priority) or 0,
        not_before=not_before,
        expires_at=expires_at,
        content=checked_content(kind, fields.content(), options, columns),
    )


def checked_content(
    kind: JobKind, content: CallContent, options: JobOptions, columns: Collection[str] | None
) -> CallContent:
    """Without ignored variables, with the defaults of those that the row leaves empty. Raises `BadCell`."""
    if columns is None and options.ignored:  # else they were not read at all
        kept = {name: text for name, text in content.variables.items() if fold(name) not in options.ignored}
        content = replace(content, variables=kept)
    for name in do_not_call_names(frozenset(content.variables if columns is None else columns)):
        if yes_or_no(content.variables.get(name, "")) is None:
            raise BadCell(
                RowFault.BAD_DO_NOT_CALL,
                f"column {name!r} says neither yes nor no: write yes if the person must not be called",
            )
    if options.needed:
        variables = check_variables(content.variables, options.needed, columns, options.empty_words)
        if isinstance(variables, BadVariable):
            raise BadCell(variables.code, variables.reason)
        if variables is not content.variables:
            content = replace(content, variables=variables)
    if options.check is not None and (problems := options.check(kind, content)):
        raise BadCell(RowFault.BAD_CONTENT, "; ".join(problems))
    return content


def check_place(job: CallJob, options: JobOptions) -> None:
    """Raise `BadCell` if the job says nonsense of where the person is."""
    if options.place_of is not None and job.to_number is not None:
        try:
            options.place_of(job)
        except ValueError as error:
            raise BadCell(RowFault.BAD_PLACE, str(error)) from None


def _times(fields: Fields, zone: str) -> tuple[float | None, float | None]:
    not_before = fields.read("not_before", lambda text: read_time(text, zone, is_end=False))
    expires_at = fields.read("expires_at", lambda text: read_time(text, zone, is_end=True))
    if not_before is not None and expires_at is not None and expires_at <= not_before:
        raise BadCell(RowFault.BAD_TIME, "expires_at is not later than not_before: correct one of them")
    return not_before, expires_at
