"""Programs that look at what is deployed: used where they are, and named where they are not."""

import os
import shutil
import sys
from pathlib import Path
from typing import NoReturn

import pytest

ALL = "DIALER_TEST_TOOLS"
OWN = (Path(sys.executable).parent, Path(sys.prefix) / "tools" / "node_modules" / ".bin")
"""Where `make tools` and the test requirements put theirs."""


def found(program: str) -> str | None:
    """Its path, ours before the machine's."""
    places = [*map(str, OWN), os.environ.get("PATH", os.defpath)]
    return shutil.which(program, path=os.pathsep.join(places))


def tool(program: str, package: str) -> str:
    """Its path. Skips the test where it is not, or fails it if `DIALER_TEST_TOOLS` is `all`."""
    path = found(program)
    if path is None:
        missing(f"{program} ({package}) is not installed")
    return path


def missing(what: str) -> NoReturn:
    """Skip the test by name, or fail it where everything must be there."""
    if os.environ.get(ALL) == "all":
        pytest.fail(f"{what}, and {ALL} is all")
    pytest.skip(what)
