"""The simulator is what its OpenAPI document says: schemathesis asks it over real HTTP."""

from collections.abc import Iterator
from typing import Any

import anyio
import httpx
import pytest
import schemathesis
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, assume, given, seed, settings
from jsonschema import Draft202012Validator
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    response_schema_conformance,
    status_code_conformance,
)
from simulator_kit import EPOCH_S, FROM, bench, in_virtual_time, number

from dialer.simulator.account import Account
from dialer.simulator.api import Api
from dialer.simulator.faults import Faults
from dialer.simulator.openapi import document
from dialer.simulator.people import Behaviour
from dialer.simulator.server import Simulator
from dialer.simulator.workspace import Workspace
from dialer.simulator.world import World

HEADERS = {"Authorization": "Bearer sim-key"}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
UNLIMITED = Account(
    creates_per_10s=0,
    list_per_10s=0,
    other_per_10s=0,
    client_errors_per_minute=0,
    concurrency_limit=1_000_000,
    idempotency=False,
    ring_s=0.001,
    talk_s=0.001,
)
EXAMPLES = {GenerationMode.POSITIVE: 30, GenerationMode.NEGATIVE: 120}
DOCUMENT = document()
OPERATIONS = [(method, path) for path, methods in DOCUMENT["paths"].items() for method in methods]


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    simulator = Simulator(UNLIMITED, now=lambda: EPOCH_S)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(simulator) as served:
        yield served


def operation(sim: Simulator, method: str, path: str) -> schemathesis.APIOperation:
    served = httpx.get(f"{sim.url}/openapi.json", trust_env=False)
    assert served.json() == DOCUMENT
    # of requests with a body half the bad ones would have but a bad key
    only_bad_bodies = {"security": []} if "requestBody" in DOCUMENT["paths"][path][method] else {}
    schema = schemathesis.openapi.from_dict(served.json() | only_bad_bodies)
    schema.config.update(base_url=sim.url)
    return schema[path][method]


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_it_answers_as_its_document_says(
    sim: Simulator, method: str, path: str, mode: GenerationMode
) -> None:
    """Nothing falls over, what is malformed is refused, what is not is taken, each answer has its form."""
    asked = operation(sim, method, path)
    takes = mode is GenerationMode.POSITIVE and "{" not in path
    checks = [*CHECKS, positive_data_acceptance] if takes else CHECKS

    @seed(1)
    @settings(
        max_examples=EXAMPLES[mode], deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(case=asked.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        # only the simulator knows which keys it gave
        assume(not (takes and isinstance(case.body, dict) and "pagination_key" in case.body))
        case.call_and_validate(headers=HEADERS, checks=checks)

    ask()


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator({**DOCUMENT, "$ref": f"#/components/schemas/{name}"})


@in_virtual_time
async def test_every_persons_call_is_shown_as_the_document_says() -> None:
    """At every stage of its life, one by one and in the listing."""
    dialled = Account(concurrency_limit=200, client_errors_per_minute=0, other_per_10s=0)
    call, page = validator("Call"), validator("CallPage")
    async with bench(dialled) as b:
        for ending in range(100):
            body = {"from_number": FROM, "to_number": number(ending), "metadata": {"n": ending}}
            answer = await b.post("/v2/create-phone-call", body | {"override_agent_version": "tag"})
            validator("CreatedCall" if answer.status_code == 201 else "Error").validate(answer.json())
        web = await b.post("/v2/create-web-call", {"agent_id": "a"})
        validator("CreatedCall").validate(web.json())
        fields: set[str] = set()
        for wait_s in (0.0, 14.0, 100.0, 4000.0):
            await anyio.sleep(wait_s)
            listed = (await b.post("/v3/list-calls", {"limit": 1000, "include_total": True})).json()
            page.validate(listed)
            for item in listed["items"]:
                shown = await b.http.get(f"{b.sim.url}/v2/get-call/{item['call_id']}", headers=HEADERS)
                call.validate(shown.json())
                fields.update(shown.json())
        assert fields == set(DOCUMENT["components"]["schemas"]["Call"]["properties"]) - {
            "custom_sip_headers",
            "retell_llm_dynamic_variables",
        }


def test_the_document_is_sound_and_has_every_endpoint_of_calls() -> None:
    for name in DOCUMENT["components"]["schemas"]:
        Draft202012Validator.check_schema(validator(name).schema)
    world = World(UNLIMITED, Faults(), seed=1, who=lambda *_: Behaviour.ANSWERS, tell=lambda *_: None)
    app = Api(world, lambda at: 0).app()
    others = {(method.lower(), path) for method, path, _ in Workspace(world).routes()}
    others |= {("*", "/{anything}"), ("get", "/openapi.json")} | {("head", path) for _, path in others}
    served = {
        (route.method.lower(), route.resource.canonical) for route in app.router.routes() if route.resource
    }
    assert served - others - {("head", "/openapi.json")} == set(OPERATIONS)
