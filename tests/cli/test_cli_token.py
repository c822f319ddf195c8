"""`dialer token`: what it prints lets its user in."""

import json
from pathlib import Path

import pytest
from cli_process import dialer

from dialer.domain.rights import Right
from dialer.settings import load
from dialer.web.tokens import Role, Token, find


def test_the_lines_it_prints_let_the_token_in(tmp_path: Path) -> None:
    ended = dialer("token", "crm", "--role", "submit", cwd=tmp_path)
    assert ended.code == 0, ended.err
    secret = ended.out.splitlines()[0]
    at = ended.out.index("[[api.tokens]]")
    (tmp_path / "dialer.toml").write_text(ended.out[at:])
    assert secret not in ended.out[at:]
    (entry,) = load(tmp_path / "dialer.toml", {}, {}, None).settings.api.tokens
    token = Token(entry.name, entry.role, entry.sha256)
    assert find([token], secret) == Token("crm", Role.SUBMIT, entry.sha256)
    again = dialer("token", "crm", "--role", "submit", cwd=tmp_path)
    assert again.out.splitlines()[0] != secret


def test_rights_and_bounds_are_printed_as_settings(tmp_path: Path) -> None:
    bounds = ("--right", "redirect_data", "--campaign", "spring", "--campaign", 'a"b-*')
    more = ("--from", "+12125550100", "--agent", "agent_1")
    ended = dialer("token", "crm", "--role", "submit", *bounds, *more, cwd=tmp_path)
    (tmp_path / "dialer.toml").write_text(ended.out[ended.out.index("[[api.tokens]]") :])
    (entry,) = load(tmp_path / "dialer.toml", {}, {}, None).settings.api.tokens
    assert entry.rights == (Right.REDIRECT_DATA,)
    assert entry.campaigns == ("spring", 'a"b-*')
    assert (entry.from_numbers, entry.agents) == (("+12125550100",), ("agent_1",))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("--right", "weaken_rules"), "has the right weaken_rules, of which the role submit makes no use"),
        (("--campaign", "a/b"), "has 'a/b', which is no campaign's name"),
        (("--from", "5550100"), "has, as number 1, one that is not E.164"),
    ],
)
def test_a_right_or_bound_that_can_be_of_no_use_is_refused(
    tmp_path: Path, given: tuple[str, ...], says: str
) -> None:
    ended = dialer("token", "crm", "--role", "submit", *given, cwd=tmp_path)
    assert (ended.code, ended.out) == (2, "")
    assert says in ended.err.replace("\n", " ")


def test_for_programs(tmp_path: Path) -> None:
    ended = dialer("token", "ana@example.com", "--role", "operate", "--json", cwd=tmp_path)
    made = json.loads(ended.out)
    assert list(made) == ["token", "name", "role", "sha256"]
    assert find([Token(made["name"], Role(made["role"]), made["sha256"])], made["token"]) is not None


def test_a_name_that_no_record_should_hold_is_refused(tmp_path: Path) -> None:
    for name in ("a b", "", "-", "x" * 65, "a\nb"):
        ended = dialer("token", "--role", "read", "--", name, cwd=tmp_path)
        assert ended.code == 2
        assert "at most 63 letters, digits or" in ended.err.replace("\n", " ")
        assert ended.out == ""
