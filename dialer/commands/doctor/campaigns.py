"""What would be sent with each call, and the rules that it would be made by, as far as settings can tell.

The API has no request that says whether an agent or a number is there: the first calls do.
"""

import re
from collections.abc import Sequence
from functools import partial
from urllib.parse import urlsplit

import anyio.to_thread

from dialer.adapters.retell.proxies import is_loopback
from dialer.adapters.rules.data_in_use import DataInUse
from dialer.adapters.system.clock import SystemClock
from dialer.app.engine_config import csv_options, override_doubts
from dialer.app.rulebook import Rulebook
from dialer.commands.doctor.findings import Finding, Mark
from dialer.domain.calls import JobKind
from dialer.domain.errors import BadInput
from dialer.settings import Settings

FICTION = re.compile(r"\+1[2-9][0-9]{2}55501[0-9]{2}")
"""Kept for films and examples: no carrier gives one to anybody."""
NO_AGENT = ("llm_", "conversation_flow_")
"""How ids begin that people take for an agent's."""


async def rules(settings: Settings) -> Sequence[Finding]:
    """The rules file, the do-not-call files and what the settings make of them."""
    now = SystemClock().now()
    read = partial(Rulebook, settings, "doctor", now)
    try:
        rulebook = await anyio.to_thread.run_sync(read, abandon_on_cancel=True)
    except BadInput as error:
        return [Finding("rules", Mark.BAD, line) for line in str(error).splitlines()]
    files = len(set(settings.rules.do_not_call))
    lists = f", {files} do-not-call file{'s' if files > 1 else ''}" if files else ""
    found = [Finding("rules", Mark.GOOD, f"calling hours: {settings.rules.hours}{lists}")]
    return found + [_data(each, now) for each in rulebook.data]


def _data(data: DataInUse, now: float) -> Finding:
    """Which version of it is in use, and whether it is too old."""
    if warning := data.warning(now):
        return Finding("data", Mark.DOUBTFUL, warning)
    return Finding("data", Mark.GOOD, data.text)


async def calls(settings: Settings) -> Sequence[Finding]:
    """The numbers to call from, and the agents."""
    try:
        csv_options(settings)
    except BadInput as error:
        return [Finding("calls", Mark.BAD, line) for line in str(error).splitlines()]
    return [_numbers(settings), _agents(settings), *_overrides(settings)]


def _overrides(settings: Settings) -> Sequence[Finding]:
    """What every call is sent with and the API may not know, or know no more."""
    doubts = override_doubts(settings)
    return [Finding("override", Mark.DOUBTFUL, f"call.{doubt}") for doubt in doubts]


def _numbers(settings: Settings) -> Finding:
    numbers = {*settings.from_numbers, *(line.number for line in settings.lines)}
    if settings.call.kind is JobKind.WEB_CALL:
        return Finding("numbers", Mark.SKIPPED, "web calls are made from no number")
    if not numbers:
        return Finding("numbers", Mark.SKIPPED, "none to call from is set: each row has to bring its own")
    said = f"{len(numbers)} to call from"
    is_real = not is_loopback(urlsplit(settings.retell.base_url).hostname or "")
    if is_real and (unreal := sum(1 for each in numbers if FICTION.fullmatch(each))):
        way_out = "give numbers that were bought for, or brought to, this Retell account"
        return Finding("numbers", Mark.BAD, f"{said}, {unreal} of them reserved for fiction", way_out)
    return Finding("numbers", Mark.GOOD, said)


def _agents(settings: Settings) -> Finding:
    names = [each.agent_id for each in settings.agents] or [settings.call.agent_id or ""]
    if wrong := next((name for name in names if name.startswith(NO_AGENT)), None):
        said = f"{wrong!r} is no agent's id, but that of what an agent answers with"
        return Finding("agent", Mark.BAD, said, "copy the agent's id from the head of its dashboard page")
    if any(names):
        return Finding("agent", Mark.GOOD, ", ".join(names))
    if settings.call.kind is JobKind.PHONE_CALL:
        return Finding("agent", Mark.GOOD, "none is set: the one that is bound to the number calls")
    return Finding(
        "agent", Mark.SKIPPED, f"none is set: each row has to bring one for a {settings.call.kind}"
    )
