"""The stores that the ledger's suite runs on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger_contract import KEPT, SQLITE, STORES, Store
from moving_kit import a_move


@pytest.fixture(params=list(STORES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with STORES[request.param](tmp_path) as store:
        yield store


@pytest.fixture(params=KEPT)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store that is there again after it was closed."""
    with STORES[request.param](tmp_path) as store:
        yield store


@pytest.fixture(params=list(SQLITE))
def sqlite(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """For what is SQLite's own, on a file or in memory."""
    with SQLITE[request.param](tmp_path) as store:
        yield store


@pytest.fixture
def file(tmp_path: Path) -> Store:
    """For what is a SQLite file's own."""
    return Store("file inline", tmp_path / "ledger.db")


@pytest.fixture
def postgres() -> Iterator[Store]:
    """For what is PostgreSQL's own."""
    with STORES["postgres"](Path()) as store:
        yield store


another = postgres


@pytest.fixture
def moving(file: Store, postgres: Store) -> tuple[Path, str]:
    """A file with two campaigns, and the URL of a server with an empty ledger."""
    return a_move(file, postgres)
