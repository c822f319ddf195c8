"""`dialer enqueue`: put a lead list into a queue."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dialer.cli import exits, flags, formatting

if TYPE_CHECKING:
    from dialer.commands.enqueue import Enqueued

Leads = Annotated[
    Path,
    typer.Argument(metavar="LEADS", show_default=False, help="CSV file: one row for each person to call."),
]
Queue = Annotated[
    str | None,
    typer.Option(
        "--queue",
        metavar="URL",
        rich_help_panel=flags.SETTINGS,
        help="redis://HOST, amqp://USER:PASSWORD@HOST or nats://HOST. A password is better kept in a file of "
        "--secrets-dir or in DIALER_QUEUE__URL.",
    ),
]
Campaign = Annotated[
    str | None,
    typer.Option(
        "--campaign", metavar="NAME", help="The jobs' campaign; else the one that workers are set to."
    ),
]


def enqueue(
    leads: Leads,
    queue: Queue = None,
    campaign: Campaign = None,
    region: flags.Region = None,
    encoding: flags.Encoding = None,
    ignore_column: flags.IgnoreColumn = None,
    results: flags.Results = None,
    config: flags.Config = None,
    secrets_dir: flags.SecretsDir = None,
    json: flags.Json = False,
) -> None:
    """Put each row of LEADS into a queue, for dialer serve to call.

    Rows are read and refused as run does; a refused one goes to the rejects
    file. A job is known by its job_id or its number, so the same list
    enqueued twice is the same jobs once. Exit code 2 if no row could be
    published.

    Examples

      dialer enqueue leads.csv --queue redis://127.0.0.1 --campaign spring
      dialer enqueue leads.csv --config dialer.toml --region US --json
    """
    from dialer.cli.progress_counter import Counting
    from dialer.commands.enqueue import enqueue as publish

    given = {
        "queue.url": queue,
        "intake.region": region,
        "intake.encoding": encoding,
        "intake.ignore_columns": ignore_column,
        "results.dir": results,
    }
    loaded = flags.settings(config, secrets_dir, given)
    progress = Counting("jobs")
    try:
        done = publish(loaded.settings, leads, campaign, progress.tell)
    finally:
        progress.end()
    if json:
        formatting.echo_json(_as_dict(done))
    else:
        formatting.print_aligned(_lines(done))
    raise typer.Exit(exits.DONE if done.published else exits.BAD_INPUT)


def _lines(done: "Enqueued") -> list[tuple[str, str, str]]:
    lines = [
        ("queue", f"{done.name} at {done.where}", ""),
        ("campaign", done.campaign or "the workers' own", ""),
        ("published", formatting.count(done.published), ""),
    ]
    if done.rejects is not None:
        lines.append(("rejected", f"{formatting.count(done.rejected)}, see {done.rejects}", "yellow"))
    return lines


def _as_dict(done: "Enqueued") -> dict[str, str | int | None]:
    return {
        "queue": done.where,
        "name": done.name,
        "campaign": done.campaign,
        "published": done.published,
        "rejected": done.rejected,
        "rejects": None if done.rejects is None else str(done.rejects),
    }
