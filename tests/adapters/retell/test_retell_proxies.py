"""Requests through a proxy: whose word names it, and that it carries them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import anyio
import pytest
from retell_kit import CONFIG, answer, create, failure, saying

from dialer.adapters.retell.client import open_api
from dialer.adapters.retell.proxies import Proxy, proxy_for, usable
from dialer.domain.errors import BadInput, CallNotStarted

API = "https://api.retellai.com"
VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("environ", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://proxy.example:3128"}, Proxy("http://proxy.example:3128", "HTTPS_PROXY")),
        ({"https_proxy": "http://proxy.example:3128"}, Proxy("http://proxy.example:3128", "HTTPS_PROXY")),
        ({"HTTPS_PROXY": "proxy.example:3128"}, Proxy("http://proxy.example:3128", "HTTPS_PROXY")),
        ({"ALL_PROXY": "http://proxy.example:3128"}, Proxy("http://proxy.example:3128", "ALL_PROXY")),
        ({"HTTP_PROXY": "http://proxy.example:3128"}, None),
        ({"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": "retellai.com"}, None),
        ({"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": "*"}, None),
    ],
)
def test_the_environment_names_the_proxy(
    environ: dict[str, str], proxy: Proxy | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(API, None) == proxy


def test_the_setting_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://other.example:1")
    assert proxy_for(API, "http://proxy.example:3128") == Proxy("http://proxy.example:3128", "retell.proxy")
    assert proxy_for(API, "none") is None


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080"])
def test_this_machine_is_reached_directly(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    assert proxy_for(url, None) is None


def test_a_proxy_that_cannot_be_used_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://proxy.example:1080")
    with pytest.raises(BadInput, match="HTTPS_PROXY is not the URL of an http or https proxy"):
        proxy_for(API, None)


def test_a_proxy_hides_its_password() -> None:
    proxy = Proxy("http://user:secret@proxy.example:3128", "HTTPS_PROXY")
    assert proxy.address == "proxy.example:3128"
    assert "secret" not in repr(proxy)


@pytest.mark.parametrize(
    "url", ["", "proxy", "ftp://proxy.example", "http://", "http://[::1", "http://p:99999"]
)
def test_what_is_no_proxy(url: str) -> None:
    assert not usable(url)


@asynccontextmanager
async def a_proxy(answers: bytes | None) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A proxy that notes what it is asked. `answers`: what it says to all; None: it passes requests on."""
    asked: list[bytes] = []
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = await reader.readuntil(b"\r\n\r\n")
            asked.append(head)
            if answers is not None:
                writer.write(answers)
                await writer.drain()
            else:
                await _pass_on(head, reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
    finally:
        server.close()
        for task in list(serving):
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


async def _pass_on(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """To the server that the request's first line names, with its body; and the answer back."""
    host, _, port = head.split(b" ")[1].removeprefix(b"http://").partition(b"/")[0].partition(b":")
    back, there = await asyncio.open_connection(host.decode(), int(port))
    there.write(head)
    length = next(
        (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
    )
    there.write(await reader.readexactly(length))
    await there.drain()
    writer.write(await back.read(65_536))
    await writer.drain()
    there.close()


def test_requests_go_through_the_proxy() -> None:
    created = b'{"call_id":"call_1","call_status":"registered"}'

    async def main() -> tuple[object, list[bytes]]:
        async with saying(answer("201 Created", created)) as wire, a_proxy(None) as (url, asked):
            config = replace(CONFIG, base_url=wire.url, proxy=url)
            async with open_api(config, connections_max=1) as api:
                return await create(api), asked

    news, asked = anyio.run(main)
    assert getattr(news, "call_id") == "call_1"  # noqa: B009 - `create` gives an object
    assert [head.split(b" ")[0] for head in asked] == [b"POST"]


@pytest.mark.parametrize("said", ["407 Proxy Authentication Required", "502 Bad Gateway", "403 Forbidden"])
def test_a_proxy_that_refuses_the_tunnel_made_no_call(said: str) -> None:
    async def main() -> Exception:
        async with a_proxy(answer(said)) as (url, _):
            config = replace(
                CONFIG, base_url="https://api.invalid", proxy=url.replace("//", "//user:secret@")
            )
            async with open_api(config, connections_max=1) as api:
                return await failure(api)

    error = anyio.run(main)
    assert isinstance(error, CallNotStarted)
    assert said[:3] in str(error)
    assert "secret" not in str(error)
