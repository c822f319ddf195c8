"""The form of the nouns that each call makes anew, several of them a time."""

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def record(cls: type[T]) -> type[T]:
    """A slotted dataclass that is frozen where types are checked, and hashed and compared as one.

    A dataclass that is frozen at run time as well writes each field through `object.__setattr__`, which makes
    its construction three times as slow.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)
