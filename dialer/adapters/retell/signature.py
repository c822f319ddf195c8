"""The signature of a webhook: `X-Retell-Signature: v=<unix ms>,d=<64 hex digits>`.

d is HMAC-SHA256 with the API key over the raw body followed by v as text. Source: the official SDK. Of a
workspace's keys only the one with the webhook badge signs. Source: Retell's docs on webhooks.
"""

import hmac
import re
from collections.abc import Iterable
from hashlib import sha256

WINDOW_MS = 5 * 60 * 1000
"""A signature that is further away from now, on either side, is refused: it may be a replay."""

_HEADER = re.compile(r"v=([0-9]{1,16}),d=([0-9a-f]{64})")


def plausible(header: str, now_ms: int) -> bool:
    """Whether it has the form of a signature and is fresh; then the body is worth reading."""
    parts = _HEADER.fullmatch(header)
    return parts is not None and abs(now_ms - int(parts[1])) <= WINDOW_MS


def verify(keys: Iterable[str], header: str, body: bytes, now_ms: int) -> bool:
    """True if the body is fresh and signed with one of these keys. `body`: the bytes as they came."""
    parts = _HEADER.fullmatch(header)
    if parts is None or not plausible(header, now_ms):
        return False
    signed_at, digest = parts.groups()
    return any(hmac.compare_digest(_digest(key, body, signed_at), digest) for key in keys)


def _digest(key: str, body: bytes, signed_at: str) -> str:
    signed = hmac.new(key.encode(), body, sha256)
    signed.update(signed_at.encode())  # the body is not copied: it may have megabytes
    return signed.hexdigest()
