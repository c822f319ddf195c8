"""What a single cell means: a time, a zone, a priority, an id. Pure; `BadCell` says what is wrong."""

import re
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import orjson

from dialer.adapters.sources.reject_codes import MessageFault, RowFault
from dialer.domain.calls import JobKind
from dialer.domain.phone import NotANumber, NumberFault, parse_number
from dialer.domain.texts import campaign_fault, job_id_fault
from dialer.domain.variables import VariableFault

PRIORITY_MAX = 100
"""Priorities go from minus this to plus this."""
REMEMBERED_CELLS_MAX = 4096
"""Times and from-numbers repeat from row to row; so many different ones are kept."""


class BadCell(Exception):
    """The row is refused: a code for machines, and for people what is wrong, behind the column's name."""

    def __init__(self, code: RowFault | NumberFault | VariableFault | MessageFault, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?) ?([Zz]|[+-]\d\d:?\d\d)?)?", re.ASCII
)


@lru_cache(REMEMBERED_CELLS_MAX)
def read_time(text: str, zone: str, *, is_end: bool) -> float:
    """Unix seconds of an RFC 3339 time; without an offset it is meant in `zone`.

    A date alone is its first moment, or with `is_end` the first moment after it. Raises `BadCell`.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise _bad_time()
    day, clock, offset = match.groups()
    try:
        if clock is None:
            moment = datetime.fromisoformat(day) + timedelta(days=1 if is_end else 0)
        else:
            moment = datetime.fromisoformat(f"{day}T{clock}{(offset or '').upper()}")
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo(zone))
        return moment.timestamp()
    except (ValueError, OverflowError):
        raise _bad_time() from None


def _bad_time() -> BadCell:
    return BadCell(
        RowFault.BAD_TIME,
        "is no time that is understood: write 2026-12-24, 2026-12-24T18:00 or 2026-12-24T18:00:00-05:00",
    )


@cache
def known_zones() -> frozenset[str]:
    """The names of all IANA zones. Reads the zone database once."""
    return frozenset(available_timezones())


def read_zone(text: str) -> str:
    """An IANA zone, as it is spelt there. Raises `BadCell`."""
    if text not in known_zones():
        raise BadCell(
            RowFault.UNKNOWN_TIMEZONE,
            "is no IANA zone: write it like America/New_York, or leave it empty",
        )
    return text


_PRIORITY = re.compile(r"[+-]?\d{1,3}", re.ASCII)


def read_priority(text: str) -> int:
    """A whole number from -`PRIORITY_MAX` to `PRIORITY_MAX`. Raises `BadCell`."""
    if not _PRIORITY.fullmatch(text) or abs(int(text)) > PRIORITY_MAX:
        raise BadCell(
            RowFault.BAD_PRIORITY,
            f"is no whole number from -{PRIORITY_MAX} to {PRIORITY_MAX}: correct it, or leave it empty",
        )
    return int(text)


_KINDS = {kind.value: kind for kind in JobKind}


def read_kind(text: str) -> JobKind:
    """One of the API's kinds of calls, in any case. Raises `BadCell`."""
    kind = _KINDS.get(text.lower())
    if kind is None:
        raise BadCell(RowFault.UNKNOWN_KIND, f"is none of {', '.join(_KINDS)}: correct it, or leave it empty")
    return kind


def read_job_id(text: str) -> str:
    """An id of the operator's own. Raises `BadCell`."""
    fault = job_id_fault(text)
    if fault is not None:
        raise BadCell(RowFault.BAD_JOB_ID, fault)
    return text


@lru_cache(REMEMBERED_CELLS_MAX)
def read_campaign(text: str) -> str:
    """A campaign's name. Raises `BadCell`."""
    fault = campaign_fault(text)
    if fault is not None:
        raise BadCell(MessageFault.BAD_CAMPAIGN, fault)
    return text


@lru_cache(REMEMBERED_CELLS_MAX)
def read_from_number(text: str, region: str | None, area_codes: frozenset[str] = frozenset()) -> str:
    """The line to call from, as E.164, read like the number to call. Raises `BadCell`."""
    number = parse_number(text, region, area_codes)
    if isinstance(number, NotANumber):
        raise BadCell(RowFault.BAD_FROM_NUMBER, number.reason)
    return number.e164


def read_override(text: str) -> dict[str, Any]:
    """A JSON object. Raises `BadCell`."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadCell(
            RowFault.BAD_AGENT_OVERRIDE,
            f"is no JSON ({error.msg} at character {error.pos + 1}): correct it, or leave it empty",
        ) from None
    if not isinstance(value, dict):
        raise BadCell(RowFault.BAD_AGENT_OVERRIDE, 'is JSON, but no object: write it like {"key": "value"}')
    return value


_VERSION = re.compile(r"\d{1,9}", re.ASCII)


def read_version(text: str) -> int | str:
    """An agent's version: a number, or a tag such as `latest`."""
    return int(text) if _VERSION.fullmatch(text) else text
