"""What campaigns ask of the account that they dial on: pace, slots, and who else dials.

One way, two implementations: `local.LocalCapacity` counts in memory, for a process that has the account to
itself; `shared.Crew` counts in the ledger, together with all who share it.
"""

from collections.abc import Collection
from typing import Protocol

from dialer.domain.calls import Attempt, CampaignId
from dialer.domain.errors import AccountBlocked
from dialer.engine.account_gate import AccountGate
from dialer.engine.attempts.tracking import Tracker
from dialer.engine.capacity.slots import Slots
from dialer.engine.events import Observe
from dialer.ports.sharing import Limits


class Campaigns(Protocol):
    """What a capacity asks of this process's campaigns."""

    async def take_over(self, attempts: list[Attempt]) -> None:
        """Go on with what others left open."""
        ...

    async def attend(self, attempts: list[Attempt]) -> None:
        """Hear how these calls end, which others placed."""
        ...

    def news(self, of: Collection[CampaignId] | None) -> None:
        """The ledger may hold work of these campaigns; None: of any."""
        ...

    def has_room(self) -> None:
        """A place may be free for whichever of them waits for one."""
        ...

    def refused(self, error: AccountBlocked) -> None:
        """The API refuses the account for certain."""
        ...


class Bounds(Protocol):
    """What a campaign's configuration says of pace and calls at once."""

    @property
    def cps(self) -> float: ...
    @property
    def slots(self) -> int: ...
    @property
    def recover_s(self) -> float: ...
    @property
    def use_paid_burst(self) -> bool: ...


class Capacity(Protocol):
    """The account, as the campaigns of one process see it."""

    @property
    def tracker(self) -> Tracker:
        """Hears how the process's calls end."""
        ...

    @property
    def gate(self) -> AccountGate:
        """Whether the API takes the account."""
        ...

    def slots(self, bounds: Bounds, observe: Observe) -> Slots:
        """A campaign's slots in this process."""
        ...

    def change(self, slots: Slots, bounds: Bounds) -> None:
        """From now on these bounds hold for the campaign that has these slots."""
        ...

    def limits(self) -> Limits | None:
        """The bounds that a claim keeps to in the ledger; None: slots and pace of this process hold them."""
        ...

    async def leave(self, attempt: Attempt) -> Attempt:
        """Wait, right before a request leaves, until it may as far as others go; with the place that it has
        by then. Raises `CallNotStarted` if that takes too long, and `TakenOver`."""
        ...

    def is_full(self) -> None:
        """The account refused a call for want of room."""
        ...

    def held(self, wait_s: float) -> None:
        """The API holds up a campaign's requests for so long."""
        ...

    def has_room(self) -> None:
        """A call has ended, or a request was answered: any campaign may get the place."""
        ...

    async def is_done_with(self, campaign_id: CampaignId) -> bool:
        """Whether no other process has a call of the campaign under way."""
        ...

    async def begin(self, campaigns: Campaigns) -> None:
        """Before anything is claimed: tell others, take up what an earlier process left.

        Raises `LedgerError`.
        """
        ...

    async def look(self) -> None:
        """Ask once what the account allows; what was known of it holds until it answers."""
        ...

    async def run(self, campaigns: Campaigns) -> None:
        """Keep tracking and slots going, for ever, from `begin` on. Raises `LedgerError`."""
        ...

    async def sign_off(self) -> None:
        """What is open is anybody's from now on."""
        ...
