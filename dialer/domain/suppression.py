"""Numbers that must not be called: where each comes from, and how a do-not-call file is read."""

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

import phonenumbers

from dialer.domain.phone import NotANumber, NumberFault, PhoneNumber, parse_number
from dialer.domain.spellings import spellings

COMMENT = "#"


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A number that nobody may call, in any campaign."""

    number: str
    """E.164."""
    source: str
    """Who said so: a file's name, `operator`, `call` (the person asked for it), `retell`."""
    reason: str
    at: float
    """Since when, Unix seconds; of a file, when it was last changed."""


_REGISTRY = re.compile(r"([2-9][0-9]{2}),([2-9][0-9]{6})")
"""As the lists of the US National Do Not Call Registry are written: area code, comma, the rest."""
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_UNUSED = frozenset({NumberFault.NOT_A_VALID_NUMBER, NumberFault.PREMIUM_RATE})


def parse_suppression_line(text: str, region: str | None) -> str | NotANumber | None:
    """The number (E.164) on a line of a do-not-call file; None for a blank line and for a comment."""
    text = text.partition(COMMENT)[0].strip()
    if match := _REGISTRY.fullmatch(text):
        text = f"+1{match[1]}{match[2]}"
    return parse_suppressed_number(text, region) if text else None


def parse_suppressed_number(text: str, region: str | None) -> str | NotANumber:
    """The number (E.164) in a cell, spelt in any way in which a number to call may be.

    Nobody is rung by it, so one that is in no numbering plan (yet) is taken too if it is written as E.164 and
    as long as its country's numbers are.
    """
    number = parse_number(text, region)
    if isinstance(number, PhoneNumber):
        return number.e164
    if number.code not in _UNUSED or not _E164.fullmatch(text):
        return number
    if len(spellings(text)) > 1:  # from before a change of the numbering plan
        return text
    try:
        is_whole = phonenumbers.is_possible_number(phonenumbers.parse(text))
    except phonenumbers.NumberParseException:
        is_whole = False
    return text if is_whole else number


class NumberSet:
    """A fixed set of E.164 numbers in eight bytes each."""

    __slots__ = ("_numbers",)

    def __init__(self, numbers: Iterable[str] = ()) -> None:
        self._numbers = array("Q", (each for each, _ in groupby(sorted(map(_as_int, numbers)))))

    def __contains__(self, number: str) -> bool:
        wanted = _as_int(number)
        index = bisect_left(self._numbers, wanted)
        return index < len(self._numbers) and self._numbers[index] == wanted

    def covers(self, number: str) -> bool:
        """Whether it holds the number, or what the same line was or is called in another numbering plan."""
        return any(spelling in self for spelling in spellings(number))

    def __len__(self) -> int:
        return len(self._numbers)

    def lacks(self, others: "NumberSet") -> int:
        """How many of the others are not in it."""
        return len(set(others._numbers).difference(self._numbers))


def _as_int(number: str) -> int:
    # no E.164 number begins with 0, so no two give the same
    return int(number[1:])
