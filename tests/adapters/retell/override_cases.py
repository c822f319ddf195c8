"""Every field of page 002's `agent_override`: what passes and what does not.

The first good value is the page's own example where it has one; the others stand on the edges. The bad
ones stand just outside.
"""

from typing import Any

Case = tuple[list[Any], list[Any]]

_TEXT_OR_NULL: Case = (["text", "", None], [1, ["text"]])
_TEXT: Case = (["text", ""], [1, None])
_SWITCH: Case = ([True, False], ["true", 1, None])
_SWITCH_OR_NULL: Case = ([True, False, None], ["true", 1])
_TEXTS_OR_NULL: Case = ([["yeah", "uh-huh"], [], None], ["yeah", [1]])
_PROMPT: Case = (["text", "x" * 2000, None], ["x" * 2001, 1])
_KB: Case = (
    [
        {"top_k": 3, "filter_score": 0.6},
        {"top_k": 1},
        {"top_k": 10, "filter_score": 0},
        {"filter_score": 1},
        {},
    ],
    [
        {"top_k": 0},
        {"top_k": 11},
        {"top_k": 3.5},
        {"filter_score": -0.1},
        {"filter_score": 1.1},
        {"k": 1},
        [],
    ],
)
_LLM = ["gpt-4.1", "gpt-5-nano", "claude-4.5-haiku", "gemini-2.5-flash-lite", "gpt-6.1-sol"]


def _range(low: float, high: float, *examples: float, step: float = 0.01) -> Case:
    return ([*examples, low, high], [low - step, high + step, "1", None, True])


AGENT: dict[str, Case] = {
    "response_engine": (
        [
            {"type": "retell-llm", "llm_id": "llm_1", "version": 0},
            {"type": "retell-llm", "llm_id": "llm_1", "version": None},
            {"type": "custom-llm", "llm_websocket_url": "wss://example.com"},
            {"type": "conversation-flow", "conversation_flow_id": "flow_1", "version": 2},
        ],
        [
            {"type": "retell-llm"},
            {"type": "other"},
            {},
            None,
            "retell-llm",
        ],
    ),
    "agent_name": _TEXT_OR_NULL,
    "version_description": _TEXT_OR_NULL,
    "voice_id": _TEXT,
    "voice_model": (["eleven_turbo_v2", "sonic-3", "speech-02-turbo", "eleven_v4", None], ["eleven", 1]),
    "fallback_voice_ids": _TEXTS_OR_NULL,
    "voice_temperature": _range(0, 2, 1),
    "voice_speed": _range(0.5, 2, 1),
    "volume": _range(0, 2, 1),
    "responsiveness": _range(0, 1, 1),
    "interruption_sensitivity": _range(0, 1, 1),
    "enable_backchannel": _SWITCH,
    "backchannel_frequency": _range(0, 1, 0.9),
    "backchannel_words": _TEXTS_OR_NULL,
    "reminder_trigger_ms": ([10000, 0.5], [0, -1, "10000", None]),
    "reminder_max_count": ([2, 0], [-1, 1.5, "2", None]),
    "ambient_sound": (["coffee-shop", "static-noise", None], ["rain", 1]),
    "ambient_sound_volume": _range(0, 2, 1),
    "language": (
        ["en-US", "es-419", "fil-PH", "multi", "cs-CZ", ["en-US", "es-ES"]],
        ["en", "xx-XX", 1, None, ["en-US", "xx"]],
    ),
    "webhook_url": _TEXT_OR_NULL,
    "webhook_timeout_ms": ([10000], ["10000", 1.5, None]),
    "boosted_keywords": _TEXTS_OR_NULL,
    "data_storage_setting": (
        ["everything", "everything_except_pii", "basic_attributes_only"],
        ["nothing", None],
    ),
    "opt_in_signed_url": _SWITCH,
    "signed_url_expiration_ms": ([86400000, None], ["86400000", 1.5]),
    "pronunciation_dictionary": (
        [[{"word": "actually", "alphabet": "ipa", "phoneme": "ˈæktʃuəli"}], [], None],
        [[{"word": "actually", "alphabet": "latin", "phoneme": "a"}], [{"word": "a", "alphabet": "cmu"}], {}],
    ),
    "normalize_for_speech": _SWITCH,
    "end_call_after_silence_ms": ([600000, 10000], [9999, 10000.5, None]),
    "max_call_duration_ms": _range(60000, 7200000, 3600000, step=1),
    "enable_voicemail_detection": _SWITCH,
    "voicemail_message": (["Hi, please give us a callback.", ""], [1, None]),
    "voicemail_detection_timeout_ms": _range(5000, 180000, 30000, step=1),
    "voicemail_option": (
        [
            {"action": {"type": "static_text", "text": "Please give us a callback tomorrow at 10am."}},
            {"action": {"type": "prompt", "text": "Summarize the call in 2 sentences."}},
            {"action": {"type": "hangup"}},
            {"action": {"type": "bridge_transfer"}},
            None,
        ],
        [
            {},
            {"action": {"type": "static_text"}},
            {"action": {"type": "prompt", "text": 1}},
            {"action": {"type": "hangup", "text": "bye"}},
            {"action": {"type": "sing"}},
        ],
    ),
    "post_call_analysis_data": (
        [
            [{"type": "string", "name": "customer_name", "description": "Who", "examples": ["John Doe"]}],
            [{"type": "enum", "name": "product_rating", "description": "How", "choices": ["good", "bad"]}],
            [{"type": "boolean", "name": "is_converted", "description": "Whether"}],
            [{"type": "number", "name": "order_count", "description": "How many", "required": True}],
            [{"type": "system-presets", "name": "call_summary"}],
            [],
            None,
        ],
        [
            [{"type": "string", "name": "customer_name"}],
            [{"type": "enum", "name": "a", "description": "b"}],
            [{"type": "enum", "name": "a", "description": "b", "choices": []}],
            [{"type": "boolean", "name": "a", "description": "b", "choices": ["a"]}],
            [{"type": "date", "name": "a", "description": "b"}],
            [{"name": "a", "description": "b"}],
        ],
    ),
    "post_call_analysis_model": ([*_LLM, None], ["gpt-2", 1]),
    "analysis_successful_prompt": _PROMPT,
    "analysis_summary_prompt": _PROMPT,
    "begin_message_delay_ms": _range(0, 5000, 1000, step=1),
    "ring_duration_ms": _range(5000, 300000, 30000, 90000, step=1),
    "stt_mode": (["fast", "accurate", "custom"], ["slow", None]),
    "vocab_specialization": (["general", "medical"], ["legal", None]),
    "allow_user_dtmf": _SWITCH,
    "user_dtmf_options": (
        [
            {"digit_limit": 1, "termination_key": "#", "timeout_ms": 1000},
            {"digit_limit": 50, "termination_key": "0", "timeout_ms": 15000},
            {"digit_limit": None, "termination_key": None},
            {"termination_key": "*"},
            {},
            None,
        ],
        [
            {"digit_limit": 0},
            {"digit_limit": 51},
            {"termination_key": "##"},
            {"termination_key": "a"},
            {"timeout_ms": 999},
            {"timeout_ms": 15001},
            {"timeout_ms": None},
        ],
    ),
    "denoising_mode": (
        ["noise-cancellation", "noise-and-background-speech-cancellation", "no-denoise"],
        ["none", None],
    ),
    "pii_config": (
        [
            {"mode": "post_call", "categories": []},
            {"mode": "post_call", "categories": ["person_name", "ssn", "customer_account_number"]},
        ],
        [
            {"mode": "post_call"},
            {"categories": []},
            {"mode": "live", "categories": []},
            {"mode": "post_call", "categories": ["shoe_size"]},
            {"mode": "post_call", "categories": ["pin", "pin"]},
            None,
        ],
    ),
}

RETELL_LLM: dict[str, Case] = {
    "model": ([*_LLM, None], ["gpt-2", 1]),
    "s2s_model": (["gpt-4o-realtime", "gpt-realtime-mini", "gpt-realtime-2.1", None], ["gpt-4.1"]),
    "model_temperature": _range(0, 1, 0),
    "model_high_priority": _SWITCH_OR_NULL,
    "tool_call_strict_mode": _SWITCH_OR_NULL,
    "knowledge_base_ids": _TEXTS_OR_NULL,
    "kb_config": ([*_KB[0], None], _KB[1]),
    "start_speaker": (["user", "agent"], ["nobody", None]),
    "begin_after_user_silence_ms": ([2000, None], ["2000", 1.5]),
    "begin_message": (["Hey I am a virtual assistant.", "", None], [1]),
}

CONVERSATION_FLOW: dict[str, Case] = {
    "model_choice": (
        [
            {"type": "cascading", "model": "gpt-4.1", "high_priority": True},
            {"type": "cascading", "model": "gemini-2.5-flash"},
            {"type": "s2s", "model": "gpt-realtime"},
        ],
        [{"type": "cascading"}, {"type": "cascading", "model": None}, {"model": "gpt-4.1"}, None],
    ),
    "model_temperature": ([0.7, 0, 1, None], [-0.1, 1.1, "0"]),
    "tool_call_strict_mode": _SWITCH_OR_NULL,
    "knowledge_base_ids": ([["kb_001", "kb_002"], [], None], ["kb_001"]),
    "kb_config": (_KB[0], [*_KB[1], None]),
    "start_speaker": (["agent", "user"], ["nobody", None]),
    "begin_after_user_silence_ms": ([2000, None], ["2000", 1.5]),
}

PARTS: dict[str, dict[str, Case]] = {
    "agent": AGENT,
    "retell_llm": RETELL_LLM,
    "conversation_flow": CONVERSATION_FLOW,
}
CASES: dict[str, Case] = {
    f"{part}.{name}": case for part, cases in PARTS.items() for name, case in cases.items()
}
