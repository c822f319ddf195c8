"""`dialer token`: what it prints lets its user in."""

import json
from pathlib import Path

from cli_process import dialer

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
