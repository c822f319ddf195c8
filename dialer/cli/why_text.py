"""The story of a number as people read it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, assert_never
from zoneinfo import ZoneInfo

from dialer.cli import formatting
from dialer.commands.why import Acted, Closed, Decided, Entry, Held, Listed, Story, TakenIn, decided_at
from dialer.domain.decisions import Decision, Ruling
from dialer.domain.lifecycle import AttemptState, JobState

if TYPE_CHECKING:
    from dialer.adapters.ledger.reports.number_history import AttemptHistory, JobHistory

INDENT = " " * 6
NO_CALL_ID = {
    AttemptState.CLAIMED: "the request is on its way, or was when the dialer ended",
    AttemptState.UNCERTAIN: "not known whether one was made: it is being looked for",
    AttemptState.UNKNOWN: "not known whether one was made, and none was found",
}
"""What is to be said of a call before the API has named it."""
SHOWN_BY_NAME = frozenset(
    {"place", "hours", "hours_until", "counts", "gap_s", "last_rung_at", "has_live_call", "from_number"}
)
"""What a rule was given that has words of its own here; anything else is shown as it is."""


class Times:
    """Moments in the callee's time, with UTC beside it."""

    def __init__(self, zone: str | None) -> None:
        self._zone = None if zone is None else ZoneInfo(zone)

    def full(self, at: float) -> str:
        utc = f"{datetime.fromtimestamp(round(at, 3), UTC):%Y-%m-%d %H:%M:%S} UTC"
        return utc if self._zone is None else f"{self.short(at)}  ({utc})"

    def short(self, at: float) -> str:
        """In the callee's time alone."""
        there = datetime.fromtimestamp(round(at, 3), self._zone or UTC)
        return f"{there:%a %Y-%m-%d %H:%M:%S %Z}"


def whole(story: Story) -> Iterator[str]:
    """All that is known of the number, oldest first."""
    times = Times(story.place.zones[0] if story.place.zones else None)
    yield from _head(story, times)
    for entry in story.entries:
        yield ""
        yield from _entry(entry, times, story)
    if waiting := [each for each in story.history.jobs if each.state is JobState.OPEN]:
        yield ""
        for job in waiting:
            due_at = job.open_job.due_at
            when = f"again {times.full(due_at)}" if due_at > story.now else "as soon as somebody dials"
            yield f"now   {_named(job)} is open and is asked {when}"


def at_moment(story: Story, at: float) -> Iterator[str]:
    """What had been decided last at that time, and what came next."""
    times = Times(story.place.zones[0] if story.place.zones else None)
    yield from _head(story, times)
    held, following = decided_at(story, at)
    yield ""
    yield _bold(f"At {times.full(at)} this held:")
    for entry in held:
        yield ""
        yield from _entry(entry, times, story)
    if not held:
        yield f"{INDENT}nothing was known of this number yet"
    if following is not None:
        yield ""
        yield "next:"
        yield from _entry(following, times, story)


def _head(story: Story, times: Times) -> Iterator[str]:
    yield _bold(story.number)
    zones, regions = story.place.zones, story.place.regions
    if zones:
        yield f"  where        {', '.join(zones)}" + (f" ({', '.join(regions)})" if regions else "")
    else:
        yield "  where        not known: times are UTC"
    said = story.history.suppressed
    if said is not None:
        yield _red(f"  do-not-call  on the list: {said.reason} ({said.source}), since {times.full(said.at)}")
    elif not story.files:
        yield "  do-not-call  not on the list"
    for word in story.files:
        yield _red(f"  do-not-call  {word}")
    for job in story.history.jobs:
        outcome = "" if job.outcome is None or job.outcome == job.state else f" ({job.outcome})"
        tries = "1 attempt" if job.open_job.claims == 1 else f"{job.open_job.claims} attempts"
        yield f"  job          {_named(job)}: {job.state}{outcome}, {tries}"
    if any(job.simulated for job in story.history.jobs) and any(
        isinstance(entry, Acted) for entry in story.entries
    ):
        yield "  note         a simulation has a clock of its own; what operators did is by the real one"


def _entry(entry: Entry, times: Times, story: Story) -> Iterator[str]:
    yield times.full(entry.at)
    match entry:
        case TakenIn(job=job, again=again):
            yield f"  {'MET AGAIN' if again else 'TAKEN IN '} {_named(job)}, from {job.source}"
        case Held():
            until = "" if entry.decision.until is None else f", until {times.short(entry.decision.until)}"
            yield _yellow(f"  HELD      all of {entry.campaign}: {entry.decision.why}{until}")
            yield from _again(entry, times)
        case Acted():
            yield from _act(entry)
        case Listed(said=said):
            yield _red(f"  LISTED    do not call: {said.reason} ({said.source})")
        case Closed(job=job):
            outcome = "" if job.outcome is None or job.outcome == job.state else f": {job.outcome}"
            yield f"  CLOSED    {_named(job)} as {job.state}{outcome}"
        case Decided():
            yield from _decided(entry, times)
        case _:
            assert_never(entry)


def _decided(entry: Decided, times: Times) -> Iterator[str]:
    made, name = entry.decision, "a job" if entry.job is None else _named(entry.job)
    match made.verdict:
        case Ruling.DIAL:
            line = made.input.get("from_number")
            number = "" if entry.attempt is None else f", attempt {entry.attempt.number}"
            chosen = f" from {line}" + (f" ({made.why})" if made.why else "") if line else ""
            yield _green(f"  DIALLED   {name}{number}{chosen}")
        case Ruling.WAIT:
            until = "" if made.until is None else f" until {times.short(made.until)}"
            yield _yellow(f"  HELD      {name} by the rule {made.rule}{until}")
            yield f"{INDENT}because    {made.why or made.rule}"
        case Ruling.DROP:
            yield _red(f"  NEVER     {name} by the rule {made.rule}")
            yield f"{INDENT}because    {made.why}"
    yield from _given(made, times)
    yield from _again(entry, times)
    if entry.attempt is not None:
        yield from _attempt(entry.attempt, times)


def _given(made: Decision, times: Times) -> Iterator[str]:
    """What the rules were given."""
    seen = made.input
    for text in seen.get("hours", ()):
        yield f"{INDENT}hours      {text}"
    if (until := seen.get("hours_until")) is not None:
        yield f"{INDENT}           until {times.short(until)} a call may begin"
    if made.verdict is Ruling.DIAL and "hours" not in seen:
        yield f"{INDENT}hours      no calling hours were in force"
    if counts := seen.get("counts"):
        shown = ", ".join(f"{used} of {cap}" for cap, used in counts.items())
        yield f"{INDENT}caps       {shown}"
    if seen.get("gap_s"):
        yield f"{INDENT}gap        {formatting.span(seen['gap_s'])} between two attempts"
    if "last_rung_at" in seen:
        last = seen["last_rung_at"]
        yield f"{INDENT}last rung  {'never' if last is None else times.short(last)}"
    if seen.get("has_live_call"):
        yield f"{INDENT}live       a call to this number was under way"
    for key in sorted(seen.keys() - SHOWN_BY_NAME):
        value: Any = seen[key]
        yield f"{INDENT}{key:<10} {times.short(value) if key == 'since' else value}"


def _attempt(attempt: "AttemptHistory", times: Times) -> Iterator[str]:
    call = attempt.call_id or NO_CALL_ID.get(attempt.state, "none was made, as far as is known")
    yield f"{INDENT}call       {call}" + (
        f", placed {times.short(attempt.placed_at)}" if attempt.placed_at is not None else ""
    )
    if attempt.closed_at is None:
        what = "is not known: `dialer resolve`" if attempt.state is AttemptState.UNKNOWN else "is under way"
        yield f"{INDENT}end        {what}"
    else:
        reason = attempt.reason or attempt.status
        talk = "" if attempt.duration_s is None else f", {formatting.span(attempt.duration_s)}"
        cost = "" if attempt.cost_cents is None else f", ${attempt.cost_cents / 100:.2f}"
        because = f" ({reason})" if reason else ""
        ended = f"{attempt.outcome}{because}{talk}{cost}"
        yield f"{INDENT}end        {times.short(attempt.closed_at)}: {ended}"
    if attempt.error:
        yield f"{INDENT}error      {attempt.error}"
    if attempt.agent_id:
        yield f"{INDENT}agent      {attempt.agent_id}"
    yield f"{INDENT}attempt    {attempt.id}"


def _again(entry: Decided | Held, times: Times) -> Iterator[str]:
    if entry.times > 1:
        last = times.short(entry.last_at)
        yield f"{INDENT}again      {formatting.count(entry.times - 1)} times the same answer, the last {last}"


def _act(entry: Acted) -> Iterator[str]:
    reason = f": {entry.by.reason}" if entry.by.reason else ""
    what, detail = entry.command, entry.detail
    if what == "set":
        what = "set " + ", ".join(f"{key} = {formatting.value(to)}" for key, to in json.loads(detail).items())
    if what == "unset":
        what = f"set --unset {detail}"
    whom = f" ({entry.campaign})" if entry.campaign is not None else ""
    yield f"  OPERATOR  {entry.by.who}: {what}{whom}{reason}"
    if what == "dnc remove":
        yield f"{INDENT}it was on  {detail}"


def _named(job: "JobHistory") -> str:
    given = job.open_job.job
    line = "" if given.line is None else f" line {given.line}"
    return job.campaign + line + (f" (job {given.job_id})" if given.job_id else "")


def _bold(text: str) -> str:
    return formatting.styled(text, bold=True)


def _red(text: str) -> str:
    return formatting.styled(text, fg="red")


def _yellow(text: str) -> str:
    return formatting.styled(text, fg="yellow")


def _green(text: str) -> str:
    return formatting.styled(text, fg="green")
