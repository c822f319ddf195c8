"""The settings: which there are, and where each comes from.

    sections.py     the tables: bounds, defaults, what each setting is
    contact.py      those of the rules for people: hours, caps, redials, variables
    rules.py        those of the rules for lines, agents, money and breakers
    telemetry.py    those of traces
    access.py       who may ask over HTTP, and for how much
    service.py      those of a service and its workers
    queue.py        those of message queues
    live.py         what may be changed while a campaign runs
    catalogue.py    all of them together, by name
    sources.py      TOML file, secrets directory, environment, flags
    problems.py     what is wrong, in words

Precedence: flags > environment > secrets directory > TOML file > defaults. A setting that is given
twice is taken whole from the stronger place; tables such as `call.metadata` are not mixed. The names
are kept for ever.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dialer.domain.errors import BadInput
from dialer.settings.catalogue import FIELDS, Settings
from dialer.settings.contact import Rules
from dialer.settings.problems import invalid, unknown
from dialer.settings.sections import Call, LedgerSection, Pace, Placing, Results, Retell, Tracking
from dialer.settings.sources import Given, from_environ, from_flags, from_secrets, from_toml

__all__ = [
    "Call",
    "LedgerSection",
    "Loaded",
    "Pace",
    "Placing",
    "Results",
    "Retell",
    "Rules",
    "Settings",
    "Tracking",
    "load",
]


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings in force, and for each dotted name where it came from, in words for people."""

    settings: Settings
    origins: Mapping[str, str]


def load(
    config: Path | None, flags: Mapping[str, Any], environ: Mapping[str, str], secrets_dir: Path | None
) -> Loaded:
    """The settings from all their sources; `flags` is nested like the TOML file, and None is not given.

    An empty environment variable is not given. Without `secrets_dir`, systemd's `$CREDENTIALS_DIRECTORY`
    is used if set. Raises `BadInput` with one line for each thing that is wrong.
    """
    if secrets_dir is None and environ.get("CREDENTIALS_DIRECTORY"):
        secrets_dir = Path(environ["CREDENTIALS_DIRECTORY"])
    sources = [*from_toml(config), *from_secrets(secrets_dir), *from_environ(environ), *from_flags(flags)]
    problems = [unknown(given) for given in sources if given.dotted is None]
    strongest: dict[str, Given] = {given.dotted: given for given in sources if given.dotted is not None}
    values: dict[str, Any] = {}
    for dotted, given in strongest.items():
        section, _, key = dotted.rpartition(".")
        (values.setdefault(section, {}) if section else values)[key] = given.value
    try:
        settings = Settings(**values)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False)
        problems += dict.fromkeys(invalid(detail, strongest) for detail in details)
    if problems:
        raise BadInput("\n".join(problems))
    origins = {dotted: strongest[dotted].origin if dotted in strongest else "default" for dotted in FIELDS}
    return Loaded(settings, origins)
