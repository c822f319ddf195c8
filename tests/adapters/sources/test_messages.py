"""A job as JSON: what it says, what is refused, and that it means what the same row of a lead list means."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest
from csv_kit import job, read_text, refusal
from hypothesis import given
from hypothesis import strategies as st

from dialer.adapters.sources.messages import MESSAGE_BYTES_MAX, job_schema, read_message, write_message
from dialer.adapters.sources.options import JobOptions
from dialer.adapters.sources.reject_codes import MessageFault, RowFault
from dialer.cli.config import schema_text
from dialer.domain.calls import CallContent, CallJob, JobKind
from dialer.domain.errors import BadMessage
from dialer.domain.phone import NumberFault
from dialer.domain.variables import VariableFault

CONFIG = Path(__file__).parents[3] / "config"
N = "+12125550100"
PLAIN = JobOptions()


def refused(data: bytes | dict[str, Any], options: JobOptions = PLAIN) -> BadMessage:
    with pytest.raises(BadMessage) as error:
        read_message(data if isinstance(data, bytes) else orjson.dumps(data), options)
    return error.value


def test_a_message_says_all_that_a_row_can_say_and_means_the_same(tmp_path: Path) -> None:
    header = (
        "to_number;from_number;job_id;kind;timezone;priority;not_before;expires_at;override_agent_id;"
        "override_agent_version;agent_override;metadata.a;custom_sip_headers.X-A;first_name;empty"
    )
    cells = (
        f"{N};+13125550102;j 1;REGISTER_phone_call;Europe/Berlin;-100;2026-12-01 08:30;2026-12-24;ag;3;"
        '"{""retell_llm"": {""temp"": 0.5}}";m;s; Ana ;'
    )
    message = {
        "campaign": "spring",
        "to_number": N,
        "from_number": "+13125550102",
        "job_id": " j 1 ",
        "kind": "REGISTER_phone_call",
        "timezone": "Europe/Berlin",
        "priority": -100,
        "not_before": "2026-12-01 08:30",
        "expires_at": "2026-12-24",
        "override_agent_id": "ag",
        "override_agent_version": 3,
        "agent_override": {"retell_llm": {"temp": 0.5}},
        "metadata": {"a": "m"},
        "custom_sip_headers": {"X-A": "s"},
        "variables": {"first_name": " Ana ", "empty": ""},
    }
    submitted = read_message(orjson.dumps(message), PLAIN)
    row = job(read_text(tmp_path, f"{header}\n{cells}\n")[0])
    assert submitted.campaign == "spring"
    assert submitted.job == CallJob(
        **{name: getattr(row, name) for name in CallJob.__slots__ if name not in ("line", "row")}
    )
    assert read_message(message, PLAIN) == submitted


def test_the_number_is_the_key_of_a_job_without_an_id_and_is_read_as_in_its_country() -> None:
    submitted = read_message(b'{"to_number": "(212) 555-0100", "job_id": null}', JobOptions(region="US"))
    assert (submitted.campaign, submitted.job.key, submitted.job.job_id) == (None, N, None)
    assert submitted.job == CallJob(N, N)


def test_a_web_call_needs_an_id_and_has_no_number() -> None:
    options = JobOptions(default_kind=JobKind.WEB_CALL)
    assert read_message({"job_id": "w1", "to_number": N}, options).job.to_number is None
    assert refused({"to_number": N}, options).code == RowFault.NO_JOB_ID


REFUSED: list[tuple[str, bytes | dict[str, Any], str]] = [
    (MessageFault.NO_JSON, b"", "JSON"),
    (MessageFault.NO_JSON, b'{"to_number": "+1', "JSON"),
    (MessageFault.NO_JSON, b'{"to_number": "\xff"}', "UTF-8"),
    (MessageFault.NO_JSON, b"[1]", "no object"),
    (MessageFault.MESSAGE_TOO_LONG, {"to_number": N, "variables": {"a": "x" * MESSAGE_BYTES_MAX}}, "65,536"),
    (MessageFault.UNKNOWN_FIELD, {"to_number": N, "expire_at": "2026-12-24"}, "did you mean expires_at"),
    (MessageFault.UNKNOWN_FIELD, {"to_number": N, "first_name": "Ana"}, "variables"),
    (MessageFault.BAD_FIELD, {"to_number": N, "variables": {"age": 30}}, "'variables.age' must be text"),
    (MessageFault.BAD_FIELD, {"to_number": N, "variables": ["Ana"]}, "'variables' must be an object"),
    (MessageFault.BAD_FIELD, {"to_number": N, "metadata": "m"}, "'metadata' must be an object"),
    (MessageFault.BAD_FIELD, {"to_number": N, "override_agent_version": 1.5}, "override_agent_version"),
    (MessageFault.BAD_CAMPAIGN, {"to_number": N, "campaign": "../../etc/cron.d/x"}, "'campaign'"),
    (MessageFault.BAD_CAMPAIGN, {"to_number": N, "campaign": ".."}, "'campaign'"),
    (MessageFault.BAD_CAMPAIGN, {"to_number": N, "campaign": "x" * 101}, "100"),
    (MessageFault.BAD_CAMPAIGN, {"to_number": N, "campaign": "春" * 84}, "240 bytes"),
    (MessageFault.BAD_CAMPAIGN, {"to_number": N, "campaign": "a\u202eb"}, "direction of text"),
    (MessageFault.BAD_CAMPAIGN, {"to_number": N, "campaign": "a\x1b[2Jb"}, "control character"),
    (RowFault.BAD_JOB_ID, {"to_number": N, "job_id": "a\u2066b"}, "direction of text"),
    (NumberFault.NO_NUMBER, {"job_id": "j1"}, "add it"),
    (NumberFault.NO_NUMBER, {"to_number": " "}, "'to_number' is empty"),
    (NumberFault.NOT_A_NUMBER, {"to_number": 12125550100}, "'to_number' must be text"),
    (NumberFault.NO_COUNTRY_CODE, {"to_number": "212 555 0100"}, "'to_number'"),
    (NumberFault.EMERGENCY_OR_SHORT, {"to_number": "911"}, "'to_number'"),
    (RowFault.BAD_FROM_NUMBER, {"to_number": N, "from_number": "911"}, "'from_number'"),
    (RowFault.BAD_JOB_ID, {"to_number": N, "job_id": "x" * 201}, "'job_id'"),
    (RowFault.BAD_JOB_ID, {"to_number": N, "job_id": 4711}, "'job_id' must be text"),
    (RowFault.UNKNOWN_KIND, {"to_number": N, "kind": "fax"}, "'kind'"),
    (RowFault.UNKNOWN_TIMEZONE, {"to_number": N, "timezone": "EST5"}, "'timezone'"),
    (RowFault.BAD_PRIORITY, {"to_number": N, "priority": 101}, "'priority'"),
    (RowFault.BAD_PRIORITY, {"to_number": N, "priority": "high"}, "'priority' must be a whole number"),
    (RowFault.BAD_PRIORITY, {"to_number": N, "priority": True}, "'priority'"),
    (RowFault.BAD_TIME, {"to_number": N, "not_before": "12/24/2026"}, "'not_before'"),
    (RowFault.BAD_TIME, {"to_number": N, "not_before": "2026-12-02", "expires_at": "2026-12-01"}, "later"),
    (RowFault.BAD_AGENT_OVERRIDE, {"to_number": N, "agent_override": "{}"}, "'agent_override'"),
    (RowFault.NUL_CHARACTER, {"to_number": N, "metadata": {"a": [{"b\0": 1}]}}, "NUL"),
]


@pytest.mark.parametrize(("code", "data", "said"), REFUSED)
def test_a_bad_message_is_refused_with_its_code_and_words(
    code: str, data: bytes | dict[str, Any], said: str
) -> None:
    error = refused(data)
    assert error.code == code
    assert said in error.reason
    assert "2125550100" not in str(error)


def test_what_only_looks_like_nul_is_taken() -> None:
    written = orjson.dumps({"to_number": N, "variables": {"a": "\\u0000"}})
    assert read_message(written, PLAIN).job.content.variables == {"a": "\\u0000"}


def test_what_cannot_be_written_as_json_is_refused_when_it_comes_as_a_mapping() -> None:
    for value in ("\ud800", {1, 2}):
        with pytest.raises(BadMessage) as error:
            read_message({"to_number": N, "metadata": {"a": value}}, PLAIN)
        assert error.value.code == MessageFault.NO_JSON


def test_content_variables_and_place_are_asked_about_as_for_a_row(tmp_path: Path) -> None:
    def check(kind: JobKind, content: CallContent) -> Sequence[str]:
        return ["metadata: too much of it"] if content.metadata else []

    def place_of(job: CallJob) -> object:
        if job.timezone == "Asia/Tokyo":
            raise ValueError("says Tokyo")
        return None

    options: dict[str, Any] = {
        "check": check,
        "needed": {"first_name": None, "city": "your city"},
        "place_of": place_of,
    }
    for message, header, cells in (
        ({"metadata": {"a": "m"}, "variables": {"first_name": "A"}}, "metadata.a,first_name", "m,A"),
        ({"timezone": "Asia/Tokyo", "variables": {"first_name": "A"}}, "timezone,first_name", "Asia/Tokyo,A"),
        ({"variables": {"first_name": "{{name}}"}}, "first_name", "{{name}}"),
    ):
        said = refused({"to_number": N, **message}, JobOptions(**options))
        row = refusal(read_text(tmp_path, f"to_number,{header}\n{N},{cells}\n", **options)[0])
        assert (said.code, said.reason) == (row.code, row.reason)
    assert refused({"to_number": N}, JobOptions(**options)).code == VariableFault.MISSING_VARIABLE
    taken = read_message({"to_number": N, "variables": {"first_name": "A"}}, JobOptions(**options))
    assert taken.job.content.variables == {"first_name": "A", "city": "your city"}


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20).filter(
    lambda text: not text.isspace()
)
MICROSECONDS = st.integers(1_700_000_000_000_000, 2_000_000_000_000_000)


@given(
    variables=st.dictionaries(TEXT, TEXT, max_size=3),
    metadata=st.dictionaries(TEXT, st.one_of(TEXT, st.booleans(), st.integers(-9, 9), st.lists(TEXT))),
    starts_us=st.none() | MICROSECONDS,
    priority=st.integers(-100, 100),
    version=st.sampled_from([None, 3, "latest"]),
)
def test_what_was_written_is_read_as_the_same_job(
    variables: dict[str, str],
    metadata: dict[str, Any],
    starts_us: int | None,
    priority: int,
    version: int | str | None,
) -> None:
    content = CallContent("ag", version, {"agent": {}}, metadata, variables, {"X-A": "s"})
    not_before, expires_at = (None, None) if starts_us is None else (starts_us / 1e6, (starts_us + 1) / 1e6)
    one = CallJob(
        "j1", N, None, "j1", JobKind.PHONE_CALL, None, None, priority, not_before, expires_at, content
    )
    message = write_message("spring", one)
    submitted = read_message(
        message, JobOptions(default_kind=JobKind.WEB_CALL, default_timezone="Asia/Tokyo")
    )
    assert (submitted.campaign, submitted.job) == ("spring", one)
    jsonschema.validate(orjson.loads(message), job_schema())


def test_the_committed_schema_is_the_printed_one_and_tells_every_field() -> None:
    assert (CONFIG / "job.schema.json").read_text() == schema_text(), (
        "run: dialer config --job-schema > config/job.schema.json"
    )
    schema = job_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert all("description" in field for field in schema["properties"].values())


def test_the_schema_refuses_what_is_refused_for_its_shape_and_takes_the_example() -> None:
    schema = job_schema()
    example = (CONFIG / "job.example.json").read_bytes()
    jsonschema.validate(json.loads(example), schema)
    assert read_message(example, PLAIN).campaign == "spring"
    shapes = {
        MessageFault.UNKNOWN_FIELD,
        MessageFault.BAD_FIELD,
        RowFault.UNKNOWN_KIND,
        RowFault.BAD_PRIORITY,
    }
    for code, data, _ in REFUSED:
        if code in shapes:
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate(data, schema)
