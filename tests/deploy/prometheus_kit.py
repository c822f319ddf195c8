"""Prometheus' own tool, and what there is for it to ask about."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from dialer.telemetry.metric_names import METRICS, Kind
from dialer.telemetry.worker_metric_names import WORKER_METRICS
from tests.support.tools import tool

PROMETHEUS = Path(__file__).parents[2] / "deploy" / "prometheus"


def promtool(*arguments: str, cwd: Path = PROMETHEUS) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [tool("promtool", "Debian: prometheus"), *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def check_expressions(folder: Path, expressions: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Whether Prometheus can read them, as rules of a file in that folder."""
    rules = [{"record": f"asked:{number}", "expr": asked} for number, asked in enumerate(expressions)]
    file = folder / "asked.yml"
    file.write_text(json.dumps({"groups": [{"name": "asked", "rules": rules}]}))  # JSON is YAML
    return promtool("check", "rules", file.name, cwd=folder)


def every_series() -> set[str]:
    """What a scrape can show, by name."""
    series: set[str] = set()
    for metric in (*METRICS, *WORKER_METRICS):
        is_histogram = metric.kind is Kind.HISTOGRAM
        ends = ("_bucket", "_sum", "_count") if is_histogram else ("",)
        series |= {f"{metric.name}{end}" for end in ends}
    return series
