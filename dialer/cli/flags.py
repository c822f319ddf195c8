"""The flags that several commands share, and how they become settings."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from dialer.settings import Loaded

SETTINGS = "Settings (before environment, secrets and file)"
REHEARSAL = "Rehearsal (nobody is called)"
OUTPUT = "Output"

Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", rich_help_panel=SETTINGS, help="TOML file with settings."),
]
SecretsDir = Annotated[
    Path | None,
    typer.Option(
        "--secrets-dir",
        metavar="DIR",
        rich_help_panel=SETTINGS,
        help="Directory with a file RETELL_API_KEY; else systemd's $CREDENTIALS_DIRECTORY.",
    ),
]
From = Annotated[
    list[str] | None,
    typer.Option(
        "--from",
        metavar="NUMBER",
        rich_help_panel=SETTINGS,
        help="Number to call from, as +12125550100. May be given several times.",
    ),
]
Ledger = Annotated[
    str | None,
    typer.Option("--ledger", metavar="PATH|URL", rich_help_panel=SETTINGS, help="Where the ledger is kept."),
]
Results = Annotated[
    str | None,
    typer.Option(
        "--results", metavar="DIR", rich_help_panel=SETTINGS, help="Where results and rejected rows go."
    ),
]
Cps = Annotated[
    float | None,
    typer.Option("--cps", metavar="N", rich_help_panel=SETTINGS, help="Calls per second."),
]
Slots = Annotated[
    int | None,
    typer.Option("--slots", metavar="N", rich_help_panel=SETTINGS, help="Calls at once."),
]
Region = Annotated[
    str | None,
    typer.Option(
        "--region", metavar="US", rich_help_panel=SETTINGS, help="Region of the numbers that have no +."
    ),
]
Encoding = Annotated[
    str | None,
    typer.Option(
        "--encoding",
        metavar="NAME",
        rich_help_panel=SETTINGS,
        help="Encoding of LEADS; else it is found out.",
    ),
]
IgnoreColumn = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore-column",
        metavar="NAME",
        rich_help_panel=SETTINGS,
        help="Pass over a column of LEADS. May be given several times.",
    ),
]
WebhookListen = Annotated[
    str | None,
    typer.Option(
        "--webhook-listen", metavar="HOST:PORT", rich_help_panel=SETTINGS, help="Take webhooks there."
    ),
]
MetricsListen = Annotated[
    str | None,
    typer.Option(
        "--metrics-listen",
        metavar="HOST:PORT",
        rich_help_panel=SETTINGS,
        help="Answer /metrics, /livez and /readyz there.",
    ),
]
MetricsFile = Annotated[
    str | None,
    typer.Option(
        "--metrics-file",
        metavar="FILE.prom",
        rich_help_panel=SETTINGS,
        help="Keep the metrics in a textfile for node-exporter.",
    ),
]
LogFormat = Annotated[
    str | None,
    typer.Option(
        "--log-format",
        metavar="FORMAT",
        rich_help_panel=OUTPUT,
        help="json, console, or auto (by the terminal).",
    ),
]
LogLevel = Annotated[
    str | None,
    typer.Option(
        "--log-level", metavar="LEVEL", rich_help_panel=OUTPUT, help="debug, info, warning or error."
    ),
]
Json = Annotated[
    bool, typer.Option("--json", metavar="", rich_help_panel=OUTPUT, help="Print JSON, for programs.")
]


def settings(config: Path | None, secrets_dir: Path | None, given: Mapping[str, Any]) -> "Loaded":
    """The settings in force. `given`: the flags by their setting's dotted name; None or empty is not given.

    The one place where the environment is read. Raises `BadInput`.
    """
    from dialer.settings import load

    nested: dict[str, Any] = {}
    for dotted, value in given.items():
        section, _, key = dotted.rpartition(".")
        if value is not None and value != []:
            (nested.setdefault(section, {}) if section else nested)[key] = value
    return load(config, nested, os.environ, secrets_dir)


def begin_log(log_format: str | None, *, is_service: bool) -> None:
    """Set up the log of a command that keeps one, until its settings say how it is wanted.

    So what is wrong with the settings is told as what comes after them would be. `log_format`: as given.
    """
    from dialer.adapters.system.clock import SystemClock
    from dialer.telemetry import logs

    wanted = log_format or os.environ.get("DIALER_LOGS__FORMAT", "")
    format = wanted if wanted in ("json", "console") else "auto"
    if is_service:
        format = logs.format_there(format, sys.stderr)
    key = os.environ.get("RETELL_API_KEY", "")
    logs.configure(format, "info", sys.stderr, clock=SystemClock(), secrets=[key])
