"""One person, several numbers: what national changes of plan made of the same line.

An old number and its new one protect each other: on do-not-call lists, as doubles, and in caps per person.
Where a change has exactly one reading, an old number is also read as the new one; where it depends on the
operator, the old one is refused, and still protects all that it may have become.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

REMEMBERED_MAX = 65_536


@dataclass(frozen=True, slots=True)
class PlanChange:
    """One change. Patterns are of the national number, behind `+` and the country code."""

    country_code: str
    old: re.Pattern[str]
    new: tuple[str, ...]
    """What an old number may have become, as templates."""
    new_form: re.Pattern[str]
    was: str
    """What a new number was, as a template."""
    since: str
    """The day from which the old numbers reach nobody (ISO 8601); empty: both forms are in use."""
    source: str


def _change(code: str, old: str, new: str, new_form: str, was: str, since: str, source: str) -> PlanChange:
    return PlanChange(code, re.compile(old), tuple(new.split()), re.compile(new_form), was, since, source)


_VIETNAM = "Ministry of Information and Communications of Vietnam, decision 798/QD-BTTTT"
_VIETNAM_PREFIXES = {
    **{f"16{digit}": f"3{digit}" for digit in "23456789"},
    "120": "70",
    "121": "79",
    "122": "77",
    "126": "76",
    "128": "78",
    "123": "83",
    "124": "84",
    "125": "85",
    "127": "81",
    "129": "82",
    "186": "56",
    "188": "58",
    "199": "59",
}
CHANGES: tuple[PlanChange, ...] = (
    _change(
        *("54", r"9([1-9][0-9]{9})", r"\1", r"([1-9][0-9]{9})", r"9\1", ""),
        "ENACOM, Argentina: from abroad a mobile number has a 9 in front; its ten digits are one line",
    ),
    _change(
        *("55", r"([1-9][0-9])([6-9][0-9]{7})", r"\g<1>9\2"),
        *(r"([1-9][0-9])9([6-9][0-9]{7})", r"\1\2", "2016-11-06"),
        "ANATEL, Brazil, resolutions 553/2010 and 607/2013: a 9 in front of mobile numbers, 2012 to 2016",
    ),
    _change(
        *("52", r"1([2-9][0-9]{9})", r"\1", r"([2-9][0-9]{9})", r"1\1", "2019-08-03"),
        "IFT, Mexico, numbering plan of 2018: mobile numbers from abroad lose their 1",
    ),
    _change(
        *("57", r"([1-8])([2-8][0-9]{6})", r"60\1\2", r"60([1-8])([2-8][0-9]{6})", r"\1\2", "2021-09-01"),
        "CRC, Colombia, resolution 5826 of 2019: 60 in front of landlines",
    ),
    _change(
        *("225", r"([02-9][0-9]{7})", r"01\1 05\1 07\1 21\1 25\1 27\1"),
        *(r"(?:0[157]|2[157])([02-9][0-9]{7})", r"\1", "2021-01-31"),
        "ARTCI, Ivory Coast: ten digits, the first two by operator",
    ),
    _change(
        *("229", r"([2-9][0-9]{7})", r"01\1", r"01([2-9][0-9]{7})", r"\1", "2024-11-30"),
        "ARCEP, Benin: 01 in front of every number",
    ),
    *(
        _change(
            "84",
            rf"{old}([0-9]{{7}})",
            rf"{new}\1",
            rf"{new}([0-9]{{7}})",
            rf"{old}\1",
            "2018-11-15",
            _VIETNAM,
        )
        for old, new in _VIETNAM_PREFIXES.items()
    ),
)
"""Each with the authority that made it, as it was reported; the authorities' own texts were not at hand."""
_CODES = tuple({f"+{change.country_code}" for change in CHANGES})


def spellings(number: str) -> tuple[str, ...]:
    """Every number (E.164) that may be the same line, this one first."""
    return _spellings(number) if number.startswith(_CODES) else (number,)


def current_spelling(number: str) -> str | None:
    """What a number that is no longer in use is today, where only one reading is possible; else None."""
    for change, national in _changes_of(number):
        match = change.old.fullmatch(national)
        if match and change.since and len(change.new) == 1:
            return f"+{change.country_code}{match.expand(change.new[0])}"
    return None


@lru_cache(maxsize=REMEMBERED_MAX)
def _spellings(number: str) -> tuple[str, ...]:
    found = [number]
    for change, national in _changes_of(number):
        prefix = f"+{change.country_code}"
        if match := change.old.fullmatch(national):
            found += [prefix + match.expand(template) for template in change.new]
        if match := change.new_form.fullmatch(national):
            found.append(prefix + match.expand(change.was))
    return tuple(dict.fromkeys(found))


def _changes_of(number: str) -> list[tuple[PlanChange, str]]:
    if not number.startswith(_CODES):
        return []
    return [
        (change, number[len(change.country_code) + 1 :])
        for change in CHANGES
        if number.startswith(f"+{change.country_code}")
    ]
