"""Words that are not known yet, and those that are no longer: told, and sent unless they are refused."""

import logging
from dataclasses import replace
from typing import Any

import pytest
from retell.types.call_create_phone_call_params import AgentOverride as SdkOverride
from retell_kit import CONFIG
from typing_extensions import get_type_hints

from dialer.adapters.retell.removed import FIELDS, WORDS, removed_in
from dialer.adapters.retell.requests import ContentCheck, look_at_content
from dialer.domain.calls import CallContent, JobKind

WARNS = replace(CONFIG, refuses_unknown=False)


def look(override: dict[str, Any], config: Any = WARNS) -> tuple[list[str], list[str]]:
    content = CallContent(agent_override=override)
    problems, doubts = look_at_content(JobKind.PHONE_CALL, content, config)
    return [*problems], [*doubts]


@pytest.mark.parametrize(
    ("override", "doubt"),
    [
        (
            {"retell_llm": {"model": "gpt-6.2-sol"}},
            "retell_llm.model: 'gpt-6.2-sol' is a word that dialer does not know; "
            "the nearest that it knows is 'gpt-6.1-sol'. It is sent as it is",
        ),
        (
            {"agent": {"voice_sped": 1}},
            "agent.voice_sped: is a field that dialer does not know; "
            "the nearest that it knows is 'voice_speed'. It is sent as it is",
        ),
        (
            {"agent": {"qqqq": 1}},
            "agent.qqqq: is a field that dialer does not know. It is sent as it is",
        ),
    ],
)
def test_what_is_not_known_is_a_doubt_with_the_nearest_word(override: dict[str, Any], doubt: str) -> None:
    assert look(override) == ([], [f"agent_override.{doubt}"])
    problems, doubts = look(override, CONFIG)
    assert len(problems) == 1
    assert doubts == []


def test_what_is_wrong_for_another_reason_is_a_problem_all_the_same() -> None:
    problems, doubts = look({"agent": {"voice_speed": 3, "tomorrow": True}})
    assert problems == ["agent_override.agent.voice_speed: must be at most 2, is 3"]
    assert len(doubts) == 1


def test_what_is_gone_says_since_when_and_what_is_there_instead() -> None:
    problems, doubts = look(
        {"agent": {"analysis_summary_prompt": "Sum up."}, "retell_llm": {"model": "gpt-4.1-nano"}}
    )
    assert problems == []
    assert doubts == [
        "agent_override.agent.analysis_summary_prompt: is gone since 2026-06-15: "
        "use post_call_analysis_data with a system-presets entry",
        "agent_override.retell_llm.model: 'gpt-4.1-nano' is gone since October 2026: use 'gpt-5-nano'",
    ]


def test_nothing_that_the_newest_sdk_has_is_said_to_be_gone() -> None:
    hints = get_type_hints(get_type_hints(SdkOverride)["agent"]) | get_type_hints(
        get_type_hints(SdkOverride)["retell_llm"]
    )
    assert FIELDS.keys().isdisjoint(hints)
    words = " ".join(str(hints[name]) for name in ("model", "s2s_model", "voice_model"))
    assert not [word for word in WORDS if f"'{word}'" in words]
    assert all(f"'{instead}'" in words for instead in WORDS.values())
    assert removed_in({"agent": {"voice_speed": 1}, "retell_llm": {"model": "gpt-5"}}) == []


def test_a_list_tells_each_doubt_once(caplog: pytest.LogCaptureFixture) -> None:
    check = ContentCheck(WARNS)
    with caplog.at_level(logging.WARNING, "dialer.retell"):
        for model in ("gpt-7", "gpt-7", "gpt-8"):
            override = {"retell_llm": {"model": model}}
            assert check(JobKind.PHONE_CALL, CallContent(agent_override=override)) == []
    assert len(caplog.messages) == 2
