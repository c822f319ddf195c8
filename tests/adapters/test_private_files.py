"""What holds people's numbers is its owner's alone, whatever the umask is when it is made."""

import os
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from dialer.adapters.ledger.store import open_sqlite
from dialer.adapters.sinks.csv_file import RejectsFile
from dialer.adapters.sinks.jsonl import JsonlLog
from dialer.adapters.sinks.shared_log import ResultsFolder
from dialer.domain.calls import RejectedRow


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): oct(path.stat().st_mode & 0o777) for path in sorted(folder.rglob("*"))
    }


async def keep(path: Path) -> dict[str, str]:
    """What is there while somebody dials."""
    async with open_sqlite(path, dispatches=True, on_thread=False) as ledger:
        await ledger.open_campaign("spring", 1.0, simulated=False)
        return modes(path.parents[1])


@pytest.mark.usefixtures("_umask")
def test_ledger_results_and_rejects(tmp_path: Path) -> None:
    assert anyio.run(keep, tmp_path / "a" / "b" / "dialer.db") == {
        "b": "0o700",
        **{f"b/dialer.db{end}": "0o600" for end in ("", "-shm", "-wal", ".lock")},
    }
    results = tmp_path / "c" / "results"
    folder = ResultsFolder(results)
    JsonlLog(results / "spring.jsonl").close()
    with RejectsFile(results / "spring.rejects.csv") as rejects:
        rejects.write(RejectedRow(2, "no_number", "empty", ("x",)))
    folder.close()
    found = modes(tmp_path / "c")
    assert found.pop("results") == "0o700"
    assert {"results/spring.jsonl", "results/spring.rejects.csv"} < set(found)
    assert set(found.values()) == {"0o600"}


def test_a_ledger_of_before_is_closed_to_others_once_somebody_dials(tmp_path: Path) -> None:
    path = tmp_path / "d" / "dialer.db"
    anyio.run(keep, path)
    path.chmod(0o644)
    assert anyio.run(keep, path)["d/dialer.db"] == "0o600"
    assert oct(path.parent.stat().st_mode & 0o777) == "0o700"
