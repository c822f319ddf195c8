"""Numbers, times and counts as people read them, and the lines they stand in: the one edge that prints."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

import typer

from dialer.domain.lifecycle import JobState
from dialer.domain.results import rfc3339
from dialer.domain.texts import escaped_json, printable

if TYPE_CHECKING:
    from dialer.ports.engine import Operation

Name = TypeVar("Name", bound=str)


class Styled(str):
    """A line that is printed as it is: its colours are ours, and what it says was made harmless before."""

    __slots__ = ()


def styled(text: str, *, fg: str | None = None, bold: bool = False) -> Styled:
    """The line in a colour."""
    return Styled(typer.style(printable(text), fg=fg, bold=bold or None))


def echo(*lines: str, err: bool = False, nl: bool = True) -> None:
    """Print lines. What a stranger put into one can neither steer the terminal nor end the line."""
    shown = [line if isinstance(line, Styled) else printable(line) for line in lines or ("",)]
    typer.echo("\n".join(shown), err=err, nl=nl)


def echo_json(of: Any) -> None:
    """Print a value as indented JSON; names may be keys."""
    typer.echo(as_json(of))


def count(number: int) -> str:
    """`12,345`."""
    return f"{number:,}"


def counts(of: Mapping[Name, int]) -> str:
    """`reached 812, voicemail 120`: the most first, none left out but zeros."""
    most_first = sorted(of.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name.replace('_', ' ')} {number:,}" for name, number in most_first if number)


def jobs(of: Mapping[JobState, int]) -> str:
    """As `counts`. A job whose person is being called is not `busy` to people: that is an outcome."""
    return counts({"under_way" if state is JobState.BUSY else str(state): of[state] for state in of})


def value(of: object) -> str:
    """A setting's value, as JSON has it."""
    match of:
        case None:
            return "unset"
        case bool():
            return str(of).lower()
        case list():
            return ", ".join(map(str, of)) or "none"
        case dict():
            return ", ".join(f"{name} {each}" for name, each in of.items()) or "none"
    return str(of)


def span(seconds: float) -> str:
    """A length of time: `45 s`, `29 min`, `1 h 05 min`, `2 d 03 h`."""
    whole = round(max(seconds, 0.0))
    if whole < 90:
        return f"{whole} s"
    minutes = round(whole / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours:02} h"


def moment(at: float, now: float, zone: ZoneInfo) -> str:
    """A time of day in that zone: `14:05`, with the day if it is not today's. Unix seconds."""
    then, today = datetime.fromtimestamp(at, zone), datetime.fromtimestamp(now, zone)
    if then.date() == today.date():
        return f"{then:%H:%M}"
    return f"{then:%a %H:%M}" if 0 < (then.date() - today.date()).days < 7 else f"{then:%Y-%m-%d %H:%M}"


def weekday_moment(at: float, zone: ZoneInfo) -> str:
    """`Mon 14:05` in that zone. Unix seconds."""
    return f"{datetime.fromtimestamp(at, zone):%a %H:%M}"


def unclear_column(name: str, looks: str) -> str:
    """What is to be said of a column that seems to be about a rule and is not understood."""
    rename = {"a time zone": "timezone", "a place": "state or postal_code"}.get(looks)
    do = f"rename it {rename}, or " if rename else ""
    return f"{name!r} looks like {looks} and no rule goes by it: {do}give --ignore-column {name!r}"


def print_aligned(lines: Iterable[tuple[str, str, str]], *, err: bool = False) -> None:
    """Print lines of a label, a text and the text's style, the texts below each other; `err`: to stderr.

    A terminal gets them folded to its width, anything else gets each whole.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console, shown = Console(highlight=False, markup=False, stderr=err), list(lines)
    if not console.is_terminal:
        wide = max((len(label) for label, _, _ in shown), default=0)
        for label, text, _ in shown:
            console.print(f"{label:<{wide}}  {printable(text)}", soft_wrap=True)
        return
    table = Table.grid(padding=(0, 2), pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for label, text, style in shown:
        table.add_row(Text(label), Text(printable(text), style=style))
    console.print(table)


def as_json(shown: Any) -> bytes:
    """Indented JSON; names may be keys. It may be read on a terminal, too."""
    import orjson

    return escaped_json(orjson.dumps(shown, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS))


def by_whom(act: "Operation | None") -> str:
    """Who did something by hand, since when it holds, and why."""
    if act is None:
        return "nobody knows by whom"
    return f"by {act.who}, since {utc(act.at)}" + (f": {act.reason}" if act.reason else "")


def utc(at: float) -> str:
    """A time to the second, in UTC."""
    return f"{(rfc3339(at) or '')[:19].replace('T', ' ')} UTC"
