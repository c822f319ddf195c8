"""One job as JSON: what queues carry and HTTP takes. Its fields are the columns of a lead list.

The model knows names and types only; what a text means, and its faults with their codes and words, is what it
is in a lead list (`reading.py`). `job_schema` is config/job.schema.json.
"""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from dialer.adapters.sources.cells import (
    PRIORITY_MAX,
    BadCell,
    read_campaign,
    read_version,
)
from dialer.adapters.sources.options import JobOptions
from dialer.adapters.sources.reading import check_place, read_job
from dialer.adapters.sources.reject_codes import MessageFault, RowFault
from dialer.domain.calls import CallContent, CallJob, JobKind, Submitted
from dialer.domain.errors import BadMessage
from dialer.domain.phone import NotANumber, NumberFault, parse_number
from dialer.domain.texts import (
    CAMPAIGN_CHARS_MAX,
    CAMPAIGN_PATTERN,
    HEADER_NAME_PATTERN,
    HEADER_VALUE_PATTERN,
    JOB_ID_CHARS_MAX,
    JOB_ID_PATTERN,
)

Value = TypeVar("Value")

MESSAGE_BYTES_MAX = 65_536
SHOWN_CHARS_MAX = 40
_NUL = b"\\u0000"


def _schema(**said: Any) -> Any:
    """What the schema says of a field that `reading.py` holds."""
    return Field(json_schema_extra=said)


_SIP_HEADERS = {
    "propertyNames": {"pattern": HEADER_NAME_PATTERN},
    "additionalProperties": {"type": "string", "pattern": HEADER_VALUE_PATTERN},
}


class JobMessage(BaseModel):
    """One person to be called, or one call to be created. null and blank text are as if left out."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True, title="A job"
    )

    campaign: Annotated[str | None, _schema(maxLength=CAMPAIGN_CHARS_MAX, pattern=CAMPAIGN_PATTERN)] = None
    """The campaign that it belongs to; without it: the one that whoever takes it is set to."""
    job_id: Annotated[str | None, _schema(maxLength=JOB_ID_CHARS_MAX, pattern=JOB_ID_PATTERN)] = None
    """Your own id: the same one in a campaign is the same job for ever. Without it: the number is the id."""
    kind: Annotated[str | None, _schema(enum=[*JobKind, None])] = None
    """Which kind of call the API is asked for; without it: `call.kind` of the settings."""
    to_number: Annotated[str | None, _schema(examples=["+12125550100"])] = None
    """The number to call, E.164, or as it is written in the country of `intake.region`. Not for web calls."""
    from_number: Annotated[str | None, _schema(examples=["+13125550102"])] = None
    """The number to call from; without it: one of those of the settings."""
    timezone: Annotated[str | None, _schema(examples=["America/New_York"])] = None
    """The IANA zone of the person; without it: where the number is from."""
    priority: Annotated[int | None, _schema(minimum=-PRIORITY_MAX, maximum=PRIORITY_MAX)] = None
    """Higher goes first; 0 if left out."""
    not_before: Annotated[str | None, _schema(examples=["2026-12-01T09:00:00-05:00"])] = None
    """RFC 3339. No call before it. Without an offset it is meant in `timezone`, else in `intake.timezone`."""
    expires_at: Annotated[str | None, _schema(examples=["2026-12-24"])] = None
    """RFC 3339. No call from then on; a date alone: from its end on."""
    override_agent_id: str | None = None
    """The agent that talks; without it: that of the settings."""
    override_agent_version: int | str | None = None
    """The agent's version: a number, or a tag such as `latest`."""
    agent_override: dict[str, Any] | None = None
    """What this call does differently from its agent, as the API takes it."""
    metadata: dict[str, Any] | None = None
    """Stored with the call by the API."""
    custom_sip_headers: Annotated[dict[str, str] | None, _schema(**_SIP_HEADERS)] = None
    """SIP headers of the call, each named X-..."""
    variables: dict[str, str] | None = None
    """What the agent says: dynamic variables, all of them text."""


def read_message(data: bytes | Mapping[str, Any], options: JobOptions) -> Submitted:
    """The job of a message, by the rules of a row of a lead list. Raises `BadMessage`."""
    try:
        message = _validated(*_parsed(data))
        fields = _Message(message)
        job = read_job(fields, options)
        check_place(job, options)
        return Submitted(fields.read("campaign", read_campaign), job)
    except BadCell as bad:
        raise BadMessage(bad.code, bad.reason) from None


def write_message(campaign: str | None, job: CallJob) -> bytes:
    """The message that is read as this job, wherever it is read."""
    content = job.content
    given = {
        "campaign": campaign,
        "job_id": job.job_id,
        "kind": job.kind,
        "to_number": job.to_number,
        "from_number": job.from_number,
        "timezone": job.timezone,
        "priority": job.priority or None,
        "not_before": _rfc3339(job.not_before),
        "expires_at": _rfc3339(job.expires_at),
        "override_agent_id": content.agent_id,
        "override_agent_version": content.agent_version,
        "agent_override": content.agent_override,
        "metadata": content.metadata or None,
        "custom_sip_headers": content.sip_headers or None,
        "variables": content.variables or None,
    }
    return orjson.dumps({name: value for name, value in given.items() if value is not None})


def job_schema() -> dict[str, Any]:
    """The JSON Schema of a message."""
    schema = JobMessage.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:dialer:job", **schema}


def _rfc3339(at: float | None) -> str | None:
    """To the microsecond, so that it is read as the same float."""
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat()


def _parsed(data: bytes | Mapping[str, Any]) -> tuple[Mapping[str, Any], bytes]:
    """What the message holds, and its bytes."""
    try:
        text = data if isinstance(data, bytes) else orjson.dumps(data)
        if len(text) > MESSAGE_BYTES_MAX:
            raise BadCell(
                MessageFault.MESSAGE_TOO_LONG,
                f"the message has {len(text):,} bytes, and {MESSAGE_BYTES_MAX:,} are taken: shorten it",
            )
        value = orjson.loads(text) if isinstance(data, bytes) else data
    except orjson.JSONDecodeError as error:
        raise BadCell(
            MessageFault.NO_JSON,
            f"the message is no JSON in UTF-8 ({error.msg} at character {error.pos + 1})",
        ) from None
    except TypeError as error:
        raise BadCell(MessageFault.NO_JSON, f"the message cannot be written as JSON ({error})") from None
    if not isinstance(value, Mapping):
        raise BadCell(MessageFault.NO_JSON, "the message is JSON, but no object: one message is one job")
    return value, text


def _validated(value: Mapping[str, Any], text: bytes) -> JobMessage:
    if _NUL in text and _holds_nul(value):
        raise BadCell(RowFault.NUL_CHARACTER, "the message holds a NUL character: take it out")
    try:
        return JobMessage.model_validate(dict(value))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        raise _bad_field(first) from None


def _holds_nul(value: object) -> bool:
    match value:
        case str():
            return "\0" in value
        case Mapping():
            return any(_holds_nul(part) for item in value.items() for part in item)
        case list():
            return any(map(_holds_nul, value))
        case _:
            return False


_CODES: Mapping[str, NumberFault | RowFault | MessageFault] = {
    "to_number": NumberFault.NOT_A_NUMBER,
    "from_number": RowFault.BAD_FROM_NUMBER,
    "job_id": RowFault.BAD_JOB_ID,
    "kind": RowFault.UNKNOWN_KIND,
    "timezone": RowFault.UNKNOWN_TIMEZONE,
    "priority": RowFault.BAD_PRIORITY,
    "not_before": RowFault.BAD_TIME,
    "expires_at": RowFault.BAD_TIME,
    "agent_override": RowFault.BAD_AGENT_OVERRIDE,
    "campaign": MessageFault.BAD_CAMPAIGN,
}
"""Those of a lead list; fields of other names are of their type there by themselves."""
_TYPES = {
    "priority": "a whole number",
    "override_agent_version": "a whole number or text",
    "agent_override": "an object",
    "metadata": "an object",
    "custom_sip_headers": "an object of texts",
    "variables": "an object of texts",
}


def _bad_field(error: ErrorDetails) -> BadCell:
    path = [str(part) for part in error["loc"]]
    name = path[0]
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, JobMessage.model_fields, n=1)
        hint = f"did you mean {near[0]}?" if near else "what the agent needs goes into variables"
        return BadCell(MessageFault.UNKNOWN_FIELD, f"there is no field {name[:SHOWN_CHARS_MAX]!r}: {hint}")
    code = _CODES.get(name, MessageFault.BAD_FIELD)
    if name in ("variables", "custom_sip_headers") and len(path) > 1:
        inner = path[1][:SHOWN_CHARS_MAX]
        return BadCell(code, f"field '{name}.{inner}' must be text: put it between quotes")
    return BadCell(code, f"field {name!r} must be {_TYPES.get(name, 'text')}")


@dataclass(frozen=True, slots=True)
class _Message:
    """Fulfils `reading.Fields`."""

    message: JobMessage

    def read(self, name: str, read: Callable[[str], Value]) -> Value | None:
        value = getattr(self.message, name)
        if value is None or not (text := str(value).strip()):
            return None
        try:
            return read(text)
        except BadCell as bad:
            raise BadCell(bad.code, f"field {name!r} {bad.reason}") from None

    def number(self, options: JobOptions) -> str:
        text = self.message.to_number
        if text is None:
            raise BadCell(NumberFault.NO_NUMBER, "the message has no to_number: add it")
        number = parse_number(text, options.region, options.area_codes)
        if isinstance(number, NotANumber):
            raise BadCell(number.code, f"field 'to_number' {number.reason}")
        return number.e164

    def content(self) -> CallContent:
        message = self.message
        return CallContent(
            agent_id=self.read("override_agent_id", str),
            agent_version=self.read("override_agent_version", read_version),
            agent_override=message.agent_override,
            metadata=message.metadata or {},
            variables=_filled(message.variables),
            sip_headers=_filled(message.custom_sip_headers),
        )


def _filled(texts: Mapping[str, str] | None) -> dict[str, str]:
    """As a lead list has them, whose empty cells say nothing."""
    return {name: text for name, text in (texts or {}).items() if text and not text.isspace()}
