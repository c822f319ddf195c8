"""What the HTTP API asks of whoever keeps the campaigns."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from dialer.domain.rights import Grant
from dialer.web.documents import Acted, Campaign, CampaignPage, Job, SubmittedJob, Workers


class NoSuchThing(Exception):
    """There is no such campaign or job: the message says which."""


class NotAcceptable(Exception):
    """What is asked for cannot be had from anybody: the message says why and the way out."""


class NotAsItStands(Exception):
    """It cannot be done as the campaign stands now."""


class NotNow(Exception):
    """Nothing of it was done; later it may be. `after_s`: in so many seconds."""

    def __init__(self, message: str, after_s: float) -> None:
        super().__init__(message)
        self.after_s = after_s


class FrontDesk(Protocol):
    """Every method may raise `LedgerError`, and `NotNow`: then nothing that it was asked for is done.

    `shows_numbers`: whether who asks may see people's numbers. `who`: for the record. `grant`: what who asks
    may do besides; where one campaign is named, it was asked already whether it may be.
    """

    async def submit(self, items: Sequence[object], grant: Grant) -> Sequence[SubmittedJob]:
        """Take jobs in; one answer for each, in order. Those taken are in the ledger when it returns.

        The items of one campaign are taken all together or not at all; the same items again are the same
        work once.
        """
        ...

    async def campaigns(
        self, after: str | None, count_max: int, grant: Grant, *, shows_numbers: bool
    ) -> CampaignPage:
        """From behind that campaign on. Raises `NoSuchThing` if there is none of that name."""
        ...

    async def campaign(self, name: str, *, shows_numbers: bool) -> Campaign:
        """Raises `NoSuchThing`."""
        ...

    async def workers(self, grant: Grant) -> Workers:
        """Which dial from the ledger, and what each is doing."""
        ...

    async def jobs(
        self, job_id: str, campaign: str | None, grant: Grant, *, shows_numbers: bool
    ) -> Sequence[Job]:
        """In one campaign, or in all. Raises `NoSuchThing`, also if no campaign has the job."""
        ...

    async def pause(self, name: str, who: str, reason: str) -> Acted:
        """Start no further call. Raises `NoSuchThing`, `NotAsItStands`."""
        ...

    async def resume(self, name: str, who: str, reason: str) -> Acted:
        """Take a pause back, or what a rule stopped it for. Raises `NoSuchThing`, `NotAsItStands`."""
        ...

    async def cancel(self, name: str, who: str, reason: str) -> Acted:
        """Call nobody any more, for good, and close the open jobs. Raises `NoSuchThing`."""
        ...

    async def change(
        self, name: str, changes: Mapping[str, Any], who: str, reason: str, grant: Grant
    ) -> Acted:
        """Let these settings hold. Raises `NoSuchThing`, `NotAcceptable`, `NotAsItStands`, `NotAllowed`."""
        ...
