"""`dialer serve`: campaigns at work for months."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from dialer.cli import flags
from dialer.domain.errors import BadInput, DialerError

if TYPE_CHECKING:
    from dialer.app.serve import Told
    from dialer.settings import Loaded, Settings
    from dialer.settings.reloading import Reload
    from dialer.telemetry.logs import Log
    from dialer.telemetry.self_watch import Notice

Worker = Annotated[
    str | None,
    typer.Option(
        "--worker",
        metavar="NAME",
        rich_help_panel=flags.SETTINGS,
        help="This worker's name; each start adds a part of its own. Else the machine's.",
    ),
]


WAITED_FOR = ("queue", "publish", "key", "account", "list-calls", "room")
"""Checks of what a service can begin without."""


def serve(
    from_numbers: flags.From = None,
    cps: flags.Cps = None,
    slots: flags.Slots = None,
    ledger: flags.Ledger = None,
    results: flags.Results = None,
    worker: Worker = None,
    webhook_listen: flags.WebhookListen = None,
    metrics_listen: flags.MetricsListen = None,
    config: flags.Config = None,
    secrets_dir: flags.SecretsDir = None,
    log_format: flags.LogFormat = None,
    log_level: flags.LogLevel = None,
) -> None:
    """Run as a service: process all campaigns and accept new jobs until stopped.

    Any number of workers may share one ledger in PostgreSQL: together they keep the
    account's pace and slots, and take over what one of them leaves open. It places
    real calls without asking. SIGTERM stops it politely; SIGHUP has it read its
    settings again, all of them or none.

    Examples

      dialer serve --config dialer.toml
      dialer serve --config dialer.toml --ledger postgresql://dialer@db/dialer --worker a
    """
    given = {
        "from_numbers": from_numbers,
        "pace.cps": cps,
        "pace.slots": slots,
        "ledger.url": ledger,
        "results.dir": results,
        "service.worker": worker,
        "webhooks.listen": webhook_listen,
        "metrics.listen": metrics_listen,
        "logs.format": log_format,
        "logs.level": log_level,
    }

    def load() -> "Loaded":
        return flags.settings(config, secrets_dir, given)

    flags.begin_log(log_format, is_service=True)
    loaded = load()
    log = _log(loaded.settings)
    _examine(loaded.settings, log)
    from dialer.app.engine_config import csv_options
    from dialer.app.serve import serve_campaigns

    def reload() -> "Settings":
        again = load().settings
        csv_options(again)  # what every call gets: each job would be refused
        return again

    serve_campaigns(loaded.settings, reload, _told(log))


def _log(settings: "Settings") -> "Log":
    from dialer.adapters.system.clock import SystemClock
    from dialer.telemetry import logs

    return logs.configure(
        logs.format_there(settings.logs.format, sys.stderr),
        settings.logs.level,
        sys.stderr,
        clock=SystemClock(),
        secrets=settings.secrets,
        show_numbers=settings.logs.show_numbers,
        colors=sys.stderr.isatty(),
    )


def _examine(settings: "Settings", log: "Log") -> None:
    """What `dialer doctor` looks at. Raises `BadInput` where nobody could be called, and `DialerError` where
    another start may do better. Queues are waited for, and calls that are going on do not wait for them."""
    from dialer.app.event_loop import run_on_loop
    from dialer.commands.doctor.examine import examine
    from dialer.commands.doctor.findings import Mark

    found = run_on_loop(lambda: examine(settings))
    for each in found:
        if each.mark in (Mark.DOUBTFUL, Mark.BAD):
            log.warning("service.examined", check=each.check, mark=each.mark, said=each.said)
    bad = [each for each in found if each.mark is Mark.BAD]
    wrong = [each for each in bad if not (each.passes and each.check in WAITED_FOR)]
    if wrong:
        said = "\n".join(
            f"{each.check}: {each.said.rstrip('.')}. {each.way_out}".rstrip(". ") for each in wrong
        )
        raise DialerError(said) if all(each.passes for each in wrong) else BadInput(said)


def _told(log: "Log") -> "Told":
    from dialer.adapters.system.clock import SystemClock
    from dialer.app.serve import INTERRUPTED, Told
    from dialer.engine.events import Observe
    from dialer.engine.service import NOTHING_TO_DO
    from dialer.settings.contact import hours_notice
    from dialer.telemetry.logs import LogObserver
    from dialer.telemetry.request_log import RequestLog
    from dialer.telemetry.self_watch import REMEDIES

    def observer(campaign: str | None) -> Observe:
        bound = log if campaign is None else log.bind(campaign=campaign)
        return LogObserver(bound, SystemClock(), wanted_stops=[INTERRUPTED, NOTHING_TO_DO]).observe

    def started(worker: str, settings: "Settings") -> None:
        log.info("service.started", worker=worker)
        notice = hours_notice(settings.rules)
        if notice is not None:
            log.warning("service.hours_off", why=notice)

    def reloaded(what: "Reload") -> None:
        names = {"let_in": what.let_in, "let_out": what.let_out, "tokens_changed": what.changed}
        log.info("service.reloaded", now=what.now, next_start=what.next_start, **names)

    def refused(wrong: BadInput) -> None:
        log.error("service.reload_refused", why=str(wrong), way_out="mend the settings; the old ones hold")

    def noticed(what: "Notice", seconds: float) -> None:
        write = log.info if what not in REMEDIES else log.warning
        write(what.value, seconds=round(seconds, 3), way_out=REMEDIES.get(what, ""))

    asked = RequestLog(log, SystemClock()).observe

    def unpublished(why: str) -> None:
        log.warning("results.unpublished", why=why)

    return Told(
        lambda campaign: [observer(campaign)],
        [observer(None)],
        started,
        reloaded,
        refused,
        noticed,
        asked,
        unpublished,
    )
