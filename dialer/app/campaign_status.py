"""Where a campaign stands and what holds it, as the ledger has it: for people and for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from dialer.adapters.ledger.operators.campaign_faults import faults_of
from dialer.adapters.ledger.reports.counts import counts_of, readings_in_part, speeds_of
from dialer.adapters.ledger.reports.failing import failing_parts
from dialer.adapters.ledger.reports.holds import Holds, first_outcomes, holds_of
from dialer.adapters.ledger.reports.waiting import waiting_of
from dialer.adapters.ledger.store import SqlLedger
from dialer.adapters.system.clock import SystemClock
from dialer.domain.balance import ReadInPart
from dialer.domain.calls import CampaignId
from dialer.domain.canary import CanaryFacts, CanaryRule
from dialer.domain.errors import BadInput
from dialer.domain.gates import Go
from dialer.domain.lifecycle import JobState
from dialer.domain.resting import Rest
from dialer.domain.results import rfc3339
from dialer.domain.service_parts import WorkerFailure
from dialer.domain.waiting import Waiting
from dialer.engine.events import CampaignPart
from dialer.ports.engine import CampaignCounts, Operation, Speed
from dialer.ports.sharing import CampaignFault
from dialer.settings import Settings
from dialer.settings.contact import hours_notice
from dialer.settings.live import with_changes
from dialer.settings.rules import canary_rule
from dialer.web import documents


@dataclass(frozen=True, slots=True)
class CampaignStatus:
    """Where a campaign stands, as the ledger has it."""

    campaign: str
    counts: CampaignCounts
    per_minute: float
    """Attempts claimed in the last minute."""
    left_s: float | None
    """Seconds until the open jobs are final, at the speed of the last ten minutes; None: not known."""
    holds: Holds
    per_campaign_usd: float | None = None
    per_day_usd: float | None = None
    """Ceilings, where these settings have one."""
    canary_calls: int = 0
    canary: CanaryFacts | None = None
    """Where these settings send calls first."""
    canary_passed: bool = False
    hours_notice: str | None = None
    """What is to be said of calling hours that these settings take off."""
    faults: Sequence[CampaignFault] = ()
    in_part: Sequence[ReadInPart] = ()
    """Lists that were not read to their end."""
    waiting: Sequence[Waiting] = ()
    """Who is not called now, for what they wait and until when."""
    now: float = 0.0
    """Unix seconds: when the ledger was asked."""
    zone: str = "UTC"
    """The campaign's."""
    failing: Sequence[WorkerFailure] = ()
    """What fails now for all campaigns of the ledger, at which worker."""


async def statuses_of(
    ledger: SqlLedger, settings: Settings, asked: Mapping[str, CampaignId]
) -> list[CampaignStatus]:
    """Where each of them stands, in their order, of one moment. Raises `LedgerError`."""
    now = SystemClock().now()

    def read(conn: sa.Connection) -> list[CampaignStatus]:
        ids = [*asked.values()]
        counts, speeds, held = counts_of(conn, ids), speeds_of(conn, ids, now), holds_of(conn, ids)
        in_part, waiting = readings_in_part(conn, ids), waiting_of(conn, ids, now)
        failing = failing_parts(conn, now)
        found: list[CampaignStatus] = []
        faults = faults_of(conn, ids, now)
        for name, each in asked.items():
            own = _in_force(settings, held[each].changes)
            rule = canary_rule(own.canary)
            first = None if rule is None else rule.count(first_outcomes(conn, each, rule.calls))
            status = _status(name, own, counts[each], speeds[each], held[each], first)
            status = replace(status, faults=faults[each], in_part=in_part[each], failing=failing)
            found.append(replace(status, waiting=waiting[each], now=now, zone=own.campaign.timezone))
        return found

    return await ledger.ask(read)


def _status(
    name: str,
    settings: Settings,
    counts: CampaignCounts,
    speed: Speed,
    held: Holds,
    canary: CanaryFacts | None,
) -> CampaignStatus:
    """`settings`: with what was changed for this campaign."""
    final_per_s = speed.final_in_10_minutes / 600
    open_jobs = counts.open_jobs
    return CampaignStatus(
        name,
        counts,
        float(speed.claimed_in_a_minute),
        open_jobs / final_per_s if open_jobs and final_per_s else None,
        held,
        settings.budget.per_campaign_usd,
        settings.budget.per_day_usd,
        settings.canary.calls,
        canary,
        held.canary_passed or (canary is not None and _has_passed(canary_rule(settings.canary), canary)),
        hours_notice(settings.rules),
    )


def _has_passed(rule: CanaryRule | None, canary: CanaryFacts) -> bool:
    return rule is not None and canary.ended >= rule.calls and isinstance(rule.judge(canary), Go)


def _in_force(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """With what was changed for one campaign, as far as it fits these settings: they may not be the run's."""
    if not changes:
        return settings
    try:
        return with_changes(settings, changes)
    except BadInput:
        return settings


def document_of(status: CampaignStatus) -> documents.Campaign:
    """The same for programs."""
    counts, held = status.counts, status.holds
    stop, seen = held.breaker.stop, status.canary
    return documents.Campaign(
        campaign=status.campaign,
        simulated=held.simulated,
        jobs={state: counts.jobs.get(state, 0) for state in JobState},
        outcomes=dict(counts.outcomes),
        attempts=counts.attempts,
        calls=counts.calls,
        live=counts.live,
        uncertain=counts.uncertain,
        per_minute=status.per_minute,
        left_s=status.left_s,
        next_due_at=rfc3339(counts.next_due_at),
        hours_notice=status.hours_notice,
        read_in_part=tuple(
            documents.ReadInPart(source=each.source, rows=each.rows, rows_not_read=each.unread)
            for each in status.in_part
        ),
        waiting=tuple(map(_waiting, status.waiting)),
        paused=_act(held.paused_by),
        cancelled=_act(held.cancelled_by),
        stopped=None if stop is None else documents.Stop(why=stop.why, way_out=stop.way_out),
        held=_hold(held),
        faults=tuple(map(_fault, status.faults)),
        failing=tuple(_failing(each) for each in status.failing),
        changes=dict(held.changes),
        breakers=_breakers(held),
        budget=_budget(status),
        canary=None
        if seen is None
        else documents.CanaryState(
            calls=status.canary_calls,
            started=seen.started,
            ended=seen.ended,
            failed=seen.failed,
            passed=status.canary_passed,
        ),
    )


def remedy(part: str) -> str:
    """What an operator can do about such a fault."""
    if part == CampaignPart.RESULTS_LOG:
        return (
            "calls go on; let the results log be written (its folder, permissions, room on the disk), "
            "then it catches up by itself"
        )
    return "nobody of it is called; correct what is named here, then it goes on by itself"


def _fault(fault: CampaignFault) -> documents.Fault:
    return documents.Fault(
        part=fault.part,
        why=fault.why,
        since=rfc3339(fault.since),
        next_try_at=rfc3339(fault.next_try_at),
        remedy=remedy(fault.part),
        worker=fault.worker,
    )


def _waiting(each: Waiting) -> documents.Waiting:
    return documents.Waiting(
        rule=each.rule,
        why=each.what,
        zones=each.zones,
        people=each.people,
        first_due_at=rfc3339(each.first_at),
    )


def _act(act: Operation | None) -> documents.Act | None:
    return None if act is None else documents.Act(by=act.who, since=rfc3339(act.at), reason=act.reason)


def _failing(at: WorkerFailure) -> documents.FailingPart:
    part, since = at.failure, rfc3339(at.failure.since)
    return documents.FailingPart(
        worker=at.worker, part=part.part.value, why=part.why, remedy=part.remedy, since=since
    )


def _hold(held: Holds) -> documents.Hold | None:
    if not held.held:
        return None
    return documents.Hold(why=held.held, since=rfc3339(held.held_since), until=rfc3339(held.held_until))


def _breakers(held: Holds) -> documents.BreakerStates:
    return documents.BreakerStates(
        provider=_rest(held.breaker.provider),
        configuration_faults_in_a_row=held.breaker.faults,
        refused_in_a_row=held.breaker.refused_in_a_row,
        lines={
            number: documents.LineRests(flagged=_rest(line.flagged), provider=_rest(line.provider))
            for number, line in held.lines.items()
        },
    )


def _rest(rest: Rest) -> documents.Rest:
    rests = rest.until is not None
    return documents.Rest(
        rests=rests,
        until=rfc3339(rest.until),
        since=rfc3339(rest.since) if rests else None,
        why=rest.why,
        trial=rest.trial,
        failures_in_a_row=rest.failures,
    )


def _usd(cents: float) -> float:
    """Sums of cents have a rest far behind the point, and may have it below zero."""
    return round(cents / 100, 6) + 0.0


def _budget(status: CampaignStatus) -> documents.BudgetUse | None:
    spent = status.holds.money
    if spent is None:
        return None
    return documents.BudgetUse(
        spent_usd=_usd(spent.spent_cents),
        reserved_usd=_usd(spent.reserved_cents),
        spent_today_usd=_usd(spent.spent_today_cents),
        reserved_today_usd=_usd(spent.reserved_today_cents),
        per_campaign_usd=status.per_campaign_usd,
        per_day_usd=status.per_day_usd,
    )
