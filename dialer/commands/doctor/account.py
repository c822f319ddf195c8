"""The voice API: whether it takes the key, how many calls at once it allows, what its clock says."""

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

import anyio

from dialer.adapters.retell.client import open_api
from dialer.adapters.retell.proxies import Proxy, proxy_for
from dialer.adapters.system.clock import SystemClock
from dialer.app.engine_config import retell_config
from dialer.commands.doctor.findings import Finding, Mark, beside
from dialer.domain.calls import Capacity
from dialer.domain.errors import AccountBlocked, BadInput, CallError
from dialer.settings import Settings

DATE_STEP_S = 1.0
"""A `Date` header has whole seconds, rounded down."""
ANSWER_S_MAX = 10.0
CHECK_ADDRESS = "check the network, and retell.base_url"
CHECK_PROXY = 'have the proxy {} let requests to {} through, or set retell.proxy to another one or to "none"'


async def account(settings: Settings) -> Sequence[Finding]:
    """One request, get-concurrency: key, room and clock."""
    clock = SystemClock()
    if settings.retell_api_key is None:
        return [Finding("key", Mark.BAD, "RETELL_API_KEY is not set", "set it, or give --secrets-dir")]
    try:
        proxy = proxy_for(settings.retell.base_url, settings.retell.proxy)
        config = replace(retell_config(settings, base_url=None), list_timeout_s=ANSWER_S_MAX)
    except BadInput as error:
        return [Finding("proxy", Mark.BAD, str(error))]
    way = [] if proxy is None else [_through(proxy)]
    try:
        async with open_api(config, connections_max=1, clock=clock) as api:
            asked_at, began = clock.now(), anyio.current_time()
            capacity, date = await api.look()
            took_s = anyio.current_time() - began
    except AccountBlocked as error:
        said = f"the API refuses the account: {error}"
        return [*way, Finding("key", Mark.BAD, said, error.way_out, passes=True)]
    except CallError as error:
        host = urlsplit(config.base_url).netloc
        said = f"the API at {host} gave no good answer: {error}"
        remedy = CHECK_ADDRESS if proxy is None else CHECK_PROXY.format(proxy.address, host)
        return [*way, Finding("key", Mark.BAD, said, remedy, passes=True)]
    return [
        *way,
        Finding("key", Mark.GOOD, f"the API took it and answered in {took_s * 1000:.0f} ms"),
        room(capacity, settings.pace.slots),
        _clock(date, asked_at + took_s / 2, took_s),
    ]


def _through(proxy: Proxy) -> Finding:
    return Finding("proxy", Mark.GOOD, f"requests go through {proxy.address} ({proxy.source})")


def room(capacity: Capacity, slots: int) -> Finding:
    """The account's concurrency beside `pace.slots`."""
    if capacity.limit is None:
        return Finding("room", Mark.DOUBTFUL, "the API does not say how many calls at once it allows")
    ours = max(capacity.limit - capacity.reserved_inbound, 0)
    kept = f", {capacity.reserved_inbound} of them for inbound" if capacity.reserved_inbound else ""
    used = "" if capacity.in_use is None else f"; {capacity.in_use} are going on now"
    said = f"the account allows {capacity.limit} calls at once{kept}{used}"
    if not ours:
        remedy = "buy concurrency, or reserve less of it for inbound calls"
        return Finding("room", Mark.BAD, said, remedy, passes=True)
    if slots > ours:
        lower = f"pace.slots = {slots} will not be reached: lower it to {ours}, or buy concurrency"
        return Finding("room", Mark.DOUBTFUL, said, lower)
    return Finding("room", Mark.GOOD, f"{said}; pace.slots = {slots}")


def _clock(date: float | None, ours: float, took_s: float) -> Finding:
    if date is None:
        return Finding("clock", Mark.SKIPPED, "the API's answer has no date")
    return beside("clock", "the API's", ours - (date + DATE_STEP_S / 2), (DATE_STEP_S + took_s) / 2)
