"""The signature of a webhook: `X-Retell-Signature: v=<unix ms>,d=<64 hex digits>`.

d is HMAC-SHA256 with the API key over the raw body followed by v as text. Source: the official SDK.
"""

import hmac
import re
from hashlib import sha256

WINDOW_MS = 5 * 60 * 1000
"""A signature that is further away from now, on either side, is refused: it may be a replay."""

_HEADER = re.compile(r"v=([0-9]{1,16}),d=([0-9a-f]{64})")


def verify(api_key: str, header: str, body: bytes, now_ms: int) -> bool:
    """True if the body is from Retell and fresh. `body`: the bytes as they came, before any parsing."""
    parts = _HEADER.fullmatch(header)
    if parts is None:
        return False
    signed_at, digest = parts.groups()
    expected = hmac.new(api_key.encode(), body + signed_at.encode(), sha256).hexdigest()
    return hmac.compare_digest(expected, digest) and abs(now_ms - int(signed_at)) <= WINDOW_MS
