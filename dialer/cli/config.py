"""`dialer config`: the settings in force, where each came from, and a file to start from."""

from collections.abc import Iterator, Mapping
from datetime import date
from enum import StrEnum
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dialer.cli import flags
from dialer.cli import formatting as words

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from dialer.settings import Loaded

HIDDEN = "set (hidden)"
VALUE_CHARS_MAX = 28
WIDTH = 106
"""Characters of an entry in the template; a longer list goes on in the next line."""
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
JobSchema = Annotated[
    bool, typer.Option("--job-schema", metavar="", help="Print the JSON Schema of a job in a queue.")
]


def config(
    config: flags.Config = None,
    secrets_dir: flags.SecretsDir = None,
    template: Template = False,
    job_schema: JobSchema = False,
    json: flags.Json = False,
) -> None:
    """Show the settings in force and where each came from.

    Precedence, highest first: flags, environment, secrets directory, TOML
    file, defaults. The key is never shown.

    Examples

      dialer config --config dialer.toml
      dialer config --template > dialer.toml
      DIALER_PACE__CPS=5 dialer config --json
    """
    if template:
        words.echo(*template_lines())
        return
    if job_schema:
        words.echo(*schema_text().splitlines())
        return
    loaded = flags.settings(config, secrets_dir, {})
    if json:
        shown = {
            dotted: {"value": value, "from": loaded.origins[dotted]}
            for dotted, value in visible_values(loaded).items()
        }
        words.echo_json(shown)
        return
    _print_table(loaded)


def schema_text() -> str:
    """The JSON Schema of a job as a queue carries it, as it stands in config/job.schema.json."""
    import json

    from dialer.adapters.sources.messages import job_schema

    return json.dumps(job_schema(), indent=2, ensure_ascii=False) + "\n"


def visible_values(loaded: "Loaded") -> dict[str, Any]:
    """Every setting by its dotted name, as it may be shown: no key, no password."""
    from dialer.settings.catalogue import LISTED, SECRETS, URLS
    from dialer.settings.problems import without_password

    values: dict[str, Any] = {}
    for dotted in loaded.origins:
        value: Any = loaded.settings
        for name in dotted.split("."):
            value = getattr(value, name)
        if dotted in SECRETS:
            value = HIDDEN if value else None
        if dotted in LISTED:
            value = tuple(each.model_dump(mode="json", exclude_unset=True) for each in value)
        values[dotted] = without_password(value) if dotted in URLS and value is not None else value
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
        return ", ".join(map(_as_text, value)) or "-"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={_as_text(each)}" for name, each in value.items()) or "-"
    return str(value)


def template_lines() -> Iterator[str]:
    """The TOML file with every setting commented out at its default."""
    from dialer.settings.catalogue import FIELDS, LISTED, SECRETS, SECTIONS

    yield from (f"# {line}" for line in TEMPLATE_HEAD)
    section = ""
    for dotted in FIELDS:
        name, _, key = dotted.rpartition(".")
        if dotted in SECRETS or dotted in LISTED:
            continue
        yield ""
        if name != section:
            section = name
            yield f"[{section}]"
            yield f"# {SECTIONS[section].__doc__}"
            yield ""
        yield from _template_entry(key, FIELDS[dotted])
    for name, model in LISTED.items():
        yield from ("", f"# [[{name}]]", f"# {model.__doc__}")
        for key, field in model.model_fields.items():
            yield ""
            yield from _template_entry(key, field)


def _template_entry(key: str, field: "FieldInfo") -> Iterator[str]:
    from dialer.settings.problems import allowed_in

    default = None if field.is_required() else field.get_default(call_default_factory=True)
    words = allowed_in(field)
    yield f"# {field.description}"
    if "from" in words or "one of" in words:
        yield f"# {words.removeprefix('a ').capitalize()}."
    is_example = default in (None, (), {}) and bool(field.examples)
    example = field.examples[0] if is_example and field.examples else default
    note = "an example" if field.is_required() else "an example; unset by default"
    entry = f"{key} = {_as_toml(example)}" + (f"  # {note}" if is_example else "")
    lines = wrap(entry, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    yield from (f"# {line}" for line in lines)


def _as_toml(value: Any) -> str:
    import json

    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, StrEnum):
        return json.dumps(str(value))
    if isinstance(value, int) and value >= 10_000:
        return f"{value:_}"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_as_toml, value))}]"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{name} = {_as_toml(each)}" for name, each in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    return json.dumps(value)
