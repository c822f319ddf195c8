"""Settings that are read again: what holds now, what from the next start, and who is let in or out."""

from pathlib import Path
from typing import Any

import pytest

from dialer.settings import Settings, load
from dialer.settings.catalogue import FIELDS
from dialer.settings.reloading import FROM_NEXT_START, holds_from_next_start, reload

KEY = "key_0123456789abcdef"
HASH, OTHER_HASH, THIRD_HASH = ("0123456789abcdef" * 4, "f" * 64, "a" * 64)


def settings(tmp_path: Path, text: str, **environ: str) -> Settings:
    (tmp_path / "dialer.toml").write_text(text)
    return load(tmp_path / "dialer.toml", {}, environ, None).settings


def token(name: str, sha256: str, role: str = "submit") -> str:
    return f'[[api.tokens]]\nname = "{name}"\nrole = "{role}"\nsha256 = "{sha256}"\n'


def test_what_is_said_of_a_setting_is_what_happens_to_it(tmp_path: Path) -> None:
    before = settings(tmp_path, "[pace]\ncps = 1\n[results]\ndir = 'a'\n", RETELL_API_KEY=KEY)
    text = "[pace]\ncps = 2\nburst_s = 0.1\n[results]\ndir = 'b'\n[ledger]\nurl = 'postgresql://me:hidden@db/d'\n"
    given = settings(tmp_path, text, RETELL_API_KEY=KEY + "2")
    what = reload(before, given)
    assert what.now == {"retell_api_key": "another one", "pace.cps": "2.0"}
    assert (what.settings.pace.cps, what.settings.pace.burst_s) == (2, before.pace.burst_s)
    assert (what.settings.results.dir, what.settings.retell_api_key) == ("a", given.retell_api_key)
    assert what.settings.ledger.url == before.ledger.url
    assert what.next_start == {
        "pace.burst_s": "0.1",
        "ledger.url": "postgresql://***@db/d",
        "results.dir": "b",
    }
    again = reload(what.settings, given)
    assert (again.now, again.next_start) == ({}, what.next_start), "it still waits for the next start"


def test_who_is_let_in_and_out_is_named_and_never_the_token_or_its_hash(tmp_path: Path) -> None:
    before = settings(tmp_path, token("crm", HASH) + token("old", OTHER_HASH) + token("boss", "b" * 64))
    given = settings(
        tmp_path, token("crm", THIRD_HASH) + token("new", HASH) + token("boss", "b" * 64, "operate")
    )
    what = reload(before, given)
    assert (what.let_in, what.let_out, what.changed) == (("new",), ("old",), ("crm", "boss"))
    assert (what.now, what.next_start) == ({}, {})
    told = repr((what.now, what.next_start, what.let_in, what.let_out, what.changed))
    assert not any(each in told for each in (HASH, OTHER_HASH, THIRD_HASH))


def test_the_first_token_of_all_waits_for_the_next_start_since_nothing_listens(tmp_path: Path) -> None:
    what = reload(settings(tmp_path, ""), settings(tmp_path, token("crm", HASH)))
    assert (what.let_in, what.settings.api.tokens) == ((), ())
    assert what.next_start == {"api.tokens": "crm"}


def test_every_name_is_a_setting_or_a_section() -> None:
    known = {*FIELDS, *(name.partition(".")[0] for name in FIELDS)}
    assert set(FROM_NEXT_START) <= known


AT_ONCE = (
    *(
        "retell_api_key",
        "from_numbers",
        "lines",
        "agents",
        "pace.cps",
        "pace.slots",
        "pace.refresh_s",
        "api.tokens",
    ),
    *("service.campaign", "service.lease_s", "service.guard_s", "service.open_jobs_max"),
    *("service.campaigns_max", "api.campaigns_max"),
    *("queue.rights", "queue.campaigns", "queue.from_numbers", "queue.agents"),
)
"""What holds at once, beside the whole sections `ALL_AT_ONCE`."""
ALL_AT_ONCE = ("intake", "campaign", "rules", "variables", "budget", "canary", "breakers")


@pytest.mark.parametrize("name", FIELDS)
def test_a_new_setting_has_to_be_one_or_the_other(name: str) -> None:
    at_once = name in AT_ONCE or name.partition(".")[0] in ALL_AT_ONCE
    assert at_once != holds_from_next_start(name)


def test_secrets_that_changed_are_told_and_not_shown(tmp_path: Path) -> None:
    def with_keys(keys: str) -> Settings:
        given: dict[str, Any] = {"DIALER_WEBHOOKS__KEYS": keys}
        return settings(tmp_path, "", **given)

    what = reload(with_keys(KEY), with_keys(f"{KEY},{KEY}2"))
    assert what.next_start == {"webhooks.keys": "another one"}
