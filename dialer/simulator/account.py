"""What the simulated account allows, and how long its calls take."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SIMULATED_KEY = "sim-key"
"""The key of an account that was given none."""


class ConcurrencyRefusal(StrEnum):
    """What a call above the concurrency limit gets; the sources tell both forms."""

    HTTP = "http"
    """429 whose message mentions concurrency; no call is made."""
    CALL_ERROR = "call_error"
    """201, then `call_status=error` with `concurrency_limit_reached`; nobody is rung."""
    BOTH = "both"
    """One or the other, drawn for each call."""


class RateRefusal(StrEnum):
    """What a call above the calls per second gets; this too is told both ways."""

    REFUSE = "refuse"
    """429; no call is made."""
    QUEUE = "queue"
    """201; the call stays `registered`, holding its slot, until its turn to be dialled has come."""


@dataclass(frozen=True, slots=True)
class Account:
    """The limits and habits of one Retell workspace. A limit of 0, or None, is off.

    `used_by_others` are calls of the same workspace that this simulator does not see being made. Slots
    reserved for inbound calls are not open to ours. Burst slots are used only when `burst_enabled`.
    """

    api_key: str = SIMULATED_KEY

    concurrency_limit: int = 20
    """Calls at once; the sum of base and purchased concurrency."""
    purchased_concurrency: int = 0
    reserved_inbound_concurrency: int = 0
    used_by_others: int = 0
    burst_enabled: bool = False
    concurrency_refusal: ConcurrencyRefusal | str = ConcurrencyRefusal.HTTP

    calls_per_second: float | None = None
    """Whole calls in any sliding `cps_window_s`; below 1, one call in each 1 / calls_per_second seconds."""
    cps_window_s: float = 1.0
    rate_refusal: RateRefusal | str = RateRefusal.REFUSE

    creates_per_10s: int = 1000
    list_per_10s: int = 15
    other_per_10s: int = 100
    client_errors_per_minute: int = 60
    """4xx answers to creates, 429 not counted, after which every create gets 429 for the minute's rest."""

    idempotency: bool = True
    """False: the account ignores `idempotency_key`, as before SDK 6.1.0."""
    key_life_s: float = 3600.0
    """SDK: an idempotency key repeats the same request "for up to one hour"."""
    listing_lag_s: float = 0.0
    """A new call is listed only after so long; get-call knows it at once."""
    lists_registered: bool = True
    """False: list-calls shows a call only once it is no longer `registered`. Not documented either way."""

    paid: bool = True
    """False: creates answer 402."""
    do_not_call: frozenset[str] = frozenset()
    """Numbers whose contact is marked do_not_call; refused only when the request honours that."""
    contacts: frozenset[str] = frozenset()
    """Numbers of the other contacts."""
    outbound_countries: frozenset[str] | None = None
    """Two-letter codes of where its numbers may call; None: not said."""
    from_numbers: frozenset[str] | None = None
    """The numbers the account owns; None: any."""
    flagged_numbers: frozenset[str] = frozenset()
    """From-numbers that are marked as spam: no call from one of them rings anybody."""
    provider_down: bool = False
    """The telephony provider is unavailable: no call rings anybody."""
    agent_id: str = "agent_0123456789abcdef0123456789"
    agents: frozenset[str] | None = None
    """The agents the account has besides `agent_id`; None: any id is one."""

    agent_version: int = 0
    """The latest published one, of each agent."""
    agent_webhook_url: str | None = None
    """Where each agent's webhooks go instead of the account's."""
    dnc_detection: bool = True
    """Each agent puts who asks for it on the do-not-call list."""
    prompt: str = ""
    """Of each agent, with its {{variables}}."""

    latency_s: float = 0.0
    """From the arrival of a request to its answer. What it does is done on arrival."""
    ring_s: float = 12.0
    """Mean seconds from dialling to an answer."""
    ring_sigma: float = 0.4
    talk_s: float = 60.0
    """Mean seconds of talk; the spread is lognormal, a sigma of 0 makes every call as long as the mean."""
    talk_sigma: float = 0.8
    no_answer_s: float = 30.0
    """Longest ringing; Retell's `ring_duration_ms` is 30 s unless set (page 002)."""
    max_call_s: float = 3600.0
    """Longest call; Retell's `max_call_duration_ms` is one hour unless set (page 002)."""
    analysis_s: float = 1.0
    """From the end of a call to its analysis."""

    webhook_url: str | None = None
    webhook_delay_s: float = 0.3
    """From an event to its first delivery."""

    def __post_init__(self) -> None:
        ConcurrencyRefusal(self.concurrency_refusal)
        RateRefusal(self.rate_refusal)

    @property
    def base_concurrency(self) -> int:
        return self.concurrency_limit - self.purchased_concurrency

    @property
    def burst_limit(self) -> int:
        """min(3 x limit, limit + 300), or 0 without burst (SDK, `concurrency_burst_limit`)."""
        return min(3 * self.concurrency_limit, self.concurrency_limit + 300) if self.burst_enabled else 0

    @property
    def outbound_slots(self) -> int:
        """Calls of ours that may be live at once."""
        ceiling = max(self.concurrency_limit, self.burst_limit)
        return max(0, ceiling - self.reserved_inbound_concurrency - self.used_by_others)
