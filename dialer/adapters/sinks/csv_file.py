"""Results and refused rows as CSV, for spreadsheets.

A spreadsheet runs a cell that begins with = + - @ as a formula, and the cell may hold what a stranger wrote
into a web form. In the results every such cell gets an apostrophe in front, unless it is just a number:
`+12125550100` computes to itself, does no harm, and stays usable for the next program.

The rejects keep each row as it was, formulas and unreadable bytes too: the file is there to be corrected and
given again, and an apostrophe would then be part of the data. Its cells are from the operator's own file.
"""

import codecs
import csv
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

import orjson

from dialer.adapters.system.private_files import FILE_MODE, make_folder
from dialer.domain.calls import RejectedRow
from dialer.domain.errors import BadInput, DialerError

FIXED_COLUMNS = (
    *("seq", "kind", "job_id", "line", "to_number", "call_kind", "attempt", "attempt_id", "from_number"),
    *("agent_id", "state", "outcome", "call_id", "status", "disconnection_reason", "claimed_at", "placed_at"),
    *("started_at", "ended_at", "closed_at", "duration_s", "cost_cents", "error", "access_token", "analysis"),
    *("expires_at", "ice_servers", "transport", "agent_version", "agent_tag", "collected_dynamic_variables"),
    *("transfer_destination", "transfer_ended_at", "recording_url", "public_log_url", "latency_p50_ms"),
)
"""In the words of config/results.schema.json. Behind them comes `variables.<name>` for each variable."""
REJECTS_COLUMNS = ("line", "code", "reason", "row")
"""`row` is the first of the row's own cells; the others follow it."""
_REJECTS_START = codecs.BOM_UTF8 + ",".join(REJECTS_COLUMNS).encode()


def variable_names(lines: Iterable[bytes]) -> list[str]:
    """The names of all variables in these result lines, in the order they first appear: the first pass."""
    names: dict[str, None] = {}
    for line in lines:
        names.update(dict.fromkeys(orjson.loads(line).get("variables", ())))
    return list(names)


def write_results_csv(
    lines: Iterable[bytes], out: TextIO, variables: Sequence[str], *, with_header: bool = True
) -> None:
    """Write result lines (JSON objects) as CSV, one at a time; `variables` become columns, others do not.

    `out` is opened with `newline=""`. Call it again without the header to go on with the next lines.
    """
    writer = csv.writer(out)
    if with_header:
        names = (*FIXED_COLUMNS, *(f"variables.{name}" for name in variables))
        writer.writerow([harmless(name) for name in names])
    for line in lines:
        result = orjson.loads(line)
        own = result.get("variables", {})
        writer.writerow([_cell(result, name) for name in FIXED_COLUMNS] + [_cell(own, n) for n in variables])


_FORMULA = re.compile(r"[=+\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(r"[+-][0-9]+(?:\.[0-9]+)?")


def harmless(text: str) -> str:
    """The text, with an apostrophe in front if a spreadsheet would run it."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def _cell(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return orjson.dumps(value).decode()
    return harmless(value if isinstance(value, str) else str(value))


class RejectsFile:
    """The refused rows of one reading. Made with the first of them, in place of an earlier reading's file.

    Raises `BadInput` if another kind of file stands there: perhaps the corrected rows, soon to be read.
    """

    def __init__(self, path: Path | None) -> None:
        """None: they are not written."""
        self.path = path
        self._file: TextIO | None = None
        if path is None:
            return
        try:
            with path.open("rb") as before:
                if before.read(len(_REJECTS_START)) != _REJECTS_START:
                    raise BadInput(f"{path}: refused rows go there, and it is another file: move it away")
        except FileNotFoundError:
            pass
        except OSError as error:
            raise BadInput(f"{path}: refused rows go there: {error.strerror or error}") from error

    def write(self, row: RejectedRow) -> None:
        """Add a row; it is in the file when this returns. Raises `DialerError` if it cannot be written."""
        if self.path is None:
            return
        try:
            file = self._file or self._create(self.path)
            csv.writer(file).writerow([row.line, row.code, row.reason, *row.row])
        except OSError as error:
            raise DialerError(
                f"{self.path}: the refused rows cannot be written: {error.strerror or error}"
            ) from error

    def close(self) -> None:
        """Close it."""
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if self._file is None and error is None and self.path is not None:
            # Nothing was refused this time: an earlier reading's file would say otherwise.
            self.path.unlink(missing_ok=True)

    def _create(self, path: Path) -> TextIO:
        make_folder(path.parent)
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        # The mark lets Excel see UTF-8; escaped bytes go back as they came; each line goes out at once.
        self._file = open(  # noqa: SIM115 - closed by close()
            descriptor, "w", buffering=1, encoding="utf-8-sig", errors="surrogateescape", newline=""
        )
        csv.writer(self._file).writerow(REJECTS_COLUMNS)
        return self._file
