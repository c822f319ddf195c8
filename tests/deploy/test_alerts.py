"""Alerts: over metrics that exist, each tested and each explained."""

import re
from pathlib import Path

import pytest

from tests.deploy.prometheus_kit import every_series, promtool

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "alerts.yml"
NAMES = re.findall(r"- alert: (\w+)", RULES.read_text())


@pytest.mark.parametrize("rules", ["alerts.yml", "rules.yml"])
def test_the_rules_are_rules(rules: str) -> None:
    said = promtool("check", "rules", rules)
    assert said.returncode == 0, said.stdout + said.stderr
    count = len(re.findall(r"- (?:alert|record): ", (RULES.parent / rules).read_text()))
    assert f"{count} rules found" in said.stdout


@pytest.mark.parametrize("tests", ["alerts_test.yml", "rules_test.yml"])
def test_each_rule_says_what_it_should_and_not_before(tests: str) -> None:
    said = promtool("test", "rules", tests)
    assert said.returncode == 0, said.stdout + said.stderr


def test_each_alert_is_tested_and_explained() -> None:
    tested = (RULES.parent / "alerts_test.yml").read_text()
    guide = (DEPLOY / "README.md").read_text()
    assert NAMES
    for name in NAMES:
        assert f"alertname: {name}\n        exp_alerts:\n          -" in tested, name
        assert f"| {name} |" in guide, name
    assert re.findall(r"^\| (Dialer\w+) \|", guide, re.MULTILINE) == NAMES


def test_rules_look_at_metrics_that_exist() -> None:
    text = RULES.read_text() + (RULES.parent / "rules.yml").read_text()
    recorded = set(re.findall(r"- record: (\w+)", text))
    assert set(re.findall(r"\bdialer_\w+", text)) <= every_series() | recorded
