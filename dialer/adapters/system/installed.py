"""How this copy of the program was installed, for messages that ask for one of its extras.

On PyPI the name `dialer` is somebody else's project: no message may ask for an extra under that name, on a
machine that holds the API key. The distribution is `retell-dialer`; command and import package are `dialer`.
"""

import json
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote, urlparse

from dialer.domain.errors import BadInput

DISTRIBUTION = "retell-dialer"


def needs_extra(what: str, extra: str, missing: ImportError) -> BadInput:
    """What to say where `what` needs packages of `extra` that are not installed."""
    return BadInput(f"{what} needs the extra `{extra}` ({missing}): {way_to(extra)}")


def way_to(extra: str) -> str:
    """The command that adds `extra` to this copy, by the way in which it was installed."""
    try:
        installed = distribution(DISTRIBUTION)
    except PackageNotFoundError:  # an image or a folder on PYTHONPATH
        return f"pip did not install this copy: add the packages of `{extra}` in requirements-service.txt"
    return _command(extra, Path(sys.prefix), _folder_of(installed))


def _command(extra: str, prefix: Path, folder: Path | None) -> str:
    wanted = f"'{folder}[{extra}]'" if folder else f"'{DISTRIBUTION}[{extra}]'"
    if "pipx" in prefix.parts:
        return f"pipx install --force {wanted}"
    if prefix.parts[-3:-1] == ("uv", "tools"):
        return f"uv tool install {wanted}"
    return f"{prefix / 'bin' / 'pip'} install {wanted}"


def _folder_of(installed: Distribution) -> Path | None:
    """The source folder that it was installed from, by PEP 610; None: from an index or from a wheel."""
    text = installed.read_text("direct_url.json")
    url = json.loads(text) if text else {}
    if "dir_info" not in url:
        return None
    return Path(unquote(urlparse(str(url["url"])).path))
