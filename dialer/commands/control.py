"""What operators do to campaigns while they run or not: each act is one transaction of its own process.

A running campaign takes it up within a second: each claim looks at the ledger, and so does the campaign
itself, twice a second.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from dialer.adapters.ledger.reports.holds import holds_of
from dialer.adapters.ledger.store import SqlLedger
from dialer.adapters.system.clock import SystemClock
from dialer.app import campaign_control
from dialer.app.event_loop import run_on_loop
from dialer.app.ledger import open_ledger
from dialer.domain.calls import CampaignId
from dialer.domain.errors import BadInput
from dialer.domain.lifecycle import JobState
from dialer.ports.engine import Control, Operation
from dialer.settings import Loaded
from dialer.settings.problems import without_password

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stands:
    """What an operator wants to know of a campaign before and after an act."""

    control: Control
    """Before."""
    waiting: int
    """Open jobs that nobody is calling now."""
    live: int
    """Calls under way."""
    paused_by: Operation | None
    """Who has paused it, when and why."""


def look(loaded: Loaded, campaign: str) -> Stands:
    """Where it stands. Raises `BadInput` if there is no such campaign, `LedgerError`."""
    return on_campaign(loaded, campaign, _stands)


def pause(loaded: Loaded, campaign: str, who: str, reason: str) -> Stands:
    """Start no further call until `resume`. Raises `BadInput` (also if it was cancelled), `LedgerError`."""
    by = _by(who, reason)
    return _act(loaded, campaign, lambda ledger, it: campaign_control.pause(ledger, it, by))


def resume(loaded: Loaded, campaign: str, who: str, reason: str) -> Stands:
    """Take a pause back, or what a rule stopped it for; else nothing is recorded. Raises as `pause`."""
    by = _by(who, reason)
    return _act(loaded, campaign, lambda ledger, it: campaign_control.resume(ledger, it, by))


def cancel(loaded: Loaded, campaign: str, who: str, reason: str) -> int:
    """Call nobody any more and close the open jobs; how many were closed. Again: closes what came since.

    Raises `BadInput` if there is no such campaign, `LedgerError`.
    """
    by = _by(who, reason)
    return on_campaign(loaded, campaign, lambda ledger, it: campaign_control.cancel(ledger, it, by))


def change(
    loaded: Loaded,
    campaign: str,
    changes: Mapping[str, Any],
    who: str,
    reason: str,
    *,
    unset: Collection[str] = (),
) -> Stands:
    """Let these settings hold from now on, for this campaign only, and those of `unset` as configured.

    Raises `BadInput`, also if they do not fit the other settings, and `LedgerError`.
    """
    by, settings = _by(who, reason), loaded.settings
    return _act(
        loaded,
        campaign,
        lambda ledger, it: campaign_control.change(ledger, settings, it, changes, by, unset=unset),
    )


def on_campaign(loaded: Loaded, campaign: str, ask: Callable[[SqlLedger, CampaignId], Awaitable[T]]) -> T:
    """Ask the ledger about a campaign, by its name."""

    async def main() -> T:
        async with open_ledger(loaded.settings, dispatches=False) as ledger:
            known = await ledger.campaigns()
            if campaign not in known:
                there = ", ".join(known) or "none yet"
                url = without_password(loaded.settings.ledger.url)
                raise BadInput(f"ledger {url} has no campaign {campaign!r}; it has: {there}")
            return await ask(ledger, known[campaign])

    return run_on_loop(main)


def _act(loaded: Loaded, campaign: str, act: Callable[[SqlLedger, CampaignId], Awaitable[None]]) -> Stands:
    async def main(ledger: SqlLedger, it: CampaignId) -> Stands:
        before = await _stands(ledger, it)
        await act(ledger, it)
        return before

    return on_campaign(loaded, campaign, main)


async def _stands(ledger: SqlLedger, campaign_id: CampaignId) -> Stands:
    counts, control = await ledger.counts(campaign_id), await ledger.control(campaign_id)
    paused_by = None
    if control.paused is not None:
        holds = await ledger.ask(lambda conn: holds_of(conn, [campaign_id]))
        paused_by = holds[campaign_id].paused_by
    return Stands(control, counts.jobs[JobState.OPEN], counts.live, paused_by)


def _by(who: str, reason: str) -> Operation:
    return Operation(who, SystemClock().now(), reason)
