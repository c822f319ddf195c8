"""Without a configured line, no row may become a job that nobody can place."""

from pathlib import Path

import pytest

from dialer.adapters.sources.csv_file import CsvFile
from dialer.adapters.sources.options import CsvOptions
from dialer.app.clock_loop import run_virtual
from dialer.domain.calls import CallJob, RejectedRow
from dialer.domain.errors import BadInput

NEEDS = CsvOptions(needs_from_number=True)


def read(path: Path, text: str) -> list[CallJob | RejectedRow]:
    path.write_text(text)

    async def rows() -> list[CallJob | RejectedRow]:
        return [row async for batch in CsvFile(path, NEEDS).batches(10) for row in batch]

    return run_virtual(rows)


def test_a_file_without_the_column_is_refused_whole(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"leads\.csv: there is no number to call from: give --from"):
        read(tmp_path / "leads.csv", "phone,name\n+12125550100,Ana\n")


def test_a_row_without_one_is_refused_alone(tmp_path: Path) -> None:
    text = "phone,from_number\n+12125550100,+12125550199\n+12125550101,\n"
    good, bad = read(tmp_path / "leads.csv", text)
    assert isinstance(good, CallJob)
    assert good.from_number == "+12125550199"
    assert isinstance(bad, RejectedRow)
    assert (bad.line, bad.code) == (3, "no_from_number")


def test_a_row_that_rings_nobody_needs_none(tmp_path: Path) -> None:
    (row,) = read(tmp_path / "leads.csv", "kind,job_id\nweb_call,w1\n")
    assert isinstance(row, CallJob)
