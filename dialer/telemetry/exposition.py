"""Where the metrics are read: `/metrics`, `/livez` and `/readyz`, or a textfile for node-exporter."""

import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder, generate_latest
from prometheus_client.registry import Collector

from dialer.domain.errors import BadInput
from dialer.telemetry.health import Health


def monitor_app(metrics: Sequence[Collector], health: Health) -> web.Application:
    """`/metrics` for Prometheus; `/livez` and `/readyz` answer 200, or 503 with one reason a line."""
    registry = CollectorRegistry()
    for each in metrics:
        registry.register(each)
    ProcessCollector(registry=registry)

    async def scrape(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(registry), headers={"Content-Type": content_type})

    app = web.Application()
    app.router.add_get("/metrics", scrape)
    app.router.add_get("/livez", _probe(health.not_alive))
    app.router.add_get("/readyz", _probe(health.not_ready))
    return app


def _probe(ask: Callable[[], Sequence[str]]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        problems = ask()
        return web.Response(status=503 if problems else 200, text="\n".join(problems or ["ok"]) + "\n")

    return answer


class Textfile:
    """The same for one-off runs, which end before anybody scrapes them: node-exporter reads the file.

    Metrics of the process are left out: those of several campaigns would clash.
    """

    def __init__(self, path: Path, metrics: Sequence[Collector]) -> None:
        self._path = path
        self._registry = CollectorRegistry()
        for each in metrics:
            self._registry.register(each)

    def write(self) -> None:
        """All at once: no reader sees half a file. Raises `BadInput` if it cannot be written."""
        beside = self._path.with_name(f".{self._path.name}.{os.getpid()}")  # node-exporter reads *.prom only
        try:
            beside.write_bytes(generate_latest(self._registry))
            beside.chmod(0o644)  # node-exporter is another user
            beside.replace(self._path)
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise BadInput(f"metrics.file {self._path}: cannot be written: {error.strerror}") from error
