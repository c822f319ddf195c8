"""What the HTTP API takes and answers: the table of its endpoints, and the OpenAPI document made of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from dialer import __version__
from dialer.domain.rights import REDIRECTING, Right
from dialer.web.documents import (
    Acted,
    Campaign,
    CampaignPage,
    Changes,
    Job,
    Jobs,
    Order,
    SubmittedJob,
    SubmittedJobs,
    Workers,
)
from dialer.web.problems import MEDIA_TYPE, ProblemDocument
from dialer.web.tokens import Role

PATH = "/v1/openapi.json"
CAMPAIGNS_MAX = 100
CAMPAIGNS_EACH = 20
Schema = Mapping[str, Any]

_MEANINGS = {
    200: "Done.",
    207: "Of the jobs some or all were not taken: each has its own status.",
    400: "The body is not JSON.",
    401: "No token, or none of ours.",
    403: "The token's role does not allow it; or, with the code not_allowed, it lacks a right or is bound to "
    "others: the detail names which, and the setting that grants it.",
    404: "There is no such campaign or job.",
    408: "The body did not come in time.",
    409: "It cannot be done as things stand.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    422: "The body or a parameter is not as described.",
    429: "Too many requests of this token: wait as long as Retry-After says.",
    500: "A fault of ours.",
    503: "Nothing was done, and it may be asked again: wait as long as Retry-After says.",
}
_LATER = (429, 503)
RETRY_AFTER: Schema = {
    "description": "Seconds to wait.",
    "required": True,
    "schema": {"type": "integer", "minimum": 1},
}
_ALWAYS = (401, 403, 429, 500, 503)
_WITH_BODY = (400, 408, 413, 415, 422)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path."""

    name: str
    method: str
    path: str
    role: Role
    about: str
    answers: tuple[tuple[int, type[BaseModel]], ...]
    takes: type[BaseModel] | None = None
    """Besides `POST /v1/jobs`, whose jobs have a schema of their own."""
    problems: tuple[int, ...] = ()
    query: tuple[Mapping[str, Any], ...] = ()


def _order(name: str, about: str, *problems: int, takes: type[BaseModel] = Order) -> Endpoint:
    return Endpoint(
        name,
        "POST",
        f"/v1/campaigns/{{campaign}}/{name}",
        Role.OPERATE,
        about,
        ((200, Acted),),
        takes,
        (404, *problems, *_WITH_BODY),
    )


ENDPOINTS: Sequence[Endpoint] = (
    Endpoint(
        "submit",
        "POST",
        "/v1/jobs",
        Role.SUBMIT,
        "Give one job or a list of them. A job that is given again is the same job: after a lost answer give "
        "the same once more. Of a list each job is judged alone: 200 if all were taken, else 207, and the "
        "answer has each job's own status. One job alone is answered with that status itself. A job whose "
        f"agent_override sends data elsewhere ({', '.join(REDIRECTING)}) needs the right "
        f"{Right.REDIRECT_DATA}.",
        ((200, SubmittedJob), (200, SubmittedJobs), (207, SubmittedJobs)),
        problems=(409, *_WITH_BODY),
    ),
    Endpoint(
        "campaigns",
        "GET",
        "/v1/campaigns",
        Role.READ,
        "The campaigns of the ledger, oldest first.",
        ((200, CampaignPage),),
        problems=(404, 422),
        query=(
            {"name": "after", "schema": {"type": "string", "minLength": 1}},
            {
                "name": "limit",
                "schema": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": CAMPAIGNS_MAX,
                    "default": CAMPAIGNS_EACH,
                },
            },
        ),
    ),
    Endpoint(
        "campaign",
        "GET",
        "/v1/campaigns/{campaign}",
        Role.READ,
        "Where a campaign stands, and what holds it.",
        ((200, Campaign),),
        problems=(404,),
    ),
    Endpoint(
        "workers",
        "GET",
        "/v1/workers",
        Role.READ,
        "Which workers live, and what each is doing.",
        ((200, Workers),),
    ),
    Endpoint(
        "job_of_campaign",
        "GET",
        "/v1/campaigns/{campaign}/jobs/{job_id}",
        Role.READ,
        "Where a job stands. A job that was given without an id has its number for one.",
        ((200, Job),),
        problems=(404,),
    ),
    Endpoint(
        "jobs",
        "GET",
        "/v1/jobs/{job_id}",
        Role.READ,
        "Where the jobs of this id stand: ids are a campaign's own, so that several may have one.",
        ((200, Jobs),),
        problems=(404,),
        query=({"name": "campaign", "schema": {"type": "string", "minLength": 1}},),
    ),
    _order("pause", "Start no further call until it is resumed; calls under way go on to their end.", 409),
    _order("resume", "Take a pause back, or what a rule stopped it for.", 409),
    _order("cancel", "Call nobody any more, for good: open jobs are closed, calls under way go on.", 409),
    _order(
        "set",
        "Change settings for this campaign, from now on. Rules weaker than the service's own, such as "
        f'rules.hours = "always", need the right {Right.WEAKEN_RULES}.',
        409,
        takes=Changes,
    ),
)


def document(job: Schema, changes: Schema, items_max: int) -> dict[str, Any]:
    """The OpenAPI document. `job`: the schema of a job to be given; `changes`: of what may be changed."""
    models = {model for each in ENDPOINTS for _, model in each.answers} | {ProblemDocument}
    models |= {each.takes for each in ENDPOINTS if each.takes is not None}
    named = sorted(models, key=lambda model: model.__name__)
    _, made = models_json_schema(
        [(model, "serialization" if model not in (Order, Changes) else "validation") for model in named],
        ref_template="#/components/schemas/{model}",
    )
    schemas = made["$defs"]
    schemas["Changes"]["properties"]["changes"] |= changes
    schemas["GivenJob"] = {key: value for key, value in job.items() if not key.startswith("$")}
    paths: dict[str, dict[str, Any]] = {}
    for each in ENDPOINTS:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, items_max)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "dialer",
            "version": __version__,
            "description": "Give jobs, see where they stand, hold and change campaigns. Times are UTC. "
            "A token may be bound to campaigns: others are answered with 403, and lists leave them out.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "As `dialer token` makes them."}
            },
        },
    }


def _operation(endpoint: Endpoint, items_max: int) -> dict[str, Any]:
    said: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.about.partition(". ")[0].partition(":")[0].rstrip("."),
        "description": f"{endpoint.about} Needs the role {endpoint.role}.",
        "parameters": _parameters(endpoint),
        "responses": _responses(endpoint),
    }
    if endpoint.takes is not None:
        said["requestBody"] = {"required": endpoint.takes is not Order} | _json(_named(endpoint.takes))
    if endpoint.name == "submit":
        one = {"$ref": "#/components/schemas/GivenJob"}
        many = {"type": "array", "items": one, "minItems": 1, "maxItems": items_max}
        said["requestBody"] = {"required": True} | _json({"oneOf": [one, many]})
    return said


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in ("campaign", "job_id")
        if f"{{{name}}}" in endpoint.path
    ]
    return [*in_path, *({"in": "query", **each} for each in endpoint.query)]


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for status in dict.fromkeys(status for status, _ in endpoint.answers):
        models = [_named(model) for of, model in endpoint.answers if of == status]
        schema = models[0] if len(models) == 1 else {"oneOf": models}
        answers[str(status)] = {"description": _MEANINGS[status]} | _json(schema)
    for status in sorted({*_ALWAYS, *endpoint.problems}):
        content = {MEDIA_TYPE: {"schema": _named(ProblemDocument)}}
        headers = {"Retry-After": RETRY_AFTER} if status in _LATER else {}
        answers[str(status)] = {"description": _MEANINGS[status], "content": content, "headers": headers}
    return answers


def _json(schema: Schema) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


def _named(model: type[BaseModel]) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}
