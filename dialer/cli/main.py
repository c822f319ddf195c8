"""The `dialer` command: its commands, and how it ends when something is wrong."""

import os
import sys
from typing import Annotated, NoReturn

import typer

from dialer import __version__
from dialer.adapters.rules.zone_data import use_newest
from dialer.cli import exits
from dialer.cli.check import check
from dialer.cli.config import config
from dialer.cli.control import cancel, pause, resume, set_
from dialer.cli.dnc import dnc
from dialer.cli.doctor import doctor
from dialer.cli.enqueue import enqueue
from dialer.cli.ledger import ledger
from dialer.cli.migrate import migrate
from dialer.cli.resolve import resolve
from dialer.cli.results import results, verify
from dialer.cli.run import run
from dialer.cli.serve import serve
from dialer.cli.simulator import simulator
from dialer.cli.status import status
from dialer.cli.token import token
from dialer.cli.why import why
from dialer.domain.errors import DialerError
from dialer.domain.texts import printable, printable_lines

app = typer.Typer(
    name="dialer",
    add_completion=True,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog=exits.EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dialer {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", metavar="", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option(
            "--debug", metavar="", help="Show the stack trace of an unexpected error; also DIALER_DEBUG=1."
        ),
    ] = False,
) -> None:
    """Call the people on a list through the Retell API: never twice, never lost, never over the limits."""


for panel, commands in {
    "Campaigns": (check, run, serve, enqueue, status, why, results, verify, resolve),
    "While it runs": (pause, resume, cancel, set_),
    "Tools": (doctor, migrate, simulator, token, config),
}.items():
    for command in commands:
        name = command.__name__.rstrip("_")
        app.command(name, rich_help_panel=panel, epilog=exits.EPILOG)(command)
app.add_typer(ledger, name="ledger", rich_help_panel="Tools", epilog=exits.EPILOG)
app.add_typer(dnc, name="dnc", rich_help_panel="While it runs", epilog=exits.EPILOG)


def main() -> None:
    """Run the command line of this process. Always exits; see `exits` for the codes."""
    use_newest()
    try:
        app(prog_name="dialer")
    except DialerError as error:
        _say(str(error), error.exit_code)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(exits.INTERRUPTED)
    except SystemExit as ended:
        if _is_broken_pipe(ended.__context__):  # typer makes an exit of it
            _end_unread()
        raise
    except Exception as error:
        if _is_broken_pipe(error):
            _end_unread()
        _say_unexpected(error)
        sys.exit(exits.FAILED)


def _is_broken_pipe(error: BaseException | None) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return error.split(BrokenPipeError)[1] is None
    return isinstance(error, BrokenPipeError)


def _end_unread() -> NoReturn:
    """End without a word: nobody would read it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):  # what is buffered
        os.dup2(nowhere, stream.fileno())
    sys.exit(exits.READER_GONE)


def _say(message: str, exit_code: int, error: Exception | None = None) -> None:
    """Why it ends: where its log is JSON, in the log's last line; else one `error:` for each line, on stderr.

    `error`: its trace goes into that line.
    """
    from dialer.telemetry.logs import json_log

    log = json_log()
    if log is not None:
        trace = {} if error is None else {"exc_info": error}
        log.critical("process.failed", why=message, exit_code=exit_code, **trace)
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, soft_wrap=True, highlight=False)
    for line in message.splitlines() or ["it failed without saying why"]:
        console.print(Text.assemble(("error:", "bold red"), " ", printable(line)))


def _say_unexpected(error: Exception) -> None:
    """Not the user's mistake. What is said holds neither the key nor whole numbers, in the trace too."""
    import traceback

    from dialer.telemetry.logs import cleaner, json_log

    clean = cleaner([os.environ.get("RETELL_API_KEY", "")], show_numbers=False)
    is_debug = "--debug" in sys.argv or os.environ.get("DIALER_DEBUG", "0") not in ("", "0")
    if is_debug and json_log() is None:
        trace = printable_lines(clean("".join(traceback.format_exception(error))))
        print(trace, file=sys.stderr, end="")  # noqa: T201
        return
    what = clean(f"{type(error).__name__}: {error}".splitlines()[0])
    said = f"unexpected {what}; DIALER_DEBUG=1 shows where. Nothing that was written down is lost."
    _say(said, exits.FAILED, error if is_debug else None)
