"""What the client reads: listings, single calls, capacity, webhooks, whatever the API adds or leaves out."""

import itertools
import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from retell.types import concurrency_retrieve_response
from retell_kit import KEY, answer, api_at, saying

from dialer.adapters.retell.answers import parse_event, read_call, read_capacity, read_error, read_page
from dialer.adapters.retell.errors import RETRY_AFTER_MAX_S, plain, retry_after_s
from dialer.adapters.retell.responses import read_details
from dialer.app.clock_loop import run_virtual
from dialer.domain.calls import CallId, CallStatus, CallUpdate, Capacity
from dialer.domain.errors import CallNotStarted

PAGE_003 = {
    "call_type": "phone_call",
    "from_number": "+12125550100",
    "to_number": "+12125550101",
    "direction": "inbound",
    "telephony_identifier": {"twilio_call_sid": "CA5d0d0d8047bf685c3f0ff980fe62c123"},
    "call_id": "Jabr9TXYYJHfvl6Syypi88rdAHYHmcq6",
    "agent_id": "oBeDLoLOeuAbiuaMFXRtDOLriTJ5tSxD",
    "agent_version": 1,
    "call_status": "registered",
    "metadata": {"attempt_id": "attempt_1"},
    "retell_llm_dynamic_variables": {"customer_name": "John Doe"},
    "collected_dynamic_variables": {"last_node_name": "Test node"},
    "custom_sip_headers": {"X-Custom-Header": "Custom Value"},
    "opt_out_sensitive_data_storage": True,
    "opt_in_signed_url": True,
    "start_timestamp": 1703302407333,
    "end_timestamp": 1703302428855,
    "duration_ms": 10000,
    "transcript": "Agent: hi how are you doing?",
    "transcript_object": [
        {
            "role": "agent",
            "content": "hi how are you doing?",
            "words": [{"word": "hi", "start": 0.7, "end": 1.3}],
        }
    ],
    "recording_url": "https://example.com/recording.wav",
    "public_log_url": "https://example.com/public_log.txt",
    "latency": {"e2e": {"p50": 800, "max": 2700, "num": 10, "values": [123]}},
    "disconnection_reason": "agent_hangup",
    "call_analysis": {
        "call_summary": "Booked.",
        "in_voicemail": False,
        "user_sentiment": "Positive",
        "call_successful": True,
        "custom_analysis_data": {},
    },
    "call_cost": {
        "product_costs": [{"product": "elevenlabs_tts", "unitPrice": 1, "cost": 60}],
        "total_duration_seconds": 60,
        "total_duration_unit_price": 1,
        "total_one_time_price": 10,
        "combined_cost": 70,
    },
    "llm_token_usage": {"values": [123], "average": 123, "num_requests": 123},
}
"""The example of page 003."""


def test_the_page_s_example_is_read_into_our_units() -> None:
    news = read_call(PAGE_003)
    assert news is not None
    assert (news.call_id, news.attempt_id) == ("Jabr9TXYYJHfvl6Syypi88rdAHYHmcq6", "attempt_1")
    assert (news.status, news.reason, news.is_over) == (CallStatus.REGISTERED, "agent_hangup", False)
    assert (news.started_at, news.ended_at) == (1703302407.333, 1703302428.855)
    assert (news.duration_s, news.cost_cents) == (10.0, 70.0)
    assert news.analysis == PAGE_003["call_analysis"]


def test_the_typed_view_of_the_page_s_example() -> None:
    call = read_details(PAGE_003)
    assert call is not None
    assert call.call_status == CallStatus.REGISTERED
    assert call.latency is not None
    assert call.latency.e2e is not None
    assert (call.latency.e2e.p50, call.latency.e2e.p99) == (800, None)
    assert call.call_cost is not None
    assert call.call_cost.product_costs is not None
    assert call.call_cost.product_costs[0].model_extra == {"unitPrice": 1}
    assert call.model_extra == {}
    assert call.model_dump(exclude_none=True, exclude_defaults=True) == PAGE_003


def test_what_the_api_adds_survives() -> None:
    raw = {
        "call_id": "call_1",
        "call_status": "beamed_up",
        "disconnection_reason": "error_warp_core",
        "call_type": "hologram",
        "mood": {"level": 7},
        "call_analysis": {"user_sentiment": "Ecstatic", "aura": "blue"},
    }
    news, call = read_call(raw), read_details(raw)
    assert news is not None
    assert (news.status, news.reason, news.is_over) == ("beamed_up", "error_warp_core", True)
    assert news.analysis == raw["call_analysis"]
    assert call is not None
    assert (call.call_status, call.call_type, call.model_extra) == (
        "beamed_up",
        "hologram",
        {"mood": {"level": 7}},
    )
    assert call.call_analysis is not None
    assert call.call_analysis.user_sentiment == "Ecstatic"
    assert call.call_analysis.model_extra == {"aura": "blue"}


@pytest.mark.parametrize("deep", [b"[" * 300 + b"]" * 300, b'{"a":' * 300 + b"1" + b"}" * 300])
def test_an_analysis_that_could_not_be_written_again_is_left_out(deep: bytes) -> None:
    """It would fail in the ledger, and the call's end with it."""
    body = b'{"event":"call_analyzed","call":{"call_id":"call_1","call_analysis":{"deep":' + deep + b"}}}"
    parsed = parse_event(body)
    assert parsed is not None
    assert (parsed[1].call_id, parsed[1].analysis) == ("call_1", None)


def test_what_a_database_could_not_keep_is_not_in_a_text() -> None:
    news = read_call({"call_id": "c\0", "call_status": "end\0ed", "disconnection_reason": "\0"})
    assert news == CallUpdate(CallId("c\ufffd"), "end\ufffded", reason="\ufffd")
    assert read_error(b'{"message": "no\\u0000"}') == "no\ufffd"


def test_a_field_of_the_wrong_type_loses_nothing_but_itself() -> None:
    raw: dict[str, Any] = {name: [object] for name in PAGE_003}
    raw |= {"call_id": "call_1", "end_timestamp": True, "duration_ms": "10", "metadata": {"attempt_id": 7}}
    news, call = read_call(raw), read_details(raw)
    assert news is not None
    assert (news.status, news.is_over) == ("unknown", False)
    assert news == CallUpdate(call_id=CallId("call_1"), status="unknown")
    assert call is not None
    assert (call.call_id, call.transcript, call.duration_ms) == ("call_1", None, None)


_NAMES = st.sampled_from(
    [*PAGE_003, "items", "has_more", "pagination_key", "attempt_id", "event", "call", "message"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES | st.text(), inner, max_size=5),
    max_leaves=20,
)


@given(JSON)
def test_no_json_breaks_the_reading(raw: Any) -> None:
    news, call = read_call(raw), read_details(raw)
    assert (news is None) == (call is None)
    read_page(raw)
    read_capacity(raw)


@given(st.binary() | JSON.map(lambda raw: json.dumps(raw).encode()))
def test_no_bytes_break_the_reading(body: bytes) -> None:
    parse_event(body)
    assert isinstance(read_error(body), str)


@given(
    st.dictionaries(
        st.sampled_from(["RateLimit-Reset", "Retry-After", "Date"]), st.text() | st.floats().map(str)
    )
)
def test_no_header_breaks_the_waiting(headers: dict[str, str]) -> None:
    seconds = retry_after_s(headers)
    assert seconds is None or 0 < seconds <= RETRY_AFTER_MAX_S


@given(st.text(alphabet="0123456789+-() .ab\n"))
def test_no_number_stays_in_a_message(text: str) -> None:
    digits = [len(list(run)) for digit, run in itertools.groupby(plain(text, KEY), str.isdigit) if digit]
    assert max(digits, default=0) < 7


# --- capacity -----------------------------------------------------------------------------------------------

CONCURRENCY = {
    "current_concurrency": 3,
    "concurrency_limit": 30,
    "base_concurrency": 20,
    "purchased_concurrency": 10,
    "concurrency_burst_enabled": True,
    "concurrency_burst_limit": 60,
    "reserved_inbound_concurrency": 5,
}


@pytest.mark.parametrize(
    ("said", "capacity"),
    [
        (CONCURRENCY, Capacity(limit=30, in_use=3, reserved_inbound=5, burst_limit=60)),
        (
            CONCURRENCY | {"concurrency_burst_enabled": False},
            Capacity(limit=30, in_use=3, reserved_inbound=5),
        ),
        ({}, Capacity(limit=None, in_use=None)),
        ({"concurrency_limit": "many", "current_concurrency": True}, Capacity(limit=None, in_use=None)),
    ],
)
def test_the_capacity_is_what_the_api_says_of_it(said: dict[str, Any], capacity: Capacity) -> None:
    async def ask() -> None:
        async with saying(answer("200 OK", orjson.dumps(said))) as wire, api_at(wire.url) as api:
            assert await api.capacity() == capacity
            assert wire.requests[0].startswith(b"GET /get-concurrency HTTP/1.1")

    run_virtual(ask)


def test_the_sdk_knows_the_fields_of_the_capacity() -> None:
    assert set(CONCURRENCY) <= set(concurrency_retrieve_response.ConcurrencyRetrieveResponse.model_fields)


# --- single calls -------------------------------------------------------------------------------------------


def test_a_call_is_got_by_its_id() -> None:
    async def ask() -> None:
        page = answer("200 OK", orjson.dumps(PAGE_003))
        async with saying(page, page, answer("204 No Content")) as wire, api_at(wire.url) as api:
            assert await api.get(CallId("a/b?c")) == read_call(PAGE_003)
            assert await api.details(CallId("call_1")) == read_details(PAGE_003)
            await api.stop(CallId("a/b"))
            assert [request.split(b" HTTP")[0] for request in wire.requests] == [
                b"GET /v2/get-call/a%2Fb%3Fc",
                b"GET /v2/get-call/call_1",
                b"POST /v2/stop-call/a%2Fb",
            ]

    run_virtual(ask)


@pytest.mark.parametrize("status", ["422 Unprocessable Content", "404 Not Found"])
def test_an_id_that_the_api_does_not_know_is_none(status: str) -> None:
    async def ask() -> None:
        async with saying(answer(status), answer(status)) as wire, api_at(wire.url) as api:
            assert await api.get(CallId("call_1")) is None
            assert await api.details(CallId("call_1")) is None

    run_virtual(ask)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'{"call_id":7}'])
def test_a_call_that_cannot_be_read_is_an_error_and_not_a_missing_call(body: bytes) -> None:
    async def ask() -> None:
        async with saying(answer("200 OK", body), answer("200 OK", body)) as wire, api_at(wire.url) as api:
            with pytest.raises(CallNotStarted):
                await api.get(CallId("call_1"))
            with pytest.raises(CallNotStarted):
                await api.details(CallId("call_1"))

    run_virtual(ask)


def test_what_only_the_results_want_is_read_and_odd_values_are_left_out() -> None:
    said = {
        "call_id": "call_1",
        "agent_version": 3,
        "agent_tag": "prod",
        "collected_dynamic_variables": {"wants": "mail", "odd": 1},
        "transfer_destination": "+12125550142",
        "transfer_end_timestamp": 1_790_000_000_500,
        "recording_url": "https://recordings.invalid/1.wav",
        "public_log_url": "https://recordings.invalid/1.txt",
        "latency": {"e2e": {"p50": 800.5}},
    }
    news = read_call(said)
    assert news is not None
    assert news.details == {
        "agent_version": 3,
        "agent_tag": "prod",
        "collected_dynamic_variables": {"wants": "mail"},
        "transfer_destination": "+12125550142",
        "transfer_ended_at": 1_790_000_000.5,
        "recording_url": "https://recordings.invalid/1.wav",
        "public_log_url": "https://recordings.invalid/1.txt",
        "latency_p50_ms": 800.5,
    }
    odd = {name: [value] for name, value in said.items() if name != "call_id"}
    news = read_call({"call_id": "call_1", **odd, "latency": {"e2e": {"p50": -1}}})
    assert news is not None
    assert news.details is None
