"""No test takes more than its bound of time and memory: shown on tests that would."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NEVER_ENDS = """
import subprocess, sys

def test_busy():
    while True:
        pass

def test_waits_for_a_program():
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        process.wait()
"""
TAKES_ALL = """
import subprocess, sys

def test_here():
    bytes(1 << 33)

def test_in_a_program():
    said = subprocess.run([sys.executable, "-c", "bytes(1 << 33)"], capture_output=True, text=True).stderr
    assert "MemoryError" not in said
"""


def judged(folder: Path, text: str, *options: str) -> str:
    """What pytest says of these tests, under this suite's bounds."""
    (folder / "test_given.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-c", str(ROOT / "pyproject.toml")]
    ended = subprocess.run(
        [*command, "-p", "no:cacheprovider", *options, f"--rootdir={folder}", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
    )
    return ended.stdout + ended.stderr


def test_a_test_that_never_ends_is_ended_with_its_programs(tmp_path: Path) -> None:
    said = judged(tmp_path, NEVER_ENDS, "--timeout=2")
    assert "2 failed" in said, said
    assert said.count("Failed: Timeout") >= 2, said


def test_a_test_and_its_programs_cannot_take_all_memory(tmp_path: Path) -> None:
    said = judged(tmp_path, TAKES_ALL)
    assert "2 failed" in said, said
    assert "MemoryError" in said, said


def test_each_test_has_a_bound_of_time(request: pytest.FixtureRequest) -> None:
    assert float(request.config.getini("timeout")) > 0
