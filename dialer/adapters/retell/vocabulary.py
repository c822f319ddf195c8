"""The words that the API takes in an `agent_override`: models, voices, languages and so on.

Each is the union of page 002 (early 2026) and the official SDK's types (6.2.13, late 2026): words came and
went, and refusing one that the API still takes is worse than sending one that it does not.
"""

from typing import Literal, TypeAlias

# fmt: off
LlmModel: TypeAlias = Literal[
    "gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano", "gpt-5", "gpt-5.1", "gpt-5.2", "gpt-5-mini", "gpt-5-nano",
    "claude-4.5-sonnet", "claude-4.5-haiku", "gemini-2.5-flash", "gemini-2.5-flash-lite", "gpt-5.4",
    "gpt-5.4-mini", "gpt-5.4-nano", "gpt-5.5", "gpt-5.6-terra", "gpt-5.6-luna", "gpt-6-astra",
    "gpt-6-sol", "gpt-6.1-sol", "gpt-6-luna", "claude-4.6-sonnet", "claude-5-opus", "claude-5.5-opus",
    "claude-5-sonnet", "claude-5.5-sonnet", "claude-5.5-haiku", "gemini-3.0-flash",
    "gemini-3.1-flash-lite", "gemini-3.5-flash", "gemini-3.5-flash-lite", "gemini-3.6-flash",
    "gemini-3.7-flash", "gemini-3.8-flash", "gemini-4-argon"
]
SpeechModel: TypeAlias = Literal[
    "gpt-4o-realtime", "gpt-4o-mini-realtime", "gpt-realtime", "gpt-realtime-mini", "gpt-realtime-2.1",
    "gpt-realtime-2.1-mini", "gpt-realtime-2", "gpt-realtime-1.5", "grok-voice-3.0"
]
VoiceModel: TypeAlias = Literal[
    "eleven_turbo_v2", "eleven_flash_v2", "eleven_turbo_v2_5", "eleven_flash_v2_5",
    "eleven_multilingual_v2", "sonic-2", "sonic-3", "sonic-turbo", "tts-1", "gpt-4o-mini-tts",
    "speech-02-turbo", "eleven_v3", "eleven_v3_conversational", "eleven_v4", "eleven_v4_turbo",
    "sonic-3-latest", "sonic-3.5", "sonic-3.6", "speech-2.8-turbo", "s1", "s2-pro", "s2.1-pro",
    "inworld-tts-2", "inworld-tts-2-flash"
]
Language: TypeAlias = Literal[
    "en-US", "en-IN", "en-GB", "en-AU", "en-NZ", "de-DE", "es-ES", "es-419", "hi-IN", "fr-FR", "fr-CA",
    "ja-JP", "pt-PT", "pt-BR", "zh-CN", "ru-RU", "it-IT", "ko-KR", "nl-NL", "nl-BE", "pl-PL", "tr-TR",
    "vi-VN", "ro-RO", "bg-BG", "ca-ES", "th-TH", "da-DK", "fi-FI", "el-GR", "hu-HU", "id-ID", "no-NO",
    "sk-SK", "sv-SE", "ms-MY", "af-ZA", "ar-SA", "az-AZ", "bs-BA", "cy-GB", "fa-IR", "fil-PH", "gl-ES",
    "he-IL", "hr-HR", "hy-AM", "is-IS", "kk-KZ", "kn-IN", "mk-MK", "mr-IN", "ne-NP", "sl-SI", "sr-RS",
    "sw-KE", "ta-IN", "ur-IN", "yue-CN", "uk-UA", "multi", "lt-LT", "lv-LV", "cs-CZ"
]
AmbientSound: TypeAlias = Literal[
    "coffee-shop", "convention-hall", "summer-outdoor", "mountain-outdoor", "static-noise", "call-center"
]
StorageSetting: TypeAlias = Literal["everything", "everything_except_pii", "basic_attributes_only"]
Denoising: TypeAlias = Literal[
    "no-denoise", "noise-cancellation", "noise-and-background-speech-cancellation"
]
PhoneticAlphabet: TypeAlias = Literal["ipa", "cmu", "pinyin", "jyutping"]
PiiCategory: TypeAlias = Literal[
    "person_name", "address", "email", "phone_number", "ssn", "passport", "driver_license",
    "credit_card", "bank_account", "password", "pin", "medical_id", "date_of_birth",
    "customer_account_number"
]
EmotionTag: TypeAlias = Literal[
    "empathetic", "excited", "happy", "curious", "surprised", "sigh", "clear throat", "pause", "long pause",
    "emphasis"
]
WebhookEvent: TypeAlias = Literal[
    "call_started", "call_ended", "call_analyzed", "transcript_updated", "transfer_started",
    "transfer_bridged", "transfer_cancelled", "transfer_ended"
]
# fmt: on
