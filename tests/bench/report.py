"""Figures, tables and target lines."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

SPIN_ROUNDS = 200_000
CONSOLE_WIDTH = 140


@dataclass(slots=True)
class Report:
    """Prints as it goes and keeps every figure for the JSON line at the end."""

    console: Console = field(default_factory=lambda: Console(width=CONSOLE_WIDTH, highlight=False))
    figures: dict[str, Any] = field(default_factory=dict)
    targets: dict[str, bool] = field(default_factory=dict)
    spins: list[float] = field(default_factory=list)

    def begin(self, section: str, title: str) -> None:
        """Start a section."""
        self.spins.clear()
        self.spin()
        self.console.print(f"\n[bold]{title}[/bold]")
        self.console.print(f"  again: python -m tests.bench --only {section}", style="dim")

    def spin(self) -> None:
        """Note how long a fixed piece of Python takes right now: the machine's noise."""
        began = time.perf_counter()
        total = 0
        for at in range(SPIN_ROUNDS):
            total += at
        self.spins.append((time.perf_counter() - began) * 1000)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table, the first column left and the others right."""
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column(columns[0], no_wrap=True)
        for name in columns[1:]:
            table.add_column(name, justify="right", no_wrap=True)
        for row in rows:
            table.add_row(*row)
        self.console.print(table)
        self.spin()
        low, middle, high = spread(self.spins)
        self.console.print(
            f"  noise: a fixed loop took {low:.1f} / {middle:.1f} / {high:.1f} ms (min / median / max)",
            style="dim",
        )

    def note(self, text: str) -> None:
        """A line under a table."""
        self.console.print(f"  {text}", style="dim")

    def target(self, name: str, what: str, value: float, bound: float, *, at_most: bool = False) -> None:
        """Whether a figure is where it should be. Never a failure."""
        met = value <= bound if at_most else value >= bound
        self.targets[name] = met
        sign = "<=" if at_most else ">="
        word = "[green]met[/green]" if met else "[red]not met[/red]"
        self.console.print(f"  target: {what} {value:.3f}, wanted {sign} {bound:g}: {word}")


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Lowest, median, highest."""
    return min(values), median(values), max(values)


def shown(values: Sequence[float], digits: int = 0) -> str:
    """`median (lowest-highest)`."""
    low, middle, high = spread(values)
    if len(values) == 1:
        return f"{middle:,.{digits}f}"
    return f"{middle:,.{digits}f} ({low:,.{digits}f}-{high:,.{digits}f})"
