"""Who may ask the HTTP API for what: bearer tokens, of which only a hash is kept.

A plain SHA-256 is enough here, and a slow hash would add nothing. Slow hashes are for passwords, which people
choose, so that trying the likely ones finds many. A token is 256 random bits: none is likelier than another,
and whoever has stolen the hashes would have to try 2^255 on average.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from dialer.domain.rights import Grant

PREFIX = "dialer_"
"""So that a token that was committed or pasted somewhere is found by those who look for such things."""
TOKEN_BYTES = 32
TOKEN_CHARS_MAX = 200
"""More is no token of ours and is not hashed."""


class Role(StrEnum):
    """What a token allows; each allows what stands before it, too."""

    READ = "read"
    """See where campaigns and jobs stand, without people's numbers."""
    SUBMIT = "submit"
    """Give jobs."""
    OPERATE = "operate"
    """Pause, resume, cancel and change campaigns, and see people's numbers."""

    def allows(self, needed: "Role") -> bool:
        ranks = tuple(Role)
        return ranks.index(self) >= ranks.index(needed)


@dataclass(frozen=True, slots=True)
class Token:
    """One of those who may ask. The token itself is nowhere."""

    name: str
    role: Role
    sha256: str
    """In hex, small letters."""
    grant: Grant = field(default_factory=Grant)
    """What it may do besides its role, and what it is bound to."""


def new_token() -> str:
    """256 bits from the system's generator for secrets."""
    return PREFIX + secrets.token_urlsafe(TOKEN_BYTES)


def fingerprint(token: str) -> str:
    """What is kept of a token, in hex."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def find(tokens: Iterable[Token], given: str) -> Token | None:
    """Whose token it is. It is compared with all of them, each in constant time: how long says nothing."""
    if len(given) > TOKEN_CHARS_MAX:
        return None
    known, found = fingerprint(given), None
    for token in tokens:
        if hmac.compare_digest(token.sha256, known):
            found = token
    return found
