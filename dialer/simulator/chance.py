"""All chance of the simulator."""

from __future__ import annotations

import random


def dice(seed: int, *of: object) -> random.Random:
    """Dice for one decision. They depend on the seed and on what is decided, not on what else goes on."""
    return random.Random("/".join(map(str, (seed, *of))))  # noqa: S311 - chance, not secrecy
