"""`dialer check`: what a run would do with a list, before anybody is called."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from dialer.cli import flags, formatting
from dialer.cli.run_options import parse_start
from dialer.domain.errors import BadInput
from dialer.domain.results import rfc3339

if TYPE_CHECKING:
    from dialer.commands.check import CheckReport
    from dialer.domain.forecast import Later
    from dialer.settings import Loaded

LATER_SHOWN_MAX = 20
NEVER_SHOWN_MAX = 20
PLACES_SHOWN_MAX = 4
Lines = Iterator[tuple[str, str, str]]
"""Label, text and style of each line."""

Leads = Annotated[Path, typer.Argument(metavar="LEADS", show_default=False, help="CSV file to look at.")]
At = Annotated[
    str | None,
    typer.Option("--at", metavar="ISO", help="As if it began then, such as 2026-11-28T09:00; else now."),
]


def check(
    leads: Leads,
    at: At = None,
    from_numbers: flags.From = None,
    cps: flags.Cps = None,
    slots: flags.Slots = None,
    region: flags.Region = None,
    encoding: flags.Encoding = None,
    ignore_column: flags.IgnoreColumn = None,
    ledger: flags.Ledger = None,
    config: flags.Config = None,
    secrets_dir: flags.SecretsDir = None,
    json: flags.Json = False,
) -> None:
    """Read LEADS as run would, call nobody, and say who would be called when.

    It shows how many may be called now, how many at a later time and where,
    how many never and why, and what is wrong with the list. Exit code 2 if
    no row can be called.

    Examples

      dialer check leads.csv
      dialer check leads.csv --config spring.toml --at 2026-11-28T09:00
      dialer check leads.csv --region US --json
    """
    from dialer.commands.check import check_leads

    given = {
        "from_numbers": from_numbers,
        "pace.cps": cps,
        "pace.slots": slots,
        "intake.region": region,
        "intake.encoding": encoding,
        "intake.ignore_columns": ignore_column,
        "ledger.url": ledger,
    }
    loaded = flags.settings(config, secrets_dir, given)
    zone = loaded.settings.campaign.timezone
    _print(check_leads(loaded, leads, at=None if at is None else parse_start(at, zone, "--at")), json)


def _print(report: "CheckReport", json: bool) -> None:
    if json:
        formatting.echo_json(_as_dict(report))
    else:
        formatting.print_aligned(report_lines(report))
    if not report.people:
        raise BadInput(f"{report.leads}: no row can be called")


def report_lines(report: "CheckReport") -> Lines:
    """The report, for people."""
    intake = report.intake
    yield "leads", str(report.leads), "bold"
    yield "rows", f"{formatting.count(intake.rows)}, {formatting.count(intake.rejected)} rejected", ""
    yield "to call", formatting.count(report.people), ""
    if report.encoding == "cp1252" and not report.is_told:
        yield "encoding", "cp1252, by its letters: likely, not certain; --encoding decides", "yellow"
    for name, looks in report.unclear.items():
        yield "column", formatting.unclear_column(name, looks), "yellow"
    if report.hours_notice is not None:
        yield "hours", report.hours_notice, "yellow"
    yield from _when_lines(report)
    yield from _never_lines(report)
    if report.from_numbers:
        yield "from", ", ".join(report.from_numbers), ""
    else:
        yield "from", "none set: run needs --from, unless each row has its from_number", "yellow"
    yield (
        "pace",
        f"{report.cps:g} a second, {report.slots} at once: {formatting.span(report.pace_s)} or more",
        "",
    )
    if report.calls_today_max is not None:
        yield "lines", f"together at most {formatting.count(report.calls_today_max)} calls today", ""
    yield "data", "; ".join(each.text for each in report.data), "dim"
    for each in report.data:
        if warning := each.warning(report.at):
            yield "", warning, "yellow"
    if report.rejected:
        yield "rejected", formatting.counts(report.rejected), "yellow"
    for row in report.first_rejects:
        yield f"line {row.line}", row.reason, ""
    if (more := intake.rejected - len(report.first_rejects)) > 0:
        yield "", f"and {formatting.count(more)} more; run writes all of them to the rejects file", "dim"


def _when_lines(report: "CheckReport") -> Lines:
    """`now 612`, then `09:00 in Denver, Boise`, soonest first."""
    yield "now", formatting.count(report.forecast.now), ""
    moments = list(_moments(report))
    for people, when in moments[:LATER_SHOWN_MAX]:
        yield "later", f"{formatting.count(people)} {when}", ""
    if more := sum(people for people, _ in moments[LATER_SHOWN_MAX:]):
        yield "", f"and {formatting.count(more)} later still; --json tells all", "dim"


def _moments(report: "CheckReport") -> Iterator[tuple[int, str]]:
    """How many at a moment, and where it is what time; places with the same clock stand together."""
    found = sorted(report.forecast.later.items(), key=lambda item: _order(item[0]))
    for (_, _, rule), group in groupby(found, key=lambda item: _order(item[0])[:3]):
        some = list(group)
        first = some[0][0]
        places = _places(each.zones for each, _ in some)
        clock = formatting.moment(
            first.at, report.at, ZoneInfo(first.zones[0]) if first.zones else ZoneInfo("UTC")
        )
        when = f"at {clock} in {places}" if first.zones else f"from {clock} UTC"
        yield sum(people for _, people in some), when if rule == "hours" else f"{when} ({rule})"


def _order(later: "Later") -> tuple[float, timedelta, str, int]:
    """By the moment, then by the clock there, the places of most people first."""
    zone = ZoneInfo(later.zones[0]) if later.zones else ZoneInfo("UTC")
    offset = datetime.fromtimestamp(later.at, zone).utcoffset() or timedelta()
    return later.at, offset, later.rule if later.zones else f"{later.rule} ", len(later.zones)


def _places(of: Iterable[tuple[str, ...]]) -> str:
    """`Denver, Adak (or Anchorage) and 3 more places`: the time is that of the first where they may be."""
    names = []
    for zones in of:
        first, *others = (zone.rpartition("/")[2].replace("_", " ") for zone in zones or ("",))
        names.append(f"{first} (or {', '.join(others)})" if others else first)
    more = len(names) - PLACES_SHOWN_MAX
    return ", ".join(names[:PLACES_SHOWN_MAX]) + (f" and {more} more places" if more > 0 else "")


def _never_lines(report: "CheckReport") -> Lines:
    reasons = report.forecast.never.most_common()
    for never, people in reasons[:NEVER_SHOWN_MAX]:
        yield "never", f"{formatting.count(people)}: {never.why}", "yellow"
    if more := sum(people for _, people in reasons[NEVER_SHOWN_MAX:]):
        yield "", f"and {formatting.count(more)} never for other reasons; --json tells all", "dim"


def _as_dict(report: "CheckReport") -> dict[str, Any]:
    first = [{"line": row.line, "code": row.code, "reason": row.reason} for row in report.first_rejects]
    forecast = report.forecast
    return {
        "leads": str(report.leads),
        "at": rfc3339(report.at),
        "rows": report.intake.rows,
        "to_call": report.people,
        "now": forecast.now,
        "later": [
            {"at": rfc3339(each.at), "zones": list(each.zones), "rule": each.rule, "people": people}
            for each, people in sorted(forecast.later.items(), key=lambda item: (item[0].at, item[0].zones))
        ],
        "never": [
            {"rule": each.rule, "why": each.why, "people": people}
            for each, people in forecast.never.most_common()
        ],
        "rejected": report.intake.rejected,
        "rejected_by_code": dict(report.rejected),
        "first_rejected": first,
        "encoding": report.encoding,
        "encoding_found": not report.is_told,
        "columns_not_understood": {name: str(looks) for name, looks in report.unclear.items()},
        "hours": report.hours,
        "from_numbers": list(report.from_numbers),
        "calls_today_max": report.calls_today_max,
        "cps": report.cps,
        "slots": report.slots,
        "pace_s": report.pace_s,
        "data": [
            {"name": each.name, "version": each.version, "warning": each.warning(report.at)}
            for each in report.data
        ],
        "ledger": report.ledger,
    }


def show_before_asking(loaded: "Loaded", leads: Path) -> None:
    """The same on stderr, right before somebody is asked whether real calls are meant."""
    from dialer.commands.check import check_leads

    formatting.print_aligned(report_lines(check_leads(loaded, leads)), err=True)
