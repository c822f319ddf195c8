"""`dialer run`: work through a campaign."""

import sys
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import typer

from dialer.cli import exits, flags, formatting
from dialer.cli.asking import confirmed
from dialer.cli.run_options import RunOptions
from dialer.cli.summary import as_json, exit_code, lines
from dialer.domain.errors import BadInput, DialerError

if TYPE_CHECKING:
    from dialer.app.run import Summary
    from dialer.app.simulation import Simulation
    from dialer.settings import Loaded

SIMULATED_STOP = (
    "the account is simulated and there is nothing to settle: numbers that end in 93 to 98 stop it "
    "(docs/simulator.md), and so do their --faults"
)
"""What to do where a rehearsal's account refuses: not what one would do at Retell."""


@wraps(RunOptions, assigned=("__annotations__",), updated=())  # typer takes the parameters from there
def run(**given: Any) -> None:
    """Call everybody in LEADS, each at most once an attempt, and write what became of it.

    It may be stopped at any time: the same command goes on where it stopped.
    A row that is done is not called again, however often the file is read.

    Examples

      dialer run leads.csv --simulate
      dialer run leads.csv --from +12125550100 --cps 2 --slots 10
      dialer run leads.csv --campaign spring --config dialer.toml --yes --json
    """
    options = RunOptions(**given)
    flags.begin_log(options.log_format, is_service=False)
    loaded = options.settings()
    simulation = options.simulation(loaded)
    if simulation is None and not options.yes:
        _ask(loaded, options.leads, options.name)
    summary = _run(_calm_on_terminal(loaded), options, simulation)
    _print(summary, loaded, options, simulation)
    raise typer.Exit(exit_code(summary))


def _run(loaded: "Loaded", options: RunOptions, simulation: "Simulation | None") -> "Summary":
    from dialer.app import run as app
    from dialer.cli.run_view import Watch

    speed = 1.0 if simulation is None else simulation.speed
    watch = Watch(loaded.settings, speed=speed, stdout_is_free=not options.json)
    request = app.RunRequest(options.leads, options.name, simulation, options.limit)
    return app.run_campaign(loaded, request, observers=watch.observers, view=watch.view)


def _print(
    summary: "Summary", loaded: "Loaded", options: RunOptions, simulation: "Simulation | None"
) -> None:
    from dialer.app.simulation import has_own_ledger

    begins_anew = simulation is not None and has_own_ledger(loaded)
    if simulation is not None and summary.account_refused:
        summary = replace(summary, way_out=SIMULATED_STOP)
    if options.json:
        formatting.echo(*as_json(summary, begins_anew=begins_anew).decode().splitlines())
    else:
        formatting.print_aligned(lines(summary, simulation, begins_anew=begins_anew))


def _calm_on_terminal(loaded: "Loaded") -> "Loaded":
    """Where progress is drawn, a log line for each attempt would only disturb it; unless it was asked for."""
    asked = any(loaded.origins[dotted] != "default" for dotted in ("logs.level", "logs.format"))
    if asked or not sys.stderr.isatty():
        return loaded
    quiet = loaded.settings.logs.model_copy(update={"level": "warning"})
    return replace(loaded, settings=loaded.settings.model_copy(update={"logs": quiet}))


def _ask(loaded: "Loaded", leads: Path, campaign: str) -> None:
    """Show who would be called, and have a person confirm that real calls are meant.

    Raises `BadInput` if nobody can be asked, or if the list or a file of the rules cannot be read.
    """
    from dialer.adapters.retell.proxies import is_loopback
    from dialer.cli.check import show_before_asking

    settings = loaded.settings
    if is_loopback(urlsplit(settings.retell.base_url).hostname or ""):
        return
    if not sys.stdin.isatty():
        raise BadInput("this places real calls and there is no terminal to ask on: add --yes, or --simulate")
    show_before_asking(loaded, leads)
    numbers = [*(line.number for line in settings.lines), *settings.from_numbers]
    lines = ", ".join(dict.fromkeys(numbers)) or "the numbers in the rows"
    formatting.echo(f"This places real calls to the people in {leads} (campaign {campaign})", err=True)
    formatting.echo(f"from {lines}, {settings.pace.cps:g} a second, {settings.pace.slots} at once.", err=True)
    try:
        agreed = confirmed("Go on?")
    except typer.Abort:  # Ctrl-C, Ctrl-D
        formatting.echo("", "nobody was called", err=True)
        raise typer.Exit(exits.INTERRUPTED) from None
    if not agreed:
        raise DialerError("not confirmed: nobody was called")
