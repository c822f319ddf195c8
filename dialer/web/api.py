"""Taking jobs and orders over HTTP: who asks is known by a token, and what is wrong is said in plain words.

Nothing here keeps anything: what is asked goes to the front desk, and from there to the ledger.
"""

import errno
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from math import ceil
from typing import Any

import anyio
import orjson
from aiohttp import web
from pydantic import BaseModel

from dialer.domain.errors import LedgerError, NotAllowed
from dialer.web.admission import Admission
from dialer.web.asking import Asked, json_of, limit_of, order_of
from dialer.web.bounds import ApiBounds
from dialer.web.documents import Changes, Job, Jobs, Order, SubmittedJobs
from dialer.web.front_desk import FrontDesk, NoSuchThing, NotAcceptable, NotAsItStands, NotNow
from dialer.web.openapi import ENDPOINTS, PATH, Endpoint, document
from dialer.web.problems import Problem
from dialer.web.tokens import Token

RETRY_S = 5
"""After this many seconds a ledger that cannot be used is worth another try."""
NO_LEDGER = "the ledger cannot be read or written now: ask again, what was done already is not done twice"
NO_FILES = "no file descriptor is left (the limit is too low, or somebody holds connections): ask again"
SAFETY_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Server": "dialer"}


@dataclass(frozen=True, slots=True)
class Answered:
    """One request was answered. It names neither a token nor a person's number."""

    who: str | None
    """The token's name; None: nobody that we know."""
    client: str
    """The address that it came from, perhaps a proxy's."""
    method: str
    """Empty: it was no HTTP."""
    endpoint: str
    """By its path in the OpenAPI document; empty: there is none."""
    status: int
    seconds: float
    error: Exception | None = None
    """The fault of ours that it met."""


Answer = tuple[HTTPStatus, BaseModel]


def api_app(
    desk: FrontDesk,
    tokens: Callable[[], Sequence[Token]],
    bounds: ApiBounds,
    *,
    job_schema: Mapping[str, Any],
    changes_schema: Mapping[str, Any],
    observe: Callable[[Answered], None] = lambda answered: None,
) -> web.Application:
    """An application that serves the HTTP API. `tokens`: those of now, asked with each request.

    The schemas are those of the OpenAPI document.
    """
    api = _Api(desk, Admission(tokens, bounds), bounds)
    described = orjson.dumps(document(job_schema, changes_schema, bounds.items_max))

    async def describe(request: web.Request) -> web.Response:
        return web.Response(body=described, content_type="application/json")

    app = web.Application(client_max_size=bounds.body_bytes_max, middlewares=[_answering(observe)])
    app.router.add_get(PATH, describe)
    for endpoint in ENDPOINTS:
        handle = api.handler(endpoint)
        if endpoint.method == "GET":
            app.router.add_get(endpoint.path, handle)  # HEAD too
        else:
            app.router.add_route(endpoint.method, endpoint.path, handle)
    return app


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
WHO: web.RequestKey[str] = web.RequestKey("who", str)


def _answering(observe: Callable[[Answered], None]) -> Any:
    """Every error becomes a problem document, whoever raised it."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        began, fault = anyio.current_time(), None
        try:
            response = await handler(request)
        except Exception as error:
            problem = _problem(error, request)
            response = problem.response() if isinstance(problem, Problem) else problem
            fault = error if response.status == HTTPStatus.INTERNAL_SERVER_ERROR else None
        response.headers.update(SAFETY_HEADERS)
        resource = request.match_info.route.resource
        took_s = anyio.current_time() - began
        endpoint = "" if resource is None else resource.canonical
        who = request.get(WHO)
        client = request.remote or ""
        observe(Answered(who, client, request.method, endpoint, response.status, took_s, fault))
        return response

    return answer


def _problem(error: Exception, request: web.Request) -> Problem | web.StreamResponse:
    match error:
        case Problem():
            return error
        case web.HTTPMethodNotAllowed():
            allow = {"Allow": ", ".join(sorted({*error.allowed_methods, "OPTIONS"}))}
            if request.method == "OPTIONS":
                return web.Response(status=HTTPStatus.NO_CONTENT, headers=allow)
            detail = f"{allow['Allow']} may be asked here"
            return Problem(HTTPStatus.METHOD_NOT_ALLOWED, detail, headers=allow)
        case web.HTTPNotFound():
            return Problem(HTTPStatus.NOT_FOUND, f"there is no such path: {PATH} has all that there are")
        case web.HTTPException():
            return Problem(HTTPStatus(error.status), error.reason)
        case NotAllowed():
            return Problem(HTTPStatus.FORBIDDEN, error.reason, code=error.code)
        case NoSuchThing():
            return Problem(HTTPStatus.NOT_FOUND, str(error))
        case NotAcceptable():
            return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        case NotAsItStands():
            return Problem(HTTPStatus.CONFLICT, str(error))
        case NotNow(after_s=after_s):
            return _later(str(error), ceil(after_s))
        case OSError(errno=errno.EMFILE | errno.ENFILE):
            return _later(NO_FILES, RETRY_S)
        case LedgerError():
            return _later(NO_LEDGER, RETRY_S)
        case _:
            detail = "a fault of ours: what was asked may or may not have been done; ask where it stands"
            return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, detail)


def _later(detail: str, after_s: int) -> Problem:
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": str(after_s)})


class _Api:
    """The handlers, and what they go by."""

    def __init__(self, desk: FrontDesk, admission: Admission, bounds: ApiBounds) -> None:
        self._desk = desk
        self._admission = admission
        self._bounds = bounds
        self._handlers: Mapping[str, Callable[[Asked], Awaitable[Answer]]] = {
            "submit": self._submit,
            "campaigns": self._campaigns,
            "campaign": self._campaign,
            "workers": self._workers,
            "job_of_campaign": self._job_of_campaign,
            "jobs": self._jobs,
            "pause": self._order,
            "resume": self._order,
            "cancel": self._order,
            "set": self._set,
        }

    def handler(self, endpoint: Endpoint) -> Handler:
        """The endpoint's, behind the check of who asks."""
        handle = self._handlers[endpoint.name]

        async def answer(request: web.Request) -> web.Response:
            token = self._admission.token_of(request.headers.get("Authorization"))
            request[WHO] = token.name
            with self._admission.let_in(token, endpoint.role):
                named = request.match_info.get("campaign", request.query.get("campaign"))
                if named is not None:
                    token.grant.check_campaign(named)
                status, said = await handle(Asked(endpoint.name, request, token, self._bounds))
            return web.Response(status=status, text=said.model_dump_json(), content_type="application/json")

        return answer

    async def _submit(self, asked: Asked) -> Answer:
        given = await json_of(asked)
        if isinstance(given, dict):
            (one,) = await self._desk.submit([given], asked.token.grant)
            if one.status != 200:
                raise Problem(HTTPStatus(one.status), one.reason or "", code=one.code or one.how)
            return HTTPStatus.OK, one
        if not isinstance(given, list):
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "the body must be a job or a list of jobs")
        if not 1 <= len(given) <= self._bounds.items_max:
            detail = f"there are {len(given)} jobs in the list: give 1 to {self._bounds.items_max} at once"
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
        jobs = tuple(await self._desk.submit(given, asked.token.grant))
        taken = sum(each.status == 200 for each in jobs)
        status = HTTPStatus.OK if taken == len(jobs) else HTTPStatus.MULTI_STATUS
        return status, SubmittedJobs(taken=taken, refused=len(jobs) - taken, jobs=jobs)

    async def _campaigns(self, asked: Asked) -> Answer:
        after = asked.request.query.get("after")
        count_max = limit_of(asked.request.query)
        page = await self._desk.campaigns(
            after, count_max, asked.token.grant, shows_numbers=asked.shows_numbers
        )
        return HTTPStatus.OK, page

    async def _campaign(self, asked: Asked) -> Answer:
        return HTTPStatus.OK, await self._desk.campaign(asked.campaign, shows_numbers=asked.shows_numbers)

    async def _workers(self, asked: Asked) -> Answer:
        return HTTPStatus.OK, await self._desk.workers(asked.token.grant)

    async def _job_of_campaign(self, asked: Asked) -> Answer:
        return HTTPStatus.OK, (await self._found(asked, asked.campaign))[0]

    async def _jobs(self, asked: Asked) -> Answer:
        found = await self._found(asked, asked.request.query.get("campaign"))
        return HTTPStatus.OK, Jobs(jobs=tuple(found))

    async def _found(self, asked: Asked, campaign: str | None) -> Sequence[Job]:
        grant, shows_numbers = asked.token.grant, asked.shows_numbers
        return await self._desk.jobs(asked.job_id, campaign, grant, shows_numbers=shows_numbers)

    async def _order(self, asked: Asked) -> Answer:
        order = await order_of(asked, Order)
        act = {"pause": self._desk.pause, "resume": self._desk.resume, "cancel": self._desk.cancel}[
            asked.endpoint
        ]
        return HTTPStatus.OK, await act(asked.campaign, asked.token.name, order.reason)

    async def _set(self, asked: Asked) -> Answer:
        wanted = await order_of(asked, Changes)
        token = asked.token
        return HTTPStatus.OK, await self._desk.change(
            asked.campaign, wanted.changes, token.name, wanted.reason, token.grant
        )
