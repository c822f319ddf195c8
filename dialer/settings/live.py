"""What may be changed on a running campaign, from the command line: `dialer set spring pace.cps=10`."""

import difflib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pydantic import BaseModel, ValidationError

from dialer.domain.errors import BadInput
from dialer.settings.catalogue import FIELDS, SECTIONS, Settings, kinds
from dialer.settings.problems import invalid
from dialer.settings.sources import Given

LIVE: tuple[str, ...] = (
    "pace.cps",
    "pace.slots",
    "rules.hours",
    "rules.windows",
    "rules.caps",
    "rules.gap",
    "rules.dates_off",
    "rules.holidays",
    "budget.per_campaign_usd",
    "budget.per_day_usd",
    "budget.per_minute_usd",
    "budget.expected_s",
    "canary.calls",
    "canary.failure_share_max",
)
"""The settings that may be changed while calls go on. Kept for ever: a ledger may hold a change of each."""
UNSET = ("none", "null")
"""How a setting that may be unset is unset again."""


def live_names() -> tuple[str, ...]:
    """Those that there are, in order."""
    return tuple(name for name in LIVE if name in FIELDS)


def parse_change(text: str) -> tuple[str, Any]:
    """Name and value (as JSON has it) of `pace.cps=10`.

    Checked alone: what does not fit together with other settings is found by `with_changes`.
    Raises `BadInput`.
    """
    name, sign, value_text = (part.strip() for part in text.partition("="))
    if not sign or not name:
        raise BadInput(f"{text!r} is no change: write KEY=VALUE, such as pace.cps=10")
    if name not in live_names():
        raise BadInput(_not_live(name))
    value = _value(name, value_text)
    section, _, key = name.rpartition(".")
    with _wrong_in(name, value, text):
        SECTIONS[section](**{key: value})
    return name, value


def check_change(name: str, value: Any) -> None:
    """As `parse_change`, of a value as JSON has it: a number is one, and not its text. Raises `BadInput`."""
    if name not in live_names():
        raise BadInput(_not_live(name))
    section, _, key = name.rpartition(".")
    try:
        text = json.dumps({key: value})
    except RecursionError:
        raise BadInput(f"{name}: its value holds too many values within each other") from None
    with _wrong_in(name, value, name):
        SECTIONS[section].model_validate_json(text, strict=True)


def changes_schema() -> dict[str, Any]:
    """What may be changed, as JSON Schema."""
    properties = {}
    for name in live_names():
        section, _, key = name.rpartition(".")
        said = SECTIONS[section].model_json_schema()["properties"][key]
        said.pop("default", None)  # what is left out stays as it is
        is_plain = "$ref" not in json.dumps(said)
        properties[name] = said if is_plain else {"description": said["description"]}
    return {"properties": properties, "additionalProperties": False}


@contextmanager
def _wrong_in(name: str, value: Any, text: str) -> Iterator[None]:
    """What is wrong with the value alone raises `BadInput`. `text`: where it stands."""
    try:
        yield
    except ValidationError as error:
        alone = [each for each in error.errors(include_url=False, include_context=False) if each["loc"]]
        section = name.partition(".")[0]
        if alone:
            given = {name: Given(name, name, value, text, text)}
            wrong = dict.fromkeys(
                invalid({**each, "loc": (section, *each["loc"])}, given).removeprefix(f"{text}: ")
                for each in alone
            )
            raise BadInput("\n".join(wrong)) from None


def with_changes(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """The settings with these values, by their dotted names, instead of their own.

    Raises `BadInput` if there is no such setting any more, or if they do not fit together.
    """
    nested: dict[str, dict[str, Any]] = {}
    for name, value in changes.items():
        if name not in live_names():
            raise BadInput(_not_live(name))
        section, _, key = name.rpartition(".")
        nested.setdefault(section, {})[key] = value
    whole = {**_given(settings), **{name: _given(getattr(settings, name)) | nested[name] for name in nested}}
    try:
        return Settings(**whole)
    except ValidationError as error:
        given = {name: Given(name, name, value, "set", "set") for name, value in changes.items()}
        details = error.errors(include_url=False, include_context=False)
        raise BadInput("\n".join(dict.fromkeys(_misfit(each, given) for each in details))) from None


def overridden(settings: Settings, changes: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is configured, by the names of the changes that are not the same."""
    own: dict[str, Any] = {}
    for name in changes:
        if name in live_names():
            section, _, key = name.rpartition(".")
            value = getattr(getattr(settings, section), key)
            own[name] = list(value) if isinstance(value, tuple) else value
    return {name: value for name, value in own.items() if value != changes[name]}


def _misfit(detail: Any, given: Mapping[str, Given]) -> str:
    name = ".".join(str(part) for part in detail["loc"][:2])
    if name in given:
        return invalid(detail, given).removeprefix("set: ")
    return f"{name} {detail['msg'].removeprefix('Value error, ')}".lstrip()


def _given(of: BaseModel) -> dict[str, Any]:
    """What was given, so that the rest stays a default."""
    return {name: getattr(of, name) for name in of.model_fields_set}


def _value(name: str, text: str) -> Any:
    """Lists and tables are JSON, or, for a list, separated by commas; text may stand without quotes."""
    of = kinds(FIELDS[name])
    if text.casefold() in UNSET and FIELDS[name].default is None:
        return None
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    if tuple in of and isinstance(value, str) and not (str in of and "," not in value):
        return [part.strip() for part in value.split(",") if part.strip()]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = not is_number or bool({int, float} & {*of})
    return value if fits and (not isinstance(value, bool) or bool in of) else text


def _not_live(name: str) -> str:
    if name in FIELDS:
        return (
            f"{name} cannot be changed while a campaign runs: stop it, change the settings, run it again. "
            f"What can be: {', '.join(live_names())}"
        )
    last = name.rpartition(".")[2]
    same_word = [each for each in live_names() if each.rpartition(".")[2] == last]
    near = same_word[:1] or difflib.get_close_matches(name, live_names(), n=1)
    hint = f"did you mean {near[0]}?" if near else f"what can be changed: {', '.join(live_names())}"
    return f"there is no setting {name} to be changed; {hint}"
