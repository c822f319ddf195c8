"""What operators do while a campaign runs, and what they may do to an unknown attempt."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from random import Random
from typing import Any

import anyio
import sqlalchemy as sa

from dialer.adapters.ledger.operators import campaigns, resolve
from dialer.adapters.ledger.store import SqlLedger, inline
from dialer.commands import resolve as commands
from dialer.domain.calls import AttemptId, CallId, CampaignId
from dialer.domain.errors import BadInput, CallError
from dialer.domain.suppression import Suppressed
from dialer.ports.engine import CallApi, Operation
from dialer.simulator.calls import Call

RESOLVE_AFTER_S = 1000.0
"""Nobody says that no call was made while its request may still be on its way."""


class What(StrEnum):
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    SUPPRESS = "dnc add"
    RESOLVE = "resolve"
    DENY = "resolve --not-called"
    SET = "set"


@dataclass(frozen=True, slots=True)
class Act:
    at: float
    """The loop's time."""
    what: What
    number: str = ""
    changes: tuple[tuple[str, Any], ...] = ()
    """Of `SET`, by the names of `CampaignConfig`."""


def draw_acts(chance: Random, numbers: Sequence[str], horizon_s: float, slots: int) -> tuple[Act, ...]:
    """What operators do in one run, in order; a pause ends."""
    acts: list[Act] = []
    for what in chance.choices(
        (What.PAUSE, What.SUPPRESS, What.RESOLVE, What.DENY, What.SET, What.CANCEL),
        (4, 6, 1, 3, 3, 0.3),
        k=chance.randint(1, 5),
    ):
        at = chance.uniform(0.0, horizon_s)
        match what:
            case What.PAUSE:
                acts += [Act(at, what), Act(at + chance.choice((5.0, 60.0, 900.0)), What.RESUME)]
            case What.SUPPRESS:
                many = min(len(numbers), chance.choice((1, 5, 20)))
                acts += [Act(at, what, number) for number in chance.sample(list(numbers), many)]
            case What.SET:
                cps, fewer = chance.choice((0.5, 2.0, 10.0)), max(1, slots // 2)
                acts.append(Act(at, what, changes=(("cps", cps), ("slots", chance.choice((slots, fewer))))))
            case What.DENY:
                acts += denials(at)
            case _:
                acts.append(Act(at, what))
    return tuple(sorted(acts, key=lambda act: act.at))


def denials(at: float) -> tuple[Act, ...]:
    """Again and again: each is a word only on attempts that are unknown just then."""
    return tuple(Act(at + after_s, What.DENY) for after_s in range(0, 600, 10))


def carry_out(conn: sa.Connection, name: str, act: Act, now: float, at: float, calls: Sequence[Call]) -> bool:
    """Do it, as `dialer pause` and its like do; False: there is no such campaign yet, or it is too late.

    `now`: the wall clock's; `at`: the loop's, as the calls have it.
    """
    by = Operation("operator", now, "simulated")
    with conn.begin():
        found = conn.execute(
            sa.select(campaigns.campaign.c.id, campaigns.campaign.c.cancelled_at).where(
                campaigns.campaign.c.name == name
            )
        ).one_or_none()
        if found is None or (found.cancelled_at is not None and act.what is not What.SUPPRESS):
            return False
        campaign_id = CampaignId(found.id)
        match act.what:
            case What.PAUSE:
                campaigns.pause(conn, campaign_id, by)
            case What.RESUME:
                campaigns.resume(conn, campaign_id, by)
            case What.CANCEL:
                campaigns.cancel(conn, campaign_id, by)
            case What.SUPPRESS:
                said = Suppressed(act.number, "operator", "", now)
                return campaigns.suppress(conn, said, by)
            case What.SET:
                campaigns.change(conn, campaign_id, dict(act.changes), by)
            case What.RESOLVE:
                _resolve(conn, now, at, calls)
            case What.DENY:
                pass  # what follows needs the API: see `deny`
    return True


async def deny(conn: sa.Connection, api: CallApi, now: float, at: float, calls: Sequence[Call]) -> bool:
    """Say of unknown attempts that they made no call, without a look in the dashboard: all of it is wrong.

    Only of those whose call the API lists by now: before, nobody can save the operator.
    """
    listed = {call.attempt_id for call in calls if call.listed_at <= at and call.status != "registered"}
    ledger, found = SqlLedger(partial(inline, conn)), False
    async with anyio.create_task_group() as writer:
        writer.start_soon(ledger.write)
        said = [each.id for each in await ledger.unknown_attempts() if each.id in listed]
        with suppress(BadInput, CallError):  # a process knows more by now, or nobody could be asked
            look = partial(commands.calls_of, api)
            found = bool(await commands.settle_not_called(ledger, look, said, "operator", now, force=False))
        writer.cancel_scope.cancel()
    return found


def _resolve(conn: sa.Connection, now: float, at: float, calls: Sequence[Call]) -> None:
    """Look in the dashboard, which shows every call, and say what is so."""
    made = {call.attempt_id: call for call in calls}
    for attempt in resolve.unknown_attempts(conn):
        call = made.get(attempt.id)
        if call is not None:
            resolve.resolve_called(conn, attempt.id, CallId(call.call_id), "operator", now)
        elif abs(now - attempt.last_sent_at) > RESOLVE_AFTER_S:
            resolve.resolve_not_called(conn, AttemptId(attempt.id), "operator", now)
