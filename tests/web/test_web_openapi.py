"""The HTTP API is what its OpenAPI document says: schemathesis asks it over real HTTP."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import schemathesis
from anyio.from_thread import start_blocking_portal
from api_kit import BOUNDS, SECRETS, Office, app_on, number, office
from hypothesis import HealthCheck, given, seed, settings
from jsonschema import Draft202012Validator
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core import NotSet
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from dialer.adapters.sources.messages import job_schema
from dialer.settings.live import changes_schema, live_names
from dialer.web.openapi import ENDPOINTS, PATH, document
from dialer.web.tokens import Role

HEADERS = {"Authorization": f"Bearer {SECRETS[Role.OPERATE]}"}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = {GenerationMode.POSITIVE: 30, GenerationMode.NEGATIVE: 60}
DOCUMENT = document(job_schema(), changes_schema(), BOUNDS.items_max)
OPERATIONS = [(method, path) for path, methods in DOCUMENT["paths"].items() for method in methods]
REACHED = {
    GenerationMode.POSITIVE: {200},
    GenerationMode.NEGATIVE: {401, 404, 422},
    ("post", "/v1/jobs", GenerationMode.POSITIVE): {207},
}
"""What has to come of some: whether a text is a number no schema says, so that no random job is taken."""


@asynccontextmanager
async def with_a_campaign() -> AsyncIterator[Office]:
    async with office() as at:
        for each in ENDPOINTS:  # each has its own, so that one that is cancelled is no other's
            await at.post("/v1/jobs", {"campaign": each.name, "job_id": "row-1", "to_number": number(1)})
        yield at


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(with_a_campaign()) as at:
        yield at.url


def is_malformed(operation: dict[str, Any], body: object) -> bool:
    """By the document; a body that is left out is not."""
    if "requestBody" not in operation or isinstance(body, NotSet):
        return False
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    return not Draft202012Validator({**DOCUMENT, **schema}).is_valid(body)


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_it_answers_as_its_document_says(url: str, method: str, path: str, mode: GenerationMode) -> None:
    """Nothing falls over, and each answer has its status, its type and its form.

    A malformed body gets 4xx; in a list of jobs each malformed one has its own 422.
    """
    operation = DOCUMENT["paths"][path][method]
    # of requests with a body half the bad ones would have but a bad token
    only_bad_bodies = {"security": []} if "requestBody" in operation else {}
    schema = schemathesis.openapi.from_dict(DOCUMENT | only_bad_bodies)
    schema.config.update(base_url=url)
    statuses: set[int] = set()
    there = {"campaign": operation["operationId"], "job_id": "row-1"}

    @seed(1)
    @settings(
        max_examples=EXAMPLES[mode], deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(case=schema[path][method].as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        if "requestBody" in operation or mode is GenerationMode.POSITIVE:
            case.path_parameters = {name: there[name] for name in case.path_parameters}
        answer = case.call_and_validate(headers=HEADERS, checks=CHECKS)
        statuses.add(answer.status_code)
        assert ("Retry-After" in answer.headers) == (answer.status_code in (429, 503))
        if is_malformed(operation, case.body):
            assert answer.status_code >= 400 or answer.json()["refused"] > 0

    ask()
    assert statuses & REACHED.get((method, path, mode), REACHED[mode])


def test_what_is_served_is_the_document(url: str) -> None:
    served = httpx.get(url + PATH, trust_env=False)
    assert served.headers["Content-Type"].startswith("application/json")
    assert served.json() == DOCUMENT


def test_the_document_is_sound_and_has_every_endpoint() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    app = app_on(None)  # type: ignore[arg-type]
    served = {
        (route.method.lower(), route.resource.canonical) for route in app.router.routes() if route.resource
    }
    assert {each for each in served if each[0] != "head"} - {("get", PATH)} == set(OPERATIONS)
    assert {each.name for each in ENDPOINTS} == {
        DOCUMENT["paths"][path][method]["operationId"] for method, path in OPERATIONS
    }


def test_every_setting_that_may_be_changed_is_described() -> None:
    changes = DOCUMENT["components"]["schemas"]["Changes"]["properties"]["changes"]
    assert list(changes["properties"]) == list(live_names())
    assert all(each["description"] for each in changes["properties"].values())
    assert not any("default" in each for each in changes["properties"].values())
