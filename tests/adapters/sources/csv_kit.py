"""Read a lead list, and say shortly what became of its rows."""

from pathlib import Path
from typing import Any

from dialer.adapters.sources.csv_file import CsvFile
from dialer.adapters.sources.options import CsvOptions
from dialer.app.clock_loop import run_virtual
from dialer.domain.calls import CallJob, RejectedRow

LEADS = Path(__file__).parents[2] / "leads"
EXAMPLE = Path(__file__).parents[3] / "config" / "leads.example.csv"


def read(path: Path, *, rows_max: int = 50, **options: Any) -> list[CallJob | RejectedRow]:
    """All rows of a file, in order."""

    async def main() -> list[CallJob | RejectedRow]:
        rows: list[CallJob | RejectedRow] = []
        async for batch in CsvFile(path, CsvOptions(**options)).batches(rows_max):
            assert 1 <= len(batch) <= rows_max
            rows.extend(batch)
        return rows

    return run_virtual(main)


def read_text(tmp_path: Path, content: str | bytes, **options: Any) -> list[CallJob | RejectedRow]:
    """All rows of a file with this content."""
    path = tmp_path / "leads.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read(path, **options)


def job(row: CallJob | RejectedRow) -> CallJob:
    """The row as the job it is expected to be."""
    assert isinstance(row, CallJob), row
    return row


def refusal(row: CallJob | RejectedRow) -> RejectedRow:
    """The row as the refusal it is expected to be."""
    assert isinstance(row, RejectedRow), row
    return row


def accepted(rows: list[CallJob | RejectedRow]) -> dict[int | None, str | None]:
    """Line → number."""
    return {row.line: row.to_number for row in rows if isinstance(row, CallJob)}


def rejected(rows: list[CallJob | RejectedRow]) -> dict[int, str]:
    """Line → code."""
    return {row.line: row.code for row in rows if isinstance(row, RejectedRow)}
