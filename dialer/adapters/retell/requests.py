"""The requests of the three create endpoints: how a job becomes one, and what the API takes.

`encode` is on the hot path and validates nothing: `check_content` has held the very request that will be
sent against the models below, once, when the row came in.

The models hold every field of the API's pages and, where the official SDK (6.2.13) is newer, its fields
too. What stays out: `current_node_id` and `current_state` of the newest web call, which a job cannot say.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias, assert_never

import orjson
from pydantic import AfterValidator, Field, ValidationError

from dialer.adapters.retell.agent import AgentRequest
from dialer.adapters.retell.config import RetellConfig
from dialer.adapters.retell.overrides import AgentOverride, ConversationFlowOverride, RetellLlmOverride
from dialer.adapters.retell.problems import doubt_of, is_unknown, problems_of
from dialer.adapters.retell.removed import removed_in
from dialer.adapters.retell.strictness import Given, Part, Version
from dialer.domain.calls import AttemptId, CallContent, CallJob, JobKind
from dialer.domain.errors import BadInput
from dialer.domain.texts import header_fault

METADATA_BYTES_MAX = 50_000
HEADER_SHOWN_CHARS = 40

E164: TypeAlias = Annotated[str, Field(pattern=r"^\+[1-9]\d{1,14}$")]

_EXAMPLE_NUMBER = "+12125550100"
_EXAMPLE_ATTEMPT = AttemptId("0" * 36)


def _are_headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        fault = header_fault(name, value)
        if fault is not None:
            raise ValueError(f"{name[:HEADER_SHOWN_CHARS]!r}: {fault}")
    return headers


class _Create(Part):
    """What the three requests have in common."""

    agent_override: Given[AgentOverride] = None
    metadata: Given[dict[str, Any]] = None
    retell_llm_dynamic_variables: Given[dict[str, str]] = None


class PhoneCallRequest(_Create):
    """POST /v2/create-phone-call: rings somebody."""

    from_number: Annotated[str, Field(min_length=1)]
    """E.164, unless `ignore_e164_validation`."""
    to_number: E164
    override_agent_id: Given[str] = None
    override_agent_version: Given[Version] = None
    custom_sip_headers: Given[Annotated[dict[str, str], AfterValidator(_are_headers)]] = None
    ignore_e164_validation: Given[bool] = None
    honor_internal_dnc: Given[bool] = None
    idempotency_key: Given[str] = None


class RegisterPhoneCallRequest(_Create):
    """POST /v2/register-phone-call: an id for a call that the caller's own SIP then makes."""

    agent_id: str
    agent_version: Given[Version] = None
    from_number: Given[str] = None
    to_number: Given[str] = None
    direction: Given[Literal["inbound", "outbound"]] = None


class WebCallRequest(_Create):
    """POST /v3/create-web-call, or /v2, which takes the same fields."""

    agent_id: str
    agent_version: Given[Version] = None


DOUBTS_MAX = 50
"""Different ones of one list that are told."""
_LOG = logging.getLogger("dialer.retell")
_OVERRIDE_FIELDS = frozenset(
    field.alias or name
    for part in (AgentOverride, AgentRequest, RetellLlmOverride, ConversationFlowOverride)
    for name, field in part.model_fields.items()
)

REQUESTS: Mapping[JobKind, type[_Create]] = {
    JobKind.PHONE_CALL: PhoneCallRequest,
    JobKind.REGISTER_PHONE_CALL: RegisterPhoneCallRequest,
    JobKind.WEB_CALL: WebCallRequest,
}


def encode(job: CallJob, attempt_id: AttemptId, from_number: str | None, config: RetellConfig) -> bytes:
    """The body of the request: for the same arguments the same bytes, whatever the order of the row's keys.

    `from_number`: the line that was chosen; None leaves the row's own. Raises `BadInput` if the request
    cannot be made from the row and the settings.
    """
    return orjson.dumps(_request(job, attempt_id, from_number, config), option=orjson.OPT_SORT_KEYS)


def check_content(kind: JobKind, content: CallContent, config: RetellConfig) -> Sequence[str]:
    """What the API would refuse in this row, a line for each problem, naming the field; empty if nothing."""
    return look_at_content(kind, content, config)[0]


def look_at_content(
    kind: JobKind, content: CallContent, config: RetellConfig
) -> tuple[Sequence[str], Sequence[str]]:
    """As `check_content`; and, where what is unknown is not refused, a line for each doubt."""
    example = CallJob(key="", to_number=_EXAMPLE_NUMBER, kind=kind, content=content)
    try:
        request = _request(example, _EXAMPLE_ATTEMPT, _EXAMPLE_NUMBER, config)
    except BadInput as problem:
        return [str(problem)], []
    problems = _unwritable(request)
    if problems:
        return problems, []
    doubts = [] if config.refuses_unknown else removed_in(content.agent_override or config.agent_override)
    metadata_bytes = len(orjson.dumps(request["metadata"]))
    if metadata_bytes > METADATA_BYTES_MAX:
        problems.append(f"metadata: must be at most {METADATA_BYTES_MAX} bytes as JSON, is {metadata_bytes}")
    try:
        REQUESTS[kind].model_validate(request)
    except ValidationError as error:
        if config.refuses_unknown:
            return [*problems, *problems_of(error, request)], []
        said = zip(error.errors(include_url=False), problems_of(error, request), strict=True)
        for details, refusal in said:
            if is_unknown(details):
                doubts.append(doubt_of(details, request, _OVERRIDE_FIELDS))
            else:
                problems.append(refusal)
    return problems, doubts


class ContentCheck:
    """`check_content` for the rows of one list, most of which bring texts for the agent and nothing else."""

    def __init__(self, config: RetellConfig) -> None:
        self._config = config
        self._doubted: set[str] = set()
        self._plain = {kind: check_content(kind, CallContent(), config) for kind in JobKind}

    def __call__(self, kind: JobKind, content: CallContent) -> Sequence[str]:
        """As `check_content`. `variables` hold texts only."""
        if self._plain[kind] or _says_more_than_texts(content):
            problems, doubts = look_at_content(kind, content, self._config)
            for doubt in doubts:
                self._tell(doubt)
            return problems
        return _unwritable({"retell_llm_dynamic_variables": content.variables})

    def _tell(self, doubt: str) -> None:
        """Once each, and not without end."""
        if doubt not in self._doubted and len(self._doubted) < DOUBTS_MAX:
            self._doubted.add(doubt)
            _LOG.warning("%s", doubt)


def _says_more_than_texts(content: CallContent) -> bool:
    agent = content.agent_id is not None or content.agent_version is not None
    return bool(agent or content.agent_override is not None or content.metadata or content.sip_headers)


def _unwritable(request: Mapping[str, Any]) -> list[str]:
    """What the models would let pass and JSON would not: half a character, a number of more than 64 bits."""
    problems = []
    for name, value in request.items():
        try:
            orjson.dumps(value)
        except orjson.JSONEncodeError as error:
            problems.append(f"{name}: cannot be written as JSON: {error}")
    return problems


def _request(
    job: CallJob, attempt_id: AttemptId, from_number: str | None, config: RetellConfig
) -> dict[str, Any]:
    """The fields of the request, without those that are not given."""
    agent_id, version = _agent(job.content, config)
    caller = job.from_number if from_number is None else from_number
    request = _common(job, attempt_id, config)
    match job.kind:
        case JobKind.PHONE_CALL:
            needed: tuple[str, ...] = ("from_number", "to_number")
            own = {
                "from_number": caller,
                "to_number": job.to_number,
                "override_agent_id": agent_id,
                "override_agent_version": version,
                "ignore_e164_validation": config.ignore_e164_validation or None,
                "honor_internal_dnc": config.honor_internal_dnc or None,
                "idempotency_key": attempt_id if config.sends_idempotency_key else None,
            }
        case JobKind.REGISTER_PHONE_CALL:
            own = {
                "agent_id": agent_id,
                "agent_version": version,
                "from_number": caller,
                "to_number": job.to_number,
                "direction": "outbound",
            }
            needed = ("agent_id",)
        case JobKind.WEB_CALL:
            own = {"agent_id": agent_id, "agent_version": version}
            needed = ("agent_id",)
        case _:
            assert_never(job.kind)
    for name in needed:
        if own[name] is None:
            raise BadInput(f"{name}: a {job.kind} needs one, in the row or in the settings")
    request.update((name, value) for name, value in own.items() if value is not None)
    return request


def _common(job: CallJob, attempt_id: AttemptId, config: RetellConfig) -> dict[str, Any]:
    content = job.content
    metadata = {**config.metadata, **content.metadata, "attempt_id": attempt_id}
    if job.job_id is not None:
        metadata["job_id"] = job.job_id
    common: dict[str, Any] = {"metadata": metadata}
    if content.variables:
        common["retell_llm_dynamic_variables"] = _texts(content.variables)
    if content.sip_headers:
        common["custom_sip_headers"] = _texts(content.sip_headers)
    if override := content.agent_override or config.agent_override:
        common["agent_override"] = override
    return common


def _agent(content: CallContent, config: RetellConfig) -> tuple[str | None, int | str | None]:
    """The agent and its version. The configured version belongs to the configured agent."""
    if content.agent_id is not None:
        return content.agent_id, content.agent_version
    return config.agent_id, config.agent_version if content.agent_version is None else content.agent_version


def _texts(values: Mapping[str, object]) -> dict[str, str]:
    """The API takes text only. A value that came as JSON is written as JSON, and null as nothing."""
    return {name: value if isinstance(value, str) else _text(value) for name, value in values.items()}


def _text(value: object) -> str:
    return "" if value is None else orjson.dumps(value, default=str).decode()
