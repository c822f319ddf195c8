"""Why a request would be refused, in plain lines.

For example: `agent_override.agent.voice_speed: must be at most 2, is 3`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

CHOICES_SHOWN_MAX = 8
VALUE_CHARS_MAX = 40

_PLAIN: Mapping[str, str] = {
    "extra_forbidden": "is not a field of this request",
    "missing": "is missing",
    "union_tag_not_found": "is missing",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
}
_BOUNDS: Mapping[str, tuple[str, str]] = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}


def problems_of(error: ValidationError, request: Mapping[str, Any]) -> Sequence[str]:
    """One line for each problem, with the path of the field in `request`."""
    return [f"{_path(details, request)}: {_reason(details)}" for details in error.errors(include_url=False)]


def is_unknown(details: ErrorDetails) -> bool:
    """Not known here, which is all that is wrong with it: the API may know it by now."""
    in_override = details["loc"][:1] == ("agent_override",)
    return in_override and details["type"] in ("extra_forbidden", "literal_error")


def doubt_of(details: ErrorDetails, request: Mapping[str, Any], fields: Collection[str]) -> str:
    """One line for what is not known, with what comes nearest to it. `fields`: all that are known."""
    path = _path(details, request)
    if details["type"] == "extra_forbidden":
        said, word, known = "is a field", str(details["loc"][-1]), fields
    else:
        said, word = f"{_shown(details['input'])} is a word", str(details["input"])
        known = str(details["ctx"]["expected"]).replace(" or ", ", ").replace("'", "").split(", ")
    nearest = get_close_matches(word, known, n=1)
    hint = f"; the nearest that it knows is {nearest[0]!r}" if nearest else ""
    return f"{path}: {said} that dialer does not know{hint}. It is sent as it is"


def _reason(details: ErrorDetails) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        return f"must be {words} {context[key]:g}, is {_shown(details['input'])}"
    special = _SPECIAL.get(kind)
    return special(details, context) if special else details["msg"].lower()


_SPECIAL: Mapping[str, Callable[[ErrorDetails, Mapping[str, Any]], str]] = {
    "literal_error": lambda details, context: (
        f"must be {_choices(context['expected'])}, is {_shown(details['input'])}"
    ),
    "union_tag_invalid": lambda _, context: (
        f"must be {_choices(context['expected_tags'])}, is '{context['tag']}'"
    ),
    "string_too_long": lambda details, context: (
        f"must be at most {context['max_length']} characters long, is {len(details['input'])}"
    ),
    "string_too_short": lambda _, __: "must not be empty",
    "too_short": lambda _, __: "must not be empty",
    "string_pattern_mismatch": lambda details, context: (
        f"must look like {context['pattern']}, is {_shown(details['input'])}"
    ),
    "value_error": lambda _, context: str(context["error"]),
}


def _choices(expected: str) -> str:
    choices = expected.replace(" or ", ", ").split(", ")
    if len(choices) == 1:
        return choices[0]
    more = len(choices) - CHOICES_SHOWN_MAX
    shown = ", ".join(choices[:CHOICES_SHOWN_MAX])
    return f"one of {shown}" + (f" and {more} more" if more > 0 else "")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= VALUE_CHARS_MAX else text[: VALUE_CHARS_MAX - 1] + "…"


def _path(details: ErrorDetails, request: Mapping[str, Any]) -> str:
    """The field's path. pydantic also names the variant of a union that it tried: that is left out."""
    path = ""
    here: Any = request
    last = len(details["loc"]) - 1
    for position, part in enumerate(details["loc"]):
        if isinstance(part, int):
            path += f"[{part}]"
            here = here[part] if isinstance(here, list) and part < len(here) else None
        elif isinstance(here, Mapping) and (
            part in here or (position == last and details["type"] == "missing")
        ):
            path += f".{part}" if path else part
            here = here.get(part)
    return f"{path}.type" if details["type"].startswith("union_tag") else path
