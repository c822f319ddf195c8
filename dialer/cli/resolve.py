"""`dialer resolve`: an operator settles what nobody could tell."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dialer.cli import flags, formatting
from dialer.cli.who import By, operator
from dialer.domain.calls import Attempt, AttemptId, CallId
from dialer.domain.errors import BadInput
from dialer.domain.results import rfc3339

if TYPE_CHECKING:
    from dialer.settings import Loaded

AttemptArgument = Annotated[
    str | None, typer.Argument(metavar="ATTEMPT", help="The attempt's id, or how it begins; none: list.")
]
Called = Annotated[
    str | None,
    typer.Option("--called", metavar="CALL_ID", help="This call was made: the next run follows it."),
]
NotCalled = Annotated[
    bool, typer.Option("--not-called", metavar="", help="No call was made: the person is due again.")
]
AllBefore = Annotated[
    str | None,
    typer.Option(
        "--all-not-called-before",
        metavar="ISO",
        help="No call was made by any unknown attempt that began before this time (UTC unless it says).",
    ),
]


Force = Annotated[
    bool,
    typer.Option("--force", metavar="", help="Believe it without asking the API; it is recorded."),
]


def resolve(
    attempt: AttemptArgument = None,
    called: Called = None,
    not_called: NotCalled = False,
    all_not_called_before: AllBefore = None,
    force: Force = False,
    by: By = None,
    ledger: flags.Ledger = None,
    config: flags.Config = None,
    json: flags.Json = False,
) -> None:
    """Say of an unknown attempt whether it made a call, after looking in the Retell dashboard.

    An attempt is unknown when its request left, no clear answer came, and the call could not be found. It is
    never repeated by itself. Who decided, and when, is written to the results. The API is asked before it is
    believed: a call that it knows is followed by the next run although no call is said to have been made, and
    one that it does not know, or that is another attempt's, is not taken.

    Examples

      dialer resolve
      dialer resolve 3f0c...e1 --called call_0123456789abcdef
      dialer resolve 3f0c --not-called --by ana
      dialer resolve --all-not-called-before 2026-11-20T18:00
    """
    from dialer.commands import resolve as resolving

    loaded = flags.settings(config, None, {"ledger.url": ledger})
    who = operator(by)
    if attempt is None and all_not_called_before is None:
        if called or not_called:
            raise BadInput("which attempt? `dialer resolve` alone lists the unknown ones")
        _show(resolving.list_unknown(loaded), as_json=json)
    elif all_not_called_before is not None:
        if attempt or called or not_called:
            raise BadInput("--all-not-called-before stands alone: leave the attempt and the other flags out")
        unknown = resolving.list_unknown(loaded, _time(all_not_called_before))
        found = resolving.resolve_not_called(loaded, [each.id for each in unknown], who, force=force)
        _show_found(found)
        formatting.echo(f"{len(unknown) - len(found)} resolved: no call was made, they are due again")
    elif attempt is not None:
        if bool(called) == not_called:
            raise BadInput("say either --called CALL_ID or --not-called")
        attempt_id = resolving.unknown_named(loaded, attempt)
        _resolve_one(loaded, attempt_id, CallId(called) if called else None, who, force=force)


def _resolve_one(
    loaded: "Loaded", attempt_id: AttemptId, called: CallId | None, who: str, force: bool
) -> None:
    from dialer.commands import resolve as resolving

    if called is not None:
        resolving.resolve_called(loaded, attempt_id, called, who, force=force)
        formatting.echo(f"resolved: call {called} was made; the next run follows it to its end")
    else:
        found = resolving.resolve_not_called(loaded, [attempt_id], who, force=force)
        _show_found(found)
        if not found:
            formatting.echo("resolved: no call was made; the job is due again")


def _show_found(found: Mapping[AttemptId, CallId]) -> None:
    for attempt_id, call_id in found.items():
        formatting.echo(f"attempt {attempt_id} made call {call_id}, says the API: the next run follows it")


def _time(text: str) -> float:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"--all-not-called-before: {text!r} is no time such as 2026-11-20T18:00") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _show(unknown: Sequence[Attempt], *, as_json: bool) -> None:
    rows: list[dict[str, Any]] = [
        {
            "attempt_id": each.id,
            "job_id": each.job.job.job_id or each.job.job.key,
            "line": each.job.job.line,
            "to_number": each.job.job.to_number,
            "claimed_at": rfc3339(each.claimed_at),
            "last_sent_at": rfc3339(each.last_sent_at),
        }
        for each in unknown
    ]
    if as_json:
        formatting.echo_json(rows)
        return
    for row in rows:
        formatting.echo(f"{row['attempt_id']}  {row['to_number'] or '-'}  claimed {row['claimed_at']}")
    formatting.echo(f"{len(rows)} unknown" if rows else "No unknown attempts.")
