"""`dialer dnc`: the list of numbers that nobody calls, in any campaign."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dialer.cli import exits, flags, formatting
from dialer.cli.who import By, operator
from dialer.domain.results import rfc3339
from dialer.domain.suppression import Suppressed
from dialer.domain.texts import escaped_json

if TYPE_CHECKING:
    from dialer.commands.dnc import Checked
    from dialer.settings import Loaded

Number = Annotated[
    str,
    typer.Argument(metavar="NUMBER", show_default=False, help="As +12125550100, or as --region writes it."),
]
File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", show_default=False, help="One number a line, or a CSV with a number column."
    ),
]
Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the record.")]
NeededWhy = Annotated[
    str, typer.Option("--reason", metavar="TEXT", show_default=False, help="Why it may be called again.")
]
Source = Annotated[
    str | None, typer.Option("--source", metavar="NAME", help="Where the list is from; else the file's name.")
]

dnc = typer.Typer(no_args_is_help=True)


@dnc.callback()
def about() -> None:
    """Keep the list of numbers that nobody calls, in any campaign.

    It is in the ledger, each number with who said so, why and when. It holds from
    the next call on, also where a campaign is running. People who ask for it
    during a call are put on it by themselves. Files that somebody else keeps are
    better named in the setting rules.do_not_call: they are read again whenever
    they change.

    Examples

      dialer dnc add +12125550100 --reason "asked by mail"
      dialer dnc import stop-list.csv
    """


def add(
    number: Number,
    reason: Why = "asked not to be called",
    by: By = None,
    region: flags.Region = None,
    ledger: flags.Ledger = None,
    config: flags.Config = None,
) -> None:
    """Call this number no more, in any campaign.

    A call that is under way goes on. If there is no ledger yet it is made.

    Examples

      dialer dnc add +12125550100 --reason "asked by mail"
      dialer dnc add "(212) 555-0100" --region US
    """
    from dialer.commands import dnc as suppressing

    loaded = _loaded(ledger, config, region)
    added = suppressing.add(loaded, number, reason, operator(by))
    _say_made(loaded, made=added.made_ledger)
    if added.before is not None:
        formatting.echo(f"{added.number} is on the do-not-call list already: {_word(added.before)}.")
    else:
        formatting.echo(f"{added.number} is not called any more, in any campaign.")
    if added.live:
        formatting.echo("A call to it is under way now and goes on to its end.")


def remove(
    number: Number,
    reason: NeededWhy,
    by: By = None,
    region: flags.Region = None,
    ledger: flags.Ledger = None,
    config: flags.Config = None,
) -> None:
    """Let this number be called again. It wants a reason.

    Its jobs that were skipped meanwhile stay so.

    Examples

      dialer dnc remove +12125550100 --reason "signed the form on 3 May"
    """
    from dialer.commands import dnc as suppressing

    loaded = _loaded(ledger, config, region)
    if not reason.strip():
        raise typer.BadParameter("say why it may be called again", param_hint="--reason")
    before, in_files = suppressing.remove(loaded, number, reason, operator(by))
    formatting.echo(f"{before.number} is off the list. It was on it: {_word(before)}.")
    for file in in_files:
        formatting.echo(f"It is still not called, since it is in {file.source}, too.")


def list_(ledger: flags.Ledger = None, config: flags.Config = None, json: flags.Json = False) -> None:
    """Print the list, in the order of its numbers.

    Examples

      dialer dnc list | grep 'asked by mail'
      dialer dnc list --json > do-not-call.json
    """
    from dialer.commands import dnc as suppressing

    shown = 0

    def show(page: Sequence[Suppressed]) -> None:
        nonlocal shown
        for said in page:
            if json:
                formatting.echo("[" if shown == 0 else ",")
                formatting.echo(f"  {_json_line(said)}", nl=False)
            else:
                formatting.echo(f"{said.number:<16} {_time(said.at)}  {said.source}: {said.reason}")
            shown += 1

    suppressing.each(_loaded(ledger, config), show)
    if json:
        formatting.echo(*(["", "]"] if shown else ["[]"]))
    elif not shown:
        formatting.echo("nobody is on the list", err=True)


def import_(
    file: File,
    source: Source = None,
    reason: Why = "in an imported do-not-call file",
    by: By = None,
    region: flags.Region = None,
    ledger: flags.Ledger = None,
    config: flags.Config = None,
) -> None:
    """Put every number of FILE on the list; # begins a comment.

    All of them or, where a line cannot be understood, none. What is on the list
    already stays as it is. If there is no ledger yet it is made.

    Examples

      dialer dnc import stop-list.txt
      dialer dnc import registry.csv --source "US registry, 2026-11"
    """
    from dialer.cli.progress_counter import Counting
    from dialer.commands import dnc as suppressing

    loaded, progress = _loaded(ledger, config, region), Counting("numbers")
    done = suppressing.bring_in(loaded, file, source or file.name, reason, operator(by), progress.tell)
    progress.end()
    _say_made(loaded, made=done.made_ledger)
    known = f", {formatting.count(done.rows - done.new)} were on it already" if done.rows > done.new else ""
    formatting.echo(f"{file}: {formatting.count(done.new)} numbers are not called any more{known}.")


def sync(
    pull: Annotated[bool, typer.Option("--pull/--no-pull", help="Take over whom Retell has marked.")] = True,
    push: Annotated[bool, typer.Option("--push/--no-push", help="Mark there whom this list has.")] = False,
    by: By = None,
    secrets_dir: flags.SecretsDir = None,
    region: flags.Region = None,
    ledger: flags.Ledger = None,
    config: flags.Config = None,
) -> None:
    """Bring this list and the do-not-call contacts of the Retell account together.

    Nobody is called. Reads the contacts that are marked do-not-call, page by page,
    and puts them on this list; with --push it marks there, too, whom this list has
    (a contact is made where there is none). Nothing is ever taken off either list.

    Examples

      dialer dnc sync
      dialer dnc sync --push --config campaign.toml
    """
    from dialer.cli.progress_counter import Counting
    from dialer.commands.dnc_sync import sync as sync_lists

    if not (pull or push):
        raise typer.BadParameter("give --push with it, or there is nothing to do", param_hint="--no-pull")
    loaded, progress = _loaded(ledger, config, region, secrets_dir), Counting("numbers")
    done = sync_lists(loaded, operator(by), progress.tell, pull=pull, push=push)
    progress.end()
    _say_made(loaded, made=done.made_ledger)
    formatting.echo(f"{formatting.count(done.marked_there)} contacts are marked do-not-call in Retell.")
    if done.unreadable:
        formatting.echo(f"{formatting.count(done.unreadable)} of them have no number that can be called.")
    if done.new_here is not None:
        formatting.echo(f"{formatting.count(done.new_here)} numbers are new on this list.")
    if done.new_there is not None:
        formatting.echo(f"{formatting.count(done.new_there)} numbers were marked there.")


def check(
    number: Number,
    region: flags.Region = None,
    ledger: flags.Ledger = None,
    config: flags.Config = None,
    json: flags.Json = False,
) -> None:
    """Say whether a number is on the list, or in a file of the settings.

    Examples

      dialer dnc check +12125550100
      dialer dnc check +12125550100 --config campaign.toml --json
    """
    from dialer.commands import dnc as suppressing

    loaded = _loaded(ledger, config, region)
    found = suppressing.check(loaded, number)
    said = [each for each in (found.listed, *found.in_files) if each is not None]
    if json:
        shown = {"number": found.number, "suppressed": bool(said), "by": [_as_dict(each) for each in said]}
        formatting.echo_json(shown)
        return
    for each in said:
        formatting.echo(f"{found.number} is not called: {_word(each)}.")
    if not said:
        formatting.echo(f"{found.number} is on no do-not-call list: {_looked_at(loaded, found)}.")


for command in (add, remove, list_, import_, sync, check):
    dnc.command(command.__name__.rstrip("_"), epilog=exits.EPILOG)(command)


def _loaded(
    ledger: str | None, config: Path | None, region: str | None = None, secrets_dir: Path | None = None
) -> "Loaded":
    return flags.settings(config, secrets_dir, {"ledger.url": ledger, "intake.region": region})


def _say_made(loaded: "Loaded", *, made: bool) -> None:
    if made:
        formatting.echo(f"There was no ledger at {loaded.settings.ledger.url}: a new one was made.", err=True)


def _word(said: Suppressed) -> str:
    return f"{said.reason} ({said.source}), since {_time(said.at)}"


def _time(at: float) -> str:
    return f"{(rfc3339(at) or '')[:19].replace('T', ' ')} UTC"


def _looked_at(loaded: "Loaded", found: "Checked") -> str:
    url = loaded.settings.ledger.url
    whole = f"not among the {formatting.count(found.count)} of {url}"
    return whole + (f", nor in {', '.join(found.files)}" if found.files else "")


def _as_dict(said: Suppressed) -> dict[str, Any]:
    return {"number": said.number, "source": said.source, "reason": said.reason, "since": rfc3339(said.at)}


def _json_line(said: Suppressed) -> str:
    import orjson

    return escaped_json(orjson.dumps(_as_dict(said))).decode()
