"""The command as a whole: help, exit codes, plain errors, completion, colours."""

import re
from pathlib import Path

import pytest
from cli_process import dialer, dialer_on_terminal

from dialer.cli import exits, main

KEY = "key_0123456789abcdef"
COMMANDS = (
    *("check", "run", "status", "results", "verify", "resolve", "simulator", "token", "config", "doctor"),
    *("migrate", "ledger", "enqueue"),
    *("pause", "resume", "cancel", "set", "dnc", "why"),
)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_in_80_columns(command: str, tmp_path: Path) -> None:
    ended = dialer(command, "--help", cwd=tmp_path)
    assert ended.code == exits.DONE
    assert "Examples" in ended.out
    assert "Exit codes" in ended.out
    assert f"dialer {command}" in ended.out
    assert max(len(line) for line in ended.out.splitlines()) <= 80
    assert ended.err == ""


def test_help_names_every_command_and_exit_code(tmp_path: Path) -> None:
    ended = dialer("--help", cwd=tmp_path)
    assert ended.code == exits.DONE
    for command in COMMANDS:
        assert re.search(rf"^│ {command} ", ended.out, re.MULTILINE), command
    for code, meaning in exits.MEANINGS.items():
        assert re.search(rf"^ +{code} +{re.escape(meaning)}", ended.out, re.MULTILINE)


def test_the_version(tmp_path: Path) -> None:
    ended = dialer("--version", cwd=tmp_path)
    assert re.fullmatch(r"dialer \d+\.\d+\.\d+\n", ended.out)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["rum"], "No such command 'rum'"),
        (["run"], "Missing argument 'LEADS'"),
        (["run", "leads.csv", "--csp", "2"], "No such option: --csp"),
        (["run", "leads.csv", "--cps", "fast"], "Invalid value for '--cps'"),
        (["run", "leads.csv", "--cps", "0"], "--cps: pace.cps = 0.0 must be a number from 0.01 to 1,000"),
        (["run", "leads.csv", "--from", "12125550100"], "--from: from_numbers number 1 of 1: not E.164"),
        (
            ["run", "leads.csv", "--config", "none.toml"],
            "none.toml: cannot be read: No such file or directory",
        ),
        (["run", "leads.csv", "--log-format", "xml"], "--log-format: logs.format = xml must be one of auto"),
        (["run", "leads.csv", "--region", "UK"], "the United Kingdom is GB"),
        (["run", "leads.csv", "--seed", "3"], "--seed is for rehearsals: add --simulate"),
        (["run", "leads.csv", "--simulate", "--speed", "0"], "--speed: '0' is neither a number from 1"),
        (["run", "leads.csv", "--simulate", "--start", "noon"], "--start: 'noon' is not a date and time"),
        (["run", "leads.csv", "--simulate", "--faults", "rate_limitd=1"], "the nearest is 'rate_limited'"),
        (["run", "leads.csv"], "there is no terminal to ask on: add --yes, or --simulate"),
        (["run", "leads.csv", "--yes", "--from", "+12125550100"], "RETELL_API_KEY is not set"),
        (["simulator", "--faults", "drop_after"], "--faults: fault drop_after needs a number"),
        (["results"], "Missing argument 'CAMPAIGN'"),
    ],
)
def test_a_users_mistake_is_said_plainly(arguments: list[str], says: str, tmp_path: Path) -> None:
    ended = dialer(*arguments, cwd=tmp_path)
    assert ended.code == exits.BAD_INPUT
    assert says in re.sub(r"\s*│\n│\s*", " ", ended.err)
    assert "Traceback" not in ended.said
    assert ended.out == ""
    assert not list(tmp_path.iterdir()), "nothing is left behind"


def test_each_problem_has_its_own_line(tmp_path: Path) -> None:
    (tmp_path / "dialer.toml").write_text("[pace]\ncpss = 1\nslots = 0\n")
    environ = {"DIALER_PACE_CPS": "1", "RETELL_API_KEY": f"{KEY} {KEY}"}
    ended = dialer("config", "--config", "dialer.toml", cwd=tmp_path, env=environ)
    assert ended.code == exits.BAD_INPUT
    assert ended.err.splitlines() == [
        "error: dialer.toml line 2: there is no setting pace.cpss; did you mean pace.cps?",
        "error: environment DIALER_PACE_CPS: there is no such setting; did you mean DIALER_PACE__CPS?",
        "error: environment RETELL_API_KEY: retell_api_key has a space or another character that no key has",
        "error: dialer.toml line 3: pace.slots = 0 must be a whole number from 1 to 10,000",
    ]
    assert KEY not in ended.said


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str, tmp_path: Path) -> None:
    ended = dialer(cwd=tmp_path, env={"_DIALER_COMPLETE": f"source_{shell}"})
    assert ended.code == 0
    assert "dialer" in ended.out


def test_completion_can_be_shown(tmp_path: Path) -> None:
    # told which shell it is, since none may be above this process
    undetected = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    ended = dialer("--show-completion", "bash", cwd=tmp_path, env=undetected)
    assert ended.code == 0
    assert "complete -o default -F _dialer_completion dialer" in ended.out


def test_completion_knows_the_commands(tmp_path: Path) -> None:
    environ = {"_DIALER_COMPLETE": "complete_bash", "COMP_WORDS": "dialer s", "COMP_CWORD": "1"}
    ended = dialer(cwd=tmp_path, env=environ)
    assert set(ended.out.split()) == {"serve", "set", "simulator", "status"}


def test_errors_are_red_on_a_terminal_unless_colour_is_unwanted(tmp_path: Path) -> None:
    shown = dialer_on_terminal("status", "--config", "none.toml", cwd=tmp_path)
    assert "\x1b[1;31merror:" in shown.out
    plain = dialer_on_terminal("status", "--config", "none.toml", cwd=tmp_path, env={"NO_COLOR": "1"})
    assert "error: none.toml: cannot be read" in COLOUR.sub("", plain.out)
    assert "31m" not in plain.out


def test_help_without_colour(tmp_path: Path) -> None:
    plain = dialer_on_terminal("--help", cwd=tmp_path, env={"NO_COLOR": "1"})
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", plain.out)


def test_an_unexpected_error_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DIALER_DEBUG", raising=False)
    monkeypatch.setenv("RETELL_API_KEY", KEY)
    main._say_unexpected(KeyError(f"+12125550142 {KEY}"))
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "unexpected KeyError" in said
    assert "DIALER_DEBUG=1" in said
    assert "0142" not in said
    assert KEY not in said


def test_an_unexpected_error_shows_its_trace_if_asked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIALER_DEBUG", "1")
    monkeypatch.setenv("RETELL_API_KEY", KEY)
    try:
        raise RuntimeError(f"+12125550142 {KEY}")
    except RuntimeError as error:
        main._say_unexpected(error)
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert "0142" not in said
    assert KEY not in said
