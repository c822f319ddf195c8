"""What became of a campaign, at the end of a run: for people, and as JSON for programs."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from dialer.cli import exits, formatting
from dialer.domain.lifecycle import JobState
from dialer.domain.results import rfc3339

if TYPE_CHECKING:
    from dialer.app.run import Summary
    from dialer.app.simulation import Simulation
    from dialer.simulator.population import Population


def exit_code(summary: "Summary") -> int:
    """How `dialer run` ends."""
    if summary.account_refused:
        return exits.ACCOUNT_REFUSED
    if summary.interrupted:
        return exits.INTERRUPTED
    return exits.FAILED if summary.stopped else exits.DONE


def as_json(summary: "Summary", *, begins_anew: bool = False) -> bytes:
    """One JSON object; `next` is what to do about what is left."""
    intake, counts = summary.intake, summary.counts
    shown: dict[str, Any] = {
        "campaign": summary.campaign,
        "rows": intake.rows,
        "rejected": intake.rejected,
        "read_to_end": not summary.read_in_part,
        "rows_not_read": summary.unread,
        "jobs": {state.value: counts.jobs.get(state, 0) for state in JobState},
        "outcomes": dict(counts.outcomes),
        "attempts": counts.attempts,
        "calls": counts.calls,
        "calls_in_this_run": counts.calls - summary.calls_before,
        "seconds": round(summary.seconds, 3),
        "ledger": summary.ledger,
        "results": str(summary.results) if summary.results else None,
        "rejects": str(summary.rejects) if summary.rejects else None,
        "stopped": summary.stopped,
        "interrupted": summary.interrupted,
        "account_refused": summary.account_refused,
        "columns_not_understood": dict(summary.unclear),
        "hours_notice": summary.hours_notice,
        "waiting": [
            {
                "rule": each.rule,
                "zones": each.zones,
                "people": each.people,
                "first_due_at": rfc3339(each.first_at),
            }
            for each in summary.waiting
        ],
        "next": list(next_steps(summary, begins_anew=begins_anew)),
        "exit_code": exit_code(summary),
    }
    return formatting.as_json(shown)


def lines(
    summary: "Summary", simulation: "Simulation | None" = None, *, begins_anew: bool = False
) -> Iterator[tuple[str, str, str]]:
    """Label, text and style of each line, for people."""
    intake, counts = summary.intake, summary.counts
    yield "campaign", summary.campaign, "bold"
    rejected = f", {formatting.count(intake.rejected)} rejected" if intake.rejected else ""
    yield "rows", f"{formatting.count(intake.rows)}{rejected}", ""
    yield "jobs", formatting.jobs(counts.jobs) or "none", ""
    yield "outcomes", formatting.counts(counts.outcomes) or "none yet", ""
    yield "calls", _calls(summary, " simulated" if simulation else ""), ""
    if simulation and simulation.people:
        yield "people", f"simulated: {_shares(simulation.people)}", ""
    for name, looks in summary.unclear.items():
        yield "column", formatting.unclear_column(name, looks), "yellow"
    if summary.hours_notice is not None:
        yield "hours", summary.hours_notice, "yellow"
    yield "ledger", summary.ledger, ""
    if summary.results is not None:
        yield "results", str(summary.results), ""
    if summary.rejects is not None:
        yield "rejected", str(summary.rejects), ""
    if summary.stopped and not summary.interrupted:
        yield "stopped", summary.stopped, "red"
    from dialer.cli.waiting_text import waiting_text

    if waits := waiting_text(summary.waiting, summary.now, ZoneInfo(summary.zone)):
        yield "waiting", waits, ""
    for step in next_steps(summary, begins_anew=begins_anew):
        yield "next", step, "yellow"


def _shares(people: "Population") -> str:
    """Who was drawn, the most frequent first."""
    drawn = sorted(people.shares.items(), key=lambda share: -share[1])
    return ", ".join(f"{word} {share:.0%}" for word, share in drawn if share > 0)


def _calls(summary: "Summary", how: str) -> str:
    """All of the campaign, and those of this run beside its time."""
    made, now = summary.counts.calls, summary.counts.calls - summary.calls_before
    took = f"in {formatting.span(summary.seconds)}"
    if not summary.calls_before:
        return f"{formatting.count(made)}{how} {took}"
    return f"{formatting.count(made)}{how}, {formatting.count(now)} of them in this run, {took}"


def _unread(summary: "Summary") -> Iterator[str]:
    if summary.read_in_part:
        how_many = "an unknown number of" if summary.unread is None else formatting.count(summary.unread)
        yield f"{how_many} rows not read yet: run the same command again"


def next_steps(summary: "Summary", *, begins_anew: bool = False) -> Iterator[str]:
    """What to do about what is left; nothing if nothing is.

    `begins_anew`: the same command would not go on with this campaign; see `simulation.has_own_ledger`.
    """
    jobs = summary.counts.jobs
    still_open = jobs.get(JobState.OPEN, 0) + jobs.get(JobState.BUSY, 0)
    is_stopped = bool(summary.stopped and not summary.interrupted and summary.way_out)
    if is_stopped:
        yield summary.way_out
        if still_open:
            yield f"{formatting.count(still_open)} still open, until then"
        yield from _unread(summary)
    else:
        yield from _unread(summary)
    if still_open and not is_stopped:
        again = "each simulation starts fresh; pass --ledger FILE to keep one"
        go_on = again if begins_anew else "run the same command again to go on"
        yield f"{formatting.count(still_open)} still open: {go_on}"
    if unknown := jobs.get(JobState.UNKNOWN, 0):
        yield (
            f"{formatting.count(unknown)} unknown: a call may have been made and nobody could tell; "
            "they are not called again by themselves: `dialer resolve` lists them"
        )
    if summary.intake.rejected:
        mended = "" if begins_anew else ": only they are added"
        yield f"fix the rejected rows and run the same command again{mended}"
