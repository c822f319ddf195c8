"""What those who give jobs and orders from outside may do besides their role, and what they are bound to.

It is judged when the job or order is taken in: a later bound does not touch what the ledger holds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from dialer.domain.calls import CallJob, JobKind
from dialer.domain.errors import NotAllowed

REDIRECTING = (
    "webhook_url",
    "webhook_events",
    "webhook_timeout_ms",
    "response_engine",
    "pre_session_tools",
    "post_session_tools",
)
"""Fields of `agent_override.agent` that send a call's data to another address, or keep it from its own."""


class Right(StrEnum):
    """What a role alone does not allow."""

    WEAKEN_RULES = "weaken_rules"
    """Let a campaign call people where the service's own `rules` would not."""
    REDIRECT_DATA = "redirect_data"
    """Give jobs whose `agent_override` sends the call's data elsewhere."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What one source of jobs and orders may do. Empty bounds: any."""

    holder: str = "this token"
    entry: str = "its [[api.tokens]] entry"
    """Where in the settings it is granted."""
    rights: frozenset[Right] = frozenset()
    campaigns: tuple[str, ...] = ()
    """Names; one that ends in `*` is a prefix."""
    from_numbers: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()

    def needs(self, right: Right, what: str) -> None:
        """`what`: what needs the right, as a sentence's beginning. Raises `NotAllowed` without it."""
        if right not in self.rights:
            raise NotAllowed(
                f'{what} needs the right {right}, which {self.holder} lacks: add "{right}" to `rights` '
                f"of {self.entry} and reload"
            )

    def covers(self, campaign: str) -> bool:
        return not self.campaigns or any(_matches(campaign, each) for each in self.campaigns)

    def check_campaign(self, campaign: str) -> None:
        """Raises `NotAllowed`."""
        if not self.covers(campaign):
            raise self._out_of_bounds("this campaign", "campaigns")

    def check_job(
        self, campaign: str, job: CallJob, from_numbers: Sequence[str], agents: Sequence[str]
    ) -> None:
        """`from_numbers`, `agents`: the settings' own, which a job gets that names none.

        Raises `NotAllowed`.
        """
        self.check_campaign(campaign)
        if self.from_numbers and job.kind is not JobKind.WEB_CALL:
            self._check("from_number", "from_numbers", job.from_number, from_numbers, self.from_numbers)
        if self.agents:
            self._check("override_agent_id", "agents", job.content.agent_id, agents, self.agents)
        agent = (job.content.agent_override or {}).get("agent")
        for name in REDIRECTING:
            if isinstance(agent, dict) and name in agent:
                self.needs(Right.REDIRECT_DATA, f"a job with {name} in its agent_override")

    def _check(
        self, field: str, bound: str, named: str | None, own: Sequence[str], allowed: Sequence[str]
    ) -> None:
        """A job that names none may get each of the settings' own."""
        if named is not None and named not in allowed:
            raise self._out_of_bounds(f"the job's {field}", bound)
        if named is None and not (own and set(own) <= set(allowed)):
            raise self._out_of_bounds(f"a job without {field}, which may get another,", bound)

    def _out_of_bounds(self, what: str, bound: str) -> NotAllowed:
        return NotAllowed(
            f"{what} is outside the {bound} that {self.holder} is bound to: name one of them, "
            f"or add it to `{bound}` of {self.entry} and reload"
        )


def _matches(campaign: str, bound: str) -> bool:
    return campaign.startswith(bound[:-1]) if bound.endswith("*") else campaign == bound
