"""`dialer config`: the settings in force, where each came from, and a file to start from."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dialer.cli import flags, words

if TYPE_CHECKING:
    from dialer.settings import Loaded

HIDDEN = "set (hidden)"
VALUE_CHARS_MAX = 28
TEMPLATE_HEAD = (
    "The settings of dialer. Each stands here at its default: take away its # to change it.",
    "What is given by a flag, by an environment variable (DIALER_PACE__CPS for cps of [pace]), or by a file",
    "of that name in the secrets directory goes before what stands here. The API's key is not kept here: set",
    "RETELL_API_KEY. This file is what `dialer config --template` prints.",
)

Template = Annotated[
    bool,
    typer.Option(
        "--template", metavar="", help="Print a TOML file with every setting at its default, to start from."
    ),
]


def config(
    config: flags.Config = None,
    secrets_dir: flags.SecretsDir = None,
    template: Template = False,
    json: flags.Json = False,
) -> None:
    """Show the settings in force and where each came from.

    Flags go before the environment, that before the secrets directory, that
    before the TOML file, that before the defaults. The key is never shown.

    Examples

      dialer config --config dialer.toml
      dialer config --template > dialer.toml
      DIALER_PACE__CPS=5 dialer config --json
    """
    if template:
        typer.echo("\n".join(template_lines()))
        return
    loaded = flags.settings(config, secrets_dir, {})
    if json:
        shown = {
            dotted: {"value": value, "from": loaded.origins[dotted]}
            for dotted, value in visible_values(loaded).items()
        }
        typer.echo(words.as_json(shown))
        return
    _print_table(loaded)


def visible_values(loaded: "Loaded") -> dict[str, Any]:
    """Every setting by its dotted name, as it may be shown: no key, no password."""
    from dialer.settings.catalogue import KEY
    from dialer.settings.problems import without_password

    values: dict[str, Any] = {}
    for dotted in loaded.origins:
        value: Any = loaded.settings
        for name in dotted.split("."):
            value = getattr(value, name)
        if dotted == KEY:
            value = None if value is None else HIDDEN
        values[dotted] = without_password(value) if dotted == "ledger.url" else value
    return values


def _print_table(loaded: "Loaded") -> None:
    values = {dotted: _as_text(value) for dotted, value in visible_values(loaded).items()}
    wide = min(max(len(value) for value in values.values()), VALUE_CHARS_MAX)
    words.print_aligned(
        (
            dotted,
            f"{value:<{wide}}  {loaded.origins[dotted]}",
            "dim" if loaded.origins[dotted] == "default" else "",
        )
        for dotted, value in values.items()
    )


def _as_text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(value) or "-"
    return str(value)


def template_lines() -> Iterator[str]:
    """The TOML file with every setting commented out at its default."""
    from dialer.settings.catalogue import FIELDS, KEY, SECTIONS

    yield from (f"# {line}" for line in TEMPLATE_HEAD)
    section = ""
    for dotted in FIELDS:
        name, _, key = dotted.rpartition(".")
        if dotted == KEY:
            continue
        yield ""
        if name != section:
            section = name
            yield f"[{section}]"
            yield f"# {SECTIONS[section].__doc__}"
            yield ""
        yield from _template_entry(dotted, key)


def _template_entry(dotted: str, key: str) -> Iterator[str]:
    from dialer.settings.catalogue import FIELDS
    from dialer.settings.problems import allowed

    field = FIELDS[dotted]
    default = field.get_default(call_default_factory=True)
    yield f"# {field.description}"
    if "from" in allowed(dotted) or "one of" in allowed(dotted):
        yield f"# {allowed(dotted).removeprefix('a ').capitalize()}."
    example = field.examples[0] if default is None and field.examples else default
    yield f"# {key} = {_as_toml(example)}" + ("  # an example; unset by default" if default is None else "")


def _as_toml(value: Any) -> str:
    import json

    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, StrEnum):
        return json.dumps(str(value))
    if isinstance(value, int) and value >= 10_000:
        return f"{value:_}"
    if isinstance(value, tuple):
        return json.dumps(list(value))
    if isinstance(value, Mapping):
        return (
            "{}" if not value else "{ " + ", ".join(f"{k} = {_as_toml(v)}" for k, v in value.items()) + " }"
        )
    return json.dumps(value)
