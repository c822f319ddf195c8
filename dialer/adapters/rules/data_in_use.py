"""Which data decide where and when people may be called, and how old they are."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from dialer.adapters.rules.zone_data import VERSION_FILES, ZoneData, use_newest

AGE_DAYS_MAX = 183
"""Six months: by then some country has changed its clocks, and some area code is new."""


@dataclass(frozen=True, slots=True)
class DataInUse:
    """One body of data."""

    name: str
    """For people: `zones`, `numbers`, `holidays`, `rules`."""
    version: str
    as_of: date | None
    """They are no newer than this; None: not known. Of a package the day of its installation."""
    remedy: str

    @property
    def text(self) -> str:
        """`numbers 9.0.43`."""
        return f"{self.name} {self.version}"

    def warning(self, now: float) -> str | None:
        """What is to be said if the data are too old at `now` (Unix seconds)."""
        if self.as_of is None:
            return f"{self.text}: nobody knows how old these data are; {self.remedy}"
        age = datetime.fromtimestamp(now, UTC).date() - self.as_of
        if age <= timedelta(days=AGE_DAYS_MAX):
            return None
        return f"{self.text}: these data are of {self.as_of} or older; {self.remedy}"


def data_in_use(rules: Path, checked: date | None) -> tuple[DataInUse, ...]:
    """The zones, the numbering plans, the public holidays, and the rules file with its oldest check."""
    zones = use_newest()
    return (
        DataInUse("zones", zones.text, _zones_as_of(zones), "update `tzdata`"),
        _package("numbers", "phonenumbers"),
        _package("holidays", "holidays"),
        DataInUse(
            "rules",
            f"{rules.name}, checked {checked or 'by nobody'}",
            checked,
            "compare the rules with their sources, and date each `checked`",
        ),
    )


def in_words(data: Iterable[DataInUse]) -> str:
    """All of them in one line, for the record of decisions."""
    return "; ".join(each.text for each in data)


def _package(name: str, package: str) -> DataInUse:
    remedy = f"update the package `{package}`"
    try:
        installed = distribution(package)
    except PackageNotFoundError:
        return DataInUse(name, "not installed", None, remedy)
    return DataInUse(name, installed.version, _day_of(Path(str(installed.locate_file(package)))), remedy)


def _zones_as_of(zones: ZoneData) -> date | None:
    """No newer than their files, nor than the year in their version."""
    if zones.folder is None:
        day = _package("zones", "tzdata").as_of
    else:
        days = [_day_of(Path(zones.folder) / name) for name in VERSION_FILES]
        day = next((each for each in days if each is not None), None)
    year_ends = date(int(zones.version[:4]), 12, 31) if zones.version else None
    return min((each for each in (day, year_ends) if each is not None), default=None)


def _day_of(path: Path) -> date | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC).date()
    except OSError:
        return None
