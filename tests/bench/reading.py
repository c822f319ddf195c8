"""Reading a lead list with the standard library, for comparison: rows to dictionaries, unchecked."""

import csv
from collections.abc import Mapping
from typing import Any

from tests.bench.spending import spend


def dict_reader(given: Mapping[str, Any]) -> dict[str, Any]:
    """`csv.DictReader` over the file."""
    rows = 0

    def work() -> None:
        nonlocal rows
        with open(given["leads"], encoding="utf-8", newline="") as file:
            for _ in csv.DictReader(file):
                rows += 1

    return {**spend(work), "rows": rows}
