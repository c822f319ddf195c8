"""Who is let in to the HTTP API, how often, and how many of one's requests at once."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from math import ceil

import anyio

from dialer.web.bounds import Allowance, ApiBounds
from dialer.web.problems import Problem
from dialer.web.tokens import Role, Token, find

UNDER_WAY_MAX = 16
"""Requests of one token at once: each may hold a body in memory, and the ledger answers one after another."""


class Admission:
    """The door. `tokens`: those of now, since they may be taken back while it is served."""

    def __init__(self, tokens: Callable[[], Sequence[Token]], bounds: ApiBounds) -> None:
        self._tokens = tokens
        self._bounds = bounds
        self._allowances: dict[str, Allowance] = {}
        self._under_way: dict[str, int] = {}

    def token_of(self, header: str | None) -> Token:
        """Whose request it is, by its `Authorization`. Raises `Problem`."""
        scheme, _, given = (header or "").partition(" ")
        token = find(self._tokens(), given.strip()) if scheme.casefold() == "bearer" else None
        if token is None:
            raise Problem(
                HTTPStatus.UNAUTHORIZED,
                "this needs the header `Authorization: Bearer TOKEN` with a token that is in the settings",
                headers={"WWW-Authenticate": "Bearer"},
            )
        return token

    @contextmanager
    def let_in(self, token: Token, needed: Role) -> Iterator[None]:
        """For one request; open while it is handled. Raises `Problem` if it is not let in."""
        self._take_one(token)
        if not token.role.allows(needed):
            raise Problem(
                HTTPStatus.FORBIDDEN,
                f"this needs the role {needed}, and the token {token.name} has {token.role}",
                headers={"WWW-Authenticate": 'Bearer error="insufficient_scope"'},
            )
        under_way = self._under_way.get(token.name, 0)
        if under_way >= UNDER_WAY_MAX:
            raise _too_many(
                f"{under_way} requests of {token.name} are under way: wait for their answers", 1.0
            )
        self._under_way[token.name] = under_way + 1
        try:
            yield
        finally:
            self._under_way[token.name] -= 1

    def _take_one(self, token: Token) -> None:
        now, per_s = anyio.current_time(), self._bounds.requests_per_s
        allowance = self._allowances.get(token.name)
        if allowance is None:
            allowance = self._allowances[token.name] = Allowance(per_s, now)
        wait_s = allowance.take(now)
        if wait_s:
            detail = (
                f"{token.name} may ask {per_s:g} times a second, for {self._bounds.items_max} jobs at once"
            )
            raise _too_many(detail, wait_s)


def _too_many(detail: str, wait_s: float) -> Problem:
    return Problem(HTTPStatus.TOO_MANY_REQUESTS, detail, headers={"Retry-After": str(ceil(wait_s))})
