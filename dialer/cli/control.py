"""`dialer pause`, `resume`, `cancel` and `set`: an operator's hand on a campaign, while it runs or not."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from dialer.cli import exits, flags, formatting
from dialer.cli.asking import confirmed
from dialer.cli.who import By, operator
from dialer.domain.errors import BadInput, DialerError

if TYPE_CHECKING:
    from dialer.commands.control import Stands
    from dialer.settings import Loaded

One = Annotated[str, typer.Argument(metavar="CAMPAIGN", show_default=False, help="The campaign's name.")]
Changes = Annotated[
    list[str] | None,
    typer.Argument(metavar="KEY=VALUE", show_default=False, help="As in the settings: pace.cps=10."),
]
Unset = Annotated[
    list[str] | None,
    typer.Option("--unset", metavar="KEY", help="Take a change of this setting back; may be repeated."),
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the record.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", metavar="", help="Cancel without asking.")]


def pause(
    campaign: One,
    reason: Reason = "",
    by: By = None,
    ledger: flags.Ledger = None,
    config: flags.Config = None,
) -> None:
    """Start no further call until resume. Calls under way go on to their end.

    It takes hold within a second, also where the campaign runs in another
    process, and stays until it is taken back, whatever is started again. What is
    paused already keeps its first reason.

    Examples

      dialer pause spring --reason "the agent says the wrong name"
      dialer pause leads --ledger simulated/dialer.db
    """
    from dialer.commands import control

    before = control.pause(_loaded(ledger, config), campaign, operator(by), reason)
    formatting.echo(f"{campaign} is paused: no further call is started.{_under_way(before)}")
    if before.control.paused is not None:
        formatting.echo(f"It was already paused, {formatting.by_whom(before.paused_by)}.")
    formatting.echo(f"`dialer resume {campaign}` goes on with {_people(before)}.")


def resume(
    campaign: One,
    reason: Reason = "",
    by: By = None,
    ledger: flags.Ledger = None,
    config: flags.Config = None,
) -> None:
    """Go on with a campaign that was paused, or that a rule has stopped.

    If nobody is running it, dialer run goes on with it; or a service, also
    with what a run on its ledger in PostgreSQL has left before its end.

    Examples

      dialer resume spring
    """
    from dialer.commands import control

    before = control.resume(_loaded(ledger, config), campaign, operator(by), reason)
    paused, stopped = before.control.paused, before.control.stopped
    if paused is None and stopped is not None:
        formatting.echo(f"Resumed: {_people(before)} still to call. It had been stopped: {stopped.why}.")
    elif paused is None and before.control.run_by is not None:
        formatting.echo(f"{campaign} is left to the service, unless `dialer run` is at work on it.")
    elif paused is None:
        held = f", but it is held: {before.control.held}" if before.control.held else ""
        formatting.echo(f"{campaign} was not paused{held}. Nothing is changed.")
    else:
        formatting.echo(f"Resumed: {_people(before)} still to call. It had been {paused}.")


def cancel(
    campaign: One,
    reason: Reason = "",
    yes: Yes = False,
    by: By = None,
    ledger: flags.Ledger = None,
    config: flags.Config = None,
) -> None:
    """Call nobody any more, for good: the open jobs are closed as cancelled.

    Calls under way go on to their end. It cannot be taken back: to call the rest
    after all, begin a campaign of another name.

    Examples

      dialer cancel spring --reason "the list was last year's"
      dialer cancel spring --yes
    """
    from dialer.commands import control

    loaded = _loaded(ledger, config)
    before = control.look(loaded, campaign)
    if not yes and not before.control.cancelled:
        _ask(campaign, before)
    closed = control.cancel(loaded, campaign, operator(by), reason)
    again = " It was cancelled before." if before.control.cancelled else ""
    formatting.echo(f"{campaign} is cancelled: {_jobs(closed)} closed.{again}{_under_way(before)}")


def set_(
    campaign: One,
    changes: Changes = None,
    unset: Unset = None,
    reason: Reason = "",
    by: By = None,
    ledger: flags.Ledger = None,
    config: flags.Config = None,
) -> None:
    """Change the pace, slots, hours, caps or budget of a campaign while it runs.

    It holds within a second, and for later runs of the campaign too, before file,
    environment and flags. Lists are separated by commas; none is no value at all.
    --unset takes a change back: the setting is again what file, environment and
    flags say. A change that cannot be applied is refused.

    Examples

      dialer set spring pace.cps=10 pace.slots=80
      dialer set spring budget.per_day_usd=200 --reason "agreed with ana"
      dialer set spring "rules.caps=3 per 7d, 1 per 4h"
      dialer set spring --unset pace.cps
    """
    from dialer.commands import control
    from dialer.settings.live import parse_change

    parsed, unset = [parse_change(each) for each in changes or ()], unset or []
    names = [*(name for name, _ in parsed), *unset]
    if not names:
        raise BadInput("say what to change: KEY=VALUE, such as pace.cps=10, or --unset KEY")
    if doubled := {name for name in names if names.count(name) > 1}:
        raise BadInput(f"{sorted(doubled)[0]} is given twice: say which")
    loaded = _loaded(ledger, config)
    try:
        before = control.change(loaded, campaign, dict(parsed), operator(by), reason, unset=unset)
    except BadInput as error:
        hint = "" if config else ". If the campaign runs with --config, give it here too"
        raise BadInput(f"{error}{hint}") from None
    for name, value in parsed:
        was = before.control.changes.get(name)
        formatting.echo(
            f"{campaign}: {name} = {formatting.value(value)}"
            + (f", was {formatting.value(was)}" if was is not None else "")
        )
    for name in unset:
        was = formatting.value(before.control.changes.get(name))
        formatting.echo(f"{campaign}: {name} is as configured again, was {was}")


def _loaded(ledger: str | None, config: flags.Config) -> "Loaded":
    return flags.settings(config, None, {"ledger.url": ledger})


def _ask(campaign: str, before: "Stands") -> None:
    """Raises `DialerError` if it is not confirmed, `BadInput` if nobody can be asked."""
    if not sys.stdin.isatty():
        raise BadInput("cancelling cannot be taken back and there is no terminal to ask on: add --yes")
    formatting.echo(f"This cancels {campaign} for good: {_people(before)} will not be called.", err=True)
    try:
        agreed = confirmed("Go on?")
    except typer.Abort:  # Ctrl-C, Ctrl-D
        formatting.echo("", "nothing is cancelled", err=True)
        raise typer.Exit(exits.INTERRUPTED) from None
    if not agreed:
        raise DialerError("not confirmed: nothing is cancelled")


def _under_way(before: "Stands") -> str:
    match before.live:
        case 0:
            return " No call is under way."
        case 1:
            return " 1 call is under way and goes on to its end."
        case live:
            return f" {formatting.count(live)} calls are under way and go on to their end."


def _jobs(count: int) -> str:
    return "1 open job" if count == 1 else f"{formatting.count(count)} open jobs"


def _people(before: "Stands") -> str:
    return "1 person" if before.waiting == 1 else f"{formatting.count(before.waiting)} people"
