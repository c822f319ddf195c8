"""What is wrong with what was given, in one line each: the place, the setting, and the way out."""

import difflib
import re
from collections.abc import Mapping
from datetime import date
from enum import Enum
from typing import Literal, get_args

from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from dialer.domain.calls import JobKind
from dialer.settings.catalogue import FIELDS, LISTED, SECRETS, SECTIONS, VARIABLES, kinds, variable
from dialer.settings.sources import Given
from dialer.web.tokens import Role


def unknown(given: Given) -> str:
    """There is no such setting; the nearest one is named."""
    if given.name in SECRETS:
        instead = variable(given.name)
        return f"{given.where}: a key has no place in a file that is shared; set {instead} instead"
    if given.name in SECTIONS:
        return f"{given.where}: {given.name} is a table of settings, not a value"
    of_variables = given.name.startswith("DIALER_")
    names = list(VARIABLES) if of_variables else [name for name in FIELDS if name not in SECRETS]
    last = given.name.rpartition("__" if of_variables else ".")[2]
    start = r"(.*(__|\.|DIALER_|RETELL_))?"
    same_word = [name for name in names if re.fullmatch(start + re.escape(last), name)]
    near = difflib.get_close_matches(given.name, same_word or names, n=1, cutoff=0.0 if same_word else 0.6)
    hint = f"; did you mean {near[0]}?" if near else ""
    if near and "." in given.name and "." not in near[0]:
        hint = f"; {near[0]} stands before the first [table]"
    what = "there is no such setting" if of_variables else f"there is no setting {given.name}"
    return f"{given.where}: {what}{hint}"


def invalid(detail: ErrorDetails, strongest: Mapping[str, Given]) -> str:
    """A setting has a value that it may not have, or those of a table do not fit together.

    `strongest`: what was given, by dotted name.
    """
    loc = [str(part) for part in detail["loc"]]
    dotted = ".".join(loc[:2]) if loc[0] in SECTIONS else loc[0]
    if dotted in SECTIONS:
        where = next(given.where for name, given in strongest.items() if name.startswith(f"{dotted}."))
        return f"{where}: {dotted} {_message(detail)}"
    given = strongest[dotted]
    if dotted in LISTED:
        return f"{given.where}: {_in_list(detail, dotted, loc[dotted.count('.') + 1 :])}"
    message = _message(detail)
    if detail["type"] != "value_error":
        message = f"must be {allowed(dotted)}"
    return f"{given.where}: {dotted}{_shown(dotted, given.value)} {message}"


def _message(detail: ErrorDetails) -> str:
    return detail["msg"].removeprefix("Value error, ")


def _in_list(detail: ErrorDetails, name: str, inside: list[str]) -> str:
    """What is wrong in a list of tables: `[[lines]] number 3: cps must be a number from 0.01 to 150`."""
    if not inside:
        is_ours = detail["type"] == "value_error"
        return _message(detail) if is_ours else f"{name} must be {allowed(name)}"
    fields = LISTED[name].model_fields
    table = f"[[{name}]] number {int(inside[0]) + 1}"
    key = inside[1] if len(inside) > 1 else ""
    match detail["type"]:
        case "value_error":
            return " ".join(part for part in (f"{table}:", key, _message(detail)) if part)
        case "missing":
            return f"{table}: {key} is missing"
        case "extra_forbidden":
            near = difflib.get_close_matches(key, fields, n=1)
            return f"{table}: there is no setting {key}{f'; did you mean {near[0]}?' if near else ''}"
        case "string_pattern_mismatch":
            return f"{table}: {key} must be written like {next(iter(fields[key].examples or ()), '')}"
        case _ if key:
            return f"{table}: {key} must be {allowed_in(fields[key])}"
        case _:
            return f"{name} must be {allowed(name)}"


def _shown(dotted: str, value: object) -> str:
    """The value as an error may show it: no secret, no number, not long."""
    if dotted in (*SECRETS, "from_numbers", "queue.url", "publish.url") or isinstance(value, list | dict):
        return ""
    text = without_password(str(value))
    return f" = {text if len(text) <= 60 else text[:57] + '...'}"


def without_password(url: str) -> str:
    """The URL with what stands before its @ hidden, and what would be its password elsewhere."""
    return re.sub(r"(?<=[?&]password=)[^&]*", "***", re.sub(r"(?<=://)[^/@\s]+@", "***@", url))


def allowed(dotted: str) -> str:
    """What a setting may be, in words: `a number from 0.01 to 1000`."""
    if dotted in LISTED:
        return f"a list of tables, each below its own [[{dotted}]] (in the environment JSON)"
    return allowed_in(FIELDS[dotted])


def allowed_in(field: FieldInfo) -> str:
    """As `allowed`."""
    of = kinds(field)
    if Literal in of:
        return "one of " + ", ".join(get_args(field.annotation))
    if tuple in of and (words := _one_of_each(field)):
        return f"a list of these: {words}"
    for kind in (JobKind, Role):
        if kind in of:
            return "one of " + ", ".join(kind)
    low = next((bound.ge for bound in field.metadata if hasattr(bound, "ge")), None)
    high = next((bound.le for bound in field.metadata if hasattr(bound, "le")), None)
    span = f" from {low:,} to {high:,}" if low is not None else ""
    return " or ".join(WORDS.get(kind, "text") for kind in of) + span


def _one_of_each(field: FieldInfo) -> str:
    """What a list may hold, if that is a few words; else nothing."""
    inner = get_args(field.annotation)[0]
    return ", ".join(inner) if isinstance(inner, type) and issubclass(inner, Enum) else ""


WORDS: Mapping[object, str] = {
    float: "a number",
    int: "a whole number",
    bool: "true or false",
    dict: 'a table (in the environment JSON, such as {"batch": "spring"})',
    date: "a date such as 2026-11-01",
    tuple: "a list (in the environment separated by commas)",
}
