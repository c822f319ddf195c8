"""`dialer results` and `verify`: questions that dial nobody."""

import contextlib
import io
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO, cast

import typer

from dialer.cli import exits, flags, formatting
from dialer.domain.errors import BadInput, DialerError
from dialer.domain.texts import printable_lines

if TYPE_CHECKING:
    from dialer.commands.inspect import Verdict

Lines = Iterator[tuple[str, str, str]]
"""Label, text and style of each line."""


class Form(StrEnum):
    """How results are written."""

    JSONL = "jsonl"
    CSV = "csv"


OneOrAll = Annotated[str | None, typer.Argument(metavar="CAMPAIGN", help="One campaign; else all.")]
One = Annotated[str, typer.Argument(metavar="CAMPAIGN", show_default=False, help="The campaign's name.")]
Format = Annotated[Form, typer.Option("--format", help="JSON lines, or a table for a spreadsheet.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there; else to stdout.")
]


Rewrite = Annotated[
    bool, typer.Option("--rewrite", help="Write the campaign's results log anew, from the ledger.")
]


def results(
    campaign: One,
    form: Format = Form.JSONL,
    output: Output = None,
    rewrite: Rewrite = False,
    ledger: flags.Ledger = None,
    results: flags.Results = None,
    config: flags.Config = None,
    secrets_dir: flags.SecretsDir = None,
) -> None:
    """Write a campaign's results again from the ledger.

    As JSON lines they are byte for byte what the results log holds.

    With --rewrite they become the results log: after it was damaged or cut, or
    to have all of it in one file again. No process may be writing it.

    Examples

      dialer results spring > spring.jsonl
      dialer results spring --format csv --output spring.csv
      dialer results spring --rewrite
    """
    from dialer.commands.inspect import rewrite_log, write_results

    loaded = flags.settings(config, secrets_dir, {"ledger.url": ledger, "results.dir": results})
    if rewrite:
        if form is not Form.JSONL or output is not None:
            raise BadInput("--rewrite writes the results log: give it without --format csv and --output")
        path, lines = rewrite_log(loaded, campaign)
        formatting.echo(f"{path}: {formatting.count(lines)} lines, all of them from the ledger")
        return
    with _opened(output) as out:
        write_results(loaded, campaign, form.value, out)


def verify(
    campaign: OneOrAll = None,
    ledger: flags.Ledger = None,
    results: flags.Results = None,
    config: flags.Config = None,
    secrets_dir: flags.SecretsDir = None,
    json: flags.Json = False,
) -> None:
    """Add campaigns up: every row that went in has one result or is open.

    The results log is compared with the ledger, line by line. The record of
    decisions must be as it was written, with one decision to dial for each
    attempt. Exit code 4 if anything does not add up.

    Examples

      dialer verify
      dialer verify spring --json
    """
    from dialer.commands.inspect import verify as verdicts_of

    loaded = flags.settings(config, secrets_dir, {"ledger.url": ledger, "results.dir": results})
    verdicts = verdicts_of(loaded, campaign)
    if json:
        formatting.echo_json([_verdict_as_dict(each) for each in verdicts])
    else:
        for each in verdicts:
            formatting.print_aligned(_verdict_lines(each))
    if any(each.problems for each in verdicts):
        raise typer.Exit(exits.NOT_BALANCED)


class _Terminal(io.TextIOBase):
    """For results that people read: what callees and strangers said must not steer their terminal."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, text: str) -> int:
        self._out.write(printable_lines(text.replace("\r\n", "\n")))
        return len(text)


@contextlib.contextmanager
def _opened(output: Path | None) -> Iterator[TextIO]:
    """Stdout, or a file that appears under its name only when it is whole. Raises `DialerError`."""
    if output is None:
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(encoding="utf-8", newline="")
        yield cast(TextIO, _Terminal(sys.stdout)) if sys.stdout.isatty() else sys.stdout
        sys.stdout.flush()
        return
    part = output.with_name(output.name + ".part")
    try:
        with part.open("w", encoding="utf-8", newline="") as out:
            yield out
        part.replace(output)
    except OSError as error:
        raise DialerError(f"--output: {output} cannot be written: {error.strerror}") from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _verdict_lines(verdict: "Verdict") -> Lines:
    balance = verdict.balance
    yield "campaign", balance.campaign, "bold"
    parts = {"new": balance.new, "met again": balance.met_again, "rejected": balance.rejected}
    yield "rows", f"{formatting.count(balance.rows)}: {formatting.counts(parts) or 'none'}", ""
    yield (
        "jobs",
        f"{formatting.count(sum(balance.jobs.values()))}: {formatting.jobs(balance.jobs) or 'none'}",
        "",
    )
    yield "results", f"{formatting.count(balance.lines)} lines", ""
    for note in verdict.notes:
        yield "note", note, "yellow"
    for problem in verdict.problems:
        yield "problem", problem, "red"
    if not verdict.problems:
        so_far = ", as far as its lists were read" if balance.in_part else ""
        yield "books", f"every row is accounted for{so_far}", "green"


def _verdict_as_dict(verdict: "Verdict") -> dict[str, Any]:
    from dataclasses import asdict

    shown = asdict(verdict.balance)
    return {
        **shown,
        "jobs": {str(state): number for state, number in verdict.balance.jobs.items()},
        "open": verdict.balance.open_jobs,
        "notes": list(verdict.notes),
        "problems": list(verdict.problems),
        "closes": not verdict.problems,
    }
