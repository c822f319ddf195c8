"""What goes wrong, by name and ratio. Everything is off unless named."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any, Final, Self, TypeVar

from dialer.simulator.chance import dice

_Kind = TypeVar("_Kind", "CreateFault", "WebhookFault")


class CreateFault(StrEnum):
    """What may happen to one create request; at most one of them does. The names are those of `Faults`."""

    RATE_LIMITED = "rate_limited"
    ERROR_BEFORE = "error_before"
    DROP_BEFORE = "drop_before"
    CONCURRENCY_REFUSED = "concurrency_refused"
    ERROR_AFTER = "error_after"
    DROP_AFTER = "drop_after"
    UNREADABLE = "unreadable"
    STALL = "stall"
    MADE_LATE = "made_late"
    LIMITED_AFTER = "limited_after"
    REFUSED_AFTER = "refused_after"
    UNPAID_AFTER = "unpaid_after"
    CONFLICT_AFTER = "conflict_after"
    PAGE_AFTER = "page_after"
    FOREIGN_ANSWER = "foreign_answer"


class WebhookFault(StrEnum):
    """What may happen to one event; at most one of them does."""

    LOST = "webhook_lost"
    DOUBLED = "webhook_doubled"
    LATE = "webhook_late"


@dataclass(frozen=True, slots=True)
class Faults:
    """Ratios from 0 to 1; names that end in `_s` are seconds.

    The faults of one create request exclude each other, so their ratios add up to 1 at most; likewise
    those of one webhook event. Which request is hit depends on the seed, the number and how many requests
    there were for that number: a repeat has a chance of its own.
    """

    rate_limited: float = 0.0
    """Create: 429, no call."""
    rate_limited_s: float = 1.0
    """So long it tells to wait."""
    error_before: float = 0.0
    """Create: 500, no call."""
    drop_before: float = 0.0
    """Create: the connection closes without an answer, no call."""
    concurrency_refused: float = 0.0
    """Create: refused as if no slot were free, in the account's form of that refusal."""
    error_after: float = 0.0
    """Create: 500 although the call was made."""
    drop_after: float = 0.0
    """Create: the connection closes without an answer although the call was made."""
    unreadable: float = 0.0
    """Create: 201 with a page of HTML instead of the call, which was made."""
    stall: float = 0.0
    """Create: the call is made at once, the answer comes after `stall_s`."""
    stall_s: float = 150.0
    made_late: float = 0.0
    """Create: nothing happens for `made_late_s`, then the call is made and answered."""
    made_late_s: float = 5.0
    limited_after: float = 0.0
    """Create: 429 although the call was made."""
    refused_after: float = 0.0
    """Create: 400 although the call was made."""
    unpaid_after: float = 0.0
    """Create: 402 although the call was made."""
    conflict_after: float = 0.0
    """Create: 409 that speaks of a concurrent request with the same key, although the call was made."""
    page_after: float = 0.0
    """Create: 403 with a page of HTML, as a proxy answers, although the call was made."""
    foreign_answer: float = 0.0
    """Create: the call is made, and the 201 shows the call before it, whoever asked for that one."""

    reason_denies_ring: float = 0.0
    """Call: its reason says that nobody was rung, though it was answered and shows start, length and cost."""
    odd_figures: float = 0.0
    """Call: its length and cost are negative, huge or missing wherever it is shown, perhaps its times too."""
    listing_denies: float = 0.0
    """Call: list-calls shows it as one that nobody was rung by, whatever get-call and webhooks say."""
    get_denies: float = 0.0
    """Call: get-call does not know it."""

    listing_late: float = 0.0
    """Call: listed only after `listing_late_s` instead of the account's lag."""
    listing_late_s: float = 60.0
    read_error: float = 0.0
    """get-call, list-calls, get-concurrency, stop-call: 500, nothing done."""
    read_dropped: float = 0.0
    """The same endpoints: the connection closes without an answer, nothing done."""

    webhook_lost: float = 0.0
    """Event: never sent."""
    webhook_doubled: float = 0.0
    """Event: sent twice."""
    webhook_late: float = 0.0
    """Event: sent `webhook_late_s` after its time."""
    webhook_late_s: float = 60.0
    webhook_reordered: float = 0.0
    """Call: all its events are held until the last of them, then sent in reverse order."""
    analysis_missing: float = 0.0
    """Call: never analysed, so there is no call_analyzed."""

    only_first: int = 0
    """If set, only so many first create requests for each number can be hit. With a ratio of 1, exactly
    those are."""

    def __post_init__(self) -> None:
        for name in _NAMES:
            value = float(getattr(self, name))
            most = 1.0 if name in RATIOS else float("inf")
            if not 0.0 <= value <= most:
                raise ValueError(f"fault {name}={value} is not from 0 to {most:g}")
        for group in (CreateFault, WebhookFault):
            total = sum(getattr(self, fault) for fault in group)
            if total > 1.0 + 1e-9:
                raise ValueError(f"the ratios of {', '.join(group)} add up to {total:g}, more than 1")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads `rate_limited=0.2,error_after=0.05`. ValueError: names what is wrong and the nearest name."""
        values: dict[str, Any] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, _, value = (piece.strip() for piece in part.partition("="))
            if name not in _NAMES:
                raise ValueError(f"there is no fault {name!r}{_nearest(name)}")
            try:
                values[name] = int(value) if name == "only_first" else float(value)
            except ValueError:
                raise ValueError(f"fault {name} needs a number, as in {name}=0.1, not {value!r}") from None
        return replace(cls(), **values)

    def of_create(self, seed: int, number: str, requests_before: int) -> CreateFault | None:
        """`requests_before`: create requests there were for this number."""
        if self.only_first and requests_before >= self.only_first:
            return None
        return self._one_of(CreateFault, seed, number, requests_before)

    def of_event(self, seed: int, call_id: str, event: str) -> WebhookFault | None:
        return self._one_of(WebhookFault, seed, call_id, event)

    def hits(self, name: str, seed: int, *of: object) -> bool:
        """Whether a fault that excludes no other happens to this one."""
        ratio: float = getattr(self, name)
        return ratio > 0.0 and dice(seed, name, *of).random() < ratio

    def _one_of(self, kind: type[_Kind], seed: int, *of: object) -> _Kind | None:
        ratios = [getattr(self, fault) for fault in kind]
        if not any(ratios):
            return None
        drawn = dice(seed, kind.__name__, *of).random()
        for fault, ratio in zip(kind, ratios, strict=True):
            drawn -= ratio
            if drawn < 0.0:
                return fault
        return None


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name, _NAMES, n=1, cutoff=0.0)
    return f"; the nearest is {near[0]!r}" if near else ""


_NAMES: Final = tuple(field.name for field in fields(Faults))
RATIOS: Final = tuple(name for name in _NAMES if not name.endswith("_s") and name != "only_first")
"""The names of the faults themselves, without their parameters."""
