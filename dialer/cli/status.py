"""`dialer status`: where campaigns stand, and what holds them."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dialer.cli import flags, words
from dialer.domain.lifecycle import JobState
from dialer.domain.results import rfc3339

if TYPE_CHECKING:
    from dialer.adapters.ledger.holds import Holds
    from dialer.domain.resting import Rest
    from dialer.inspection import CampaignStatus
    from dialer.ports import Operation

Lines = Iterator[tuple[str, str, str]]
"""Label, text and style of each line."""

OneOrAll = Annotated[str | None, typer.Argument(metavar="CAMPAIGN", help="One campaign; else all.")]


def status(
    campaign: OneOrAll = None,
    ledger: flags.Ledger = None,
    config: flags.Config = None,
    secrets_dir: flags.SecretsDir = None,
    json: flags.Json = False,
) -> None:
    """Show where campaigns stand and what holds them, also while they run.

    It only reads. A simulation has a ledger of its own, simulated/dialer.db.

    Examples

      dialer status
      dialer status spring --json
      dialer status --ledger simulated/dialer.db
    """
    from dialer.inspection import campaign_status
    from dialer.settings.problems import without_password

    loaded = flags.settings(config, secrets_dir, {"ledger.url": ledger})
    found = campaign_status(loaded, campaign)
    if json:
        typer.echo(words.as_json([_as_dict(each) for each in found]))
        return
    if not found:
        typer.echo(f"there is no campaign yet in {without_password(loaded.settings.ledger.url)}")
    for each in found:
        words.print_aligned(_lines(each))


def _lines(status: "CampaignStatus") -> Lines:
    counts, holds = status.counts, status.holds
    yield "campaign", status.campaign + (" (simulated)" if holds.simulated else ""), "bold"
    yield from _holds(holds)
    if status.hours_notice is not None:
        yield "hours", status.hours_notice, "yellow"
    yield "jobs", words.jobs(counts.jobs) or "none", ""
    yield "outcomes", words.counts(counts.outcomes) or "none yet", ""
    pace = f"{words.count(counts.calls)} made, {counts.live} live, {status.per_minute:g} in the last minute"
    yield "calls", pace, ""
    yield from _money(status)
    yield from _canary(status)
    if holds.changes:
        changes = ", ".join(f"{name} = {words.value(to)}" for name, to in holds.changes.items())
        yield "changed", f"{changes} ({_by(holds.changed_by)})", ""
    if status.left_s is not None:
        yield "left", f"about {words.span(status.left_s)}", ""
    if counts.next_due_at is not None:
        yield "next due", rfc3339(counts.next_due_at) or "", ""
    if counts.jobs.get(JobState.UNKNOWN, 0):
        yield "unknown", "a call may have been made; not called again by themselves", "yellow"


def _holds(holds: "Holds") -> Lines:
    """Why nobody, or not everybody, may be called."""
    if holds.cancelled_by is not None:
        yield "cancelled", _by(holds.cancelled_by), "red"
    elif holds.paused is not None:
        yield "paused", _by(holds.paused_by), "yellow"
    elif holds.breaker.stop is not None:
        yield "stopped", f"{holds.breaker.stop.why}; {holds.breaker.stop.way_out}", "red"
    elif holds.held is not None:
        since = "" if holds.held_since is None else f"; since {_time(holds.held_since)}"
        until = "" if holds.held_until is None else f", until {_time(holds.held_until)}"
        yield "held", f"{holds.held}{since}{until}", "yellow"
    if holds.breaker.provider.until is not None:
        yield "breaker", f"all lines: {_rest(holds.breaker.provider)}", "yellow"
    for number, breaker in holds.lines.items():
        for rest in (breaker.flagged, breaker.provider):
            if rest.until is not None:
                yield "line", f"{number}: {_rest(rest)}", "yellow"


def _rest(rest: "Rest") -> str:
    if rest.trial is not None:
        return f"{rest.why}; its trial call is under way"
    return f"{rest.why}; rests until {_time(rest.until or 0.0)}, then one trial call decides"


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


def _by(act: "Operation | None") -> str:
    if act is None:
        return "nobody knows by whom"
    return f"by {act.who}, since {_time(act.at)}" + (f": {act.reason}" if act.reason else "")


def _time(at: float) -> str:
    return f"{(rfc3339(at) or '')[:19].replace('T', ' ')} UTC"


def _as_dict(status: "CampaignStatus") -> dict[str, Any]:
    counts, holds = status.counts, status.holds
    return {
        "campaign": status.campaign,
        "simulated": holds.simulated,
        "jobs": {state.value: counts.jobs.get(state, 0) for state in JobState},
        "outcomes": dict(counts.outcomes),
        "attempts": counts.attempts,
        "calls": counts.calls,
        "live": counts.live,
        "per_minute": status.per_minute,
        "left_s": status.left_s,
        "next_due_at": rfc3339(counts.next_due_at),
        "hours_notice": status.hours_notice,
        "paused": _act(holds.paused_by),
        "cancelled": _act(holds.cancelled_by),
        "stopped": holds.breaker.stop
        and {
            "why": holds.breaker.stop.why,
            "way_out": holds.breaker.stop.way_out,
        },
        "held": holds.held
        and {
            "why": holds.held,
            "since": rfc3339(holds.held_since),
            "until": rfc3339(holds.held_until),
        },
        "changes": dict(holds.changes),
        "breakers": _breakers(holds),
        "budget": _budget(status),
        "canary": status.canary
        and {
            "calls": status.canary_calls,
            "started": status.canary.started,
            "ended": status.canary.ended,
            "failed": status.canary.failed,
            "passed": status.canary_passed,
        },
    }


def _act(act: "Operation | None") -> dict[str, Any] | None:
    return None if act is None else {"by": act.who, "since": rfc3339(act.at), "reason": act.reason}


def _breakers(holds: "Holds") -> dict[str, Any]:
    lines: Mapping[str, dict[str, Any]] = {
        number: {"flagged": _rest_dict(breaker.flagged), "provider": _rest_dict(breaker.provider)}
        for number, breaker in holds.lines.items()
    }
    return {
        "provider": _rest_dict(holds.breaker.provider),
        "configuration_faults_in_a_row": holds.breaker.faults,
        "refused_in_a_row": holds.breaker.refused_in_a_row,
        "lines": lines,
    }


def _rest_dict(rest: "Rest") -> dict[str, Any]:
    return {
        "rests": rest.until is not None,
        "until": rfc3339(rest.until),
        "since": rfc3339(rest.since) if rest.until is not None else None,
        "why": rest.why,
        "trial": rest.trial,
        "failures_in_a_row": rest.failures,
    }


def _budget(status: "CampaignStatus") -> dict[str, Any] | None:
    spent = status.holds.money
    if spent is None:
        return None
    return {
        "spent_usd": spent.spent_cents / 100,
        "reserved_usd": spent.reserved_cents / 100,
        "spent_today_usd": spent.spent_today_cents / 100,
        "reserved_today_usd": spent.reserved_today_cents / 100,
        "per_campaign_usd": status.per_campaign_usd,
        "per_day_usd": status.per_day_usd,
    }
