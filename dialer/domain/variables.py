"""The variables that the agent needs, checked on every row, so that nobody hears a sentence with a gap."""

import re
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import NamedTuple


class VariableFault(StrEnum):
    """What can be wrong with a row's variables. Stable, for machines."""

    MISSING_VARIABLE = "missing_variable"
    """The input has no such column."""
    EMPTY_VARIABLE = "empty_variable"
    UNRESOLVED_VARIABLE = "unresolved_variable"
    """A value still holds a placeholder, such as {{first_name}}."""


class BadVariable(NamedTuple):
    """Why the row is refused."""

    code: VariableFault
    reason: str
    """Names the column, and says what to do. Holds no value of the row."""


_PLACEHOLDER = re.compile(r"\{\{.*?\}\}", re.DOTALL)


def check_variables(
    variables: Mapping[str, str],
    needed: Mapping[str, str | None],
    columns: Collection[str] | None = None,
    empty_words: Collection[str] = (),
) -> Mapping[str, str] | BadVariable:
    """The variables to call with: as they are, or with the defaults put in; else why the row is refused.

    `needed`: name → default, None for a variable that has none; when nothing is needed nothing is checked.
    `columns`: the input's variable columns, where they are known; they tell a missing column from an empty
    cell. `empty_words`: what stands for nothing in a needed variable, in lower case. A placeholder refuses
    the row in any value, since what is not needed is sent too.
    """
    if not needed:
        return variables
    defaults: dict[str, str] = {}
    for name, default in needed.items():
        value = variables.get(name)
        if value and value.strip().casefold() in empty_words:
            value = None
        if value and not value.isspace() and not _is_unresolved(value):
            continue
        if default is None:
            return _fault(name, value, variables if columns is None else columns, columns is None)
        defaults[name] = default
    for name, value in variables.items():
        if name not in needed and _is_unresolved(value):
            return _unresolved(name)
    return {**variables, **defaults} if defaults else variables


def _is_unresolved(value: str) -> bool:
    return "{{" in value and _PLACEHOLDER.search(value) is not None


def _fault(name: str, value: str | None, columns: Collection[str], is_guess: bool) -> BadVariable:
    if value and not value.isspace():
        return _unresolved(name)
    if name in columns:
        return BadVariable(
            VariableFault.EMPTY_VARIABLE,
            f"column {name!r} is empty, and the agent needs it: fill it, or give it a default",
        )
    what = "is missing or empty" if is_guess else "is missing"
    return BadVariable(
        VariableFault.MISSING_VARIABLE,
        f"column {name!r} {what}, and the agent needs it: add it (spelt just so), or give it a default",
    )


def _unresolved(name: str) -> BadVariable:
    return BadVariable(
        VariableFault.UNRESOLVED_VARIABLE,
        f"column {name!r} still holds a placeholder in double braces: put the value itself there",
    )
