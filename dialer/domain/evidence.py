"""What is known of one attempt's call, from whatever source: an answer, a webhook, the listing, get-call.

Evidence only grows. Once any of it shows a call, nothing later can say that there was none; once any of it
shows a ring, nothing later can say that nobody was rung. An attempt may be closed as one that made no call,
or rang nobody, only with a proof, and only `Evidence` makes one: the type checker shows each way there.
"""

from dataclasses import dataclass, field
from typing import final

from dialer.domain.calls import CallStatus, CallUpdate
from dialer.domain.outcomes import Effect, classify

_SEAL = object()
"""Nobody else has it."""


@final
class NoCall:
    """Proof that nothing has shown a call of the attempt."""

    __slots__ = ()

    def __init__(self, seal: object) -> None:
        """Raises `TypeError` for anybody but `Evidence`."""
        _check(seal)


@final
class NobodyRung:
    """Proof that nothing has shown that the attempt's call rang anybody."""

    __slots__ = ()

    def __init__(self, seal: object) -> None:
        """Raises `TypeError` for anybody but `Evidence`."""
        _check(seal)


@dataclass(eq=False, slots=True)
class Evidence:
    """All that has been said of one attempt's call."""

    news: CallUpdate | None = None
    """The latest; what it says may contradict what was said before."""
    shows_ring: bool = field(default=False, init=False)
    """Somebody was rung, or may have been."""

    def add(self, news: CallUpdate) -> None:
        """One thing more was said."""
        self.news = news
        self.shows_ring = self.shows_ring or shows_ring(news)

    def doubt(self) -> None:
        """Nobody could say that there was no ring: somebody may have been rung."""
        self.shows_ring = True

    def no_call(self) -> NoCall | None:
        """The proof; None: a call was shown."""
        return NoCall(_SEAL) if self.news is None else None

    def nobody_rung(self) -> NobodyRung | None:
        """The proof; None: a ring was shown."""
        return None if self.shows_ring else NobodyRung(_SEAL)


def shows_ring(news: CallUpdate) -> bool:
    """Whether this news alone shows that somebody was, or may have been, rung.

    A call that was connected has a start, and a duration and a cost of more than nothing. Its reason alone
    proves nothing: `sip_routing_error` beside a start means that a person was there when the line broke. A
    length or cost that nobody would believe (a negative one) shows a ring, too: in doubt the person was rung.
    """
    if news.started_at is not None or news.duration_s or news.cost_cents:
        return True
    if news.status in (CallStatus.ONGOING, CallStatus.ENDED):
        return True
    return news.is_over and classify(news.status, news.reason).effect in RUNG


RUNG = frozenset({Effect.NONE, Effect.SUPPRESS, Effect.REST_LINE})
"""Effects of ends at which the person's phone was tried; at the others the call stayed on the platform."""


def _check(seal: object) -> None:
    if seal is not _SEAL:
        raise TypeError("only Evidence proves that no call was made")
