"""What is said when a setting is wrong: one line each, with its place and the way out."""

from pathlib import Path
from typing import Any

import pytest

from dialer.domain.errors import BadInput
from dialer.settings import load
from dialer.settings.catalogue import VARIABLES


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "dialer.toml"
    path.write_text(text)
    return path


def refused(
    config: Path | None = None,
    flags: dict[str, Any] | None = None,
    environ: dict[str, str] | None = None,
    secrets_dir: Path | None = None,
) -> list[str]:
    """The lines of the refusal."""
    with pytest.raises(BadInput) as caught:
        load(config, flags or {}, environ or {}, secrets_dir)
    assert caught.value.exit_code == 2
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("cps = 3\n", 1, "there is no setting cps; did you mean pace.cps?"),
        ("[pace]\ncpss = 3\n", 2, "there is no setting pace.cpss; did you mean pace.cps?"),
        ("\n[pase]\nslots = 3\n", 3, "there is no setting pase.slots; did you mean pace.slots?"),
        ("[placing]\nsettle = 3\n", 2, "there is no setting placing.settle; did you mean placing.settle_s?"),
        ("[run]\n", 1, "there is no setting run"),
        ("pace = 3\n", 1, "pace is a table of settings, not a value"),
        (
            "[pace]\ncps = 1\nfrom_numbers = []\n",
            3,
            "there is no setting pace.from_numbers; from_numbers stands before the first [table]",
        ),
        ("[zzz]\nqqq = 1\n", 2, "there is no setting zzz.qqq"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_one(
    tmp_path: Path, text: str, line: int, says: str
) -> None:
    config = written(tmp_path, text)
    assert refused(config) == [f"{config} line {line}: {says}"]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("DIALER_PACE_CPS", "; did you mean DIALER_PACE__CPS?"),
        ("DIALER_CPS", "; did you mean DIALER_PACE__CPS?"),
        ("DIALER_RETELL__API_KEY", "; did you mean RETELL_API_KEY?"),
        ("DIALER_FROM_NUMBER", "; did you mean DIALER_FROM_NUMBERS?"),
        ("DIALER_XYZZY", ""),
    ],
)
def test_an_unknown_variable_is_named_with_the_nearest_one(name: str, near: str) -> None:
    assert refused(environ={name: "1"}) == [f"environment {name}: there is no such setting{near}"]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("DIALER_PACE__CPS", "0", "pace.cps = 0 must be a number from 0.01 to 1,000"),
        ("DIALER_PACE__CPS", "nan", "pace.cps = nan must be a number from 0.01 to 1,000"),
        ("DIALER_PACE__CPS", "fast", "pace.cps = fast must be a number from 0.01 to 1,000"),
        ("DIALER_PACE__SLOTS", "1.5", "pace.slots = 1.5 must be a whole number from 1 to 10,000"),
        ("DIALER_PACE__USE_PAID_BURST", "perhaps", "pace.use_paid_burst = perhaps must be true or false"),
        ("DIALER_LOGS__LEVEL", "loud", "logs.level = loud must be one of debug, info, warning, error"),
        (
            "DIALER_CALL__KIND",
            "fax",
            "call.kind = fax must be one of phone_call, web_call, register_phone_call",
        ),
        (
            "DIALER_FROM_NUMBERS",
            "+12125550100,12125550101,+02125550100",
            "from_numbers numbers 2, 3 of 3: not E.164, which is + and 7 to 15 digits, not 0 first",
        ),
        (
            "DIALER_CAMPAIGN__TIMEZONE",
            "America/NewYork",
            "campaign.timezone = America/NewYork is not an IANA time zone such as 'America/Chicago'; "
            "did you mean 'America/New_York'?",
        ),
        ("DIALER_INTAKE__REGION", "UK", "is not an ISO 3166 region such as US; the United Kingdom is GB"),
        ("DIALER_INTAKE__ENCODING", "utf-9", "intake.encoding = utf-9 is not a text encoding"),
        ("DIALER_INTAKE__ENCODING", "base64", "intake.encoding = base64 is not a text encoding"),
        ("DIALER_WEBHOOKS__LISTEN", "8080", "webhooks.listen = 8080 is not HOST:PORT such as 127.0.0.1:8080"),
        ("DIALER_WEBHOOKS__LISTEN", "x:99999", "webhooks.listen = x:99999 is not HOST:PORT"),
        ("DIALER_RETELL__BASE_URL", "api.example.com", "is not a URL such as"),
        ("DIALER_RETELL__BASE_URL", "ftp://api.example.com", "is not a URL such as"),
        ("DIALER_RETELL__BASE_URL", "http://[::1", "is not a URL such as"),
        ("DIALER_RETELL__BASE_URL", "http://api.example.com", "the key would travel in clear; use https"),
        ("DIALER_RETELL__BASE_URL", "http://127.0.0.1.example.com", "the key would travel in clear"),
        ("DIALER_CALL__METADATA", "{", "call.metadata = { must be a table (in the environment JSON"),
        ("DIALER_CALL__METADATA", "[1]", "call.metadata must be a table (in the environment JSON"),
        ("DIALER_LEDGER__URL", "", None),
    ],
)
def test_a_wrong_value_is_explained_in_one_line(name: str, text: str, says: str | None) -> None:
    if says is None:
        load(None, {}, {name: text}, None)
        return
    (line,) = refused(environ={name: text})
    assert line.startswith(f"environment {name}: {VARIABLES[name]}")
    assert says in line


def test_no_number_and_no_password_is_shown() -> None:
    (line,) = refused(environ={"DIALER_FROM_NUMBERS": "+1212555010O"})
    assert "+1212" not in line
    (line,) = refused(environ={"DIALER_RETELL__BASE_URL": "https://me:hush@example.com"})
    assert "hush" not in line


def test_every_problem_has_its_line_and_its_place(tmp_path: Path) -> None:
    config = written(tmp_path, '[pace]\ncpss = 1\nslots = 0\n[logs]\nformat = "xml"\n')
    assert refused(config, {"pace": {"cps": -1}}, {"DIALER_SHUTDOWN__GRACE_S": "-1"}) == [
        f"{config} line 2: there is no setting pace.cpss; did you mean pace.cps?",
        "--cps: pace.cps = -1 must be a number from 0.01 to 1,000",
        f"{config} line 3: pace.slots = 0 must be a whole number from 1 to 10,000",
        f"{config} line 5: logs.format = xml must be one of auto, json, console",
        "environment DIALER_SHUTDOWN__GRACE_S: shutdown.grace_s = -1 must be a number from 0 to 3,600",
    ]


def test_an_unreadable_source_is_named(tmp_path: Path) -> None:
    config = written(tmp_path, "[pace\n")
    assert refused(config)[0].startswith(f"{config}: is not valid TOML: ")
    assert refused(tmp_path / "none.toml") == [
        f"{tmp_path / 'none.toml'}: cannot be read: No such file or directory"
    ]
    assert refused(secrets_dir=tmp_path / "none") == [
        f"secrets directory {tmp_path / 'none'}: cannot be read: No such file or directory"
    ]
    config.write_bytes(b"\xff\xfe\x00")
    assert refused(config) == [f"{config}: is not UTF-8 text"]
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "RETELL_API_KEY").write_bytes(b"\xff")
    assert refused(secrets_dir=tmp_path / "secrets") == [
        f"{tmp_path / 'secrets' / 'RETELL_API_KEY'}: is not UTF-8 text"
    ]
