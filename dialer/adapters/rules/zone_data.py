"""Which time zone data this process goes by: the newer of the system's and the `tzdata` package's.

Python asks the system first, whose data may be years old; the package is pinned with the program. System data
that do not tell their version (containers, old systems) count as older than the package.
"""

import re
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

_NAMED = re.compile(r"(?:# version )?([0-9]{4})([a-z]{1,2})(?![a-z])")
VERSION_FILES = ("tzdata.zi", "+VERSION", "version")
"""Where a folder of zone files tells its version, the first that is there."""
FIRST_LINE_CHARS_MAX = 40


@dataclass(frozen=True, slots=True)
class ZoneData:
    """What is in use."""

    version: str
    """Of the tz database, such as `2026a`; empty: it tells none."""
    folder: str | None
    """The system's folder that it comes from; None: the package."""

    @property
    def text(self) -> str:
        """For people: `2026f of the tzdata package`."""
        where = "the tzdata package" if self.folder is None else self.folder
        return f"{self.version or 'of an unknown version'} of {where}"


def newest(folders: Sequence[str], packaged: str | None) -> ZoneData:
    """Of the system's folders and the package (None: it is not installed) the one with the newest data."""
    versions = {folder: version_in(Path(folder)) for folder in folders}
    found = {folder: version for folder, version in versions.items() if version is not None}
    best = max(found, key=lambda folder: _order(found[folder]), default=None)
    if packaged is None:
        return ZoneData("" if best is None else found[best], best or next(iter(folders), None))
    if best is not None and _order(found[best]) > _order(packaged):
        return ZoneData(found[best], best)
    return ZoneData(packaged, None)


def version_in(folder: Path) -> str | None:
    """The version that a folder of zone files tells, such as `2025b`; None: it has none, or tells none."""
    for name in VERSION_FILES:
        try:
            with (folder / name).open(encoding="ascii", errors="replace") as file:
                match = _NAMED.match(file.readline(FIRST_LINE_CHARS_MAX).strip())
        except OSError:
            continue
        if match is not None:
            return match[1] + match[2]
    return None


@cache
def use_newest() -> ZoneData:
    """Make this process go by the newest zone data; what they are. Before any zone is asked for."""
    data = newest(zoneinfo.TZPATH, _packaged())
    if data.folder is None or data.version:  # else there is nothing to choose from
        zoneinfo.reset_tzpath(() if data.folder is None else (data.folder,))
        zoneinfo.ZoneInfo.clear_cache()
    return data


def _packaged() -> str | None:
    try:
        return str(import_module("tzdata").IANA_VERSION)
    except ImportError:
        return None


def _order(version: str) -> tuple[int, int, str]:
    return int(version[:4]), len(version), version
