"""What the HTTP API asks, answered from the ledger: its front desk."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import anyio
import anyio.lowlevel

from dialer.adapters.ledger.reports.number_history import jobs_of_key
from dialer.adapters.ledger.schema.moved import is_moved
from dialer.adapters.ledger.store import SqlLedger
from dialer.adapters.rules.rules_file import SHIPPED
from dialer.adapters.sources.reject_codes import MessageFault
from dialer.adapters.system.clock import SystemClock
from dialer.app import campaign_control
from dialer.app.api_room import Room
from dialer.app.campaign_status import document_of, statuses_of
from dialer.app.job_documents import job_document, masked
from dialer.app.worker_status import worker_document, workers_of
from dialer.domain.calls import CallJob, CampaignId, Submitted
from dialer.domain.errors import BadInput, BadMessage, MovedAway, NotAllowed
from dialer.domain.rights import Grant, Right
from dialer.ports.engine import Added, AddedAs, Operation
from dialer.settings import Settings
from dialer.settings.contact import ALWAYS
from dialer.settings.grants import check_given
from dialer.settings.live import check_change
from dialer.settings.weaker import weaker_rules
from dialer.web import documents
from dialer.web.front_desk import NoSuchThing, NotAcceptable, NotAsItStands

READ_EACH = 50
"""Jobs that are read before others get the loop."""
CANCEL_S_MAX = 20.0
"""Seconds of closing open jobs before an answer; nobody claims what is left, and asking again closes it."""

MOVED = "the campaign was moved to another ledger: ask the service that works on that one"

Read = Callable[[Mapping[str, Any]], Submitted]
"""As `sources.messages.read_message`. Raises `BadMessage`."""
Submit = Callable[[str, Sequence[CallJob]], Awaitable[Sequence[Added]]]
"""Take jobs of a campaign in, all or none; one answer for each, in order.

Raises `BadInput` if the campaign takes none, and `LedgerError`.
"""


class LedgerDesk:
    """Fulfils `web.front_desk.FrontDesk`."""

    def __init__(
        self,
        questions: SqlLedger,
        orders: SqlLedger,
        settings: Callable[[], Settings],
        read: Read,
        submit: Submit,
    ) -> None:
        """`questions`, `orders`: the ledger, opened twice for this alone, so that a long question holds up
        neither a claim nor an order. `settings`: those of now.
        """
        self._questions = questions
        self._orders = orders
        self._settings = settings
        self._read = read
        self._submit = submit
        self._room = Room(orders, settings)

    async def submit(self, items: Sequence[object], grant: Grant) -> Sequence[documents.SubmittedJob]:
        await self._room.check()
        answers: dict[int, documents.SubmittedJob] = {}
        accepted: dict[str, dict[int, CallJob]] = {}
        for index, item in enumerate(items):
            try:
                campaign, job = self._one(item, grant)
                accepted.setdefault(campaign, {})[index] = job
            except BadMessage as bad:
                answers[index] = _refused(index, item, bad)
            if index % READ_EACH == READ_EACH - 1:
                await anyio.lowlevel.checkpoint()
        self._room.check_campaigns(accepted.keys(), grant)
        for campaign, jobs in accepted.items():
            answers.update(await self._take_in(campaign, jobs))
        return [answers[index] for index in range(len(items))]

    def _one(self, item: object, grant: Grant) -> tuple[str, CallJob]:
        if not isinstance(item, Mapping):
            raise BadMessage(MessageFault.NO_JSON, "a job must be a JSON object")
        submitted, settings = self._read(item), self._settings()
        campaign = submitted.campaign or settings.service.campaign
        check_given(grant, settings, campaign, submitted.job)
        return campaign, submitted.job

    async def _take_in(self, campaign: str, jobs: Mapping[int, CallJob]) -> dict[int, documents.SubmittedJob]:
        try:
            added = await self._submit(campaign, list(jobs.values()))
        except BadInput as error:  # the campaign is simulated, cancelled, or none of those that are served
            return {
                index: documents.SubmittedJob(
                    index=index,
                    status=422,
                    campaign=campaign,
                    job_id=job.job_id,
                    code=MessageFault.BAD_CAMPAIGN,
                    reason=_said(error),
                )
                for index, job in jobs.items()
            }
        return {
            index: _answer(index, campaign, job, how)
            for (index, job), how in zip(jobs.items(), added, strict=True)
        }

    async def campaigns(
        self, after: str | None, count_max: int, grant: Grant, *, shows_numbers: bool
    ) -> documents.CampaignPage:
        all_known = await self._questions.campaigns()
        known = {name: campaign_id for name, campaign_id in all_known.items() if grant.covers(name)}
        names = list(known)
        if after is not None and after not in known:
            raise NoSuchThing("after: there is no campaign of this name")
        begin = 0 if after is None else names.index(after) + 1
        some = names[begin : begin + count_max]
        shown = await self._statuses({name: known[name] for name in some}, shows_numbers=shows_numbers)
        is_last = begin + count_max >= len(names)
        return documents.CampaignPage(campaigns=tuple(shown), next=None if is_last else some[-1])

    async def campaign(self, name: str, *, shows_numbers: bool) -> documents.Campaign:
        return await self._status(name, await self._known(name), shows_numbers=shows_numbers)

    async def workers(self, grant: Grant) -> documents.Workers:
        found = await workers_of(self._questions)
        return documents.Workers(workers=tuple(worker_document(each, grant.covers) for each in found))

    async def jobs(
        self, job_id: str, campaign: str | None, grant: Grant, *, shows_numbers: bool
    ) -> Sequence[documents.Job]:
        if campaign is not None:
            await self._known(campaign)
        # no database is asked for what none can hold
        found = [] if "\0" in job_id else await self._questions.ask(lambda conn: jobs_of_key(conn, job_id))
        shown = [
            job_document(job_id, job, attempts, shows_numbers=shows_numbers)
            for job, attempts in found
            if campaign in (None, job.campaign) and grant.covers(job.campaign)
        ]
        if not shown:
            raise NoSuchThing("there is no job of this id" + (" in this campaign" if campaign else ""))
        return shown

    async def pause(self, name: str, who: str, reason: str) -> documents.Acted:
        it = await self._known(name)
        try:
            await campaign_control.pause(self._orders, it, _by(who, reason))
        except BadInput as error:
            raise NotAsItStands(_said(error)) from None
        return await self._acted("pause", name, it)

    async def resume(self, name: str, who: str, reason: str) -> documents.Acted:
        it = await self._known(name)
        try:
            await campaign_control.resume(self._orders, it, _by(who, reason))
        except BadInput as error:
            raise NotAsItStands(_said(error)) from None
        return await self._acted("resume", name, it)

    async def cancel(self, name: str, who: str, reason: str) -> documents.Acted:
        it = await self._known(name)
        try:
            closed = await campaign_control.cancel(
                self._orders, it, _by(who, reason), seconds_max=CANCEL_S_MAX
            )
        except MovedAway as error:
            raise NotAsItStands(_said(error)) from None
        return await self._acted("cancel", name, it, closed)

    async def change(
        self, name: str, changes: Mapping[str, Any], who: str, reason: str, grant: Grant
    ) -> documents.Acted:
        it, settings = await self._known(name), self._settings()
        try:
            _check(changes, settings)
            if weaker := weaker_rules(settings, changes):
                what = f"{' and '.join(weaker)} weaker than the service's own"
                grant.needs(Right.WEAKEN_RULES, what)
            if (await self._orders.control(it)).cancelled:
                raise NotAsItStands("the campaign was cancelled: begin another one")
            await campaign_control.change(self._orders, settings, it, changes, _by(who, reason))
        except MovedAway as error:
            raise NotAsItStands(_said(error)) from None
        except BadInput as error:
            raise NotAcceptable(str(error)) from None
        return await self._acted("set", name, it)

    async def _known(self, name: str) -> CampaignId:
        known = await self._orders.campaigns()
        if name not in known:
            raise NoSuchThing("there is no campaign of this name")
        return known[name]

    async def _status(self, name: str, campaign_id: CampaignId, *, shows_numbers: bool) -> documents.Campaign:
        (shown,) = await self._statuses({name: campaign_id}, shows_numbers=shows_numbers)
        return shown

    async def _statuses(
        self, asked: Mapping[str, CampaignId], *, shows_numbers: bool
    ) -> list[documents.Campaign]:
        found = await statuses_of(self._questions, self._settings(), asked)
        return [_shown(document_of(each), shows_numbers=shows_numbers) for each in found]

    async def _acted(
        self, order: documents.OrderName, name: str, campaign_id: CampaignId, closed: int = 0
    ) -> documents.Acted:
        campaign = await self._status(name, campaign_id, shows_numbers=True)
        return documents.Acted(order=order, closed=closed, campaign=campaign)


def _shown(campaign: documents.Campaign, *, shows_numbers: bool) -> documents.Campaign:
    if campaign.paused is not None and is_moved(campaign.paused.reason):
        paused = campaign.paused.model_copy(update={"reason": MOVED})
        campaign = campaign.model_copy(update={"paused": paused})
    if shows_numbers:
        return campaign
    plain = {key: masked(value) for key, value in campaign.model_dump(mode="json").items()}
    plain["campaign"] = campaign.campaign
    plain["breakers"]["lines"] = None  # two lines may be one once their last digits are hidden
    return documents.Campaign.model_validate(plain)


def _said(error: BadInput) -> str:
    """What may be told over HTTP: not where the database is."""
    return MOVED if isinstance(error, MovedAway) else str(error)


def _check(changes: Mapping[str, Any], settings: Settings) -> None:
    """Raises `BadInput`."""
    for name, value in changes.items():
        check_change(name, value)
    hours = changes.get("rules.hours", SHIPPED)
    if hours not in (SHIPPED, ALWAYS, settings.rules.hours):
        raise BadInput(
            f"rules.hours may be {SHIPPED!r} or {ALWAYS!r} here: another file is named in the settings, "
            "or with `dialer set` on the machine itself"
        )


def _refused(index: int, item: object, bad: BadMessage) -> documents.SubmittedJob:
    """With its campaign and job id, as far as they are texts."""
    given = item if isinstance(item, Mapping) else {}
    texts = {name: value for name in ("campaign", "job_id") if isinstance(value := given.get(name), str)}
    return documents.SubmittedJob(
        index=index,
        status=403 if isinstance(bad, NotAllowed) else 422,
        campaign=texts.get("campaign"),
        job_id=texts.get("job_id"),
        code=bad.code,
        reason=bad.reason,
    )


def _answer(index: int, campaign: str, job: CallJob, added: Added) -> documents.SubmittedJob:
    if added.how is not AddedAs.DUPLICATE:
        return documents.SubmittedJob(
            index=index, status=200, campaign=campaign, job_id=job.job_id, how=added.how
        )
    what = "id" if added.by_key else "number"
    return documents.SubmittedJob(
        index=index,
        status=409,
        campaign=campaign,
        job_id=job.job_id,
        how=added.how,
        code=f"duplicate_{'job_id' if added.by_key else 'number'}",
        reason=f"another job of this campaign has its {what}: this one is not taken",
    )


def _by(who: str, reason: str) -> Operation:
    return Operation(who, SystemClock().now(), reason)
