"""`dialer why`: why a number was called, held or left alone."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from math import inf
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from dialer.cli import flags, formatting
from dialer.domain.errors import BadInput

if TYPE_CHECKING:
    from dialer.commands.why import Story

Number = Annotated[
    str,
    typer.Argument(metavar="NUMBER", show_default=False, help="As +12125550100, or as --region writes it."),
]
At = Annotated[
    str | None,
    typer.Option("--at", metavar="TIME", help="What held then: 2026-11-24T20:58 or 20:58, where they are."),
]
MINUTE_S = 60.0
_TIME_ALONE = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])(:([0-5][0-9]))?")


def why(
    number: Number,
    at: At = None,
    region: flags.Region = None,
    ledger: flags.Ledger = None,
    config: flags.Config = None,
    json: flags.Json = False,
) -> None:
    """Tell why a number was called, held or left alone, and by which clock.

    Every decision is in the ledger with the rule, what the rule was given and the
    time that it was asked with, in the callee's time and in UTC, beside the calls
    that came of it and what operators did. With --at only what held at that time:
    the callee's time if it names no zone, and if it names no date that of the day
    on which something was decided shortest before.

    Examples

      dialer why +12125550100
      dialer why +12125550100 --at 20:58
      dialer why +12125550100 --at 2026-11-24T01:58Z --json
    """
    from dialer.cli import why_text
    from dialer.cli.why_json import as_dict
    from dialer.commands.why import explain
    from dialer.settings.problems import without_password

    loaded = flags.settings(config, None, {"ledger.url": ledger, "intake.region": region})
    story = explain(loaded, number)
    moment = None if at is None else _moment(at, story)
    if json:
        formatting.echo_json(as_dict(story, moment))
    elif not story.entries and not story.history.jobs and story.history.suppressed is None:
        _say_unknown(story, without_password(loaded.settings.ledger.url))
    else:
        for line in why_text.whole(story) if moment is None else why_text.at_moment(story, moment):
            formatting.echo(line)


def _say_unknown(story: "Story", url: str) -> None:
    there = ", ".join(story.campaigns)
    known = f"Its campaigns: {there}" if there else "It has no campaign yet"
    formatting.echo(
        f"{story.number} is in no campaign of the ledger {url}, and not on its do-not-call list.",
        f"{known}. Another ledger is named with --ledger, a simulation's is simulated/dialer.db.",
        "A row that was refused is in the .rejects.csv beside the campaign's results.",
    )


def _moment(text: str, story: "Story") -> float:
    """Unix seconds; the whole minute where no second is given. Raises `BadInput`."""
    zone: tzinfo = ZoneInfo(story.place.zones[0]) if story.place.zones else UTC
    if (alone := _TIME_ALONE.fullmatch(text.strip())) is not None:
        return _on_the_best_day(alone, zone, story)
    try:
        given = datetime.fromisoformat(text.strip())
    except ValueError:
        raise BadInput(f"--at: {text!r} is no time such as 2026-11-24T20:58 or 20:58") from None
    if given.tzinfo is None:
        given = given.replace(tzinfo=zone)
    has_seconds = re.search(r"[0-9]:[0-9]{2}:[0-9]{2}", text) is not None
    return given.timestamp() + (0.999 if has_seconds else 59.999)


def _on_the_best_day(alone: re.Match[str], zone: tzinfo, story: "Story") -> float:
    """That time of the day on which something was decided shortest before it; of several the last day.

    It is never one that is still to come.
    """
    from dialer.commands.why import Decided

    def on_the_day_of(at: float) -> datetime:
        return datetime.fromtimestamp(at, zone).replace(
            hour=int(alone[1]), minute=int(alone[2]), second=int(alone[4] or 59), microsecond=999_000
        )

    if story.entries and any(job.simulated for job in story.history.jobs):
        now, best = inf, on_the_day_of(story.entries[0].at).timestamp()  # a clock of its own, which has ended
    else:
        now = story.now + MINUTE_S  # also the minute that is not over
        today = on_the_day_of(now)
        best = (today if today.timestamp() <= now else today - timedelta(days=1)).timestamp()
    shortest_s = inf
    for entry in [each for each in story.entries if isinstance(each, Decided)] or story.entries:
        then = on_the_day_of(entry.at)
        before_s = then.timestamp() - entry.at
        if 0 <= before_s <= shortest_s and then.timestamp() <= now:
            best, shortest_s = then.timestamp(), before_s
    return best
