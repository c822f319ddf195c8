"""The compose file: held against the specification's schema, and against what the program takes."""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from dialer import __version__
from dialer.settings import load
from tests.cli.cli_process import dialer
from tests.deploy.prometheus_kit import PROMETHEUS, promtool

DOCKER = Path(__file__).parents[2] / "deploy" / "docker"
FILE = DOCKER / "compose.yaml"
COMPOSE: Mapping[str, Any] = yaml.safe_load(FILE.read_text())
SERVICES: Mapping[str, Any] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("dialer:")}
WORKERS = {name: service for name, service in OURS.items() if service["command"][0] == "serve"}


def check_schema(file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(file)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_it_is_a_compose_file() -> None:
    said = check_schema(FILE)
    assert said.returncode == 0, said.stdout


def test_a_fault_in_it_is_found(tmp_path: Path) -> None:
    bad = tmp_path / "compose.yaml"
    bad.write_text(FILE.read_text().replace("read_only: true", "readonly: true"))
    assert check_schema(bad).returncode == 1


def test_our_containers_may_do_next_to_nothing() -> None:
    assert len(WORKERS) == 2
    for name, service in OURS.items():
        assert service["image"] == f"dialer:{__version__}"
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"]), name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert int(service["stop_grace_period"].removesuffix("s")) > 15, name


def test_only_this_machine_gets_in() -> None:
    for name, service in SERVICES.items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), (name, port)


def test_what_is_mounted_is_there() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (DOCKER / source).exists(), volume


@pytest.mark.parametrize("name", OURS)
def test_the_command_is_one_that_the_program_takes(tmp_path: Path, name: str) -> None:
    command, *arguments = OURS[name]["command"]
    helped = dialer(command, "--help", cwd=tmp_path)
    assert helped.code == 0, helped.said
    for option in arguments:
        assert not option.startswith("--") or option in helped.out, option


@pytest.mark.parametrize("name", WORKERS)
def test_the_settings_are_settings(name: str) -> None:
    environ = {variable: str(value) for variable, value in SERVICES[name]["environment"].items()}
    settings = load(DOCKER / "dialer.toml", {}, environ, None).settings
    assert settings.queue.url in OURS["enqueue"]["command"]
    assert settings.ledger.url == "postgresql://dialer@postgres/dialer"
    # the key travels in clear, so only to the same network
    assert settings.retell.base_url == "http://127.0.0.1:8787"
    assert SERVICES[name]["network_mode"] == "service:retell"
    port = str(settings.metrics.listen).rpartition(":")[2]
    assert f'"retell:{port}"' in (PROMETHEUS / "compose.yml").read_text()


def test_workers_that_share_a_network_share_no_port() -> None:
    listened = [
        value.rpartition(":")[2]
        for service in WORKERS.values()
        for variable, value in service["environment"].items()
        if variable.endswith("__LISTEN")
    ]
    assert len(listened) == 3
    assert len(set(listened)) == len(listened)
    for variable in ("DIALER_SERVICE__WORKER", "DIALER_QUEUE__CONSUMER"):  # they share a host name, too
        assert {service["environment"][variable] for service in WORKERS.values()} == set(WORKERS)


def test_the_pretended_account_is_the_one_that_is_paced() -> None:
    options = dict(zip(OURS["retell"]["command"][1::2], OURS["retell"]["command"][2::2], strict=True))
    settings = load(DOCKER / "dialer.toml", {}, {}, None).settings
    assert settings.retell.base_url.endswith(f":{options['--port']}")
    assert settings.pace.cps <= float(options["--cps"])
    assert settings.pace.slots <= int(options["--concurrency"])
    hooked = WORKERS["worker-1"]["environment"]["DIALER_WEBHOOKS__LISTEN"]
    assert options["--webhook-url"] == f"http://{hooked}/webhooks/retell"


@pytest.mark.parametrize("name", ["compose.yml", "kubernetes.yml"])
def test_prometheus_takes_its_configuration(tmp_path: Path, name: str) -> None:
    text = (PROMETHEUS / name).read_text()
    # Debian's Prometheus is built without Kubernetes: that part is left out for it
    plain = re.sub(r"    kubernetes_sd_configs:\n(?:      .*\n)+(?=    relabel)", "", text)
    assert "kubernetes_sd_configs" not in plain
    (tmp_path / name).write_text(plain)
    for rules in ("alerts.yml", "rules.yml"):
        (tmp_path / rules).write_text((PROMETHEUS / rules).read_text())
    said = promtool("check", "config", name, cwd=tmp_path)
    assert said.returncode == 0, said.stdout + said.stderr
    assert "job_name: dialer\n" in text
