"""What the Retell client has to be told. Filled from the settings by whoever wires the parts together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class RetellConfig:
    """The account, the bounds, and what goes into every request."""

    api_key: str = field(repr=False)
    base_url: str = "https://api.retellai.com"
    timeout_s: float = 120.0
    """For one create, from the wait for a connection to the last byte of the answer. The official SDK waits
    as long; a shorter wait only makes more uncertain calls."""
    proxy: str | None = field(default=None, repr=False)
    """The URL of the proxy that requests go through; None: none."""
    connect_timeout_s: float = 10.0
    """For name, TCP and TLS together. Running into it is harmless: nothing was sent."""
    list_timeout_s: float = 30.0
    """For every request that makes no call."""
    answer_bytes_max: int = 4 * MIB
    """The longest answer about one call that is read, after decompression."""
    list_bytes_max: int = 64 * MIB
    """The longest page of calls that is read: a thousand calls may carry 50 kB of metadata each."""
    lists_per_10s: float = 15.0
    """The API's limit for list-calls. It holds for the whole organization: give each worker its share."""
    agent_id: str | None = None
    """For jobs that name no agent."""
    agent_version: int | str | None = None
    """The version of `agent_id`; a job that names its own agent does not get it."""
    agent_override: Mapping[str, Any] = field(default_factory=dict)
    """For jobs that bring none of their own."""
    refuses_unknown: bool = True
    """Fields and words of `agent_override` that are not known are refused; else they are doubts."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Sent with every call; a job's own values go before these."""
    ignore_e164_validation: bool = False
    """Let custom telephony call from internal pseudo numbers (phone calls only)."""
    honor_internal_dnc: bool = False
    """Let the API refuse contacts that it has marked do-not-call (phone calls only)."""
    web_call_version: int = 3
    """Of the endpoint that makes web calls. Version 2 is deprecated since 2026-09-30; source: the SDK."""
    sends_idempotency_key: bool = True
    """Phone calls only: the other two endpoints have no such field."""
