"""How strictly a request is read: no field that the API does not know, no value that has to be bent to fit.

In a request a field that is left out and a field that is null are two things: null takes a setting away, and
most fields cannot be taken away. So here `Given[T]` is "T, or left out", and `T | None` is "T or null, or
left out". Both have the default None.
"""

from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator

T = TypeVar("T")


class Part(BaseModel):
    """A request or an object in one."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _refuse_null(value: Any) -> Any:
    if value is None:
        raise ValueError("must not be null; leave it out")
    return value


def _version(value: Any) -> int | str:
    if (isinstance(value, int) and not isinstance(value, bool) and value >= 0) or (
        isinstance(value, str) and value
    ):
        return value
    raise ValueError("must be a whole number or a tag")


Given: TypeAlias = Annotated[T | None, BeforeValidator(_refuse_null)]
Version: TypeAlias = Annotated[int | str, PlainValidator(_version)]
"""The number of an agent's version; since the SDK of late 2026 also its tag."""

Json: TypeAlias = dict[str, Any]
"""An object that is passed on unread."""

Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Double: TypeAlias = Annotated[float, Field(ge=0, le=2)]
Prompt: TypeAlias = Annotated[str, Field(max_length=2000)]
