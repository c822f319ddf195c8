"""Webhooks: the signature, and what an event tells."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.adapters.retell.answers import parse_event, read_call
from dialer.adapters.retell.signature import WINDOW_MS, Signatures

CALL = {"call_id": "call_1", "call_status": "ended", "disconnection_reason": "user_hangup", "new": 1}
SIGNED_AT = 1_700_000_000_000
DIGEST = "07024cabe7dd8f6d1c6e4a8324ca92c812e6ad4a7ee506c04f7e462e3321823e"
HEADER = f"v={SIGNED_AT},d={DIGEST}"
BODY = b'{"event":"call_ended"}'


def is_good(key: str, header: str, body: bytes, now_ms: int) -> bool:
    return Signatures([key], lambda: now_ms / 1000).is_good(header, body)


def test_the_known_signature_is_good() -> None:
    assert is_good("test-api-key", HEADER, BODY, SIGNED_AT)


@pytest.mark.parametrize("skew_ms", [-WINDOW_MS, WINDOW_MS])
def test_a_signature_is_good_for_five_minutes_on_either_side(skew_ms: int) -> None:
    assert is_good("test-api-key", HEADER, BODY, SIGNED_AT + skew_ms)
    assert not is_good("test-api-key", HEADER, BODY, SIGNED_AT + skew_ms + (1 if skew_ms > 0 else -1))


@pytest.mark.parametrize(
    ("key", "header", "body"),
    [
        ("other-key", HEADER, BODY),
        ("test-api-key", HEADER, BODY + b" "),
        ("test-api-key", f"v={SIGNED_AT + 1},d={DIGEST}", BODY),
        ("test-api-key", f"v={SIGNED_AT},d={DIGEST[:-1]}f", BODY),
        ("test-api-key", f"v={SIGNED_AT},d={DIGEST.upper()}", BODY),
        ("test-api-key", f"v={SIGNED_AT},d={DIGEST[:-1]}", BODY),
        ("test-api-key", f"d={DIGEST},v={SIGNED_AT}", BODY),
        ("test-api-key", f"v=,d={DIGEST}", BODY),
        ("test-api-key", f"v=-1,d={DIGEST}", BODY),
        ("test-api-key", f"v=١٧٠٠٠٠٠٠٠٠٠٠٠,d={DIGEST}", BODY),
        ("test-api-key", DIGEST, BODY),
        ("test-api-key", "", BODY),
        ("test-api-key", HEADER + "\n", BODY),
    ],
)
def test_any_other_signature_is_bad(key: str, header: str, body: bytes) -> None:
    assert not is_good(key, header, body, SIGNED_AT)


@given(st.text(), st.binary())
def test_no_header_breaks_the_verification(header: str, body: bytes) -> None:
    assert not is_good("test-api-key", header, body, SIGNED_AT)


def test_an_event_is_its_name_and_its_call() -> None:
    event = parse_event(orjson.dumps({"event": "call_ended", "call": CALL, "new": 1}))
    assert event == ("call_ended", read_call(CALL))


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", BODY, b'{"event":"call_ended","call":{}}', b'{"call":{"call_id":"a"}}']
)
def test_what_is_no_event_is_none(body: bytes) -> None:
    assert parse_event(body) is None
