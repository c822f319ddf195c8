"""`python -m tests.bench [--quick] [--only NAME ...]`: a table for each section, then all figures as JSON.

It dials nobody: the only server it knows is its own, on 127.0.0.1. Targets are printed, never enforced.
"""

import argparse
import json
import sys
from collections.abc import Callable

from tests.bench import pace, slots, throughput, volume, waiting, workers
from tests.bench.report import Report
from tests.bench.serving import Server, bare_server

Section = Callable[[Report, Server, bool], None]


def _throughput(report: Report, server: Server, quick: bool) -> None:
    throughput.compare(report, server, throughput.fast(quick))


def _slow(report: Report, server: Server, quick: bool) -> None:
    throughput.compare(report, server, throughput.slow(quick))
    throughput.compare(report, server, throughput.slow_disk_alone(quick))


SECTIONS: dict[str, Section] = {
    "throughput": _throughput,
    "volume": volume.measure_volume,
    "check": volume.measure_check,
    "pace": pace.measure_pace,
    "slots": slots.measure_slots,
    "workers": workers.measure_workers,
    "waiting": waiting.measure_waiting,
    "slow": _slow,
}


def main() -> None:
    """Run the sections that were asked for, in order."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="about a minute in all; the figures are rougher")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, metavar="NAME", help=", ".join(SECTIONS))
    asked = parser.parse_args()
    report = Report()
    with bare_server() as server:
        for name, section in SECTIONS.items():
            if asked.only is None or name in asked.only:
                section(report, server, asked.quick)
    report.console.print()
    sys.stdout.write(json.dumps({"figures": report.figures, "targets": report.targets}) + "\n")


if __name__ == "__main__":
    main()
