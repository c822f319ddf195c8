"""The settings of the HTTP API: who may ask, and that nobody listens for nobody."""

from pathlib import Path

import pytest

from dialer.domain.errors import BadInput
from dialer.settings import Loaded, load
from dialer.web.tokens import Role, fingerprint, new_token

TOKEN = new_token()
ENTRY = f'[[api.tokens]]\nname = "crm"\nrole = "submit"\nsha256 = "{fingerprint(TOKEN)}"\n'


def read(tmp_path: Path, text: str) -> Loaded:
    path = tmp_path / "dialer.toml"
    path.write_text(text)
    return load(path, {}, {}, None)


def refused(tmp_path: Path, text: str) -> str:
    with pytest.raises(BadInput) as caught:
        read(tmp_path, text)
    return str(caught.value).replace(str(tmp_path / "dialer.toml"), "FILE")


def test_a_token_lets_its_user_in_on_loopback(tmp_path: Path) -> None:
    api = read(tmp_path, ENTRY).settings.api
    assert [(each.name, each.role) for each in api.tokens] == [("crm", Role.SUBMIT)]
    assert api.address == "127.0.0.1:8090"
    assert load(None, {}, {}, None).settings.api.address is None


def test_a_token_may_come_from_the_environment() -> None:
    entry = f'[{{"name": "crm", "role": "read", "sha256": "{fingerprint(TOKEN)}"}}]'
    loaded = load(None, {}, {"DIALER_API__TOKENS": entry}, None)
    assert loaded.settings.api.tokens[0].role is Role.READ
    assert loaded.origins["api.tokens"] == "environment DIALER_API__TOKENS"


def test_to_listen_without_a_token_is_refused(tmp_path: Path) -> None:
    said = refused(tmp_path, '[api]\nlisten = "0.0.0.0:8090"\n')
    assert said.startswith("FILE line 2: api has a listen but no [[api.tokens]]")
    assert "dialer token NAME --role submit" in said
    assert read(tmp_path, '[api]\nlisten = "[::1]:8090"\n' + ENTRY).settings.api.address == "[::1]:8090"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (ENTRY + ENTRY, "two tokens have the name crm: give each its own"),
        (ENTRY + ENTRY.replace("crm", "ana"), "crm and ana have the same token: make another one"),
        (
            ENTRY.replace("submit", "all"),
            "[[api.tokens]] number 1: role must be one of read, submit, operate",
        ),
        (ENTRY.replace("crm", "a b"), "[[api.tokens]] number 1: name must be written like crm"),
        (ENTRY.replace("sha256", "sha"), "there is no setting sha; did you mean sha256?"),
        (ENTRY.replace('role = "submit"\n', ""), "[[api.tokens]] number 1: role is missing"),
        ('[api]\ntokens = "hush"\n', "api.tokens must be a list of tables"),
        ('[api]\nlisten = "8090"\n' + ENTRY, "api.listen = 8090 is not HOST:PORT"),
        ("[api]\nrequests_per_s = 0\n", "api.requests_per_s = 0 must be a number from 0.1 to 10,000"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, says: str) -> None:
    assert says in refused(tmp_path, text)


def test_a_token_in_the_place_of_its_hash_is_not_shown(tmp_path: Path) -> None:
    said = refused(tmp_path, ENTRY.replace(fingerprint(TOKEN), TOKEN))
    assert "[[api.tokens]] number 1: sha256 must be written like 0123" in said
    assert TOKEN not in said
    assert TOKEN[7:20] not in said
