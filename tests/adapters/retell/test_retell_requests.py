"""The requests: the same bytes for the same attempt, every field that the pages know, nothing they refuse."""

from dataclasses import replace
from typing import Any, Literal, Union, get_args, get_origin

import orjson
import pytest
from override_cases import AGENT, CASES, CONVERSATION_FLOW, RETELL_LLM
from retell.types import (
    call_create_phone_call_params,
    call_create_web_call_params,
    call_register_phone_call_params,
)
from retell_kit import CALLEE, CALLER, CONFIG, JOB
from typing_extensions import get_type_hints, is_typeddict

from dialer.adapters.retell.requests import METADATA_BYTES_MAX, REQUESTS, check_content, encode
from dialer.domain.calls import AttemptId, CallContent, CallJob, JobKind
from dialer.domain.errors import BadInput

ATTEMPT = AttemptId("attempt_1")
FULL = replace(
    CONFIG, agent_version=3, ignore_e164_validation=True, honor_internal_dnc=True, sends_idempotency_key=True
)
OVERRIDE = {"agent": {"voice_speed": 1.1}}
SDK: dict[JobKind, Any] = {
    JobKind.PHONE_CALL: call_create_phone_call_params.CallCreatePhoneCallParams,
    JobKind.WEB_CALL: call_create_web_call_params.CallCreateWebCallParams,
    JobKind.REGISTER_PHONE_CALL: call_register_phone_call_params.CallRegisterPhoneCallParams,
}
NOT_SENT = {JobKind.WEB_CALL: {"current_node_id", "current_state"}}
"""What a job cannot say."""


def _full_job(kind: JobKind) -> CallJob:
    content = CallContent(
        agent_override=OVERRIDE,
        metadata={"crm_id": "x1"},
        variables={"customer_name": "Zoë"},
        sip_headers={"X-Custom-Header": "Custom Value"} if kind is JobKind.PHONE_CALL else {},
    )
    return replace(JOB, kind=kind, job_id="row-7", content=content)


def _request(job: CallJob, **changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(encode(job, ATTEMPT, CALLER, replace(FULL, **changes)))
    return body


COMMON = {
    "agent_override": OVERRIDE,
    "metadata": {"attempt_id": "attempt_1", "crm_id": "x1", "job_id": "row-7"},
    "retell_llm_dynamic_variables": {"customer_name": "Zoë"},
}


def test_a_phone_call_with_everything() -> None:
    assert _request(_full_job(JobKind.PHONE_CALL)) == COMMON | {
        "from_number": CALLER,
        "to_number": CALLEE,
        "override_agent_id": "agent_kit",
        "override_agent_version": 3,
        "custom_sip_headers": {"X-Custom-Header": "Custom Value"},
        "ignore_e164_validation": True,
        "honor_internal_dnc": True,
        "idempotency_key": "attempt_1",
    }


def test_a_web_call_with_everything() -> None:
    assert _request(_full_job(JobKind.WEB_CALL)) == COMMON | {"agent_id": "agent_kit", "agent_version": 3}


def test_a_registered_call_with_everything() -> None:
    assert _request(_full_job(JobKind.REGISTER_PHONE_CALL)) == COMMON | {
        "agent_id": "agent_kit",
        "agent_version": 3,
        "from_number": CALLER,
        "to_number": CALLEE,
        "direction": "outbound",
    }


def test_a_phone_call_with_nothing() -> None:
    body = orjson.loads(encode(JOB, ATTEMPT, CALLER, replace(CONFIG, agent_id=None)))
    assert body == {
        "from_number": CALLER,
        "to_number": CALLEE,
        "idempotency_key": "attempt_1",
        "metadata": {"attempt_id": "attempt_1"},
    }


@pytest.mark.parametrize("kind", JobKind)
def test_each_request_has_the_sdk_s_names_and_fits_its_model(kind: JobKind) -> None:
    names = set(SDK[kind].__annotations__) - NOT_SENT.get(kind, set())
    assert set(REQUESTS[kind].model_fields) == names
    request = _request(_full_job(kind))
    assert set(request) == names
    REQUESTS[kind].model_validate(request)


def test_the_bytes_do_not_depend_on_the_order_of_the_row() -> None:
    one = replace(JOB, content=CallContent(metadata={"a": 1, "b": {"c": 1, "d": 2}}))
    two = replace(JOB, content=CallContent(metadata={"b": {"d": 2, "c": 1}, "a": 1}))
    assert encode(one, ATTEMPT, CALLER, CONFIG) == encode(two, ATTEMPT, CALLER, CONFIG)
    assert encode(one, ATTEMPT, CALLER, CONFIG) != encode(one, AttemptId("attempt_2"), CALLER, CONFIG)


def test_our_ids_win_over_the_row_s() -> None:
    job = replace(JOB, job_id="row-7", content=CallContent(metadata={"attempt_id": "mine", "job_id": "mine"}))
    assert _request(job)["metadata"] == {"attempt_id": "attempt_1", "job_id": "row-7"}


def test_the_key_can_be_switched_off() -> None:
    assert "idempotency_key" not in _request(JOB, sends_idempotency_key=False)


def test_the_row_s_agent_comes_without_the_version_of_the_configured_one() -> None:
    own = replace(JOB, content=CallContent(agent_id="agent_own"))
    assert _request(own)["override_agent_id"] == "agent_own"
    assert "override_agent_version" not in _request(own)
    tagged = replace(JOB, content=CallContent(agent_version="prod"))
    assert _request(tagged)["override_agent_version"] == "prod"


def test_the_row_s_line_stands_if_none_was_chosen() -> None:
    job = replace(JOB, from_number="+12125550109")
    assert orjson.loads(encode(job, ATTEMPT, None, CONFIG))["from_number"] == "+12125550109"
    assert orjson.loads(encode(job, ATTEMPT, CALLER, CONFIG))["from_number"] == CALLER


def test_variables_become_text() -> None:
    values: Any = {"text": "7", "number": 7, "half": 0.5, "yes": True, "none": None, "list": [1, "a"]}
    texts = {"text": "7", "number": "7", "half": "0.5", "yes": "true", "none": "", "list": '[1,"a"]'}
    assert (
        _request(replace(JOB, content=CallContent(variables=values)))["retell_llm_dynamic_variables"] == texts
    )


@pytest.mark.parametrize("kind", [JobKind.WEB_CALL, JobKind.REGISTER_PHONE_CALL])
def test_a_call_that_needs_an_agent_says_so(kind: JobKind) -> None:
    bare = replace(CONFIG, agent_id=None)
    with pytest.raises(BadInput, match=f"agent_id: a {kind} needs one"):
        encode(replace(JOB, kind=kind), ATTEMPT, CALLER, bare)
    assert check_content(kind, CallContent(), bare) == [
        f"agent_id: a {kind} needs one, in the row or in the settings"
    ]
    assert check_content(kind, CallContent(agent_id="agent_own"), bare) == []


def test_a_phone_call_without_a_line_says_so() -> None:
    with pytest.raises(BadInput, match="from_number"):
        encode(JOB, ATTEMPT, None, CONFIG)


# --- what is refused when the row comes in ------------------------------------------------------------------


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
    parts = {"agent": AGENT, "retell_llm": RETELL_LLM, "conversation_flow": CONVERSATION_FLOW}
    override = {part: {name: cases[name][0][0] for name in cases} for part, cases in parts.items()}
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
            {"agent": {"response_engine": {"type": "gpt"}}},
            "agent.response_engine: must have the type one of 'retell-llm', 'custom-llm', 'conversation-flow', "
            "has 'gpt'",
        ),
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


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (CallContent(metadata={"note": "x" * METADATA_BYTES_MAX}), "metadata: must be at most 50000 bytes"),
        (CallContent(metadata={"note": "\ud800"}), "metadata: cannot be written as JSON"),
        (CallContent(metadata={"note": 2**64}), "metadata: cannot be written as JSON"),
        (CallContent(agent_version=True), "override_agent_version: must be a whole number or a tag"),
        (CallContent(agent_version=-1), "override_agent_version: must be a whole number or a tag"),
        (CallContent(agent_version=""), "override_agent_version: must be a whole number or a tag"),
    ],
)
def test_the_rest_of_the_row_is_checked_too(content: CallContent, problem: str) -> None:
    problems = check_content(JobKind.PHONE_CALL, content, CONFIG)
    assert [line[: len(problem)] for line in problems] == [problem]


def test_metadata_may_be_as_long_as_the_api_takes() -> None:
    room = METADATA_BYTES_MAX - len(orjson.dumps({"attempt_id": "0" * 36, "note": ""}))
    assert check_content(JobKind.PHONE_CALL, CallContent(metadata={"note": "x" * room}), CONFIG) == []
    assert check_content(JobKind.PHONE_CALL, CallContent(metadata={"note": "x" * (room + 1)}), CONFIG) != []


def test_only_a_phone_call_takes_sip_headers() -> None:
    content = CallContent(sip_headers={"X-Custom-Header": "Custom Value"})
    assert check_content(JobKind.PHONE_CALL, content, CONFIG) == []
    assert check_content(JobKind.WEB_CALL, content, CONFIG) == [
        "custom_sip_headers: is not a field of this request"
    ]


# --- the SDK is newer than the pages ------------------------------------------------------------------------


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
    override = get_type_hints(call_create_phone_call_params.AgentOverride)
    assert is_typeddict(override[part])
    return get_type_hints(override[part])


PARTS = ["agent", "retell_llm", "conversation_flow"]


@pytest.mark.parametrize("part", PARTS)
def test_no_word_of_the_sdk_is_refused(part: str) -> None:
    words = [(name, word) for name, hint in _sdk_fields(part).items() for word in _words_of(hint)]
    assert words
    refused = [problem for name, word in words for problem in _problems({part: {name: word}})]
    assert refused == []


@pytest.mark.parametrize("part", PARTS)
def test_every_field_is_one_of_the_page_s_or_the_sdk_s(part: str) -> None:
    on_page = {"agent": AGENT, "retell_llm": RETELL_LLM, "conversation_flow": CONVERSATION_FLOW}[part]
    names = {*on_page, *_sdk_fields(part)}
    known = {name for name in names if "is not a field" not in "".join(_problems({part: {name: None}}))}
    assert known == names
    schema = REQUESTS[JobKind.PHONE_CALL].model_json_schema(by_alias=True)["$defs"]
    model = {
        "agent": "AgentRequest",
        "retell_llm": "RetellLlmOverride",
        "conversation_flow": "ConversationFlowOverride",
    }
    assert set(schema[model[part]]["properties"]) == names
