"""Do a campaign's results log and the ledger know the same? Asked before anybody is called."""

from pathlib import Path

from dialer.adapters.sinks.jsonl import last_file, last_known
from dialer.domain.calls import CampaignId
from dialer.domain.errors import BadInput
from dialer.ports.engine import Ledger


async def check_log(ledger: Ledger, campaign_id: CampaignId, path: Path) -> None:
    """Raise `BadInput` if the log's last line is not the ledger's line of that number.

    Then one of the two went backwards, or they never belonged together: a ledger that was restored from an
    older copy does not know whom it called since. A log that lost its end is no such case.
    Of one that was moved away the line is asked for that was kept beside it.
    """
    last = last_known(path)
    if last is None or last in await ledger.results_after(campaign_id, last.seq - 1, 1):
        return
    raise BadInput(
        f"results log {path} ends with a line {last.seq} that this ledger does not have: the ledger is an "
        "older copy, or the log belongs to another ledger. An older copy does not know who was called since "
        "it was made: put the newest ledger back. Else give this campaign another --results or --campaign, "
        f"or move the log away together with {last_file(path).name}"
    )
