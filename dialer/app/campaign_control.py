"""What operators do to campaigns, on an open ledger: each act is one transaction, with who, when and why."""

from collections.abc import Collection, Mapping
from functools import partial
from math import inf
from typing import Any

import anyio

from dialer.adapters.ledger.operators import campaigns
from dialer.adapters.ledger.store import SqlLedger
from dialer.adapters.system.clock import SystemClock
from dialer.domain.calls import CampaignId
from dialer.domain.errors import BadInput
from dialer.ports.engine import Operation
from dialer.settings import Settings


async def pause(ledger: SqlLedger, campaign_id: CampaignId, by: Operation) -> None:
    """Start no further call until `resume`; a second pause keeps the first reason.

    Raises `BadInput` if it was cancelled.
    """
    await ledger.operate(lambda conn: campaigns.pause(conn, campaign_id, by))


async def resume(ledger: SqlLedger, campaign_id: CampaignId, by: Operation) -> None:
    """Take a pause back, or what a rule stopped it for, or leave what a run left to the service.

    Nothing is recorded if there was none of it.

    Raises `BadInput` if it was cancelled.
    """
    control = await ledger.control(campaign_id)
    held = (control.paused, control.stopped, control.run_by)
    if any(each is not None for each in held) or control.cancelled:
        await ledger.operate(lambda conn: campaigns.resume(conn, campaign_id, by))


async def cancel(
    ledger: SqlLedger, campaign_id: CampaignId, by: Operation, *, seconds_max: float = inf
) -> int:
    """Call nobody any more and close the open jobs; how many were closed. Again: closes what came since.

    After `seconds_max` those that are left stay open, but nobody claims them.
    """
    await ledger.operate(lambda conn: campaigns.cancel(conn, campaign_id, by))
    closed, end = 0, anyio.current_time() + seconds_max
    while anyio.current_time() < end:
        began, now = anyio.current_time(), SystemClock().now()
        some = await ledger.operate(partial(campaigns.cancel_some, campaign_id=campaign_id, now=now))
        if not some:
            break
        closed += some
        await anyio.sleep(anyio.current_time() - began)  # whoever dials writes in between
    return closed


async def change(
    ledger: SqlLedger,
    settings: Settings,
    campaign_id: CampaignId,
    changes: Mapping[str, Any],
    by: Operation,
    *,
    unset: Collection[str] = (),
) -> None:
    """Let these settings hold from now on, and those of `unset` as they are configured.

    Raises `BadInput` if the campaign would be held by it, if they do not fit the other settings, or if
    one of `unset` was not changed.
    """
    from dialer.app.change_check import (
        check_applies,
        from_anywhere,
    )  # the calendars, which no other act needs

    control = await ledger.control(campaign_id)
    if unknown := [name for name in unset if name not in control.changes]:
        there = ", ".join(control.changes) or "nothing"
        raise BadInput(f"{unknown[0]} was not changed with `dialer set`; what was: {there}")
    fixed = {name: from_anywhere(settings, name, value) for name, value in changes.items()}
    kept = {name: value for name, value in control.changes.items() if name not in unset}
    check_applies(settings, {**kept, **fixed}, by.at)
    await ledger.operate(lambda conn: campaigns.change(conn, campaign_id, fixed, by, unset=unset))
