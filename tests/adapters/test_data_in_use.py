"""Of the system's zone data and the package's the newer are used, and who decides is told with its age."""

import os
import subprocess
import sys
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path

import pytest

from dialer.adapters.rules.data_in_use import DataInUse, data_in_use, in_words
from dialer.adapters.rules.rules_file import load_rules, shipped_rules
from dialer.adapters.rules.zone_data import ZoneData, newest, version_in

PINNED = "2026f"


def system(folder: Path, version: str | None, file: str = "tzdata.zi") -> str:
    folder.mkdir()
    if version is not None:
        (folder / file).write_text(f"{'# version ' if file == 'tzdata.zi' else ''}{version}\nZ a\n")
    return str(folder)


@pytest.mark.parametrize(
    ("version", "is_used"),
    [("2025b", False), (PINNED, False), ("2026g", True), ("2027a", True), ("2026za", True), (None, False)],
)
def test_the_newer_of_system_and_package_is_used(tmp_path: Path, version: str | None, is_used: bool) -> None:
    folder = system(tmp_path / "zoneinfo", version)
    used = newest([str(tmp_path / "none"), folder], PINNED)
    assert used == (ZoneData(version or "", folder) if is_used else ZoneData(PINNED, None))


def test_of_several_folders_the_newest_is_used(tmp_path: Path) -> None:
    old, new = system(tmp_path / "old", "2025b"), system(tmp_path / "new", "2027a", "+VERSION")
    assert newest([old, new], PINNED) == ZoneData("2027a", new)


def test_without_the_package_the_system_is_used_and_without_both_nothing_is_known(tmp_path: Path) -> None:
    old, silent = system(tmp_path / "old", "2025b"), system(tmp_path / "silent", None)
    assert newest([silent, old], None) == ZoneData("2025b", old)
    assert newest([silent], None) == ZoneData("", silent)
    assert newest([], None) == ZoneData("", None)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("# version 2025b\n", "2025b"),
        ("# version 2024b-0-debian\n", "2024b"),
        ("# redo\n", None),
        ("", None),
        ("# version 1993abc\n", None),
    ],
)
def test_a_version_is_read_or_not_known(tmp_path: Path, text: str, version: str | None) -> None:
    (tmp_path / "tzdata.zi").write_text(text)
    assert version_in(tmp_path) == version


def old_zones(folder: Path) -> Path:
    """A system whose Vancouver still has the zone that the package's Los Angeles has, as before 2026."""
    place = folder / "America"
    place.mkdir(parents=True)
    (place / "Vancouver").write_bytes((files("tzdata") / "zoneinfo/America/Los_Angeles").read_bytes())
    (folder / "tzdata.zi").write_text("# version 2025b\n")
    return folder


@pytest.mark.parametrize("system_zones", ["old", "none", "default"])
def test_nobody_is_called_by_zone_data_that_are_older_than_the_programs(
    tmp_path: Path, system_zones: str
) -> None:
    # Vancouver keeps UTC-7 all the year since 2026: 04:30 UTC is 21:30 there.
    leads = tmp_path / "leads.csv"
    leads.write_text("phone\n+16045550100\n")
    environ = {name: text for name, text in os.environ.items() if name != "PYTHONTZPATH"}
    match system_zones:
        case "old":
            environ["PYTHONTZPATH"] = str(old_zones(tmp_path / "zoneinfo"))
        case "none":
            environ["PYTHONTZPATH"] = ""
    told = subprocess.run(
        [sys.executable, "-m", "dialer", "check", leads, "--at", "2026-12-15T04:30:00Z", "--json"],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    assert '"now": 0' in told
    assert '"name": "zones"' in told


def unix(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_data_that_are_older_than_six_months_are_warned_of() -> None:
    data = DataInUse("numbers", "9.0.43", date(2026, 6, 1), "update it")
    assert data.warning(unix("2026-12-01")) is None
    assert "2026-06-01" in (data.warning(unix("2026-12-02")) or "")
    assert "nobody knows" in (DataInUse("numbers", "1", None, "").warning(unix("2026-12-02")) or "")


def test_all_data_that_decide_are_named() -> None:
    rules = load_rules(shipped_rules(), [2026])
    data = data_in_use(shipped_rules(), rules.checked)
    assert [each.name for each in data] == ["zones", "numbers", "holidays", "rules"]
    assert all(each.as_of is not None for each in data)
    assert "us.toml, checked 2026-11-21" in in_words(data)
