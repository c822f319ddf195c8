"""Alerts: over metrics that exist, each tested and each explained."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from dialer.web.metric_names import METRICS, Kind

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "alerts.yml"
NAMES = re.findall(r"- alert: (\w+)", RULES.read_text())
needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool (Debian: prometheus) is not installed"
)


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["promtool", *arguments], cwd=RULES.parent, capture_output=True, text=True, check=False, timeout=60
    )


@needs_promtool
def test_the_rules_are_rules() -> None:
    said = promtool("check", "rules", RULES.name)
    assert said.returncode == 0, said.stdout + said.stderr
    assert f"{len(NAMES)} rules found" in said.stdout


@needs_promtool
def test_each_alert_fires_when_it_should_and_not_before() -> None:
    said = promtool("test", "rules", "alerts_test.yml")
    assert said.returncode == 0, said.stdout + said.stderr


def test_each_alert_is_tested_and_explained() -> None:
    tested = (RULES.parent / "alerts_test.yml").read_text()
    guide = (DEPLOY / "README.md").read_text()
    assert NAMES
    for name in NAMES:
        assert f"alertname: {name}\n        exp_alerts:\n          -" in tested, name
        assert f"| {name} |" in guide, name
    assert re.findall(r"^\| (Dialer\w+) \|", guide, re.MULTILINE) == NAMES


def test_alerts_look_at_metrics_that_exist() -> None:
    series = {metric.name for metric in METRICS}
    for metric in METRICS:
        if metric.kind is Kind.HISTOGRAM:
            series |= {f"{metric.name}_{end}" for end in ("bucket", "sum", "count")}
    assert set(re.findall(r"\bdialer_\w+", RULES.read_text())) <= series
