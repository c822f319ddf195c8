"""Connections that take their time, as those with TLS handshakes do, in virtual time."""

from collections.abc import Callable
from typing import Any

import anyio

from dialer.adapters.retell.client import RetellApi


def make_slow(api: RetellApi, connects_in: Callable[[], float]) -> None:
    """From now on each request of this client has a connection of its own, so many seconds later."""
    connector: Any = api._session.connector
    connector._force_close = True  # as behind a proxy that keeps none
    at_once = connector._create_connection

    async def create(*asked: Any, **more: Any) -> Any:
        made = await at_once(*asked, **more)
        await anyio.sleep(connects_in())
        return made

    connector._create_connection = create
