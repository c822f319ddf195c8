"""The settings: which there are (the models), and where each comes from (`load`).

Precedence: flags > environment > secrets directory > TOML file > defaults. A setting that is given
twice is taken whole from the stronger place; tables such as `call.metadata` are not mixed. The names
are kept for ever.
"""

import contextlib
import difflib
import ipaddress
import json
import re
import tomllib
import zoneinfo
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from dialer.domain.calls import JobKind
from dialer.domain.errors import BadInput

SECRET_BYTES_MAX = 65_536
E164 = re.compile(r"\+[1-9][0-9]{6,14}")
HOST_PORT = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\s:\[\]/]+):([0-9]{1,5})")


def _real_zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        near = difflib.get_close_matches(name, zoneinfo.available_timezones(), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"is not an IANA time zone such as 'America/Chicago'{hint}") from None
    return name


class Section(BaseModel):
    """A table of the TOML file. The docstrings of its fields are their descriptions, for people."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class Retell(Section):
    """The voice API."""

    base_url: str = "https://api.retellai.com"
    """Where the API is. Plain http only to this machine, since the key travels with every request."""
    timeout_s: Annotated[float, Field(ge=1, le=600)] = 120.0
    """Seconds to wait for one answer; after that a call may exist and is looked for."""
    connections_max: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Connections at once."""

    @field_validator("base_url")
    @classmethod
    def _is_safe(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise ValueError("is not a URL such as https://api.retellai.com") from None
        if parts.scheme not in ("http", "https") or not host:
            raise ValueError("is not a URL such as https://api.retellai.com")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("may hold a host, a port and a path, but no user, password, ? or #")
        if parts.scheme == "http" and not is_loopback(host):
            raise ValueError("is plain http to another machine: the key would travel in clear; use https")
        return url.rstrip("/")


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Call(Section):
    """What every call gets unless its row says otherwise."""

    kind: JobKind = JobKind.PHONE_CALL
    """What a row becomes."""
    agent_id: Annotated[str | None, Field(min_length=1, examples=["agent_0123456789"])] = None
    """The agent that talks; unset: the one bound to the from-number."""
    agent_version: Annotated[int | str | None, Field(examples=[3])] = None
    """The agent's version, a number or a tag; unset: the API's choice."""
    agent_override: dict[str, Any] = Field(default_factory=dict)
    """Changes to the agent for these calls only, passed on as they are."""
    metadata: dict[str, Any] = Field(default_factory=dict)
    """Kept with every call and given back by the API; a row's own values go before these."""
    ignore_e164_validation: bool = False
    """Have the API take numbers that are not E.164, for custom telephony."""
    honor_internal_dnc: bool = False
    """Have the API refuse contacts that its own list marks do-not-call."""

    @field_validator("agent_version", mode="before")
    @classmethod
    def _number_if_it_is_one(cls, version: object) -> object:
        return (
            int(version) if isinstance(version, str) and version.isascii() and version.isdigit() else version
        )


class Pace(Section):
    """How fast and how many at once. The account's limits are the ceiling over all of it."""

    cps: Annotated[float, Field(ge=0.01, le=1000)] = 1.0
    """Calls per second, in any sliding second."""
    burst_s: Annotated[float, Field(ge=0, le=1)] = 0.02
    """Seconds' worth of calls that may go at once after a pause."""
    guard_s: Annotated[float, Field(ge=0, le=1)] = 0.005
    """Seconds added to each sliding second, since the way to the API jitters."""
    slots: Annotated[int, Field(ge=1, le=10_000)] = 20
    """Calls at once; the account's own limit, less what others use, goes before it when it is lower."""
    refresh_s: Annotated[float, Field(ge=1, le=3600)] = 30.0
    """Seconds between looks at the account's concurrency."""
    use_paid_burst: bool = False
    """Go above the account's concurrency into paid burst; costs extra for the whole call."""


class Placing(Section):
    """How one call is asked for, and what is done when the answer is not clear."""

    settle_s: Annotated[float, Field(ge=1, le=3600)] = 20.0
    """Seconds to wait before looking for an uncertain call; longer than the API's listing lag."""
    looks_max: Annotated[int, Field(ge=1, le=100)] = 4
    """Looks for an uncertain call before it is parked as unknown."""
    in_flight_max: Annotated[int, Field(ge=1, le=10_000)] = 64
    """Create requests at once."""
    tries_max: Annotated[int, Field(ge=1, le=100)] = 6
    """Tries after a 429 or a refused connection before the job is put back."""
    backoff_initial_s: Annotated[float, Field(ge=0.01, le=3600)] = 1.0
    """Seconds of the first wait between tries when the API names none; doubles each time."""
    backoff_max_s: Annotated[float, Field(ge=0.01, le=3600)] = 60.0
    """Seconds of the longest wait between tries."""
    put_back_s: Annotated[float, Field(ge=0, le=86_400)] = 30.0
    """Seconds until a job that was put back is due again."""
    key_lifetime_s: Annotated[float, Field(ge=0, le=86_400)] = 3300.0
    """Seconds for which a repeat under the same key is safe; the API forgets a key after an hour."""
    api_honours_key: bool = True
    """Whether the API keeps idempotency keys; false: an uncertain call is looked for, never sent again."""


class Tracking(Section):
    """How the end of a call is noticed."""

    poll_s: Annotated[float, Field(ge=0.1, le=600)] = 2.0
    """Seconds between looks at the live calls."""
    poll_with_webhooks_s: Annotated[float, Field(ge=0.1, le=3600)] = 15.0
    """Seconds between looks while webhooks arrive."""
    call_max_s: Annotated[float, Field(ge=60, le=86_400)] = 7500.0
    """Seconds of the longest possible call, ringing included; a call unheard of for so long is over."""


class Intake(Section):
    """How leads are read."""

    region: Annotated[str | None, Field(examples=["US"])] = None
    """ISO 3166 region, such as US, of numbers without a +; unset: every number needs its +."""
    encoding: Annotated[str | None, Field(examples=["cp1252"])] = None
    """The file's text encoding, such as cp1252; unset: found out."""
    batch_rows: Annotated[int, Field(ge=1, le=10_000)] = 200
    """Rows taken into the ledger in one transaction."""
    timezone: str = "UTC"
    """IANA zone of times in the leads that name none."""

    _zone = field_validator("timezone")(_real_zone)

    @field_validator("region")
    @classmethod
    def _is_region(cls, region: str | None) -> str | None:
        if region is None:
            return None
        import phonenumbers  # slow to load, and needed only here

        if region.upper() not in phonenumbers.SUPPORTED_REGIONS:
            hint = "; the United Kingdom is GB" if region.upper() == "UK" else ""
            raise ValueError(f"is not an ISO 3166 region such as US{hint}")
        return region.upper()

    @field_validator("encoding")
    @classmethod
    def _is_encoding(cls, encoding: str | None) -> str | None:
        try:
            "".encode(encoding or "utf-8")
        except LookupError:
            raise ValueError("is not a text encoding such as utf-8, cp1252 or utf-16") from None
        return encoding


class Redial(Section):
    """Whether a person is called again."""

    attempts_max: Annotated[int, Field(ge=1, le=100)] = 3
    """Attempts that count, for one job, the first included."""


class Campaign(Section):
    """What holds for the campaign as a whole."""

    timezone: str = "America/New_York"
    """IANA zone of the campaign's own times."""

    _zone = field_validator("timezone")(_real_zone)


class LedgerSection(Section):
    """The one memory of what was done."""

    url: Annotated[str, Field(min_length=1)] = "./dialer.db"
    """A path for SQLite, or a URL such as postgresql://host/name."""


class Results(Section):
    """The results log."""

    dir: Annotated[str, Field(min_length=1)] = "./results"
    """Directory for results and rejected rows."""


class Webhooks(Section):
    """News from the API as it happens; polling stays the floor under it."""

    listen: Annotated[str | None, Field(examples=["127.0.0.1:8080"])] = None
    """HOST:PORT to take webhooks on; unset: none are taken."""
    body_bytes_max: Annotated[int, Field(ge=1000, le=100_000_000)] = 1_000_000
    """Bytes of the largest webhook that is read."""

    @field_validator("listen")
    @classmethod
    def _is_address(cls, listen: str | None) -> str | None:
        found = HOST_PORT.fullmatch(listen) if listen is not None else None
        if listen is not None and (found is None or int(found[1]) > 65_535):
            raise ValueError("is not HOST:PORT such as 127.0.0.1:8080")
        return listen


class Logs(Section):
    """What is written to stderr."""

    format: Literal["auto", "json", "console"] = "auto"
    """auto: console on a terminal, else one JSON object a line."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important that is written."""
    show_numbers: bool = False
    """Write phone numbers whole; otherwise their last four digits are hidden."""
    counters_s: Annotated[float, Field(ge=1, le=86_400)] = 60.0
    """Seconds between lines with the counters."""


class Shutdown(Section):
    """The way down when asked to stop."""

    grace_s: Annotated[float, Field(ge=0, le=3600)] = 12.0
    """Seconds to let requests under way be answered; the next start resumes what is still open."""


class Settings(BaseSettings):
    """All settings. Making one reads nothing: `load` does."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, case_sensitive=True
    )

    retell_api_key: SecretStr | None = None
    """The API's key. From the environment or the secrets directory only."""
    from_numbers: tuple[str, ...] = ()
    """Numbers to call from, E.164; a row's own goes before them."""
    retell: Retell = Retell()
    call: Call = Call()
    pace: Pace = Pace()
    placing: Placing = Placing()
    tracking: Tracking = Tracking()
    intake: Intake = Intake()
    redial: Redial = Redial()
    campaign: Campaign = Campaign()
    ledger: LedgerSection = LedgerSection()
    results: Results = Results()
    webhooks: Webhooks = Webhooks()
    logs: Logs = Logs()
    shutdown: Shutdown = Shutdown()

    @field_validator("from_numbers")
    @classmethod
    def _are_e164(cls, numbers: tuple[str, ...]) -> tuple[str, ...]:
        bad = [str(at) for at, number in enumerate(numbers, 1) if not E164.fullmatch(number)]
        if bad:
            which = f"number {bad[0]}" if len(bad) == 1 else f"numbers {', '.join(bad)}"
            raise ValueError(
                f"{which} of {len(numbers)}: not E.164, which is + and 7 to 15 digits, not 0 first"
            )
        return numbers

    @field_validator("retell_api_key")
    @classmethod
    def _fits_a_header(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and not re.fullmatch(r"[!-~]+", key.get_secret_value()):
            raise ValueError("has a space or another character that no key has")
        return key

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is given: `load` reads the sources itself, to know where each value came from."""
        return (init_settings,)


# --- Where each setting comes from -------------------------------------------------------------------------

KEY = "retell_api_key"
SECTIONS: Mapping[str, type[Section]] = {
    name: field.annotation
    for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
}
FIELDS: Mapping[str, FieldInfo] = {
    **{name: field for name, field in Settings.model_fields.items() if name not in SECTIONS},
    **{
        f"{name}.{key}": field
        for name, model in SECTIONS.items()
        for key, field in model.model_fields.items()
    },
}
"""Every setting by its dotted name, in order."""


def variable(dotted: str) -> str:
    """The environment variable of a setting."""
    return KEY.upper() if dotted == KEY else f"DIALER_{dotted.upper().replace('.', '__')}"


VARIABLES: Mapping[str, str] = {variable(dotted): dotted for dotted in FIELDS}
NOT_SETTINGS = re.compile(r"DIALER_(DEBUG|TEST_\w+|SERVICE_(HOST|PORT)\w*|PORT(_[0-9]\w*)?)")
"""Variables of this prefix that are none of ours: the command's own switch, the test suite's, and those that
Kubernetes sets in every pod when a Service is named `dialer`."""
FLAGS: Mapping[str, str] = {
    "from_numbers": "--from",
    "ledger.url": "--ledger",
    "results.dir": "--results",
    "webhooks.listen": "--webhook-listen",
    "logs.format": "--log-format",
    "logs.level": "--log-level",
}
"""The flags that are not called like their setting's last word."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings in force, and for each dotted name where it came from, in words for people."""

    settings: Settings
    origins: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Given:
    name: str
    """As it is called in its source; `dotted` is None if there is no such setting."""
    dotted: str | None
    value: Any
    origin: str
    where: str
    """The origin, as exactly as an error can name it."""


def load(
    config: Path | None, flags: Mapping[str, Any], environ: Mapping[str, str], secrets_dir: Path | None
) -> Loaded:
    """The settings from all their sources; `flags` is nested like the TOML file, and None is not given.

    An empty environment variable is not given. Without `secrets_dir`, systemd's `$CREDENTIALS_DIRECTORY`
    is used if set. Raises `BadInput` with one line for each thing that is wrong.
    """
    if secrets_dir is None and environ.get("CREDENTIALS_DIRECTORY"):
        secrets_dir = Path(environ["CREDENTIALS_DIRECTORY"])
    sources = [*_from_toml(config), *_from_secrets(secrets_dir), *_from_environ(environ), *_from_flags(flags)]
    problems = [_unknown(given) for given in sources if given.dotted is None]
    strongest: dict[str, _Given] = {given.dotted: given for given in sources if given.dotted is not None}
    values: dict[str, Any] = {}
    for dotted, given in strongest.items():
        section, _, key = dotted.rpartition(".")
        (values.setdefault(section, {}) if section else values)[key] = given.value
    try:
        settings = Settings(**values)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False)
        problems += dict.fromkeys(_invalid(detail, strongest) for detail in details)
    if problems:
        raise BadInput("\n".join(problems))
    origins = {dotted: strongest[dotted].origin if dotted in strongest else "default" for dotted in FIELDS}
    return Loaded(settings, origins)


def _from_flags(flags: Mapping[str, Any]) -> Iterator[_Given]:
    for dotted, value in _flat(flags):
        flag = FLAGS.get(dotted, f"--{dotted.rpartition('.')[2].replace('_', '-')}")
        if value is not None:
            yield _Given(dotted, dotted if dotted in FIELDS else None, value, flag, flag)


def _from_environ(environ: Mapping[str, str]) -> Iterator[_Given]:
    for name, text in sorted(environ.items()):
        is_ours = name in VARIABLES or (name.startswith("DIALER_") and not NOT_SETTINGS.fullmatch(name))
        if is_ours and text.strip():
            yield _from_text(name, text, f"environment {name}")


def _from_secrets(directory: Path | None) -> Iterator[_Given]:
    """Files named like the environment variables, in either case; others are left alone."""
    if directory is None:
        return
    try:
        for path in sorted(directory.iterdir()):
            name = path.name.upper()
            if (name in VARIABLES or name.startswith("DIALER_")) and path.is_file():
                with path.open("rb") as file:
                    text = file.read(SECRET_BYTES_MAX).decode()
                yield _from_text(name, text, str(path))
    except OSError as error:
        raise BadInput(f"secrets directory {directory}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path}: is not UTF-8 text") from None


def _from_text(name: str, text: str, origin: str) -> _Given:
    """Lists and tables are JSON, or, for a list, separated by commas; everything else is as it stands."""
    dotted, value = VARIABLES.get(name), text.strip()
    kind = _kinds(FIELDS[dotted])[0] if dotted is not None else str
    if kind is tuple and not value.startswith("["):
        return _Given(
            name, dotted, [part.strip() for part in value.split(",") if part.strip()], origin, origin
        )
    if kind in (tuple, dict):
        with contextlib.suppress(ValueError):  # left as text it is refused like any other wrong value
            return _Given(name, dotted, json.loads(value), origin, origin)
    return _Given(name, dotted, value, origin, origin)


def _from_toml(path: Path | None) -> Iterator[_Given]:
    if path is None:
        return
    try:
        text = path.read_text(encoding="utf-8-sig")
        tables = tomllib.loads(text)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path}: is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path}: is not valid TOML: {error}") from None
    for dotted, value in _flat(tables):
        line = _line_of(dotted, text)
        where = f"{path} line {line}" if line else str(path)
        known = dotted if dotted in FIELDS and dotted != KEY else None
        yield _Given(dotted, known, value, str(path), where)


def _flat(tables: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in tables.items():
        if isinstance(value, Mapping) and (value or name in SECTIONS):
            yield from ((f"{name}.{key}", inner) for key, inner in value.items())
        else:
            yield name, value


def _line_of(dotted: str, text: str) -> int | None:
    """Where the setting stands in the TOML text, if it is written in the plain way."""
    table = ""
    for at, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[\s*([\w.-]+)\s*\]", line):
            table = header[1]
            if table == dotted:
                return at
        elif (key := re.match(r"\s*([\w.-]+)\s*=", line)) and f"{table}.{key[1]}".lstrip(".") == dotted:
            return at
    return None


# --- What is wrong, in words -------------------------------------------------------------------------------


def _unknown(given: _Given) -> str:
    if given.name == KEY:
        return f"{given.where}: the key has no place in a file that is shared; set {KEY.upper()} instead"
    if given.name in SECTIONS:
        return f"{given.where}: {given.name} is a table of settings, not a value"
    of_variables = given.name.startswith("DIALER_")
    names = list(VARIABLES) if of_variables else [name for name in FIELDS if name != KEY]
    last = given.name.rpartition("__" if of_variables else ".")[2]
    same_word = [name for name in names if re.fullmatch(rf"(.*(__|\.|DIALER_))?{re.escape(last)}", name)]
    near = difflib.get_close_matches(given.name, same_word or names, n=1, cutoff=0.0 if same_word else 0.6)
    hint = f"; did you mean {near[0]}?" if near else ""
    if near and "." in given.name and "." not in near[0]:
        hint = f"; {near[0]} stands before the first [table]"
    what = "there is no such setting" if of_variables else f"there is no setting {given.name}"
    return f"{given.where}: {what}{hint}"


def _invalid(detail: ErrorDetails, strongest: Mapping[str, _Given]) -> str:
    loc = [str(part) for part in detail["loc"]]
    dotted = ".".join(loc[:2]) if loc[0] in SECTIONS else loc[0]
    given = strongest[dotted]
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] != "value_error":
        message = f"must be {allowed(dotted)}"
    return f"{given.where}: {dotted}{_shown(dotted, given.value)} {message}"


def _shown(dotted: str, value: object) -> str:
    """The value as an error may show it: no secret, no number, not long."""
    if dotted in (KEY, "from_numbers") or isinstance(value, list | dict):
        return ""
    text = without_password(str(value))
    return f" = {text if len(text) <= 60 else text[:57] + '...'!s}"


def without_password(url: str) -> str:
    """The URL with what stands before its @ hidden."""
    return re.sub(r"(?<=://)[^/@\s]+@", "***@", url)


def _kinds(field: FieldInfo) -> list[object]:
    """The plain types behind an annotation: `int, str` of `int | str | None`, `tuple` of `tuple[str]`."""
    is_union = get_origin(field.annotation) in (UnionType, Union)
    kinds = get_args(field.annotation) if is_union else (field.annotation,)
    return [get_origin(kind) or kind for kind in kinds if kind is not NoneType]


def allowed(dotted: str) -> str:
    """What a setting may be, in words: `a number from 0.01 to 1000`."""
    field = FIELDS[dotted]
    kinds = _kinds(field)
    if Literal in kinds:
        return "one of " + ", ".join(get_args(field.annotation))
    if JobKind in kinds:
        return "one of " + ", ".join(JobKind)
    low = next((bound.ge for bound in field.metadata if hasattr(bound, "ge")), None)
    high = next((bound.le for bound in field.metadata if hasattr(bound, "le")), None)
    span = f" from {low:,} to {high:,}" if low is not None else ""
    return " or ".join(WORDS.get(kind, "text") for kind in kinds) + span


WORDS: Mapping[object, str] = {
    float: "a number",
    int: "a whole number",
    bool: "true or false",
    dict: 'a table (in the environment JSON, such as {"batch": "spring"})',
    tuple: "a list (in the environment separated by commas)",
}
