"""`agent_override`: what one call may do differently from its agent. See `agent` for where it comes from."""

from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field

from dialer.adapters.retell.agent import AgentRequest
from dialer.adapters.retell.strictness import Given, Json, Part, Share
from dialer.adapters.retell.vocabulary import LlmModel, SpeechModel


class KbConfig(Part):
    top_k: Given[Annotated[int, Field(ge=1, le=10)]] = None
    filter_score: Given[Share] = None


class ModelCascading(Part):
    type: Literal["cascading"]
    model: LlmModel
    high_priority: Given[bool] = None
    ultrafast: Given[bool] = None


class ModelSpeech(Part):
    """SDK only."""

    type: Literal["s2s"]
    model: SpeechModel


ModelChoice: TypeAlias = Annotated[ModelCascading | ModelSpeech, Field(discriminator="type")]


class _EngineOverride(Part):
    tool_call_strict_mode: bool | None = None
    knowledge_base_ids: list[str] | None = None
    start_speaker: Given[Literal["user", "agent"]] = None
    begin_after_user_silence_ms: int | None = None
    backup_model: Json | None = None
    """SDK only, as is the next."""
    model_settings: Given[Json] = Field(None, alias="model_config")


class RetellLlmOverride(_EngineOverride):
    """Only for agents on a Retell LLM."""

    model: LlmModel | None = None
    s2s_model: SpeechModel | None = None
    model_temperature: Given[Share] = None
    model_high_priority: bool | None = None
    model_ultrafast: bool | None = None
    kb_config: KbConfig | None = None
    begin_message: str | None = None


def _one_model(override: RetellLlmOverride) -> RetellLlmOverride:
    if override.model is not None and override.s2s_model is not None:
        raise ValueError("can only set model or s2s_model, not both")
    return override


class ConversationFlowOverride(_EngineOverride):
    """Only for agents on a conversation flow."""

    model_choice: Given[ModelChoice] = None
    model_temperature: Share | None = None
    kb_config: Given[KbConfig] = None


class AgentOverride(Part):
    agent: Given[AgentRequest] = None
    retell_llm: Given[Annotated[RetellLlmOverride, AfterValidator(_one_model)]] = None
    conversation_flow: Given[ConversationFlowOverride] = None
