"""The dashboard: over metrics that exist, each expression one that Prometheus takes."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dialer.telemetry.metric_names import METRICS
from dialer.telemetry.service_metrics import SHARED
from tests.deploy.prometheus_kit import check_expressions, every_series

GRAFANA = Path(__file__).parents[2] / "deploy" / "grafana"
FILE = GRAFANA / "dashboards" / "dialer.json"
DASHBOARD: dict[str, Any] = json.loads(FILE.read_text())
WIDTH = 24
MACROS = {"$__rate_interval": "5m", "$campaign": "spring|summer", "$worker": "a:9464|b:9464"}
"""What Grafana puts in before it asks."""
OF_OTHERS = {"up", "process_resident_memory_bytes"}


def panels(kind: str | None = None) -> list[dict[str, Any]]:
    found = DASHBOARD["panels"]
    return [panel for panel in found if (panel["type"] != "row" if kind is None else panel["type"] == kind)]


def expressions() -> Iterator[tuple[str, str]]:
    """Each panel's title with each of its expressions, as Prometheus would be asked."""
    for panel in panels():
        for target in panel["targets"]:
            asked = target["expr"]
            for macro, value in MACROS.items():
                asked = asked.replace(macro, value)
            yield panel["title"], asked


def test_each_expression_is_one(tmp_path: Path) -> None:
    said = check_expressions(tmp_path, [asked for _, asked in expressions()])
    assert said.returncode == 0, said.stdout + said.stderr


def test_one_that_is_none_is_found(tmp_path: Path) -> None:
    assert check_expressions(tmp_path, ["sum(rate(dialer_attempts_total[5m])"]).returncode != 0


def test_each_metric_is_there() -> None:
    for title, asked in expressions():
        assert "$" not in asked, title
        named = set(re.findall(r"\b(?:dialer_\w+|up|process_\w+)\b", re.sub(r'"[^"]*"', "", asked)))
        assert named, title
        assert named <= every_series() | OF_OTHERS, title
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            named = set(re.findall(r"\bdialer_\w+", variable["definition"]))
            assert named <= every_series()


def test_what_every_metric_tells_is_shown() -> None:
    shown = " ".join(asked for _, asked in expressions())
    for series in every_series():
        plain = re.sub(r"_(bucket|sum|count)$", "", series)
        assert plain in shown, plain


def test_a_choice_of_a_campaign_hides_nothing_that_all_share() -> None:
    shared = {metric.name for metric in SHARED}
    own = {metric.name for metric in METRICS} - shared
    for panel in panels():
        for target in panel["targets"]:
            for series, chosen in re.findall(r"\b(dialer_\w+){([^}]*)}", target["expr"]):
                name = re.sub(r"_(bucket|sum|count)$", "", series)
                by_campaign = "$campaign" in chosen
                assert by_campaign or name not in own or "instance" in chosen, (panel["title"], name)
                assert not (by_campaign and name in shared), (panel["title"], name)


def test_labels_that_are_named_are_there() -> None:
    for panel in panels():
        for target in panel["targets"]:
            for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
                assert re.search(rf"(?:by|group_left) \([^)]*\b{label}\b", target["expr"]) or (
                    label == "instance" and "sum(" not in target["expr"]
                ), (panel["title"], label)


def test_panels_have_a_place_each_and_say_what_they_show() -> None:
    everything = DASHBOARD["panels"]
    numbers = [panel["id"] for panel in everything]
    assert numbers == list(range(1, len(numbers) + 1))
    taken: set[tuple[int, int]] = set()
    for panel in everything:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= WIDTH, panel["title"]
        taken |= cells
    assert all(panel["description"] for panel in panels())
    assert all(panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"} for panel in panels())


def test_the_file_is_as_a_save_would_make_it() -> None:
    # so that a change shows as what it is
    assert FILE.read_text() == json.dumps(DASHBOARD, indent=2, sort_keys=True) + "\n"
    assert DASHBOARD["id"] is None


@pytest.mark.parametrize("kind", ["datasources", "dashboards"])
def test_it_is_provisioned(kind: str) -> None:
    (file,) = (GRAFANA / "provisioning" / kind).iterdir()
    provisioned = yaml.safe_load(file.read_text())
    assert provisioned["apiVersion"] == 1
    if kind == "dashboards":
        (provider,) = provisioned["providers"]
        assert provider["options"]["path"] == "/var/lib/grafana/dashboards"
    else:
        (source,) = provisioned["datasources"]
        assert (source["type"], source["isDefault"]) == ("prometheus", True)
