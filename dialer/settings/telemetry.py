"""The settings of what is sent to those who watch many programs."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from dialer.settings.sections import Section


class Traces(Section):
    """OpenTelemetry: a trace of each attempt. Needs the extra `traces`; OTEL_* variables say the rest."""

    endpoint: Annotated[str | None, Field(examples=["http://127.0.0.1:4318/v1/traces"])] = None
    """Where traces go by OTLP over HTTP; unset: nowhere. They hold no phone number."""
    flush_s: Annotated[float, Field(ge=0, le=60)] = 2.0
    """Seconds to wait in the end until the last ones are sent."""

    @field_validator("endpoint")
    @classmethod
    def _is_url(cls, url: str | None) -> str | None:
        if url is None:
            return None
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            host = None
        if not host or parts.scheme not in ("http", "https"):
            raise ValueError("is not a URL such as http://127.0.0.1:4318/v1/traces")
        if parts.username or parts.password:
            raise ValueError("may hold no user and no password: give them in OTEL_EXPORTER_OTLP_HEADERS")
        return url
