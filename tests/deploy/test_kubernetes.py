"""The manifests: built, held against the API's schemas, and against what the program takes."""

import copy
import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from dialer import __version__
from dialer.settings import load
from dialer.settings.catalogue import VARIABLES
from dialer.telemetry.metric_names import METRICS
from tests.cli.cli_process import dialer
from tests.deploy.kubernetes_kit import (
    KUBERNETES,
    OVERLAYS,
    Document,
    built,
    container,
    leaves,
    of_kind,
    only,
    pod,
    settings_file,
)

DEPLOY = KUBERNETES.parent
OLDEST, NEWEST = "1.29", kubernetes_validate.latest_version()
SHUTDOWN_S = 15
"""What the program promises."""
ADDRESSES = {"webhooks": 8080, "metrics": 9464, "api": 8090}
"""The ports, by the setting's section."""
each_overlay = pytest.mark.parametrize("overlay", OVERLAYS)


def refused(document: Document, version: str) -> str:
    """Why the API of that version would not take it; empty if it would."""
    try:
        kubernetes_validate.validate(document, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return f"{document['kind']}: {'.'.join(map(str, error.path))}: {error.message}"
    return ""


@each_overlay
@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_the_api_takes_them(overlay: str, version: str) -> None:
    documents = built(overlay)
    assert documents
    assert [fault for each in documents if (fault := refused(each, version))] == []


def test_a_field_that_is_misspelt_is_found() -> None:
    document: Any = copy.deepcopy(only("sqlite", "StatefulSet"))
    document["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}
    assert "livenesProbe" in refused(document, NEWEST)


def test_each_folder_is_an_overlay_or_a_part_of_one() -> None:
    parts: set[str] = set()
    for overlay in OVERLAYS:
        made_of = yaml.safe_load((KUBERNETES / overlay / "kustomization.yaml").read_text())
        named = (*made_of["resources"], *made_of["components"])
        parts |= {name.removeprefix("../") for name in named if name.startswith("../")}
    assert {path.name for path in KUBERNETES.iterdir()} == {*OVERLAYS, *parts}


@each_overlay
def test_a_pod_may_do_next_to_nothing(overlay: str) -> None:
    spec = pod(overlay)["spec"]
    rights = spec["securityContext"]
    assert (rights["runAsNonRoot"], rights["runAsUser"]) == (True, 10001)
    assert rights["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container(overlay)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert (spec["automountServiceAccountToken"], spec["enableServiceLinks"]) == (False, False)
    assert {name for name in spec if name.startswith("host")} == set()
    assert not any("hostPath" in volume for volume in spec["volumes"])
    (namespace,) = of_kind(overlay, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@each_overlay
def test_a_pod_has_bounds_and_time_to_stop(overlay: str) -> None:
    resources = container(overlay)["resources"]
    assert {"cpu", "memory"} <= set(resources["requests"])
    assert "memory" in resources["limits"]
    assert pod(overlay)["spec"]["terminationGracePeriodSeconds"] > SHUTDOWN_S


@each_overlay
def test_what_it_writes_to_is_there(overlay: str) -> None:
    mounted = {each["name"]: each for each in container(overlay)["volumeMounts"]}
    claims = only(overlay, "Deployment", "StatefulSet", "Job")["spec"].get("volumeClaimTemplates", [])
    volumes = {each["name"] for each in pod(overlay)["spec"]["volumes"]}
    volumes |= {each["metadata"]["name"] for each in claims}
    assert set(mounted) == volumes
    writable = {each["mountPath"] for each in mounted.values() if not each.get("readOnly")}
    assert writable == {"/var/lib/dialer", "/tmp"}


@each_overlay
def test_secrets_are_named_and_never_held(overlay: str) -> None:
    assert of_kind(overlay, "Secret") == []
    referred = [
        volume["secret"]["secretName"] for volume in pod(overlay)["spec"]["volumes"] if "secret" in volume
    ]
    assert "dialer-secrets" in referred
    for each in container(overlay).get("env", []):
        assert "value" not in each, each["name"]
    for at, value in ((at, value) for document in built(overlay) for at, value in leaves(document)):
        assert not re.search(r"key_\w{6}|://[^/\s:]+:(?!PASSWORD@)[^@\s]+@", str(value)), at


@each_overlay
def test_the_settings_are_settings(tmp_path: Path, overlay: str) -> None:
    file = tmp_path / "dialer.toml"
    file.write_text(settings_file(overlay))
    environ = {each["name"]: "a-pod" for each in container(overlay).get("env", [])}
    settings = load(file, {}, environ, None).settings
    listened = {"metrics": settings.metrics.listen, "webhooks": settings.webhooks.listen}
    named = {each["name"]: each["containerPort"] for each in container(overlay).get("ports", [])}
    for section, port in named.items():
        assert port == ADDRESSES[section]
    for section, listen in listened.items() if named else ():
        assert listen == (f"0.0.0.0:{named[section]}" if section in named else None)


@pytest.mark.parametrize("overlay", ["postgres", "sqlite"])
def test_the_api_is_one_step_away(tmp_path: Path, overlay: str) -> None:
    opened = settings_file(overlay).replace("# [api]\n# listen", "[api]\nlisten")
    file = tmp_path / "dialer.toml"
    file.write_text(f"{opened}\n[[api.tokens]]\nname = 'crm'\nrole = 'submit'\nsha256 = '{'0' * 64}'\n")
    assert load(file, {}, {}, None).settings.api.listen == f"0.0.0.0:{ADDRESSES['api']}"


@each_overlay
def test_the_command_is_one_that_the_program_takes(tmp_path: Path, overlay: str) -> None:
    command, *arguments = container(overlay)["args"]
    helped = dialer(command, "--help", cwd=tmp_path)
    assert helped.code == 0, helped.said
    options = [each for each in arguments if each.startswith("--")]
    assert options
    for option in options:
        assert option in helped.out, option


@each_overlay
def test_what_is_asked_and_reached_is_a_port_that_is_open(overlay: str) -> None:
    names = {each["name"] for each in container(overlay).get("ports", [])}
    for service in of_kind(overlay, "Service"):
        assert {each["targetPort"] for each in service["spec"]["ports"]} <= names
        assert service["spec"]["selector"].items() <= pod(overlay)["metadata"]["labels"].items()
    for policy in of_kind(overlay, "NetworkPolicy"):
        ours = policy["spec"]["podSelector"]["matchLabels"]
        assert ours.items() <= pod(overlay)["metadata"]["labels"].items()
        asked = {port["port"] for rule in policy["spec"].get("ingress", []) for port in rule["ports"]}
        assert asked <= set(ADDRESSES)
    for kind, path in {"startup": "/livez", "liveness": "/livez", "readiness": "/readyz"}.items():
        probe = container(overlay).get(f"{kind}Probe")
        if probe is not None:
            assert probe["httpGet"] == {"path": path, "port": "metrics"}
            assert probe["timeoutSeconds"] >= 2
            assert probe["failureThreshold"] >= 3


@pytest.mark.parametrize("overlay", ["postgres", "sqlite"])
def test_a_worker_is_probed_in_each_way(overlay: str) -> None:
    assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container(overlay))
    assert of_kind(overlay, "Service")


def test_a_ledger_on_a_volume_has_one_worker() -> None:
    spec = only("sqlite", "StatefulSet")["spec"]
    (claim,) = spec["volumeClaimTemplates"]
    assert (spec["replicas"], claim["spec"]["accessModes"]) == (1, ["ReadWriteOncePod"])
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    assert only("campaign", "PersistentVolumeClaim")["spec"]["accessModes"] == ["ReadWriteOncePod"]
    job = only("campaign", "Job")["spec"]
    assert (job["parallelism"], job["completions"], job["podReplacementPolicy"]) == (1, 1, "Failed")


def test_a_campaign_that_a_person_must_see_to_is_not_started_again() -> None:
    rules = only("campaign", "Job")["spec"]["podFailurePolicy"]["rules"]
    codes = {rule["action"]: rule["onExitCodes"]["values"] for rule in rules if "onExitCodes" in rule}
    assert codes == {"FailJob": [2, 3, 4], "Ignore": [130]}


def test_several_workers_roll_and_scale() -> None:
    deployment, scaler = only("postgres", "Deployment"), only("postgres", "HorizontalPodAutoscaler")
    assert "replicas" not in deployment["spec"], "an apply would undo what the scaler did"
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    target = scaler["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", deployment["metadata"]["name"])
    (budget,) = of_kind("postgres", "PodDisruptionBudget")
    assert scaler["spec"]["minReplicas"] > budget["spec"]["maxUnavailable"]
    labels = pod("postgres")["metadata"]["labels"]
    assert budget["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_the_scaler_s_metric_is_recorded_and_shown_to_the_cluster() -> None:
    (metric,) = only("postgres", "HorizontalPodAutoscaler")["spec"]["metrics"]
    name = metric["external"]["metric"]["name"]
    groups = yaml.safe_load((DEPLOY / "prometheus" / "rules.yml").read_text())["groups"]
    assert name in {rule.get("record") for group in groups for rule in group["rules"]}
    (shown,) = yaml.safe_load((DEPLOY / "prometheus" / "adapter.yml").read_text())["rules"]["external"]
    assert (shown["seriesQuery"], shown["name"]["as"]) == (name, name)
    assert name not in {metric.name for metric in METRICS}


@each_overlay
def test_the_image_is_this_version_s(overlay: str) -> None:
    assert container(overlay)["image"] == f"registry.example.com/dialer:{__version__}"


def test_every_variable_that_is_named_is_a_setting_s() -> None:
    named = {
        (name, path.name)
        for path in DEPLOY.rglob("*")
        if path.is_file() and path.suffix != ".json"
        for name in re.findall(r"\bDIALER_\w+", path.read_text())
    }
    assert {name for name, _ in named} >= {"DIALER_LEDGER__URL"}
    assert {each for each in named if each[0] not in VARIABLES} == set()
