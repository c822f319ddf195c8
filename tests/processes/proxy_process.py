"""The proxy as a process beside the test."""

import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.processes.programs import Program
from tests.processes.proxy import Mishap


@dataclass(frozen=True, slots=True)
class Seen:
    """What passed one listener. Times are seconds of the machine's clock."""

    mishaps: dict[str, int]
    creates: list[float]
    others: list[tuple[float, str]]


class ProxyProcess(Program):
    """`tests.processes.proxy`, in front of these ports."""

    def __init__(self, folder: Path, *ports: int, plan: Sequence[Mishap] = (Mishap.NONE,)) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        argv = [sys.executable, "-m", "tests.processes.proxy", *map(str, ports), "--plan", ",".join(plan)]
        super().__init__(argv, cwd=folder)
        self.urls: list[str] = json.loads(self.printed())

    def seen(self) -> list[Seen]:
        """Stop it; what it has seen, per port."""
        self.signal(signal.SIGTERM)
        done = self.ended()
        assert done.code == 0, done.said
        return [Seen(**each) for each in json.loads(self.out[-1])]
