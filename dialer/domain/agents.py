"""Which of several agents talks: by weight, and always the same one for a job, so results can be compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from math import log


@dataclass(frozen=True, slots=True)
class AgentChoice:
    agent_id: str
    agent_version: int | str | None = None
    """None: the API's choice."""
    weight: float = 1.0
    """Above 0. An agent gets its weight's share of the jobs."""


def choose_agent(job_key: str, agents: Sequence[AgentChoice], campaign: str) -> AgentChoice:
    """The agent for a job. Needs one agent at least.

    Rendezvous hashing: each agent draws a number from the campaign, the key and its own name, and the best
    draw wins. So no other job has a say, nor has the order of the agents; an agent that is added only takes
    jobs over, one that is taken out only gives its own away, and a changed weight moves no more than it must.
    """
    if len(agents) == 1:
        return agents[0]
    return min(agents, key=lambda agent: -log(_draw(campaign, job_key, agent)) / agent.weight)


def _draw(campaign: str, job_key: str, agent: AgentChoice) -> float:
    """Evenly spread above 0 and up to 1, the same for ever."""
    version = "" if agent.agent_version is None else str(agent.agent_version)
    named = "\0".join((campaign, job_key, agent.agent_id, version))
    digest = blake2b(named.encode(errors="surrogatepass"), digest_size=8).digest()
    return ((int.from_bytes(digest, "big") >> 11) + 0.5) / 2.0**53
