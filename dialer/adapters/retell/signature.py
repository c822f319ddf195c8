"""The signature of a webhook: `X-Retell-Signature: v=<unix ms>,d=<64 hex digits>`.

d is HMAC-SHA256 with the API key over the raw body followed by v as text. Source: the official SDK. Of a
workspace's keys only the one with the webhook badge signs. Source: Retell's docs on webhooks.
"""

import hmac
import re
from collections.abc import Callable, Sequence
from hashlib import sha256

WINDOW_MS = 5 * 60 * 1000
"""A signature that is further away from now, on either side, is refused: it may be a replay."""

_HEADER = re.compile(r"v=([0-9]{1,16}),d=([0-9a-f]{64})")


class Signatures:
    """Checks headers against a workspace's keys. See `web.webhooks.Signatures`."""

    def __init__(self, keys: Sequence[str], now: Callable[[], float]) -> None:
        """`now`: Unix seconds."""
        self._keys = [key.encode() for key in keys]
        self._now = now

    def is_plausible(self, header: str | None) -> bool:
        """Whether it has the form of a signature and is fresh; then the body is worth reading."""
        return self._parts(header) is not None

    def is_good(self, header: str | None, body: bytes) -> bool:
        """True if the body is fresh and signed with one of the keys. `body`: the bytes as they came."""
        parts = self._parts(header)
        if parts is None:
            return False
        signed_at, digest = parts
        return any(hmac.compare_digest(_digest(key, body, signed_at), digest) for key in self._keys)

    def _parts(self, header: str | None) -> tuple[str, str] | None:
        found = None if header is None else _HEADER.fullmatch(header)
        if found is None or abs(round(self._now() * 1000) - int(found[1])) > WINDOW_MS:
            return None
        return found[1], found[2]


def _digest(key: bytes, body: bytes, signed_at: str) -> str:
    signed = hmac.new(key, body, sha256)
    signed.update(signed_at.encode())  # the body is not copied: it may have megabytes
    return signed.hexdigest()
