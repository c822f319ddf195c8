"""kill -9 at moments that a seed names, and everyone is called exactly once all the same."""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.processes.killing import kill_rounds, totals
from tests.support.postgres import a_schema

ROUNDS, LEADS, SEED = 6, 60, 3
SPEED = 60.0


@pytest.fixture(params=["file", "postgres"])
def ledger(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """Where the ledger is; None: in a file."""
    with a_schema() if request.param == "postgres" else nullcontext() as url:
        yield url


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_again_and_again_everyone_is_called_once(tmp_path: Path, ledger: str | None) -> None:
    killed = kill_rounds(tmp_path, ROUNDS, LEADS, SEED, lambda told: None, SPEED, ledger)
    said = "\n".join(totals(killed, LEADS))
    assert killed.rounds == ROUNDS, said
    # else it proves nothing
    assert killed.seen["resumed"] > 0, said
    assert killed.seen["adopted"] > 0, said
    assert killed.report["faults"]["drop_after"] > 0, said
