"""People as a real list has them: who a number is, drawn by its digits and by the attempt.

Numbers from the ranges reserved for fiction (+1 NPA 555 0100-0199) keep the script of their last two digits,
so that an example or a test decides what it meets. Nobody drawn here stops the account.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dialer.simulator.chance import dice
from dialer.simulator.people import Behaviour, behaviour_of

WORDS: Final[dict[str, Behaviour]] = {
    "answers": Behaviour.ANSWERS,
    "voicemail": Behaviour.VOICEMAIL,
    "no-answer": Behaviour.NO_ANSWER,
    "busy": Behaviour.BUSY,
    "declines": Behaviour.DECLINES,
    "invalid": Behaviour.INVALID,
    "failed": Behaviour.DIAL_FAILS,
    "do-not-call": Behaviour.WANTS_NO_CALLS,
}
"""What people may be, by the word for it in `--people`."""

USUAL: Final[Mapping[str, float]] = {
    "answers": 0.35,
    "voicemail": 0.30,
    "no-answer": 0.22,
    "busy": 0.05,
    "declines": 0.04,
    "invalid": 0.02,
    "failed": 0.01,
    "do-not-call": 0.01,
}
"""Shares of the calls of an ordinary list; assumed, not measured."""

OF_THE_NUMBER: Final = frozenset({"invalid"})
"""What a number is for good; everything else is drawn anew for each attempt."""

_FICTION: Final = re.compile(r"\+1[2-9]\d\d55501\d\d")


@dataclass(frozen=True, slots=True)
class Population:
    """Shares by word; together they are 1."""

    shares: Mapping[str, float]

    @classmethod
    def of(cls, given: Mapping[str, float], usual: Mapping[str, float] = USUAL) -> Population:
        """The given shares; the others of `usual`, in their proportion, have what is left.

        Raises `ValueError` for an unknown word, a share that is not from 0 to 1, or a sum above 1.
        """
        for word, share in given.items():
            if word not in WORDS:
                raise ValueError(f"{word!r} is not one of {', '.join(WORDS)}")
            if not (math.isfinite(share) and 0 <= share <= 1):
                raise ValueError(f"{word}={share:g}: a share is a number from 0 to 1")
        left = 1.0 - sum(given.values())
        others = {word: share for word, share in usual.items() if word not in given}
        if left < -1e-9 or (left > 1e-9 and not sum(others.values())):
            raise ValueError(f"the shares add up to {sum(given.values()):g}, not to 1")
        scale = max(left, 0.0) / sum(others.values()) if others else 0.0
        return cls({**given, **{word: share * scale for word, share in others.items()}})

    @classmethod
    def parse(cls, text: str) -> Population:
        """As `voicemail=0.4,busy=0.1`. Raises `ValueError`."""
        given: dict[str, float] = {}
        for part in filter(None, map(str.strip, text.split(","))):
            word, equals, share = part.partition("=")
            try:
                given[word.strip()] = float(share)
            except ValueError:
                raise ValueError(f"{part!r} is not WORD=SHARE, as voicemail=0.4") from None
            if not equals:
                raise ValueError(f"{part!r} is not WORD=SHARE, as voicemail=0.4")
        return cls.of(given)

    def who(self, number: str, calls_before: int, seed: int) -> Behaviour:
        """What this number does at this call: the same for the same seed."""
        if _FICTION.fullmatch(number):
            return behaviour_of(number)
        lasting = {word: share for word, share in self.shares.items() if word in OF_THE_NUMBER}
        drawn = _pick(lasting, dice(seed, "number", number).random())
        if drawn is not None:
            return WORDS[drawn]
        each = {word: share for word, share in self.shares.items() if word not in OF_THE_NUMBER}
        whole = sum(each.values())
        drawn = _pick(each, dice(seed, "person", number, calls_before).random() * whole)
        return Behaviour.ANSWERS if drawn is None else WORDS[drawn]


def _pick(shares: Mapping[str, float], at: float) -> str | None:
    """The word whose part of the way from 0 to their sum holds `at`; None: beyond it."""
    for word, share in shares.items():
        if at < share:
            return word
        at -= share
    return None
