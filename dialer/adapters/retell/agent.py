"""`agent_override.agent`: the agent's own settings, for one call.

Fields, ranges and words are those of page 002 (ranges stand in its descriptions) together with the official
SDK's (6.2.13); `vocabulary` says why both. Where the SDK widened a range it is the wider one. Parts that
only the SDK has are passed on unread (`Json`): they change with every release.
"""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Field, PlainValidator, TypeAdapter, ValidationError

from dialer.adapters.retell.strictness import Double, Given, Json, Part, Prompt, Share
from dialer.adapters.retell.vocabulary import (
    AmbientSound,
    Denoising,
    EmotionTag,
    Language,
    LlmModel,
    PhoneticAlphabet,
    PiiCategory,
    StorageSetting,
    VoiceModel,
    WebhookEvent,
)


class EngineRetellLlm(Part):
    type: Literal["retell-llm"]
    llm_id: str
    version: float | None = None


class EngineCustomLlm(Part):
    type: Literal["custom-llm"]
    llm_websocket_url: str


class EngineConversationFlow(Part):
    type: Literal["conversation-flow"]
    conversation_flow_id: str
    version: float | None = None


ResponseEngine: TypeAlias = Annotated[
    EngineRetellLlm | EngineCustomLlm | EngineConversationFlow, Field(discriminator="type")
]


class VoicemailPrompt(Part):
    type: Literal["prompt"]
    text: str


class VoicemailStaticText(Part):
    type: Literal["static_text"]
    text: str


class VoicemailHangup(Part):
    type: Literal["hangup"]


class VoicemailBridgeTransfer(Part):
    type: Literal["bridge_transfer"]


class VoicemailOption(Part):
    action: Annotated[
        VoicemailPrompt | VoicemailStaticText | VoicemailHangup | VoicemailBridgeTransfer,
        Field(discriminator="type"),
    ]
    detection_prompt: str | None = None


class _Analysis(Part):
    name: str
    description: str
    conditional_prompt: Given[str] = None
    required: Given[bool] = None


class AnalysisString(_Analysis):
    type: Literal["string"]
    examples: Given[list[str]] = None


class AnalysisEnum(_Analysis):
    type: Literal["enum"]
    choices: Annotated[list[str], Field(min_length=1)]


class AnalysisBoolean(_Analysis):
    type: Literal["boolean"]


class AnalysisNumber(_Analysis):
    type: Literal["number"]


class AnalysisPreset(Part):
    """Changes one of the analyses that every call gets (SDK only)."""

    type: Literal["system-presets"]
    name: Literal["call_summary", "call_successful", "user_sentiment"]
    description: Given[str] = None
    conditional_prompt: Given[str] = None
    required: Given[bool] = None


AnalysisData: TypeAlias = Annotated[
    AnalysisString | AnalysisEnum | AnalysisBoolean | AnalysisNumber | AnalysisPreset,
    Field(discriminator="type"),
]


class Pronunciation(Part):
    word: str
    alphabet: PhoneticAlphabet
    phoneme: str


class UserDtmfOptions(Part):
    digit_limit: Annotated[float, Field(ge=1, le=50)] | None = None
    termination_key: Annotated[str, Field(pattern=r"^[0-9#*]$")] | None = None
    timeout_ms: Given[Annotated[int, Field(ge=1000, le=15_000)]] = None


def _unique(categories: list[PiiCategory]) -> list[PiiCategory]:
    if len(set(categories)) < len(categories):
        raise ValueError("must name each category once")
    return categories


class PiiConfig(Part):
    mode: Literal["post_call"]
    categories: Annotated[list[PiiCategory], AfterValidator(_unique)]


_LANGUAGES: TypeAdapter[list[Language]] = TypeAdapter(list[Language])


def _languages(value: Any) -> Any:
    """One language or a list of them; a validator of its own so that the problem is told once."""
    try:
        _LANGUAGES.validate_python(value if isinstance(value, list) else [value], strict=True)
    except ValidationError as error:
        wrong = ", ".join(repr(details["input"]) for details in error.errors())
        raise ValueError(
            f"must be a language the API knows, like 'en-US', or a list of them; is {wrong}"
        ) from error
    return value


class AgentRequest(Part):
    response_engine: Given[ResponseEngine] = None
    agent_name: str | None = None
    version_title: str | None = None
    version_description: str | None = None
    timezone: str | None = None

    voice_id: Given[str] = None
    voice_model: VoiceModel | None = None
    fallback_voice_ids: list[str] | None = None
    voice_temperature: Given[Double] = None
    voice_speed: Given[Annotated[float, Field(ge=0.5, le=2)]] = None
    enable_dynamic_voice_speed: Given[bool] = None
    volume: Given[Double] = None
    enable_expressive_mode: Given[bool] = None
    expressive_mode_prompt: str | None = None
    expressive_emotion_tags: Given[list[EmotionTag]] = None

    responsiveness: Given[Share] = None
    enable_dynamic_responsiveness: Given[bool] = None
    interruption_sensitivity: Given[Share] = None
    enable_backchannel: Given[bool] = None
    backchannel_frequency: Given[Share] = None
    backchannel_words: list[str] | None = None
    reminder_trigger_ms: Given[Annotated[float, Field(gt=0)]] = None
    reminder_max_count: Given[Annotated[int, Field(ge=0)]] = None
    ambient_sound: AmbientSound | None = None
    ambient_sound_volume: Given[Double] = None
    language: Given[Annotated[str | list[Language], PlainValidator(_languages)]] = None
    boosted_keywords: list[str] | None = None
    pronunciation_dictionary: list[Pronunciation] | None = None
    normalize_for_speech: Given[bool] = None
    stt_mode: Given[Literal["fast", "accurate", "custom"]] = None
    custom_stt_config: Json | None = None
    vocab_specialization: Given[Literal["general", "medical"]] = None
    denoising_mode: Given[Denoising] = None
    denoising_enhancement_level: Share | None = None

    begin_message_delay_ms: Given[Annotated[int, Field(ge=0, le=5000)]] = None
    ring_duration_ms: Given[Annotated[int, Field(ge=5000, le=300_000)]] = None
    """Page 002 ends at 90,000; the SDK at 300,000."""
    end_call_after_silence_ms: Given[Annotated[int, Field(ge=10_000)]] = None
    max_call_duration_ms: Given[Annotated[int, Field(ge=60_000, le=7_200_000)]] = None
    enable_voicemail_detection: Given[bool] = None
    voicemail_message: Given[str] = None
    voicemail_detection_timeout_ms: Given[Annotated[int, Field(ge=5000, le=180_000)]] = None
    voicemail_option: VoicemailOption | None = None
    ivr_option: Json | None = None
    call_screening_option: Json | None = None
    allow_user_dtmf: Given[bool] = None
    allow_dtmf_interruption: Given[bool] = None
    user_dtmf_options: UserDtmfOptions | None = None
    enable_dnc_detection: Given[bool] = None

    webhook_url: str | None = None
    webhook_timeout_ms: Given[int] = None
    webhook_events: list[WebhookEvent] | None = None
    post_call_analysis_data: list[AnalysisData] | None = None
    post_call_analysis_model: LlmModel | None = None
    analysis_successful_prompt: Prompt | None = None
    analysis_summary_prompt: Prompt | None = None
    data_storage_setting: Given[StorageSetting] = None
    data_storage_retention_days: Annotated[int, Field(ge=1, le=730)] | None = None
    opt_in_signed_url: Given[bool] = None
    signed_url_expiration_ms: int | None = None
    pii_config: Given[PiiConfig] = None
    guardrail_config: Given[Json] = None
    handbook_config: Given[Json] = None
    contact_memory_config: Given[Json] = None
    pre_session_tools: list[Json] | None = None
    post_session_tools: list[Json] | None = None
