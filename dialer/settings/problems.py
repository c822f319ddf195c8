"""What is wrong with what was given, in one line each: the place, the setting, and the way out."""

import difflib
import re
from collections.abc import Mapping
from typing import Literal, get_args

from pydantic_core import ErrorDetails

from dialer.domain.calls import JobKind
from dialer.settings.catalogue import FIELDS, KEY, SECTIONS, VARIABLES, kinds
from dialer.settings.sources import Given


def unknown(given: Given) -> str:
    """There is no such setting; the nearest one is named."""
    if given.name == KEY:
        return f"{given.where}: the key has no place in a file that is shared; set {KEY.upper()} instead"
    if given.name in SECTIONS:
        return f"{given.where}: {given.name} is a table of settings, not a value"
    of_variables = given.name.startswith("DIALER_")
    names = list(VARIABLES) if of_variables else [name for name in FIELDS if name != KEY]
    last = given.name.rpartition("__" if of_variables else ".")[2]
    same_word = [name for name in names if re.fullmatch(rf"(.*(__|\.|DIALER_))?{re.escape(last)}", name)]
    near = difflib.get_close_matches(given.name, same_word or names, n=1, cutoff=0.0 if same_word else 0.6)
    hint = f"; did you mean {near[0]}?" if near else ""
    if near and "." in given.name and "." not in near[0]:
        hint = f"; {near[0]} stands before the first [table]"
    what = "there is no such setting" if of_variables else f"there is no setting {given.name}"
    return f"{given.where}: {what}{hint}"


def invalid(detail: ErrorDetails, strongest: Mapping[str, Given]) -> str:
    """A setting has a value that it may not have. `strongest`: what was given, by dotted name."""
    loc = [str(part) for part in detail["loc"]]
    dotted = ".".join(loc[:2]) if loc[0] in SECTIONS else loc[0]
    given = strongest[dotted]
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] != "value_error":
        message = f"must be {allowed(dotted)}"
    return f"{given.where}: {dotted}{_shown(dotted, given.value)} {message}"


def _shown(dotted: str, value: object) -> str:
    """The value as an error may show it: no secret, no number, not long."""
    if dotted in (KEY, "from_numbers") or isinstance(value, list | dict):
        return ""
    text = without_password(str(value))
    return f" = {text if len(text) <= 60 else text[:57] + '...'}"


def without_password(url: str) -> str:
    """The URL with what stands before its @ hidden."""
    return re.sub(r"(?<=://)[^/@\s]+@", "***@", url)


def allowed(dotted: str) -> str:
    """What a setting may be, in words: `a number from 0.01 to 1000`."""
    field = FIELDS[dotted]
    of = kinds(field)
    if Literal in of:
        return "one of " + ", ".join(get_args(field.annotation))
    if JobKind in of:
        return "one of " + ", ".join(JobKind)
    low = next((bound.ge for bound in field.metadata if hasattr(bound, "ge")), None)
    high = next((bound.le for bound in field.metadata if hasattr(bound, "le")), None)
    span = f" from {low:,} to {high:,}" if low is not None else ""
    return " or ".join(WORDS.get(kind, "text") for kind in of) + span


WORDS: Mapping[object, str] = {
    float: "a number",
    int: "a whole number",
    bool: "true or false",
    dict: 'a table (in the environment JSON, such as {"batch": "spring"})',
    tuple: "a list (in the environment separated by commas)",
}
