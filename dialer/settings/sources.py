"""Where settings are given: a TOML file, a directory of secrets, the environment, flags."""

import contextlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dialer.domain.errors import BadInput
from dialer.settings.catalogue import FIELDS, LISTED, SECRETS, SECTIONS, VARIABLES, kinds

SECRET_BYTES_MAX = 65_536
NOT_SETTINGS = re.compile(r"DIALER_(DEBUG|TEST_\w+|SERVICE_(HOST|PORT)\w*|PORT(_[0-9]\w*)?)")
"""Variables of this prefix that are none of ours: the command's own switch, the test suite's, and those that
Kubernetes sets in every pod when a Service is named `dialer`."""
FLAGS: Mapping[str, str] = {
    "from_numbers": "--from",
    "ledger.url": "--ledger",
    "intake.ignore_columns": "--ignore-column",
    "results.dir": "--results",
    "queue.url": "--queue",
    "webhooks.listen": "--webhook-listen",
    "logs.format": "--log-format",
    "logs.level": "--log-level",
}
"""The flags that are not called like their setting's last word."""


@dataclass(frozen=True, slots=True)
class Given:
    """One value from one source."""

    name: str
    """As it is called in its source; `dotted` is None if there is no such setting."""
    dotted: str | None
    value: Any
    origin: str
    where: str
    """The origin, as exactly as an error can name it."""


def from_flags(flags: Mapping[str, Any]) -> Iterator[Given]:
    for dotted, value in _flat(flags):
        flag = FLAGS.get(dotted, f"--{dotted.rpartition('.')[2].replace('_', '-')}")
        if value is not None:
            yield Given(dotted, dotted if dotted in FIELDS else None, value, flag, flag)


def from_environ(environ: Mapping[str, str]) -> Iterator[Given]:
    for name, text in sorted(environ.items()):
        is_ours = name in VARIABLES or (name.startswith("DIALER_") and not NOT_SETTINGS.fullmatch(name))
        if is_ours and text.strip():
            yield _from_text(name, text, f"environment {name}")


def from_secrets(directory: Path | None) -> Iterator[Given]:
    """Files named like the environment variables, in either case; others are left alone."""
    if directory is None:
        return
    try:
        for path in sorted(directory.iterdir()):
            name = path.name.upper()
            if (name in VARIABLES or name.startswith("DIALER_")) and path.is_file():
                with path.open("rb") as file:
                    text = file.read(SECRET_BYTES_MAX).decode()
                yield _from_text(name, text, str(path))
    except OSError as error:
        raise BadInput(f"secrets directory {directory}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path}: is not UTF-8 text") from None


def _from_text(name: str, text: str, origin: str) -> Given:
    """Lists and tables are JSON, or, for a list, separated by commas; everything else is as it stands."""
    dotted, value = VARIABLES.get(name), text.strip()
    kind = kinds(FIELDS[dotted])[0] if dotted is not None else str
    if kind is tuple and not value.startswith("["):
        return Given(
            name, dotted, [part.strip() for part in value.split(",") if part.strip()], origin, origin
        )
    if kind in (tuple, dict):
        with contextlib.suppress(ValueError):  # left as text it is refused like any other wrong value
            return Given(name, dotted, json.loads(value), origin, origin)
    return Given(name, dotted, value, origin, origin)


def from_toml(path: Path | None) -> Iterator[Given]:
    if path is None:
        return
    try:
        text = path.read_text(encoding="utf-8-sig")
        tables = tomllib.loads(text)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path}: is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path}: is not valid TOML: {error}") from None
    for dotted, value in _flat(tables):
        line = _line_of(dotted, text)
        where = f"{path} line {line}" if line else str(path)
        known = dotted if dotted in FIELDS and dotted not in SECRETS else None
        yield Given(dotted, known, value, str(path), where)


def _flat(tables: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in tables.items():
        if isinstance(value, Mapping) and (value or name in SECTIONS) and name not in LISTED:
            yield from ((f"{name}.{key}", inner) for key, inner in value.items())
        else:
            yield name, value


def _line_of(dotted: str, text: str) -> int | None:
    """Where the setting stands in the TOML text, if it is written in the plain way."""
    table = ""
    for at, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[\[?\s*([\w.-]+)\s*\]", line):
            table = header[1]
            if table == dotted:
                return at
        elif (key := re.match(r"\s*([\w.-]+)\s*=", line)) and f"{table}.{key[1]}".lstrip(".") == dotted:
            return at
    return None
