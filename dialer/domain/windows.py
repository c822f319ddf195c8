"""Weekly windows of local time, and spans of time that are met with one another.

A window lies within one day. `22:00-06:00` is refused, since it does not say whose morning the second half
is: write `22:00-24:00` on the one day and `00:00-06:00` on the next.
"""

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence

Span = tuple[int, int]
"""Half-open: from the first, up to and without the second."""
Week = tuple[tuple[Span, ...], ...]
"""For each weekday, Monday first, its windows in minutes since local midnight: sorted, none touching."""

MINUTES_A_DAY = 24 * 60
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DAYS = tuple(name[:3].lower() for name in WEEKDAYS)
_WINDOW = re.compile(r"([0-9]{1,2}):([0-9]{2})\s*-\s*([0-9]{1,2}):([0-9]{2})")


def parse_week(table: Mapping[str, str]) -> Week:
    """The week in a table such as `{"mon-fri": "09:00-12:00, 13:00-18:00", "sat": "10:00-14:00"}`.

    A day that is not named, or has an empty text, has no window. Raises `ValueError`: a clause that says
    what is wrong and the way out, to follow the table's name.
    """
    week: list[tuple[Span, ...] | None] = [None] * 7
    for days, text in table.items():
        windows = _windows(days, text)
        for day in _days(days):
            if week[day] is not None:
                raise ValueError(f"names {WEEKDAYS[day]} twice: leave one of them out")
            week[day] = windows
    return tuple(windows or () for windows in week)


def _days(text: str) -> Iterable[int]:
    first, dash, last = (part.strip().lower() for part in text.partition("-"))
    if first not in _DAYS or (dash and last not in _DAYS):
        raise ValueError(
            f"has the day {text!r}: write mon, tue, wed, thu, fri, sat, sun or a range as mon-fri"
        )
    start, end = _DAYS.index(first), _DAYS.index(last if dash else first)
    return range(start, end + 1) if start <= end else (*range(start, 7), *range(end + 1))


def _windows(days: str, text: str) -> tuple[Span, ...]:
    spans = [_window(days, part.strip()) for part in text.split(",")] if text.strip() else []
    spans.sort()
    for (_, end), (start, _) in itertools.pairwise(spans):
        if start < end:
            raise ValueError(f"has windows on {days} that overlap: {text!r}")
    return tuple(joined(spans))


def _window(days: str, text: str) -> Span:
    found = _WINDOW.fullmatch(text)
    if found is None:
        raise ValueError(f"has {text!r} on {days}: write hours as 09:00-18:00, several with commas between")
    from_hour, from_minute, to_hour, to_minute = map(int, found.groups())
    start, end = from_hour * 60 + from_minute, to_hour * 60 + to_minute
    if from_minute > 59 or to_minute > 59 or start >= MINUTES_A_DAY or end > MINUTES_A_DAY:
        raise ValueError(f"has {text!r} on {days}: a day goes from 00:00 to 24:00")
    if start >= end:
        raise ValueError(
            f"has {text!r} on {days}, which does not end on the day it begins: "
            f"write {_clock(start)}-24:00 and, on the next day, 00:00-{_clock(end)}"
        )
    return start, end


def in_words(windows: Sequence[Span]) -> str:
    """`09:00-12:00, 13:00-18:00`, or `no calls`."""
    return ", ".join(f"{_clock(start)}-{_clock(end)}" for start, end in windows) or "no calls"


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def joined(spans: Iterable[Span]) -> list[Span]:
    """The same spans, sorted before and after, those that touch made one."""
    result: list[Span] = []
    for start, end in spans:
        if result and result[-1][1] == start:
            result[-1] = (result[-1][0], end)
        else:
            result.append((start, end))
    return result


def common(some: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """What lies in both; each of them sorted and without overlap, and so is the result."""
    result: list[Span] = []
    i = j = 0
    while i < len(some) and j < len(others):
        start, end = max(some[i][0], others[j][0]), min(some[i][1], others[j][1])
        if start < end:
            result.append((start, end))
        if some[i][1] < others[j][1]:
            i += 1
        else:
            j += 1
    return result
