"""What is told of each request: the endpoint's name, and what it answered."""

from dataclasses import replace

import pytest

from dialer.adapters.retell.client import endpoint_of, open_api
from dialer.adapters.retell.config import RetellConfig
from dialer.domain.calls import CallId
from dialer.domain.errors import CallError
from dialer.engine.events import ApiAnswered, Event
from tests.support.campaigns import KEY, in_virtual_time, world


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v2/create-phone-call", "create-phone-call"),
        ("/v3/list-calls", "list-calls"),
        ("/v2/get-call/call_1", "get-call"),
        ("/get-concurrency", "get-concurrency"),
    ],
)
def test_an_endpoint_has_the_name_of_the_documentation(path: str, name: str) -> None:
    assert endpoint_of(path) == name


@in_virtual_time
async def test_each_answer_is_told_with_its_time_and_so_is_none() -> None:
    told: list[Event] = []
    async with world() as w:
        config = RetellConfig(api_key=KEY, base_url=w.sim.url)
        async with open_api(config, connections_max=1, clock=w.clock, observe=told.append) as api:
            await api.capacity()
            await api.get(CallId("call_of_nobody"))
        nowhere = replace(config, base_url="http://127.0.0.1:1")
        async with open_api(nowhere, connections_max=1, clock=w.clock, observe=told.append) as api:
            with pytest.raises(CallError):
                await api.capacity()
    at = w.clock.now()
    assert told == [
        ApiAnswered("get-concurrency", 200, at),
        ApiAnswered("get-call", 422, at),
        ApiAnswered("get-concurrency", None, at),
    ]
