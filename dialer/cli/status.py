"""`dialer status`: where campaigns stand, and what holds them."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from dialer.cli import flags, formatting
from dialer.domain.lifecycle import JobState

if TYPE_CHECKING:
    from dialer.adapters.ledger.reports.holds import Holds
    from dialer.adapters.ledger.reports.workers import WorkerState
    from dialer.app.campaign_status import CampaignStatus
    from dialer.domain.resting import Rest
    from dialer.domain.service_parts import WorkerFailure
    from dialer.ports.sharing import CampaignFault

Lines = Iterator[tuple[str, str, str]]
"""Label, text and style of each line."""

Workers = Annotated[
    bool, typer.Option("--workers", metavar="", rich_help_panel=flags.OUTPUT, help="Show the workers alone.")
]
OneOrAll = Annotated[str | None, typer.Argument(metavar="CAMPAIGN", help="One campaign; else all.")]


def status(
    campaign: OneOrAll = None,
    ledger: flags.Ledger = None,
    config: flags.Config = None,
    secrets_dir: flags.SecretsDir = None,
    workers: Workers = False,
    json: flags.Json = False,
) -> None:
    """Show where campaigns stand and what holds them, also while they run.

    The workers of a service come first: which live, and what each is doing.

    It only reads. A simulation has a ledger of its own, simulated/dialer.db.

    Examples

      dialer status
      dialer status spring --json
      dialer status --workers --json
      dialer status --ledger simulated/dialer.db
    """
    from dialer.app.campaign_status import document_of
    from dialer.commands.inspect import campaign_status, worker_status
    from dialer.settings.problems import without_password

    loaded = flags.settings(config, secrets_dir, {"ledger.url": ledger})
    if workers:
        _print_workers(worker_status(loaded), as_json=json)
        return
    found = campaign_status(loaded, campaign)
    if json:
        formatting.echo_json([document_of(each).model_dump(mode="json") for each in found])
        return
    if not found:
        formatting.echo(f"there is no campaign yet in {without_password(loaded.settings.ledger.url)}")
    else:
        formatting.print_aligned(_failing(found[0].failing))
    if campaign is None and (living := worker_status(loaded)):
        _print_workers(living, as_json=False)
    for each in found:
        formatting.print_aligned(_lines(each))


def _print_workers(found: "Sequence[WorkerState]", *, as_json: bool) -> None:
    from dialer.app.worker_status import worker_document

    if as_json:
        formatting.echo_json([worker_document(each).model_dump(mode="json") for each in found])
        return
    for each in found:
        formatting.print_aligned(_worker(each))
    if not found:
        formatting.echo("no worker has dialled from this ledger within the hour")


def _worker(worker: "WorkerState") -> Lines:
    where = f" on {worker.host}" if worker.host else ""
    version = f", version {worker.version}" if worker.version else ""
    since = f", since {formatting.utc(worker.since)}" if worker.since else ""
    yield "worker", f"{worker.name}{where}{version}{since}", "bold"
    sign = (
        "its last sign of life is not known"
        if worker.seen_at is None
        else f"seen {formatting.utc(worker.seen_at)}"
    )
    if worker.is_alive:
        yield "alive", sign, ""
    else:
        yield "gone", f"{sign}; it ended, or the others take over what it had begun", "yellow"
    live = ", ".join(f"{name} {formatting.count(count)}" for name, count in worker.live.items())
    yield "calls", f"under way: {live}" if live else "none under way", ""


def _lines(status: "CampaignStatus") -> Lines:
    counts, holds = status.counts, status.holds
    yield "campaign", status.campaign + (" (simulated)" if holds.simulated else ""), "bold"
    yield from _holds(holds)
    yield from _faults(status.faults)
    if status.hours_notice is not None:
        yield "hours", status.hours_notice, "yellow"
    for each in status.in_part:
        yield "unread", str(each), "yellow"
    yield "jobs", formatting.jobs(counts.jobs) or "none", ""
    yield "outcomes", formatting.counts(counts.outcomes) or "none yet", ""
    pace = (
        f"{formatting.count(counts.calls)} made, {counts.live} live, {status.per_minute:g} in the last minute"
    )
    yield "calls", pace, ""
    if counts.uncertain:
        looked_for = "being looked for, since no answer said whether they made a call"
        yield "uncertain", f"{formatting.count(counts.uncertain)} {looked_for}", "yellow"
    yield from _money(status)
    yield from _canary(status)
    if holds.changes:
        changes = ", ".join(f"{name} = {formatting.value(to)}" for name, to in holds.changes.items())
        yield "changed", f"{changes} ({formatting.by_whom(holds.changed_by)})", ""
    if status.left_s is not None:
        yield "left", f"about {formatting.span(status.left_s)} left at the current pace", ""
    if status.waiting:
        from dialer.cli.waiting_text import waiting_text

        yield "waiting", waiting_text(status.waiting, status.now, ZoneInfo(status.zone)), ""
    elif counts.next_due_at is not None:
        yield "next due", formatting.utc(counts.next_due_at), ""
    if counts.jobs.get(JobState.UNKNOWN, 0):
        yield (
            "unknown",
            "a call may have been made; not called again by themselves: `dialer resolve`",
            "yellow",
        )


def _failing(failing: "Sequence[WorkerFailure]") -> Lines:
    """What fails for all campaigns: said once."""
    if failing:
        yield "failing", "for all campaigns", "bold"
    for each in failing:
        part = each.failure
        yield each.worker, f"{part.why}; since {formatting.utc(part.since)}; {part.remedy}", "red"


def _holds(holds: "Holds") -> Lines:
    """Why nobody, or not everybody, may be called."""
    if holds.cancelled_by is not None:
        yield "cancelled", formatting.by_whom(holds.cancelled_by), "red"
    elif holds.paused is not None:
        yield "paused", formatting.by_whom(holds.paused_by), "yellow"
    elif holds.breaker.stop is not None:
        yield "stopped", f"{holds.breaker.stop.why}; {holds.breaker.stop.way_out}", "red"
    elif holds.held is not None:
        since = "" if holds.held_since is None else f"; since {formatting.utc(holds.held_since)}"
        until = "" if holds.held_until is None else f", until {formatting.utc(holds.held_until)}"
        yield "held", f"{holds.held}{since}{until}", "yellow"
    if holds.breaker.provider.until is not None:
        yield "breaker", f"all lines: {_rest(holds.breaker.provider)}", "yellow"
    for number, breaker in holds.lines.items():
        for rest in (breaker.flagged, breaker.provider):
            if rest.until is not None:
                yield "line", f"{number}: {_rest(rest)}", "yellow"


def _faults(faults: "Sequence[CampaignFault]") -> Lines:
    """What of the campaign fails, at which worker."""
    from dialer.app.campaign_status import remedy

    for each in faults:
        what = "failing" if each.part == "campaign" else each.part.replace("_", " ")
        times = f"since {formatting.utc(each.since)}, tried again at {formatting.utc(each.next_try_at)}"
        yield what, f"{each.why}; {times} by {each.worker}; {remedy(each.part)}", "red"


def _rest(rest: "Rest") -> str:
    if rest.trial is not None:
        return f"{rest.why}; its trial call is under way"
    return f"{rest.why}; rests until {formatting.utc(rest.until or 0.0)}, then one trial call decides"


def _money(status: "CampaignStatus") -> Lines:
    spent = status.holds.money
    if spent is None:
        return
    whole = f"{_usd(spent.spent_cents)}{_of(status.per_campaign_usd)} spent"
    today = f", today {_usd(spent.spent_today_cents)}{_of(status.per_day_usd)}"
    reserved = f", {_usd(spent.reserved_cents)} reserved for calls under way"
    yield "budget", whole + today + (reserved if spent.reserved_cents >= 0.5 else ""), ""


def _canary(status: "CampaignStatus") -> Lines:
    seen = status.canary
    if seen is not None:
        passed = "passed: " if status.canary_passed else ""
        text = (
            f"{passed}{seen.ended} of the first {status.canary_calls} calls have ended, {seen.failed} failed"
        )
        yield "canary", text, ""


def _usd(cents: float) -> str:
    return f"${cents / 100:,.2f}"


def _of(ceiling_usd: float | None) -> str:
    return "" if ceiling_usd is None else f" of ${ceiling_usd:,.2f}"
