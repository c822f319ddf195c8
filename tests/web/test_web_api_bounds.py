"""What the HTTP API answers to what it cannot use: too much, too slow, half, or no HTTP that it knows."""

import gzip
import json
import zlib
from collections.abc import AsyncIterator

import anyio
import orjson
import pytest
from api_kit import SECRETS, Office, at_office, number

from dialer.web.openapi import ENDPOINTS
from dialer.web.problems import MEDIA_TYPE
from dialer.web.tokens import Role

JOB = {"campaign": "spring", "to_number": number(1)}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/v1", 404),
        ("GET", "/v1/campaigns/", 404),
        ("POST", "/v2/jobs", 404),
        ("GET", "/v1/jobs", 405),
        ("DELETE", "/v1/campaigns/spring", 405),
        ("PUT", "/v1/openapi.json", 405),
    ],
)
def test_unknown_paths_and_methods_are_problems_too(method: str, path: str, status: int) -> None:
    async def case(at: Office) -> None:
        answer = await at.ask(method, path)
        assert (answer.status, answer.content_type) == (status, MEDIA_TYPE)
        said = json.loads(await answer.text())
        assert (said["status"], bool(said["detail"])) == (status, True)
        assert ("Allow" in answer.headers) == (status == 405)

    at_office(case)


def test_head_and_options_are_answered() -> None:
    async def case(at: Office) -> None:
        for endpoint in ENDPOINTS:
            path = endpoint.path.format(campaign="none", job_id="none")
            options = await at.ask("OPTIONS", path, role=None)
            assert options.status == 204
            both = {"GET", "HEAD"} if endpoint.method == "GET" else {"POST"}
            assert both <= set(options.headers["Allow"].split(", "))
        head = await at.ask("HEAD", "/v1/campaigns")
        assert (head.status, await head.text()) == (200, "")
        assert (await at.ask("HEAD", "/v1/campaigns", role=None)).status == 401

    at_office(case)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"{'a': 1}", b"\xff", b'"\\ud800"', b"NaN", b"[" * 5000, b'{"a":1}x']
)
def test_what_is_not_json_is_said_to_be_none(body: bytes) -> None:
    async def case(at: Office) -> None:
        answer = await at.ask("POST", "/v1/jobs", body)
        assert (answer.status, answer.content_type) == (400, MEDIA_TYPE)

    at_office(case)


@pytest.mark.parametrize("depth", [250, 1000, 1020, 15_000])
@pytest.mark.parametrize("ends", ['{"a":}', "[]"])
def test_what_is_nested_too_deeply_is_refused(depth: int, ends: str) -> None:
    async def case(at: Office) -> None:
        await at.post("/v1/jobs", JOB)
        deep = f"{ends[:-1] * depth}1{ends[-1] * depth}"
        job = f'{{"to_number": "{number(2)}", "metadata": {{"deep": {deep}}}}}'
        assert (await at.ask("POST", "/v1/jobs", job.encode())).status in (
            (200,) if depth == 250 else (400, 422)
        )
        for name in ("rules.windows", "pace.cps"):
            change = f'{{"changes": {{"{name}": {deep}}}}}'
            asked = await at.ask("POST", "/v1/campaigns/spring/set", change.encode())
            assert asked.status in (400, 422), await asked.text()

    at_office(case)


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "text/csv", ""])
def test_another_media_type_is_not_taken(media_type: str) -> None:
    async def case(at: Office) -> None:
        sent = {"Content-Type": media_type}
        answer = await at.ask("POST", "/v1/jobs", orjson.dumps(JOB), headers=sent)
        assert answer.status == 415
        assert await at.ledger.campaigns() == {}

    at_office(case)


def test_a_charset_does_no_harm() -> None:
    async def case(at: Office) -> None:
        sent = {"Content-Type": "Application/JSON; charset=utf-8"}
        assert (await at.ask("POST", "/v1/jobs", orjson.dumps(JOB), headers=sent)).status == 200

    at_office(case)


def test_a_body_that_is_too_large_is_not_read_to_its_end() -> None:
    async def case(at: Office) -> None:
        answer = await at.ask("POST", "/v1/jobs", b" " * 100_001)
        assert (answer.status, answer.content_type) == (413, MEDIA_TYPE)
        assert "100,000 bytes" in json.loads(await answer.text())["detail"]
        assert (await at.ask("POST", "/v1/jobs", b" " * 99_900 + orjson.dumps(JOB))).status == 200

    at_office(case)


def test_a_small_body_that_unpacks_to_a_large_one_is_too_large() -> None:
    async def case(at: Office) -> None:
        bomb = gzip.compress(b" " * 50_000_000)
        assert len(bomb) < 100_000
        answer = await at.ask("POST", "/v1/jobs", bomb, headers={"Content-Encoding": "gzip"})
        assert answer.status == 413
        packed = zlib.compress(orjson.dumps(JOB))
        packed_job = await at.ask("POST", "/v1/jobs", packed, headers={"Content-Encoding": "deflate"})
        assert packed_job.status == 200

    at_office(case)


def test_what_is_not_packed_as_its_header_says_is_refused() -> None:
    async def case(at: Office) -> None:
        answer = await at.ask("POST", "/v1/jobs", b"no gzip", headers={"Content-Encoding": "gzip"})
        assert answer.status == 400

    at_office(case)


def test_a_body_that_does_not_come_is_waited_for_so_long_and_no_longer() -> None:
    async def drip() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await anyio.sleep(1)

    async def case(at: Office) -> None:
        sent = {"Authorization": f"Bearer {SECRETS[Role.SUBMIT]}", "Content-Type": "application/json"}
        began = anyio.current_time()
        async with at.session.post(f"{at.url}/v1/jobs", data=drip(), headers=sent) as answer:
            assert (answer.status, answer.headers["Connection"]) == (408, "close")
        assert 5.0 <= anyio.current_time() - began < 6.0

    at_office(case)


def test_who_is_nobody_has_no_body_read() -> None:
    async def drip() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await anyio.sleep(1)

    async def case(at: Office) -> None:
        began = anyio.current_time()
        async with at.session.post(f"{at.url}/v1/jobs", data=drip()) as answer:
            assert answer.status == 401
        assert anyio.current_time() - began < 1.0

    at_office(case)


def test_who_goes_away_in_the_middle_of_a_body_does_no_harm() -> None:
    async def case(at: Office) -> None:
        host, _, port = at.url.removeprefix("http://").rpartition(":")
        head = (
            f"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SECRETS[Role.SUBMIT]}\r\n"
            "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
        )
        async with await anyio.connect_tcp(host, int(port)) as stream:
            await stream.send(head.encode())
        with anyio.fail_after(20):
            await at.one_answered.wait()
        assert [(each.status, each.error) for each in at.answered] == [(400, None)]
        assert (await at.ask("GET", "/v1/campaigns")).status == 200

    at_office(case)
