"""`dialer run`: work through a campaign."""

import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from dialer.cli import flags, words
from dialer.domain.errors import BadInput

if TYPE_CHECKING:
    from dialer.app import Summary
    from dialer.settings import Loaded
    from dialer.simulation import Simulation

SPEED_MAX = 10_000.0

Leads = Annotated[
    Path,
    typer.Argument(metavar="LEADS", show_default=False, help="CSV file: one row for each person to call."),
]
CampaignName = Annotated[
    str | None,
    typer.Option(
        "--campaign", metavar="NAME", help="The same name goes on with the same campaign; else the file's."
    ),
]
Limit = Annotated[
    int | None, typer.Option("--limit", metavar="N", min=1, help="Stop after so many attempts.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Place real calls without asking.")]
Simulate = Annotated[
    bool,
    typer.Option(
        "--simulate", rich_help_panel=flags.REHEARSAL, help="Call simulated people on a simulated API."
    ),
]
Speed = Annotated[
    str | None,
    typer.Option(
        "--speed",
        metavar="N",
        rich_help_panel=flags.REHEARSAL,
        help="How many times faster time passes (60 if not given), or max: as fast as it can.",
    ),
]
Start = Annotated[
    str | None,
    typer.Option(
        "--start",
        metavar="ISO",
        rich_help_panel=flags.REHEARSAL,
        help="When it begins, as 2025-11-24T09:00, in the campaign's zone unless it names one.",
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed", metavar="N", rich_help_panel=flags.REHEARSAL, help="Another seed, another day; 1."
    ),
]
Faults = Annotated[
    str | None,
    typer.Option(
        "--faults",
        metavar="LIST",
        rich_help_panel=flags.REHEARSAL,
        help="What goes wrong and how often, as rate_limited=0.2,drop_after=0.05.",
    ),
]


def run(
    leads: Leads,
    campaign: CampaignName = None,
    limit: Limit = None,
    yes: Yes = False,
    from_numbers: flags.From = None,
    cps: flags.Cps = None,
    slots: flags.Slots = None,
    region: flags.Region = None,
    encoding: flags.Encoding = None,
    ledger: flags.Ledger = None,
    results: flags.Results = None,
    webhook_listen: flags.WebhookListen = None,
    config: flags.Config = None,
    secrets_dir: flags.SecretsDir = None,
    simulate: Simulate = False,
    speed: Speed = None,
    start: Start = None,
    seed: Seed = None,
    faults: Faults = None,
    json: flags.Json = False,
    log_format: flags.LogFormat = None,
    log_level: flags.LogLevel = None,
) -> None:
    """Call everybody in LEADS, each at most once an attempt, and write what became of it.

    It may be stopped at any time: the same command goes on where it stopped.
    A row that is done is not called again, however often the file is read.

    Examples

      dialer run leads.csv --simulate
      dialer run leads.csv --from +12125550100 --cps 2 --slots 10
      dialer run leads.csv --campaign spring --config dialer.toml --yes --json
    """
    given = {
        "from_numbers": from_numbers,
        "pace.cps": cps,
        "pace.slots": slots,
        "intake.region": region,
        "intake.encoding": encoding,
        "ledger.url": ledger,
        "results.dir": results,
        "webhooks.listen": webhook_listen,
        "logs.format": log_format,
        "logs.level": log_level,
    }
    loaded = flags.settings(config, secrets_dir, given)
    rehearsal = {"--speed": speed, "--start": start, "--seed": seed, "--faults": faults}
    name = campaign or leads.stem
    simulation = None
    if simulate:
        simulation = _simulation(rehearsal, loaded)
    else:
        _check_real(rehearsal)
        if not yes:
            _ask(loaded, leads, name)
    _finish(_run(loaded, leads, name, simulation, limit, stdout_is_free=not json), as_json=json)


def _run(
    loaded: "Loaded",
    leads: Path,
    campaign: str,
    simulation: "Simulation | None",
    limit: int | None,
    *,
    stdout_is_free: bool,
) -> "Summary":
    from dialer import app
    from dialer.cli.watching import Watch

    calm = _calm_on_terminal(loaded)
    speed = 1.0 if simulation is None else simulation.speed
    watch = Watch(calm.settings, speed=speed, stdout_is_free=stdout_is_free)
    request = app.RunRequest(leads, campaign, simulation, limit)
    return app.run_campaign(calm, request, observers=watch.observers, view=watch.view)


def _finish(summary: "Summary", *, as_json: bool) -> None:
    from dialer.cli import summary as shown

    if as_json:
        typer.echo(shown.as_json(summary))
    else:
        words.print_aligned(shown.lines(summary))
    raise typer.Exit(shown.exit_code(summary))


def _calm_on_terminal(loaded: "Loaded") -> "Loaded":
    """Where progress is drawn, a log line for each attempt would only disturb it; unless it was asked for."""
    from dataclasses import replace

    asked = any(loaded.origins[dotted] != "default" for dotted in ("logs.level", "logs.format"))
    if asked or not sys.stderr.isatty():
        return loaded
    quiet = loaded.settings.logs.model_copy(update={"level": "warning"})
    return replace(loaded, settings=loaded.settings.model_copy(update={"logs": quiet}))


def _check_real(rehearsal: Mapping[str, Any]) -> None:
    """Real calls are meant. A flag of the rehearsal then means that --simulate was forgotten."""
    for flag, value in rehearsal.items():
        if value is not None:
            raise BadInput(f"{flag} is for rehearsals: add --simulate, or leave it out to place real calls")


def _simulation(rehearsal: Mapping[str, Any], loaded: "Loaded") -> "Simulation":
    from dialer.cli.simulator import parse_faults
    from dialer.simulation import Simulation

    speed, start, seed, faults = rehearsal.values()
    parse_faults(faults or "")
    return Simulation(
        speed=60.0 if speed is None else _parse_speed(speed),
        start=None if start is None else _parse_start(start, loaded.settings.campaign.timezone),
        seed=1 if seed is None else seed,
        faults=faults or "",
    )


def _parse_speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 1.0 <= speed <= SPEED_MAX:
        raise BadInput(f"--speed: {text!r} is neither a number from 1 to {SPEED_MAX:,.0f} nor max")
    return speed


def _parse_start(text: str, timezone: str) -> float:
    from zoneinfo import ZoneInfo

    try:
        start = datetime.fromisoformat(text)
        return (start if start.tzinfo else start.replace(tzinfo=ZoneInfo(timezone))).timestamp()
    except (ValueError, OverflowError):
        raise BadInput(f"--start: {text!r} is not a date and time such as 2025-11-24T09:00") from None


def _ask(loaded: "Loaded", leads: Path, campaign: str) -> None:
    """Have a person confirm that real calls are meant. Raises `BadInput` if nobody can be asked."""
    from dialer.settings import is_loopback

    settings = loaded.settings
    if is_loopback(urlsplit(settings.retell.base_url).hostname or ""):
        return
    if not sys.stdin.isatty():
        raise BadInput("this places real calls and there is no terminal to ask on: add --yes, or --simulate")
    lines = ", ".join(settings.from_numbers) or "the numbers in the rows"
    typer.echo(f"This places real calls to the people in {leads} (campaign {campaign})", err=True)
    typer.echo(f"from {lines}, {settings.pace.cps:g} a second, {settings.pace.slots} at once.", err=True)
    typer.confirm("Go on?", err=True, abort=True)
