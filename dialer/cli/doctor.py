"""`dialer doctor`: would a campaign get anywhere, here, now?"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import typer

from dialer.cli import exits, flags, formatting
from dialer.domain.errors import BadInput

if TYPE_CHECKING:
    from dialer.commands.doctor.findings import Finding
    from dialer.settings import Loaded


def doctor(
    from_numbers: flags.From = None,
    slots: flags.Slots = None,
    ledger: flags.Ledger = None,
    results: flags.Results = None,
    webhook_listen: flags.WebhookListen = None,
    metrics_listen: flags.MetricsListen = None,
    config: flags.Config = None,
    secrets_dir: flags.SecretsDir = None,
    json: flags.Json = False,
) -> None:
    """Check that calls can be made: settings, key, ledger, disk, clock, addresses.

    Nothing is changed and nobody is called. Each check has a line, with what to
    do where something is wrong. Exit code 1 if calls could not be made.

    Examples

      dialer doctor
      dialer doctor --config dialer.toml --ledger postgresql://dialer@db/dialer
      dialer doctor --json
    """
    from dialer.commands.doctor.findings import is_fit

    given = {
        "from_numbers": from_numbers,
        "pace.slots": slots,
        "ledger.url": ledger,
        "results.dir": results,
        "webhooks.listen": webhook_listen,
        "metrics.listen": metrics_listen,
    }
    try:
        found = _examined(flags.settings(config, secrets_dir, given))
    except BadInput as error:
        found = _refused(error)
    if json:
        rows = [
            {"check": each.check, "mark": each.mark, "said": each.said, "way_out": each.way_out}
            for each in found
        ]
        formatting.echo_json({"fit": is_fit(found), "findings": rows})
    else:
        formatting.print_aligned(_lines(found))
    if not is_fit(found):
        raise typer.Exit(exits.FAILED)


def _examined(loaded: "Loaded") -> "Sequence[Finding]":
    from functools import partial

    from dialer.app.event_loop import run_on_loop
    from dialer.commands.doctor.examine import examine
    from dialer.commands.doctor.findings import Finding, Mark

    given = sum(1 for origin in loaded.origins.values() if origin != "default")
    settings = Finding("settings", Mark.GOOD, f"{given} given, the others at their defaults")
    return [settings, *run_on_loop(partial(examine, loaded.settings))]


def _refused(error: BadInput) -> "Sequence[Finding]":
    from dialer.commands.doctor.findings import Finding, Mark

    return [Finding("settings", Mark.BAD, line) for line in str(error).splitlines()]


def _lines(found: "Sequence[Finding]") -> Iterator[tuple[str, str, str]]:
    from dialer.commands.doctor.findings import Mark

    looks = {
        Mark.GOOD: ("✓", "green"),
        Mark.DOUBTFUL: ("!", "yellow"),
        Mark.BAD: ("✗", "red"),
        Mark.SKIPPED: ("–", "dim"),
    }
    for each in found:
        sign, style = looks[each.mark]
        yield f"{sign} {each.check}", each.said, style
        if each.way_out:
            yield "", f"→ {each.way_out}", ""
