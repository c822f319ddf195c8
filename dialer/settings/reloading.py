"""Settings that a service reads again: some hold at once, the others from its next start."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dialer.settings.catalogue import FIELDS, KEY, SECRETS, SECTIONS, Settings
from dialer.settings.problems import without_password

FROM_NEXT_START = (
    *("retell", "call", "placing", "tracking", "redial"),
    *("pace.burst_s", "pace.guard_s", "pace.use_paid_burst"),
    *("ledger", "results", "publish", "webhooks", "metrics", "traces", "logs", "shutdown"),
    *("queue.url", "queue.name", "queue.group", "queue.consumer", "queue.dead_letter", "queue.prefetch"),
    *("queue.stale_s", "queue.backoff_initial_s", "queue.backoff_max_s"),
    *("api.listen", "api.body_bytes_max", "api.body_s", "api.items_max", "api.requests_per_s"),
    "service.worker",
)
"""Settings, or whole sections, that open something or are built into what runs."""
TOKENS = "api.tokens"


@dataclass(frozen=True, slots=True)
class Reload:
    """What came of reading the settings again. Values are texts as `dialer config` shows them, no secrets."""

    settings: Settings
    """Those that hold from now on."""
    now: Mapping[str, str]
    """Settings that hold from now on and were others before."""
    next_start: Mapping[str, str]
    """Settings that were given and hold from the next start."""
    let_in: tuple[str, ...]
    """Names of the tokens that may ask the HTTP API from now on."""
    let_out: tuple[str, ...]
    """Names of those that may no more."""
    changed: tuple[str, ...]
    """Names of those that are another token from now on, or have other rights."""


def reload(before: Settings, given: Settings) -> Reload:
    """`before`: what holds. `given`: what was read now, and is right as a whole."""
    first_token = before.api.address is None  # nothing listens
    late = [name for name in FIELDS if holds_from_next_start(name) or (first_token and name == TOKENS)]
    merged = given
    for name in late:
        merged = _with(merged, name, _value(before, name))
    shown = _shown(given)
    was = {} if first_token else {each.name: each for each in before.api.tokens}
    now = {each.name: each for each in merged.api.tokens}
    return Reload(
        merged,
        now={name: shown[name] for name in _differing(before, merged) if name != TOKENS},
        next_start={name: shown[name] for name in _differing(merged, given)},
        let_in=tuple(name for name in now if name not in was),
        let_out=tuple(name for name in was if name not in now),
        changed=tuple(name for name, each in now.items() if was.get(name, each) != each),
    )


def holds_from_next_start(name: str) -> bool:
    """Whether a setting, by its dotted name, holds from a service's next start only."""
    return name in FROM_NEXT_START or name.partition(".")[0] in FROM_NEXT_START


def _differing(one: Settings, other: Settings) -> list[str]:
    return [name for name in FIELDS if _value(one, name) != _value(other, name)]


def _value(settings: Settings, name: str) -> Any:
    section, _, key = name.rpartition(".")
    return getattr(getattr(settings, section) if section else settings, key)


def _with(settings: Settings, name: str, value: Any) -> Settings:
    section, _, key = name.rpartition(".")
    if section in SECTIONS:
        value = getattr(settings, section).model_copy(update={key: value})
    return settings.model_copy(update={section or key: value})


def _shown(settings: Settings) -> dict[str, str]:
    whole = settings.model_dump(mode="json", exclude={KEY})
    shown: dict[str, str] = {}
    for name in FIELDS:
        section, _, key = name.rpartition(".")
        if name in SECRETS:
            shown[name] = "another one"
        elif name == TOKENS:
            shown[name] = ", ".join(each.name for each in settings.api.tokens)
        else:
            shown[name] = without_password(str(whole[section][key] if section else whole[key]))
    return shown
