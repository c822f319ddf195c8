"""One small HTTP server on one address, for what others send us."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from dialer.domain.errors import BadInput

SHUTDOWN_S = 1.0
HEAD_S_MAX = 75.0
"""For a request's head to arrive, and for a connection to be idle: longer than proxies keep one for the next
request, and no longer than a stranger may hold one with a byte now and then."""
FAULT_EACH_S = 1.0
"""Seconds between two traces of faults of ours in the log: a stranger may know how to repeat one."""

Malformed = Callable[[str], None]
"""Told from which address something came that is no HTTP."""


class _ServerLog(logging.Logger):
    """What aiohttp has to say of a server of ours.

    It writes a trace, with the whole header line in it, for each request that is no HTTP. Anybody can send
    thousands, and a line may hold a token: such a request is counted, and nothing of it is written here.
    """

    def __init__(self, malformed: Malformed) -> None:
        super().__init__("aiohttp.server", logging.DEBUG)
        self._malformed = malformed
        self._next_at = float("-inf")

    def handle(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError | web.RequestPayloadError):
            remote = record.args[0] if isinstance(record.args, tuple) and record.args else None
            self._malformed(str(remote or ""))
        elif record.levelno >= logging.WARNING and record.created >= self._next_at:
            self._next_at = record.created + FAULT_EACH_S
            logging.getLogger(self.name).handle(record)


@asynccontextmanager
async def serve(
    app: web.Application,
    listen: str,
    *,
    setting: str = "webhooks.listen",
    malformed: Malformed = lambda remote: None,
) -> AsyncIterator[str]:
    """Serve on HOST:PORT (port 0: any free one) while the context is open; gives the URL.

    `malformed`: told of each request that cannot be read; it is answered with 400 here.
    Raises `BadInput`, which names the `setting`, if the address cannot be used.
    """
    host, _, port = listen.rpartition(":")
    log = _ServerLog(malformed)
    runner = web.AppRunner(
        app, access_log=None, logger=log, shutdown_timeout=SHUTDOWN_S, keepalive_timeout=HEAD_S_MAX
    )
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
