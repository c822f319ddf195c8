"""What the HTTP API answers when it does not do as it was asked: RFC 9457, `application/problem+json`."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

MEDIA_TYPE = "application/problem+json"
ERRORS_MAX = 20


class FieldError(BaseModel):
    """One thing that is wrong with what was sent."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    field: str
    """Which: a JSON Pointer (RFC 6901) into the body, or the name of a parameter."""
    message: str


class ProblemDocument(BaseModel):
    """RFC 9457. Of no `type` of its own: `status` and `code` say what it is."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    title: str
    """The status in words."""
    status: int
    detail: str
    """What is wrong and the way out."""
    code: str | None = None
    """For programs: why a job is refused."""
    errors: tuple[FieldError, ...] = ()


class Problem(Exception):
    """Ends the handling of a request with this answer."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        code: str | None = None,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        closes: bool = False,
    ) -> None:
        """`closes`: the connection is of no more use, since what was sent was not read to its end."""
        super().__init__(detail)
        self.status = status
        self.document = ProblemDocument(
            title=status.phrase, status=status, detail=detail, code=code, errors=tuple(errors)
        )
        self.headers = dict(headers or {})
        self.closes = closes

    def response(self) -> web.Response:
        shown = self.document.model_dump(mode="json", exclude_defaults=True)
        answer = web.Response(
            status=self.status, body=orjson.dumps(shown), content_type=MEDIA_TYPE, headers=self.headers
        )
        if self.closes:
            answer.force_close()
        return answer


def misfit(error: ValidationError) -> Problem:
    """A body that has not the form it should have: each field with what is wrong, never with its value."""
    found = [
        FieldError(field=_pointer(each["loc"]), message=each["msg"].removeprefix("Value error, "))
        for each in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    first = f"{found[0].field or 'the body'}: {found[0].message}"
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, first + more, errors=found[:ERRORS_MAX])


def _pointer(loc: Sequence[int | str]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in loc)
