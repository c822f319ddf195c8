"""`dialer ledger copy`: campaigns move from a SQLite file to PostgreSQL."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dialer.cli import exits, flags, formatting
from dialer.cli.who import By, operator

if TYPE_CHECKING:
    from dialer.adapters.ledger.move.copy import Copied

From = Annotated[
    Path, typer.Argument(metavar="SQLITE", show_default=False, help="The file that they are in.")
]
To = Annotated[
    str,
    typer.Argument(
        metavar="POSTGRES", show_default=False, help="Where they go: postgresql://USER@HOST/DATABASE."
    ),
]
Names = Annotated[
    list[str] | None,
    typer.Option("--campaign", metavar="NAME", help="Only this one; may be given several times. Else all."),
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the record.")]

ledger = typer.Typer(no_args_is_help=True)


@ledger.callback()
def about() -> None:
    """Move campaigns from a file to a server.

    Examples

      dialer ledger copy dialer.db postgresql://dialer@db/dialer
    """


@ledger.command(epilog=exits.EPILOG)
def copy(
    source: From,
    target: To,
    campaign: Names = None,
    reason: Reason = "",
    by: By = None,
    json: flags.Json = False,
) -> None:
    """Move campaigns into a ledger in PostgreSQL, whole or not at all.

    Nobody may be dialling from the file meanwhile. What was copied is added up
    and compared on both sides before it counts. The file keeps the campaigns to
    be read; nobody dials them from it any more. Calls that are open go on there.
    Caps per person count within a ledger, so move all campaigns where they matter.

    Examples

      dialer migrate --ledger postgresql://dialer@db/dialer
      dialer ledger copy dialer.db postgresql://dialer@db/dialer
      dialer ledger copy dialer.db postgresql://dialer@db/dialer --campaign spring
    """
    from dialer.adapters.ledger.drivers.server import is_server
    from dialer.adapters.system.clock import SystemClock
    from dialer.commands.ledger_copy import copy_campaigns
    from dialer.domain.errors import BadInput
    from dialer.ports.engine import Operation

    if not is_server(target):
        raise BadInput("POSTGRES must be a URL such as postgresql://USER@HOST/DATABASE")
    act = Operation(operator(by), SystemClock().now(), reason)
    done = copy_campaigns(source, target, campaign or [], act)
    if json:
        from dataclasses import asdict

        formatting.echo_json([asdict(each) for each in done])
    else:
        _print(done)


def _print(done: "Sequence[Copied]") -> None:
    for each in done:
        parts = f"jobs {each.jobs:,}, attempts {each.attempts:,}, result lines {each.lines:,}"
        formatting.echo(f"{each.name}: {parts}; the same on both sides")
        if not each.hashes_kept:
            formatting.echo("  its record of decisions is chained anew, since its numbers were taken there")
    formatting.echo(
        f"{len(done)} moved; name the new ledger with --ledger from now on" if done else "none to be moved"
    )
