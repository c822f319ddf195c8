"""The tables of settings: each with its bounds, its default and, as its docstring, what it is for people."""

import difflib
import re
import zoneinfo
from datetime import date, time
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from dialer.adapters.retell.proxies import DIRECT, is_loopback, usable
from dialer.adapters.sources.cells import BadCell, read_time
from dialer.domain.calls import JobKind
from dialer.domain.north_america import ZONES

AREA_CODE = re.compile("[2-9][0-9]{2}")
HOST_PORT = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\s:\[\]/]+):([0-9]{1,5})")


def _real_zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        near = difflib.get_close_matches(name, zoneinfo.available_timezones(), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"is not an IANA time zone such as 'America/Chicago'{hint}") from None
    return name


def as_text(value: object) -> object:
    """A date or time as TOML has it, as the text that it is in the environment."""
    return value.isoformat() if isinstance(value, date | time) else value


def host_port(listen: str | None) -> str | None:
    """For validators: it is written as an address to listen on, or there is none."""
    found = HOST_PORT.fullmatch(listen) if listen is not None else None
    if listen is not None and (found is None or int(found[1]) > 65_535):
        raise ValueError("is not HOST:PORT such as 127.0.0.1:8080")
    return listen


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
    proxy: Annotated[str | None, Field(examples=["http://proxy.example:3128"])] = None
    """The proxy to the API; unset: as HTTPS_PROXY and NO_PROXY in the environment say; "none": no proxy."""

    web_call_version: Annotated[int, Field(ge=2, le=3)] = 3
    """The version of the endpoint that makes web calls; Retell has deprecated 2."""
    overrides: Literal["warn", "refuse"] = "warn"
    """A field or word of `agent_override` that dialer does not know: send it with a warning, or refuse it."""

    @field_validator("proxy")
    @classmethod
    def _is_a_proxy(cls, url: str | None) -> str | None:
        if url is not None and url != DIRECT and not usable(url):
            raise ValueError('is neither the URL of an http or https proxy nor "none"')
        return url

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
    """Whether the API keeps idempotency keys; false: an uncertain call is sent again as below, if at all."""
    listing_lag_max_s: Annotated[float | None, Field(ge=1, le=86_400, examples=[600.0])] = None
    """Seconds until any call is listed; without keys, one that is not listed is sent again. Unset: never."""


class Tracking(Section):
    """How the end of a call is noticed."""

    poll_s: Annotated[float, Field(ge=0.1, le=600)] = 2.0
    """Seconds between looks at the live calls."""
    poll_with_webhooks_s: Annotated[float, Field(ge=0.1, le=3600)] = 15.0
    """Seconds between looks while webhooks arrive; `poll_s` again after one end that none told of."""
    call_max_s: Annotated[float, Field(ge=60, le=86_400)] = 7500.0
    """Seconds of the longest possible call, ringing included; then it is over for all campaigns."""


class Intake(Section):
    """How leads are read."""

    region: Annotated[str | None, Field(examples=["US"])] = None
    """ISO 3166 region, such as US, of numbers without a +; unset: every number needs its +."""
    encoding: Annotated[str | None, Field(examples=["cp1252"])] = None
    """The file's text encoding, such as cp1252; unset: found out."""
    ignore_columns: Annotated[tuple[str, ...], Field(examples=[("DNC date",)])] = ()
    """Columns that are passed over, whatever their name looks like."""
    batch_rows: Annotated[int, Field(ge=1, le=10_000)] = 200
    """Rows taken into the ledger in one transaction."""
    timezone: str = "UTC"
    """IANA zone of times in the leads that name none."""
    area_codes: Annotated[dict[str, str], Field(examples=[{"235": "US-MO"}])] = Field(default_factory=dict)
    """New area codes of +1 to let in before the program knows them, each with its state or its IANA zone."""

    _zone = field_validator("timezone")(_real_zone)

    @field_validator("area_codes")
    @classmethod
    def _are_placed(cls, area_codes: dict[str, str]) -> dict[str, str]:
        for code, place in area_codes.items():
            if not AREA_CODE.fullmatch(code):
                raise ValueError(f"{code!r} is no area code: write three digits, the first not 0 or 1")
            if place not in ZONES:
                try:
                    _real_zone(place)
                except ValueError:
                    raise ValueError(
                        f"{place!r} is no state such as 'US-MO' and no IANA zone such as 'America/Chicago'"
                    ) from None
        return area_codes

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


class Campaign(Section):
    """What holds for the campaign as a whole."""

    timezone: str = "America/New_York"
    """IANA zone of the campaign's own times."""
    starts_at: Annotated[str | None, Field(examples=["2026-12-01T09:00"])] = None
    """When its first call may be made, as 2026-12-01 or 2026-12-01T09:00; unset: at once."""
    ends_at: Annotated[str | None, Field(examples=["2026-12-24T18:00"])] = None
    """When what is left is closed as expired; a date alone: at its end. Unset: never."""

    _zone = field_validator("timezone")(_real_zone)
    _texts = field_validator("starts_at", "ends_at", mode="before")(as_text)

    @field_validator("starts_at", "ends_at")
    @classmethod
    def _is_time(cls, text: str | None) -> str | None:
        if text is not None:
            try:
                read_time(text, "UTC", is_end=False)
            except BadCell as bad:
                raise ValueError(bad.reason) from None
        return text

    @model_validator(mode="after")
    def _ends_behind_its_start(self) -> Self:
        if self.starts is not None and self.ends is not None and self.ends <= self.starts:
            raise ValueError("has an ends_at that is not later than its starts_at: correct one of them")
        return self

    @property
    def starts(self) -> float | None:
        """Unix seconds."""
        return None if self.starts_at is None else read_time(self.starts_at, self.timezone, is_end=False)

    @property
    def ends(self) -> float | None:
        """Unix seconds."""
        return None if self.ends_at is None else read_time(self.ends_at, self.timezone, is_end=True)


class LedgerSection(Section):
    """The one memory of what was done."""

    url: Annotated[str, Field(min_length=1)] = "./dialer.db"
    """A path for SQLite, or a URL such as postgresql://host/name."""


class Results(Section):
    """The results log."""

    dir: str = "./results"
    """Directory for results and rejected rows. Empty: neither is written; the ledger has every result."""

    @property
    def folder(self) -> Path | None:
        """None: nothing is written."""
        return Path(self.dir) if self.dir else None


class Webhooks(Section):
    """News from the API as it happens; polling stays the floor under it."""

    listen: Annotated[str | None, Field(examples=["127.0.0.1:8080"])] = None
    """HOST:PORT to take webhooks on; unset: none are taken."""
    keys: Annotated[tuple[SecretStr, ...], Field(max_length=10)] = ()
    """API keys that may sign webhooks, kept as RETELL_API_KEY is; unset: that one."""
    body_bytes_max: Annotated[int, Field(ge=1000, le=100_000_000)] = 16_000_000
    """Bytes of the largest webhook that is read; that of a call of two hours has more than 2,000,000."""

    _address = field_validator("listen")(host_port)


class Metrics(Section):
    """What Prometheus and probes may ask of a run."""

    listen: Annotated[str | None, Field(examples=["127.0.0.1:9464"])] = None
    """HOST:PORT for /metrics, /livez and /readyz, which anybody who gets there may read; unset: none."""
    file: Annotated[str | None, Field(examples=["./dialer.prom"])] = None
    """The metrics as a textfile for node-exporter, for runs that end before they are scraped; unset: none."""
    every_s: Annotated[float, Field(ge=1, le=3600)] = 15.0
    """Seconds between looks at the ledger for its metrics, and between two writes of the file."""

    _address = field_validator("listen")(host_port)

    @field_validator("file")
    @classmethod
    def _is_read(cls, file: str | None) -> str | None:
        if file is not None and not file.endswith(".prom"):
            raise ValueError("does not end in .prom: node-exporter reads no other files")
        return file


class Logs(Section):
    """What is written to stderr."""

    format: Literal["auto", "json", "console"] = "auto"
    """auto: console on a terminal, else one JSON object a line."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important that is written."""
    show_numbers: bool = False
    """Write phone numbers whole; otherwise their last four digits are hidden."""
    counters_s: Annotated[float, Field(ge=1, le=86_400)] = 60.0
    """Seconds between lines with the counters; in a simulation too, they are seconds of the real clock."""


class Shutdown(Section):
    """The way down when asked to stop."""

    grace_s: Annotated[float, Field(ge=0, le=3600)] = 12.0
    """Seconds to let requests under way be answered; the next start resumes what is still open."""
