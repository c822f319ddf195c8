"""How the tests are shared out where two run at once (`make test`)."""

from pathlib import Path

import pytest

PROCESSES = frozenset({"cli", "deploy", "processes"})
"""Folders whose tests start programs and wait for them: one at a time, or they would wait for each other."""
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.relative_to(HERE).parts[0]
        item.add_marker(pytest.mark.xdist_group("programs" if folder in PROCESSES else "the rest"))
