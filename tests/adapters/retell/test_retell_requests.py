"""The requests: the same bytes for the same attempt, every field that the pages know, nothing they refuse."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
from retell.types import (
    call_create_phone_call_params,
    call_create_web_call_params,
    call_register_phone_call_params,
)
from retell_kit import CALLEE, CALLER, CONFIG, JOB

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
    request = _request(replace(JOB, content=CallContent(variables=values)))
    assert request["retell_llm_dynamic_variables"] == texts


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


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({"X-A": "a\r\nRoute: <sip:evil>"}, "'X-A': a header's value must be one line"),
        ({"X-A": "a\nb"}, "one line"),
        ({"X-A": "a\x85b"}, "one line"),
        ({"X-A": "ok", "X-B\r\nRoute": "x"}, "a header's name may hold letters"),
        ({"X A": "x"}, "a header's name"),
        ({"": "x"}, "a header's name"),
    ],
)
def test_no_header_ends_its_line(headers: dict[str, str], says: str) -> None:
    (problem,) = check_content(JobKind.PHONE_CALL, CallContent(sip_headers=headers), CONFIG)
    assert says in problem
    assert "evil" not in problem
    assert "\r" not in problem


def test_only_a_phone_call_takes_sip_headers() -> None:
    content = CallContent(sip_headers={"X-Custom-Header": "Custom Value"})
    assert check_content(JobKind.PHONE_CALL, content, CONFIG) == []
    assert check_content(JobKind.WEB_CALL, content, CONFIG) == [
        "custom_sip_headers: is not a field of this request"
    ]
