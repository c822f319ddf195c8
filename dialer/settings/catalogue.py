"""All settings together, and each by its name in the TOML file and in the environment."""

import re
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Union, get_args, get_origin

from pydantic import SecretStr, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from dialer.settings.access import Api, ApiToken
from dialer.settings.contact import Redial, Rules, Variables
from dialer.settings.queue import Publish, QueueSection
from dialer.settings.rules import E164, Agents, AgentSection, Breakers, Budget, Canary, Lines, LineSection
from dialer.settings.sections import (
    Call,
    Campaign,
    Intake,
    LedgerSection,
    Logs,
    Metrics,
    Pace,
    Placing,
    Results,
    Retell,
    Section,
    Shutdown,
    Tracking,
    Webhooks,
)
from dialer.settings.service import Service
from dialer.settings.telemetry import Traces


class Settings(BaseSettings):
    """All settings. Making one reads nothing: `load` does."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, case_sensitive=True
    )

    retell_api_key: SecretStr | None = None
    """The API's key. From the environment or the secrets directory only."""
    from_numbers: tuple[str, ...] = ()
    """Numbers to call from, E.164; a row's own goes before them."""
    lines: Lines = ()
    """Numbers to call from that have bounds of their own, besides `from_numbers`."""
    agents: Agents = ()
    """Agents that share the campaign's calls by weight; none: `call.agent_id` or the number's own."""
    retell: Retell = Retell()
    call: Call = Call()
    pace: Pace = Pace()
    placing: Placing = Placing()
    tracking: Tracking = Tracking()
    intake: Intake = Intake()
    campaign: Campaign = Campaign()
    rules: Rules = Rules()
    redial: Redial = Redial()
    variables: Variables = Variables()
    budget: Budget = Budget()
    canary: Canary = Canary()
    breakers: Breakers = Breakers()
    ledger: LedgerSection = LedgerSection()
    results: Results = Results()
    queue: QueueSection = QueueSection()
    publish: Publish = Publish()
    webhooks: Webhooks = Webhooks()
    metrics: Metrics = Metrics()
    traces: Traces = Traces()
    api: Api = Api()
    service: Service = Service()
    logs: Logs = Logs()
    shutdown: Shutdown = Shutdown()

    @property
    def secrets(self) -> list[str]:
        """What must never be written anywhere."""
        keys = [self.retell_api_key, *self.webhooks.keys]
        return [key.get_secret_value() for key in keys if key is not None]

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


KEY = "retell_api_key"
SECRETS = frozenset({KEY, "webhooks.keys"})
"""Never in a file that is shared, and never shown."""
SECTIONS: Mapping[str, type[Section]] = {
    name: field.annotation
    for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
}
URLS = frozenset({"ledger.url", "queue.url", "publish.url"})
"""The settings that may hold a password, which is never shown."""
LISTED: Mapping[str, type[Section]] = {
    "lines": LineSection,
    "agents": AgentSection,
    "api.tokens": ApiToken,
}
"""The settings that are lists of tables, `[[lines]]` in the TOML file."""
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


def kinds(field: FieldInfo) -> list[object]:
    """The plain types behind an annotation: `int, str` of `int | str | None`, `tuple` of `tuple[str]`."""
    is_union = get_origin(field.annotation) in (UnionType, Union)
    plain = get_args(field.annotation) if is_union else (field.annotation,)
    return [get_origin(kind) or kind for kind in plain if kind is not NoneType]
