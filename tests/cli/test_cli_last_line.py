"""What ends a command that logs is its log's last line, with the exit code, where the log is JSON."""

import json
from pathlib import Path
from typing import Any

import pytest
from cli_process import dialer

from dialer.cli import exits

KEY = "key_0123456789abcdef"
WRONG = "[pace]\nslots = 0\ncps = 0\n"


def last_line(err: str) -> dict[str, Any]:
    lines = [json.loads(line) for line in err.splitlines()]
    last: dict[str, Any] = lines[-1]
    return last


@pytest.mark.parametrize(
    ("arguments", "says", "code"),
    [
        (["serve", "--config", "wrong.toml"], "pace.slots", exits.BAD_INPUT),
        (["serve", "--config", "none.toml"], "none.toml: cannot be read", exits.BAD_INPUT),
        (["serve", "--from", "+12125550100"], "RETELL_API_KEY is not set", exits.BAD_INPUT),
        (["run", "none.csv", "--simulate", "--log-format", "json"], "none.csv: cannot be", exits.BAD_INPUT),
        (["run", "none.csv", "--config", "wrong.toml", "--log-format", "json"], "pace.cps", exits.BAD_INPUT),
    ],
)
def test_it_is_json_with_the_exit_code(arguments: list[str], says: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_text(WRONG)
    ended = dialer(*arguments, cwd=tmp_path)
    line = last_line(ended.err)
    assert (line["event"], line["level"], line["exit_code"], ended.code) == (
        *("process.failed", "critical"),
        *(code, code),
    )
    assert says in line["why"]


def test_the_log_that_the_settings_want_has_it_too_and_no_key(tmp_path: Path) -> None:
    environ = {"RETELL_API_KEY": KEY, "DIALER_LEDGER__URL": f"{KEY}/" + "x" * 5000}
    ended = dialer("serve", "--from", "+12125550100", cwd=tmp_path, env=environ)
    line = last_line(ended.err)
    assert (line["event"], line["exit_code"]) == ("process.failed", ended.code)
    assert KEY not in ended.said


@pytest.mark.parametrize(
    "arguments",
    [
        ["serve", "--config", "wrong.toml", "--log-format", "console"],
        ["run", "none.csv", "--config", "wrong.toml"],
        ["check", "none.csv", "--config", "wrong.toml"],
    ],
)
def test_elsewhere_it_is_said_in_plain_words(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_text(WRONG)
    ended = dialer(*arguments, cwd=tmp_path)
    assert ended.code == exits.BAD_INPUT
    assert [line[:7] for line in ended.err.splitlines()] == ["error: "] * 2
