"""Rights and bounds of those who give jobs: the fields that a token's and a queue's table share."""

from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field

from dialer.domain.rights import Grant, Right
from dialer.domain.texts import campaign_fault
from dialer.settings.rules import E164

if TYPE_CHECKING:
    from dialer.domain.calls import CallJob
    from dialer.settings.access import ApiToken
    from dialer.settings.catalogue import Settings
    from dialer.settings.queue import QueueSection


def _are_campaigns(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if fault := campaign_fault(name[:-1] if name.endswith("*") else name):
            raise ValueError(f"has {name!r}, which {fault}; spring-* is every campaign that begins so")
    return names


def _are_numbers(numbers: tuple[str, ...]) -> tuple[str, ...]:
    for at, number in enumerate(numbers, 1):
        if not E164.fullmatch(number):
            raise ValueError(f"has, as number {at}, one that is not E.164: write it like +12125550100")
    return numbers


def _are_for_jobs(rights: tuple[Right, ...]) -> tuple[Right, ...]:
    if Right.WEAKEN_RULES in rights:
        raise ValueError(f"has {Right.WEAKEN_RULES}, of which a queue makes no use: take it out")
    return rights


Rights = Annotated[tuple[Right, ...], Field(examples=[(Right.REDIRECT_DATA,)])]
JobRights = Annotated[Rights, AfterValidator(_are_for_jobs)]
Campaigns = Annotated[tuple[str, ...], AfterValidator(_are_campaigns), Field(examples=[("spring", "crm-*")])]
FromNumbers = Annotated[tuple[str, ...], AfterValidator(_are_numbers), Field(examples=[("+12125550100",)])]
AgentIds = Annotated[tuple[str, ...], Field(examples=[("agent_0123456789",)])]


def grant_of_token(token: "ApiToken") -> Grant:
    return _grant(token, f"the token {token.name}", f"the [[api.tokens]] entry of {token.name}")


def grant_of_queue(queue: "QueueSection") -> Grant:
    return _grant(queue, f"the queue {queue.name}", "[queue]")


def _grant(section: "ApiToken | QueueSection", holder: str, entry: str) -> Grant:
    return Grant(
        holder,
        entry,
        frozenset(section.rights),
        section.campaigns,
        section.from_numbers,
        section.agents,
    )


def check_given(grant: Grant, settings: "Settings", campaign: str, job: "CallJob") -> None:
    """Whether who gave the job may give it. Raises `NotAllowed`."""
    from_numbers = (*settings.from_numbers, *(line.number for line in settings.lines))
    agents = [each.agent_id for each in settings.agents]
    if not agents and settings.call.agent_id is not None:
        agents = [settings.call.agent_id]
    grant.check_job(campaign, job, from_numbers, agents)
