"""What a row may override: every field and edge of page 002, and every word that the newer SDK knows."""

from typing import Any, Literal, Union, get_args, get_origin

import pytest
from override_cases import CASES, PARTS
from pydantic import BaseModel
from retell.types.call_create_phone_call_params import AgentOverride as SdkOverride
from retell_kit import CONFIG
from typing_extensions import get_type_hints

from dialer.adapters.retell.agent import AgentRequest
from dialer.adapters.retell.overrides import ConversationFlowOverride, RetellLlmOverride
from dialer.adapters.retell.requests import check_content
from dialer.domain.calls import CallContent, JobKind

MODELS: dict[str, type[BaseModel]] = {
    "agent": AgentRequest,
    "retell_llm": RetellLlmOverride,
    "conversation_flow": ConversationFlowOverride,
}


def _problems(override: Any, kind: JobKind = JobKind.PHONE_CALL) -> list[str]:
    return list(check_content(kind, CallContent(agent_override=override), CONFIG))


def _nested(path: str, value: Any) -> dict[str, Any]:
    part, name = path.split(".")
    return {part: {name: value}}


@pytest.mark.parametrize("kind", JobKind)
def test_a_row_without_an_override_is_fine(kind: JobKind) -> None:
    assert check_content(kind, CallContent(metadata={"a": 1}, variables={"b": "c"}), CONFIG) == []
    assert check_content(kind, CallContent(agent_override={}), CONFIG) == []


@pytest.mark.parametrize(("path", "value"), [(path, value) for path in CASES for value in CASES[path][0]])
def test_what_the_pages_allow_passes(path: str, value: Any) -> None:
    assert _problems(_nested(path, value)) == []


@pytest.mark.parametrize(("path", "value"), [(path, value) for path in CASES for value in CASES[path][1]])
def test_what_the_pages_do_not_allow_is_named(path: str, value: Any) -> None:
    problems = _problems(_nested(path, value))
    assert len(problems) == 1
    assert problems[0].startswith(f"agent_override.{path}")
    assert "\n" not in problems[0]
    assert "pydantic" not in problems[0]


def test_everything_at_once_passes() -> None:
    override = {part: {name: cases[name][0][0] for name in cases} for part, cases in PARTS.items()}
    override["retell_llm"]["s2s_model"] = None
    assert _problems(override) == []
    assert _problems(override, JobKind.WEB_CALL) == []


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ({"agent": {"voice_speed": 3}}, "agent.voice_speed: must be at most 2, is 3"),
        ({"agent": {"voice_speed": 0}}, "agent.voice_speed: must be at least 0.5, is 0"),
        ({"agent": {"reminder_trigger_ms": 0}}, "agent.reminder_trigger_ms: must be more than 0, is 0"),
        ({"agent": {"voice_id": None}}, "agent.voice_id: must not be null; leave it out"),
        ({"agent": {"voice_sped": 1}}, "agent.voice_sped: is not a field of this request"),
        ({"agnet": {}}, "agnet: is not a field of this request"),
        ({"agent": []}, "agent: must be an object"),
        (
            {"agent": {"stt_mode": "slow"}},
            "agent.stt_mode: must be one of 'fast', 'accurate', 'custom', is 'slow'",
        ),
        (
            {"agent": {"voicemail_option": {"action": {"type": "static_text"}}}},
            "agent.voicemail_option.action.text: is missing",
        ),
        (
            {"agent": {"post_call_analysis_data": [{"type": "boolean", "name": "a", "description": 1}]}},
            "agent.post_call_analysis_data[0].description: must be text",
        ),
        (
            {"conversation_flow": {"model_choice": {"type": "gpt"}}},
            "conversation_flow.model_choice.type: must be one of 'cascading', 's2s', is 'gpt'",
        ),
        ({"agent": {"response_engine": {}}}, "agent.response_engine.type: is missing"),
        (
            {"agent": {"analysis_summary_prompt": "x" * 2001}},
            "agent.analysis_summary_prompt: must be at most 2000 characters long, is 2001",
        ),
        (
            {"retell_llm": {"model": "gpt-4.1", "s2s_model": "gpt-realtime"}},
            "retell_llm: can only set model or s2s_model, not both",
        ),
    ],
)
def test_a_problem_is_one_plain_line(override: Any, problem: str) -> None:
    assert _problems(override) == [f"agent_override.{problem}"]


def test_all_problems_of_a_row_are_told() -> None:
    assert len(_problems({"agent": {"voice_speed": 3, "volume": 3}, "retell_llm": {"model": "x"}})) == 3


def _words_of(hint: Any) -> list[Any]:
    """Single values of the words that a type of the SDK allows, lists as lists of one."""
    if get_origin(hint) is Literal:
        return list(get_args(hint))
    if get_origin(hint) is list:
        return [[word] for word in _words_of(get_args(hint)[0])]
    if get_origin(hint) is Union:
        return [word for arm in get_args(hint) for word in _words_of(arm)]
    return []


def _sdk_fields(part: str) -> dict[str, Any]:
    return get_type_hints(get_type_hints(SdkOverride)[part])


@pytest.mark.parametrize("part", PARTS)
def test_no_word_of_the_sdk_is_refused(part: str) -> None:
    words = [(name, word) for name, hint in _sdk_fields(part).items() for word in _words_of(hint)]
    assert words
    refused = [problem for name, word in words for problem in _problems({part: {name: word}})]
    assert refused == []


@pytest.mark.parametrize("part", PARTS)
def test_every_field_is_one_of_the_page_s_or_the_sdk_s(part: str) -> None:
    names = {*PARTS[part], *_sdk_fields(part)}
    known = {name for name in names if "is not a field" not in "".join(_problems({part: {name: None}}))}
    assert known == names
    fields = MODELS[part].model_fields
    assert {field.alias or name for name, field in fields.items()} == names
