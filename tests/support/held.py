"""What this process holds: every Python object, counted by kind and by bytes; its tasks and its files."""

import asyncio
import functools
import gc
import os
import struct
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from weakref import ReferenceType


@dataclass(frozen=True, slots=True)
class Held:
    """At one moment."""

    kinds: Mapping[str, int]
    """Objects by the name of their type."""
    bytes: int
    """Of all of them."""
    blocks: int
    """Of small memory that the interpreter has given out: also to what is no object, or is an extension's."""
    tasks: int
    files: int

    def more_than(self, before: "Held") -> dict[str, int]:
        """Of which kinds there are more, and how many; the most first."""
        return dict((Counter(self.kinds) - Counter(before.kinds)).most_common())


def held() -> Held:
    """Now, without what is bounded by its own word: a day fills it, whenever one begins to count.

    That is: all lru_caches, and those of the interpreter, which are emptied (of looked-up attributes, up to
    4096 names; of forms of `struct`, up to 100); dead references, since sqlite3 lets go of those to its
    cursors by the 200.
    """
    for each in gc.get_objects():
        if isinstance(each, functools._lru_cache_wrapper):
            each.cache_clear()
    gc.collect()
    sys._clear_type_cache()
    struct._clearcache()
    blocks = sys.getallocatedblocks()
    types: Counter[type] = Counter()
    size = 0
    seen: set[int] = set()
    for each in gc.get_objects():
        if type(each) is Held or _is_dead(each):  # what was counted before is not counted
            continue
        found = [each]
        for one in found:
            types[type(one)] += 1
            size += sys.getsizeof(one, 0)
            for other in _plain_in(one):
                if id(other) not in seen:
                    seen.add(id(other))
                    found.append(other)
    kinds: Counter[str] = Counter()
    for kind, many in types.items():
        kinds[kind.__qualname__] += many
    return Held(dict(kinds), size, blocks, *tasks_and_files())


def tasks_and_files() -> tuple[int, int]:
    """How many there are."""
    return len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd"))


def _plain_in(each: Any) -> list[Any]:
    """What it refers to that the collector does not follow: texts, numbers and the like."""
    others = gc.get_referents(each)
    if isinstance(each, dict):
        others += dict.keys(each)  # it passes over those that are texts
    return [other for other in others if not gc.is_tracked(other)]


def _is_dead(each: Any) -> bool:
    return type(each) is ReferenceType and each() is None
