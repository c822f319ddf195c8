"""What the Retell account has: whose key it is, its numbers, its agents, and whether it lists calls.

What the key may not read is said and passed over.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from dialer.adapters.retell.client import RetellApi, open_api
from dialer.adapters.system.clock import SystemClock
from dialer.app.engine_config import retell_config
from dialer.commands.doctor.findings import Finding, Mark
from dialer.domain.calls import AttemptId, JobKind
from dialer.domain.errors import BadInput, CallError, CallNotStarted, Limit
from dialer.settings import Settings

ANSWER_S_MAX = 5.0
PAGES_MAX = 50
AGENTS_MAX = 5
"""Agents that are looked at; more would use up the time of the check."""
_VARIABLE = re.compile(r"\{\{\s*([A-Za-z_][\w.-]*)\s*\}\}")


async def workspace(settings: Settings) -> Sequence[Finding]:
    """A few requests that read."""
    if settings.retell_api_key is None:
        return []  # another check tells
    try:
        config = replace(retell_config(settings, base_url=None), list_timeout_s=ANSWER_S_MAX)
    except BadInput:
        return []
    async with open_api(config, connections_max=1, clock=SystemClock()) as api:
        if isinstance(await _read(api, "/get-concurrency"), CallError):
            return []  # neither the key nor the way there is good, which another check tells
        found = [await _whose(api), await _lists(api)]
        owned = await _numbers_of(api, settings)
        return [*found, *owned, *await _agents(api, settings)]


async def _whose(api: RetellApi) -> Finding:
    said = await _read(api, "/get-api-key-info")
    if not isinstance(said, dict):
        return Finding("account", Mark.SKIPPED, f"whose key it is cannot be read{_why(said)}")
    name = said.get("api_key_name")
    key = f"the key {name!r}" if name else "the key"
    return Finding("account", Mark.GOOD, f"{key} is of the organization {said.get('org_name')!r}")


async def _lists(api: RetellApi) -> Finding:
    try:
        await api.find([AttemptId("doctor")])
    except CallError as error:
        if isinstance(error, CallNotStarted) and error.limit is Limit.RATE:
            remedy = "the account's limit for it is used up now, perhaps by other workers; ask again later"
            return Finding("list-calls", Mark.DOUBTFUL, f"could not be tried: {error}", remedy)
        remedy = "calls are followed by webhooks and one by one until it answers: check the API's status page"
        return Finding("list-calls", Mark.BAD, f"gives no good answer: {error}", remedy, passes=True)
    return Finding("list-calls", Mark.GOOD, "it answers: ends of calls can be heard")


async def _numbers_of(api: RetellApi, settings: Settings) -> Sequence[Finding]:
    ours = sorted({*settings.from_numbers, *(line.number for line in settings.lines)})
    if not ours or settings.call.kind is JobKind.WEB_CALL:
        return []
    owned = await _owned(api)
    if isinstance(owned, str):
        return [Finding("owned", Mark.SKIPPED, f"the account's numbers cannot be read: {owned}")]
    if missing := [number for number in ours if number not in owned]:
        remedy = "buy or import it in the account of this key, or take it out of from_numbers"
        return [Finding("owned", Mark.BAD, f"the account does not have {', '.join(missing)}", remedy)]
    found = [Finding("owned", Mark.GOOD, f"the account has {'it' if len(ours) == 1 else 'all of them'}")]
    agentless = [number for number in ours if not owned[number].get("outbound_agents")]
    if agentless and not settings.call.agent_id and not settings.agents:
        said = f"no agent is bound to {', '.join(agentless)} for calls out, and call.agent_id is not set"
        found.append(Finding("owned", Mark.DOUBTFUL, said, "bind one to the number, or set call.agent_id"))
    return found


async def _owned(api: RetellApi) -> Mapping[str, Mapping[str, Any]] | str:
    """The account's numbers; a text: why they cannot be read."""
    owned: dict[str, Mapping[str, Any]] = {}
    path = "/v2/list-phone-numbers?limit=1000"
    for _ in range(PAGES_MAX):
        page = await _read(api, path)
        items = page.get("items") if isinstance(page, dict) else None
        if not isinstance(page, dict) or not isinstance(items, list):
            return str(page) if isinstance(page, CallError) else "there is no such list"
        owned |= {str(each.get("phone_number")): each for each in items if isinstance(each, dict)}
        if not page.get("has_more") or not page.get("pagination_key"):
            return owned
        path = f"/v2/list-phone-numbers?limit=1000&pagination_key={quote(str(page['pagination_key']))}"
    return "there are too many"


async def _agents(api: RetellApi, settings: Settings) -> Sequence[Finding]:
    ids = list(dict.fromkeys([*(each.agent_id for each in settings.agents), settings.call.agent_id or ""]))
    return [finding for each in ids[:AGENTS_MAX] if each for finding in await _agent(api, each, settings)]


async def _agent(api: RetellApi, agent_id: str, settings: Settings) -> Sequence[Finding]:
    agent = await _read(api, f"/get-agent/{quote(agent_id, safe='')}")
    if agent is None:
        remedy = "copy the agent's id from the head of its dashboard page, in the account of this key"
        return [Finding("agent", Mark.BAD, f"the account has no agent {agent_id}", remedy)]
    if not isinstance(agent, dict):
        return [Finding("agent", Mark.SKIPPED, f"{agent_id} cannot be read{_why(agent)}")]
    times = f"rings {_seconds(agent, 'ring_duration_ms')}, talks {_seconds(agent, 'max_call_duration_ms')}"
    found = [Finding("agent", Mark.GOOD, f"{agent_id} is version {agent.get('version')}; it {times} at most")]
    if agent.get("enable_dnc_detection") is False:
        said = f"{agent_id} does not notice people who ask not to be called again"
        found.append(Finding("agent", Mark.DOUBTFUL, said, "switch do-not-call detection on"))
    if (url := agent.get("webhook_url")) and settings.webhooks.listen:
        said = f"{agent_id} sends its webhooks to {url}, not to the account's address"
        found.append(Finding("agent", Mark.DOUBTFUL, said, "see that they reach this program, or clear it"))
    used = await _variables(api, agent)
    if used:
        found.append(Finding("agent", Mark.GOOD, f"{agent_id}'s prompt uses {', '.join(used)}"))
    return found


async def _variables(api: RetellApi, agent: Mapping[str, Any]) -> Sequence[str]:
    engine = agent.get("response_engine")
    if not isinstance(engine, dict):
        return []
    paths = {"llm_id": "/get-retell-llm/", "conversation_flow_id": "/get-conversation-flow/"}
    for name, path in paths.items():
        if isinstance(engine.get(name), str):
            said = await _read(api, path + quote(engine[name], safe=""))
            return sorted({f"{{{{{word}}}}}" for text in _texts(said) for word in _VARIABLE.findall(text)})
    return []


def _texts(value: Any) -> Iterable[str]:
    match value:
        case str():
            yield value
        case dict():
            for each in value.values():
                yield from _texts(each)
        case list():
            for each in value:
                yield from _texts(each)


async def _read(api: RetellApi, path: str) -> Any:
    """The answer; None: there is none by that name; the error: it may not be read, or not now."""
    try:
        return await api.lookup(path)
    except CallError as error:
        return error


def _why(said: Any) -> str:
    return f": {said}" if isinstance(said, CallError) else ""


def _seconds(agent: Mapping[str, Any], name: str) -> str:
    value = agent.get(name)
    return f"{value / 1000:g} s" if isinstance(value, int | float) else "as long as usual"
