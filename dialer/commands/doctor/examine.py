"""Would a campaign get anywhere with these settings, here, now? Nothing is changed and nobody is called.

Each check looks at one thing and says what it found. None raises and none knows of another.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import anyio

from dialer.commands.doctor.account import account
from dialer.commands.doctor.campaigns import calls, rules
from dialer.commands.doctor.findings import Finding, Mark
from dialer.commands.doctor.ledger import ledger
from dialer.commands.doctor.places import addresses, results
from dialer.commands.doctor.queues import publish, queue
from dialer.commands.doctor.workspace import workspace
from dialer.settings import Settings

CHECK_S_MAX = 15.0

CHECKS: Mapping[str, Callable[[Settings], Awaitable[Sequence[Finding]]]] = {
    "rules": rules,
    "calls": calls,
    "key": account,
    "account": workspace,
    "ledger": ledger,
    "queue": queue,
    "publish": publish,
    "results": results,
    "addresses": addresses,
}
"""By the name that is said when there was no answer in time."""


async def examine(settings: Settings) -> Sequence[Finding]:
    """What all checks found. One looks after the other, since one of them takes times."""
    found: list[Finding] = []
    for name, check in CHECKS.items():
        found += await _in_time(name, check(settings))
    return found


async def _in_time(name: str, looking: Awaitable[Sequence[Finding]]) -> Sequence[Finding]:
    with anyio.move_on_after(CHECK_S_MAX):
        return await looking
    return [Finding(name, Mark.BAD, f"no answer within {CHECK_S_MAX:g} s", passes=True)]
