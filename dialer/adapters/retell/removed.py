"""What the API took once in an `agent_override` and takes no more, with what is there instead.

Sources: the SDK's changes up to 6.2.13; dates where they are told, else when its newest types lacked it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

_ANALYSIS = "is gone since 2026-06-15: use post_call_analysis_data with a system-presets entry"
_MAILBOX = "is gone since October 2026: use voicemail_option"
FIELDS: Mapping[str, str] = {
    "analysis_successful_prompt": _ANALYSIS,
    "analysis_summary_prompt": _ANALYSIS,
    "normalize_for_speech": "is gone since October 2026: use handbook_config.speech_normalization",
    "enable_voicemail_detection": _MAILBOX,
    "voicemail_message": _MAILBOX,
    "voicemail_detection_timeout_ms": _MAILBOX,
}
WORDS: Mapping[str, str] = {
    "gpt-4.1-nano": "gpt-5-nano",
    "claude-4.5-sonnet": "claude-4.6-sonnet",
    "gemini-2.5-flash": "gemini-3.0-flash",
    "gemini-2.5-flash-lite": "gemini-3.1-flash-lite",
    "eleven_turbo_v2": "eleven_flash_v2",
    "eleven_turbo_v2_5": "eleven_flash_v2_5",
    "sonic-2": "sonic-3",
    "sonic-turbo": "sonic-3",
    "gpt-4o-realtime": "gpt-realtime",
    "gpt-4o-mini-realtime": "gpt-realtime-mini",
}
"""Models and voices, and what comes nearest of those that there are."""
_WORDED = frozenset({"model", "s2s_model", "voice_model"})


def removed_in(override: Mapping[str, Any]) -> list[str]:
    """A line for each field and word of it that is gone."""
    return list(_removed(override, "agent_override"))


def _removed(part: Mapping[str, Any], path: str) -> Sequence[str]:
    found: list[str] = []
    for name, value in part.items():
        here = f"{path}.{name}"
        if name in FIELDS:
            found.append(f"{here}: {FIELDS[name]}")
        elif name in _WORDED and isinstance(value, str) and value in WORDS:
            found.append(f"{here}: {value!r} is gone since October 2026: use {WORDS[value]!r}")
        elif isinstance(value, Mapping):
            found += _removed(value, here)
    return found
