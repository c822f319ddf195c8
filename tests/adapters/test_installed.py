"""Which command adds an extra to this copy: never one that installs the stranger's project named `dialer`."""

import json
import sys
import sysconfig
from pathlib import Path

import pytest

from dialer.adapters.system.installed import needs_extra, way_to

MISSING = ImportError("No module named 'redis'")


def installed_as(folder: Path, monkeypatch: pytest.MonkeyPatch, prefix: str, url: object = None) -> None:
    """A copy of the distribution, as pip would have recorded it, in an environment at `prefix`."""
    info = folder / "retell_dialer-9.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: retell-dialer\nVersion: 9.0\n")
    if url is not None:
        (info / "direct_url.json").write_text(json.dumps(url))
    monkeypatch.setattr(sys, "path", [str(folder), sysconfig.get_path("stdlib")])
    monkeypatch.setattr(sys, "prefix", prefix)


@pytest.mark.parametrize(
    ("prefix", "command"),
    [
        ("/home/ann/.local/share/pipx/venvs/retell-dialer", "pipx install --force 'retell-dialer[queue]'"),
        ("/home/ann/.local/share/uv/tools/retell-dialer", "uv tool install 'retell-dialer[queue]'"),
        ("/opt/dialer", "/opt/dialer/bin/pip install 'retell-dialer[queue]'"),
    ],
)
def test_by_the_way_it_was_installed(
    prefix: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed_as(tmp_path, monkeypatch, prefix)
    assert way_to("queue") == command


def test_from_a_folder_it_is_that_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = {"url": "file:///srv/my%20src", "dir_info": {"editable": True}}
    installed_as(tmp_path, monkeypatch, "/opt/dialer", url)
    assert way_to("traces") == "/opt/dialer/bin/pip install '/srv/my src[traces]'"


def test_a_copy_that_pip_knows_nothing_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path), sysconfig.get_path("stdlib")])
    assert "requirements-service.txt" in way_to("queue")


def test_no_message_names_the_strangers_project() -> None:
    said = str(needs_extra("a queue", "queue", MISSING))
    assert said.startswith("a queue needs the extra `queue` (No module named 'redis'): ")
    assert "'dialer[" not in said


def test_no_text_of_ours_asks_for_the_strangers_project() -> None:
    root = Path(__file__).parents[2]
    asked = [
        path.relative_to(root)
        for folder in ("dialer", "deploy", "docs", "config")
        for path in (root / folder).rglob("*")
        if path.is_file() and path.suffix in {".py", ".md", ".toml", ".yaml"}
        if any(
            word in path.read_text()
            for word in ("install dialer", "install 'dialer", "dialer[queue]", "dialer[postgres]")
        )
    ]
    assert asked == []
