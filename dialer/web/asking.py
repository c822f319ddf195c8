"""One request to the HTTP API, read: its body within its bounds, its parameters."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

import anyio
import orjson
from aiohttp import web
from pydantic import BaseModel, ValidationError

from dialer.web.bounds import ApiBounds
from dialer.web.openapi import CAMPAIGNS_EACH, CAMPAIGNS_MAX
from dialer.web.problems import FieldError, Problem, misfit
from dialer.web.tokens import Role, Token

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for what."""

    endpoint: str
    request: web.Request
    token: Token
    bounds: ApiBounds

    @property
    def shows_numbers(self) -> bool:
        return self.token.role.allows(Role.OPERATE)

    @property
    def campaign(self) -> str:
        return self.request.match_info["campaign"]

    @property
    def job_id(self) -> str:
        return self.request.match_info["job_id"]


async def json_of(asked: Asked) -> Any:
    """The body. Raises `Problem`."""
    body = await _body(asked)
    if asked.request.content_type != "application/json":
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body must be JSON, with Content-Type: application/json"
        )
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        detail = f"the body is not JSON: {error.msg}, line {error.lineno} column {error.colno}"
        raise Problem(HTTPStatus.BAD_REQUEST, detail) from None


async def order_of(asked: Asked, model: type[M]) -> M:
    """The body as that document; an empty body is one without fields. Raises `Problem`."""
    given = await json_of(asked) if asked.request.body_exists else {}
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise misfit(error) from None


def limit_of(query: Mapping[str, str]) -> int:
    """How many campaigns are asked for. Raises `Problem`."""
    text = query.get("limit", str(CAMPAIGNS_EACH))
    if not re.fullmatch("[0-9]{1,3}", text, re.ASCII) or not 1 <= int(text) <= CAMPAIGNS_MAX:
        wrong = f"must be a whole number from 1 to {CAMPAIGNS_MAX}"
        errors = [FieldError(field="limit", message=wrong)]
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"limit {wrong}", errors=errors)
    return int(text)


async def _body(asked: Asked) -> bytes:
    bounds = asked.bounds
    try:
        with anyio.fail_after(bounds.body_s):
            return await asked.request.read()
    except TimeoutError:
        detail = f"the body did not come within {bounds.body_s:g} s"
        raise Problem(HTTPStatus.REQUEST_TIMEOUT, detail, closes=True) from None
    except web.HTTPRequestEntityTooLarge:
        detail = f"the body is larger than {bounds.body_bytes_max:,} bytes: give fewer jobs at once"
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, closes=True) from None
    except (web.RequestPayloadError, OSError):  # half a body, or not packed as its header says
        raise Problem(HTTPStatus.BAD_REQUEST, "the body cannot be read to its end", closes=True) from None
