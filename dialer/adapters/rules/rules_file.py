"""A rules file: the calling hours that the law sets, by region, and area codes put right.

`config/rules/us.toml` ships with the package and tells the format in its comments.
"""

import difflib
import tomllib
import zoneinfo
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

import dialer
from dialer.adapters.rules.public_holidays import every_region, public_holidays
from dialer.domain.errors import BadInput
from dialer.domain.hours import PublicHolidays, RegionalHours
from dialer.domain.local_hours import Hours
from dialer.domain.north_america import ZONES
from dialer.domain.places import AreaOverrides
from dialer.domain.windows import parse_week

SHIPPED = "us"
"""The rules file that is used unless another is named."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a rules file says."""

    title: str
    regional: RegionalHours
    overrides: AreaOverrides
    holidays: PublicHolidays
    """Of the regions where the file allows no call on them."""
    checked: date | None
    """When somebody last compared with its source what was compared longest ago; None: nobody has."""
    attempts: Mapping[str, str]
    """How many attempts a region's law allows to one person, such as `3 per 24h`."""


def shipped_rules(name: str = SHIPPED) -> Path:
    """Where a rules file is that came with the program, in a wheel or in a checkout."""
    package = Path(dialer.__file__).parent
    installed = package / "rules" / f"{name}.toml"
    return installed if installed.exists() else package.parent / "config" / "rules" / f"{name}.toml"


def load_rules(path: Path, years: Iterable[int]) -> Rules:
    """The rules in a file, with the public holidays of these years; of none, which costs a tenth of it.

    Raises `BadInput` with a line for each thing that is wrong: the file, the table, the key, the way out.
    """
    try:
        file = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path}: is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path}: is not valid TOML: {error}") from None
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False)
        raise BadInput("\n".join(f"{path}: {_in_words(detail)}" for detail in details)) from None
    except ValueError:  # of the path: a NUL byte, half a character
        raise BadInput(f"{str(path)!r}: is not the name of a file") from None
    wanted = frozenset(years)
    closed = [region for region, rule in file.regions.items() if rule.holidays == "closed"]
    parts = [part for part in ZONES if part[:2] in closed]
    everywhere = every_region() if file.default is not None and file.default.holidays == "closed" else ()
    holidays = public_holidays([*closed, *parts, *everywhere] if wanted else (), wanted)
    if wanted and (unknown := [region for region in closed if region not in holidays.dates]):
        raise BadInput(
            f'{path}: [regions.{unknown[0]}] holidays = "closed": the holidays of {unknown[0]} are '
            'not known; write "open", and the dates into `dates_off`'
        )
    return Rules(
        title=file.title,
        regional=RegionalHours(
            {region: rule.hours_of(region, wanted) for region, rule in file.regions.items()},
            None if file.default is None else file.default.hours_of("default", wanted),
        ),
        overrides=AreaOverrides({f"+1{code}": row.zones for row in file.area_codes for code in row.codes}),
        holidays=holidays,
        checked=min((day for rule in file.regions.values() if (day := rule.checked_on)), default=None),
        attempts={region: rule.attempts for region, rule in file.regions.items() if rule.attempts},
    )


def _zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        near = difflib.get_close_matches(name, zoneinfo.available_timezones(), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{name!r} is no IANA time zone such as 'America/Chicago'{hint}") from None
    return name


def _some(zones: tuple[str, ...]) -> tuple[str, ...]:
    if not zones:
        raise ValueError("is empty: name the zones, or leave the area codes out")
    return zones


def _week(table: dict[str, str]) -> dict[str, str]:
    parse_week(table)
    return table


def _day(text: str) -> str:
    """A date, or a month and a day for every year."""
    try:
        date.fromisoformat(text if len(text) > len("12-24") else f"2028-{text}")
    except ValueError:
        raise ValueError(f"{text!r} is no date: write 2026-12-24, or 12-24 for every year") from None
    return text


def _checked(text: str) -> str:
    if text:
        try:
            date.fromisoformat(text)
        except ValueError:
            raise ValueError(f"{text!r} is no date: write 2026-12-24, or nothing if nobody checked") from None
    return text


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _Rule(_Table):
    hours: Annotated[dict[str, str], AfterValidator(_week)]
    holidays: Literal["open", "closed"] = "open"
    dates_off: list[Annotated[str, AfterValidator(_day)]] = Field(default_factory=list)
    attempts: str | None = None
    citation: Annotated[str, Field(min_length=1)]
    checked: Annotated[str, AfterValidator(_checked)]
    source: Annotated[str, Field(min_length=1)]

    @property
    def checked_on(self) -> date | None:
        return date.fromisoformat(self.checked) if self.checked else None

    def hours_of(self, region: str, years: frozenset[int]) -> Hours:
        return Hours(
            name=region,
            week=parse_week(self.hours),
            citation=self.citation,
            dates_off=frozenset(day for text in self.dates_off for day in _dates(text, years)),
            on_holidays=self.holidays == "open",
        )


def _dates(text: str, years: frozenset[int]) -> list[date]:
    """The date, or the day of each year that has it."""
    if len(text) > len("12-24"):
        return [date.fromisoformat(text)]
    month, day = map(int, text.split("-"))
    leap = (month, day) == (2, 29)
    return [date(year, month, day) for year in years if not leap or year % 4 == 0]


class _AreaCodes(_Table):
    codes: list[Annotated[str, Field(pattern="^[2-9][0-9]{2}$")]]
    zones: Annotated[
        tuple[Annotated[str, AfterValidator(_zone)], ...], Field(strict=False), AfterValidator(_some)
    ]
    why: str


class _File(_Table):
    title: str
    default: _Rule | None = None
    regions: dict[Annotated[str, Field(pattern="^[A-Z]{2}(-[A-Z0-9]{1,3})?$")], _Rule]
    area_codes: list[_AreaCodes] = Field(default_factory=list)


def _in_words(detail: ErrorDetails) -> str:
    """`[regions.US-FL] hours has the day 'mo': ...`."""
    table, key = _named(detail["loc"])
    message = detail["msg"].removeprefix("Value error, ")
    match detail["type"]:
        case "missing":
            message = "is missing"
        case "extra_forbidden":
            keys = {**_Rule.model_fields, **_AreaCodes.model_fields, **_File.model_fields}
            near = difflib.get_close_matches(key, keys, n=1)
            message = f"is no key of a rules file{f'; did you mean {near[0]}?' if near else ''}"
        case "string_pattern_mismatch" if table.startswith("[regions."):
            message = "is no region: write US, US-FL or DE"
        case "string_pattern_mismatch":
            message = "must hold area codes of three digits, as text"
        case "value_error":
            pass
        case _:
            message = f"is wrong: {message[:1].lower()}{message[1:]}"
    return " ".join(part for part in (table, key, message) if part)


def _named(loc: tuple[Any, ...]) -> tuple[str, str]:
    """The table, in its brackets, and the key in a place that pydantic names."""
    names = [str(part) for part in loc if part != "[key]"]
    if names[0] == "regions" and len(names) > 1:
        return f"[regions.{names[1]}]", names[2] if len(names) > 2 else ""
    if names[0] == "default" and len(names) > 1:
        return "[default]", names[1]
    if names[0] == "area_codes" and len(names) > 1:
        return f"[[area_codes]] number {int(names[1]) + 1}", names[2] if len(names) > 2 else ""
    return "", names[0]
