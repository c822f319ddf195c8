"""Where each setting comes from, who goes before whom, and what is said when one is wrong."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from dialer.domain.calls import JobKind
from dialer.domain.errors import BadInput
from dialer.settings import Loaded, Settings, load
from dialer.settings.catalogue import FIELDS, KEY, VARIABLES, variable
from dialer.settings.problems import allowed

KEY_VALUE = "key_0123456789abcdef"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "dialer.toml"
    path.write_text(text)
    return path


def secrets(tmp_path: Path, **files: str) -> Path:
    directory = tmp_path / "secrets"
    directory.mkdir()
    for name, text in files.items():
        (directory / name).write_text(text)
    return directory


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


def value_of(loaded: Loaded, dotted: str) -> Any:
    value: Any = loaded.settings
    for name in dotted.split("."):
        value = getattr(value, name)
    return value


def test_defaults_need_no_source() -> None:
    loaded = load(None, {}, {}, None)
    assert loaded.settings == Settings()
    assert set(loaded.origins.values()) == {"default"}
    assert list(loaded.origins) == list(FIELDS)


def test_making_settings_reads_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PACE", "RETELL_API_KEY", "retell_api_key", "DIALER_PACE__CPS", "from_numbers"):
        monkeypatch.setenv(name, '{"cps": 9}')
    assert Settings().pace.cps == 1.0
    assert Settings().retell_api_key is None


@pytest.mark.parametrize("strongest", [0, 1, 2, 3, 4])
def test_each_source_goes_before_the_ones_below_it(tmp_path: Path, strongest: int) -> None:
    """Sources from weak to strong: default, TOML, secrets, environment, flags."""
    config = written(tmp_path, "[pace]\ncps = 2\n") if strongest >= 1 else None
    secrets_dir = secrets(tmp_path, DIALER_PACE__CPS="3\n") if strongest >= 2 else None
    environ = {"DIALER_PACE__CPS": "4"} if strongest >= 3 else {}
    flags = {"pace": {"cps": 5.0}} if strongest >= 4 else {}
    loaded = load(config, flags, environ, secrets_dir)
    origins = [
        "default",
        str(config),
        str(tmp_path / "secrets" / "DIALER_PACE__CPS"),
        "environment DIALER_PACE__CPS",
        "--cps",
    ]
    assert loaded.settings.pace.cps == strongest + 1
    assert loaded.origins["pace.cps"] == origins[strongest]


def test_a_section_may_come_from_many_places(tmp_path: Path) -> None:
    config = written(tmp_path, "[pace]\ncps = 2\nslots = 7\n")
    loaded = load(config, {"pace": {"cps": None}}, {"DIALER_PACE__GUARD_S": "0.01"}, None)
    assert (loaded.settings.pace.cps, loaded.settings.pace.slots, loaded.settings.pace.guard_s) == (
        2,
        7,
        0.01,
    )
    assert loaded.origins["pace.cps"] == str(config), "a flag that is None is not given"


def test_a_table_is_taken_whole_from_the_stronger_place(tmp_path: Path) -> None:
    config = written(tmp_path, '[call.metadata]\nbatch = "spring"\nwave = 1\n')
    assert load(config, {}, {}, None).settings.call.metadata == {"batch": "spring", "wave": 1}
    loaded = load(config, {}, {"DIALER_CALL__METADATA": '{"wave": 2}'}, None)
    assert loaded.settings.call.metadata == {"wave": 2}


@pytest.mark.parametrize(
    ("name", "text", "dotted", "value"),
    [
        (
            "DIALER_FROM_NUMBERS",
            "+12125550100, +12125550101",
            "from_numbers",
            ("+12125550100", "+12125550101"),
        ),
        ("DIALER_FROM_NUMBERS", '["+12125550100"]', "from_numbers", ("+12125550100",)),
        ("DIALER_RETELL__BASE_URL", "http://127.0.0.1:8080/", "retell.base_url", "http://127.0.0.1:8080"),
        ("DIALER_RETELL__BASE_URL", "http://[::1]:8080", "retell.base_url", "http://[::1]:8080"),
        ("DIALER_CALL__KIND", "web_call", "call.kind", JobKind.WEB_CALL),
        ("DIALER_CALL__AGENT_VERSION", "3", "call.agent_version", 3),
        ("DIALER_CALL__AGENT_VERSION", "latest", "call.agent_version", "latest"),
        ("DIALER_PACE__USE_PAID_BURST", "yes", "pace.use_paid_burst", True),
        ("DIALER_INTAKE__REGION", "gb", "intake.region", "GB"),
        ("DIALER_WEBHOOKS__LISTEN", "[::]:8080", "webhooks.listen", "[::]:8080"),
        ("DIALER_LOGS__FORMAT", "json", "logs.format", "json"),
    ],
)
def test_the_environment_is_read_as_what_is_meant(name: str, text: str, dotted: str, value: object) -> None:
    loaded = load(None, {}, {name: text}, None)
    assert value_of(loaded, dotted) == value
    assert loaded.origins[dotted] == f"environment {name}"


def test_an_empty_variable_is_not_given() -> None:
    environ = {"DIALER_FROM_NUMBERS": "", "RETELL_API_KEY": " ", "DIALER_PACE__CPS": ""}
    assert load(None, {}, environ, None).settings == Settings()


def test_variables_of_others_are_left_alone() -> None:
    environ = {
        "DIALER_DEBUG": "1",
        "DIALER_TEST_LIVE": "1",
        "DIALER_SERVICE_HOST": "10.0.0.1",
        "DIALER_SERVICE_PORT_HTTP": "80",
        "DIALER_PORT": "tcp://10.0.0.1:80",
        "DIALER_PORT_80_TCP_ADDR": "10.0.0.1",
        "PATH": "/bin",
    }
    assert load(None, {}, environ, None).settings == Settings()


@pytest.mark.parametrize("name", ["RETELL_API_KEY", "retell_api_key"])
def test_the_key_may_be_a_file(tmp_path: Path, name: str) -> None:
    directory = secrets(tmp_path, **{name: f"{KEY_VALUE}\n", "other": "x", "tls.crt": "y"})
    for loaded in (
        load(None, {}, {}, directory),
        load(None, {}, {"CREDENTIALS_DIRECTORY": str(directory)}, None),
    ):
        key = loaded.settings.retell_api_key
        assert key is not None
        assert key.get_secret_value() == KEY_VALUE
        assert loaded.origins[KEY] == str(directory / name)


def test_the_environments_key_goes_before_the_files(tmp_path: Path) -> None:
    loaded = load(None, {}, {"RETELL_API_KEY": "key_of_environment"}, secrets(tmp_path, RETELL_API_KEY="x"))
    key = loaded.settings.retell_api_key
    assert key is not None
    assert key.get_secret_value() == "key_of_environment"


def test_the_key_is_never_shown(tmp_path: Path) -> None:
    loaded = load(None, {}, {"RETELL_API_KEY": KEY_VALUE}, None)
    assert KEY_VALUE not in f"{loaded!r} {loaded.settings} {loaded.settings.model_dump_json()}"
    for lines in (
        refused(environ={"RETELL_API_KEY": f"{KEY_VALUE} {KEY_VALUE}"}),
        refused(written(tmp_path, f'retell_api_key = "{KEY_VALUE}"\n')),
        refused(environ={"DIALER_RETELL_API_KEY": KEY_VALUE}),
        refused(secrets_dir=secrets(tmp_path, retell_api_key=f"{KEY_VALUE}\x07")),
    ):
        assert KEY_VALUE not in "\n".join(lines)
        assert len(lines) == 1
        assert "RETELL_API_KEY" in lines[0].upper()


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "dialer.toml"
    path.write_bytes(b"\xef\xbb\xbf[pace]\ncps = 2\n")
    assert load(path, {}, {}, None).settings.pace.cps == 2


@pytest.mark.parametrize("dotted", list(FIELDS))
def test_every_setting_is_described_bounded_and_has_a_variable(dotted: str) -> None:
    field = FIELDS[dotted]
    assert field.description
    assert len(field.description) <= 110
    assert allowed(dotted)
    if re.search(r"\bnumber\b", allowed(dotted)) and dotted != "call.agent_version":
        assert " from " in allowed(dotted)
    if dotted.endswith("_s"):
        assert "second" in field.description.lower()
    assert VARIABLES[variable(dotted)] == dotted


def test_settings_are_frozen() -> None:
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.pace.__setattr__("cps", 3)
    with pytest.raises(ValidationError):
        settings.__setattr__("from_numbers", ())
