"""One small HTTP server on one address, for what others send us."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from aiohttp import web

from dialer.domain.errors import BadInput

SHUTDOWN_S = 1.0


@asynccontextmanager
async def serve(app: web.Application, listen: str, *, setting: str = "webhooks.listen") -> AsyncIterator[str]:
    """Serve on HOST:PORT (port 0: any free one) while the context is open; gives the URL.

    Raises `BadInput`, which names the `setting`, if the address cannot be used.
    """
    host, _, port = listen.rpartition(":")
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host.strip("[]"), int(port)).start()
        except OSError as error:
            raise BadInput(f"{setting} {listen}: cannot listen there: {error.strerror}") from error
        bound_host, bound_port = runner.addresses[0][:2]
        yield f"http://{bound_host}:{bound_port}"
    finally:
        # connections that are kept open must not outlive the loop, also when the campaign was cancelled
        with anyio.CancelScope(shield=True):
            await runner.cleanup()
