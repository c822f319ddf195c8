"""The stores that the ledger's suite runs on."""

from pathlib import Path

import pytest
from ledger_contract import KEPT, STORES, Store


@pytest.fixture(params=list(STORES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return STORES[request.param](tmp_path)


@pytest.fixture(params=KEPT)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A store that is there again after it was closed."""
    return STORES[request.param](tmp_path)


@pytest.fixture
def file(tmp_path: Path) -> Store:
    """For what is SQLite's own."""
    return STORES["file inline"](tmp_path)
