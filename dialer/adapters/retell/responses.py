"""The typed view of one call, as get-call and the webhooks tell it.

Whatever the API adds survives: a field we do not know is kept (`model_extra`), a word we do not know stays
text, and a known field of an unexpected type is None instead of losing the rest. Source: pages 000 to 004
read as one API; the older names of a thing stand beside the newer.
"""

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

T = TypeVar("T")


def _or_none(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    try:
        return read(value)
    except ValidationError:
        return None


Maybe: TypeAlias = Annotated[T | None, WrapValidator(_or_none)]
Json: TypeAlias = dict[str, Any]


class _Said(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, frozen=True)


class LatencyFigures(_Said):
    """Milliseconds, over the turns of the call."""

    p50: Maybe[float] = None
    p90: Maybe[float] = None
    p95: Maybe[float] = None
    p99: Maybe[float] = None
    max: Maybe[float] = None
    min: Maybe[float] = None
    num: Maybe[float] = None
    values: Maybe[list[float]] = None


class Latency(_Said):
    e2e: Maybe[LatencyFigures] = None
    asr: Maybe[LatencyFigures] = None
    llm: Maybe[LatencyFigures] = None
    llm_websocket_network_rtt: Maybe[LatencyFigures] = None
    tts: Maybe[LatencyFigures] = None
    knowledge_base: Maybe[LatencyFigures] = None
    s2s: Maybe[LatencyFigures] = None


class CallAnalysis(_Said):
    call_summary: Maybe[str] = None
    in_voicemail: Maybe[bool] = None
    user_sentiment: Maybe[str] = None
    call_successful: Maybe[bool] = None
    custom_analysis_data: Maybe[Json] = None


class ProductCost(_Said):
    """Cents."""

    product: Maybe[str] = None
    unit_price: Maybe[float] = None
    cost: Maybe[float] = None


class CallCost(_Said):
    """Cents, and cents per second."""

    product_costs: Maybe[list[ProductCost]] = None
    total_duration_seconds: Maybe[float] = None
    total_duration_unit_price: Maybe[float] = None
    total_one_time_price: Maybe[float] = None
    combined_cost: Maybe[float] = None


class TokenUsage(_Said):
    values: Maybe[list[float]] = None
    average: Maybe[float] = None
    num_requests: Maybe[float] = None


class Call(_Said):
    """One call of any kind. Timestamps and durations in milliseconds, as the API has them."""

    call_id: Annotated[str, Field(min_length=1)]
    call_type: Maybe[str] = None
    call_status: Maybe[str] = None
    """Compares equal to `domain.calls.CallStatus`, if it is one that we know."""
    disconnection_reason: Maybe[str] = None
    agent_id: Maybe[str] = None
    agent_name: Maybe[str] = None
    agent_version: Maybe[int | str] = None
    from_number: Maybe[str] = None
    to_number: Maybe[str] = None
    direction: Maybe[str] = None
    telephony_identifier: Maybe[Json] = None
    access_token: Maybe[str] = Field(None, repr=False)

    metadata: Maybe[Json] = None
    retell_llm_dynamic_variables: Maybe[Json] = None
    collected_dynamic_variables: Maybe[Json] = None
    custom_sip_headers: Maybe[Json] = None
    data_storage_setting: Maybe[str] = None
    opt_out_sensitive_data_storage: Maybe[bool] = None
    opt_in_signed_url: Maybe[bool] = None

    start_timestamp: Maybe[int] = None
    end_timestamp: Maybe[int] = None
    duration_ms: Maybe[int] = None
    transfer_destination: Maybe[str] = None

    transcript: Maybe[str] = None
    transcript_object: Maybe[list[Json]] = None
    transcript_with_tool_calls: Maybe[list[Json]] = None
    scrubbed_transcript_with_tool_calls: Maybe[list[Json]] = None
    recording_url: Maybe[str] = None
    recording_multi_channel_url: Maybe[str] = None
    scrubbed_recording_url: Maybe[str] = None
    scrubbed_recording_multi_channel_url: Maybe[str] = None
    public_log_url: Maybe[str] = None
    knowledge_base_retrieved_contents_url: Maybe[str] = None

    latency: Maybe[Latency] = None
    e2e_latency: Maybe[LatencyFigures] = None
    """Before 2025, as are the next two; now in `latency`."""
    llm_latency: Maybe[LatencyFigures] = None
    llm_websocket_network_rtt_latency: Maybe[LatencyFigures] = None
    call_analysis: Maybe[CallAnalysis] = None
    call_cost: Maybe[CallCost] = None
    llm_token_usage: Maybe[TokenUsage] = None


def read_details(raw: Mapping[str, Any]) -> Call | None:
    """The call, or None if it does not name its id."""
    try:
        return Call.model_validate(raw)
    except ValidationError:
        return None
