"""`dialer config`, and the file with all settings."""

import json
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
from cli_process import dialer

from dialer.cli.config import template_lines
from dialer.settings import Settings, load
from dialer.settings.catalogue import FIELDS, KEY, LISTED, SECRETS

COMMITTED = Path(__file__).parents[2] / "config" / "dialer.toml"
KEY_VALUE = "key_0123456789abcdef"


def test_the_committed_file_is_the_generated_one() -> None:
    assert COMMITTED.read_text() == "\n".join(template_lines()) + "\n", (
        "run: dialer config --template > config/dialer.toml"
    )


def test_the_committed_file_changes_nothing() -> None:
    assert load(COMMITTED, {}, {}, None).settings == Settings()


def uncommented(lines: Iterable[str]) -> str:
    """What is left of the file when every entry's # is taken away."""
    is_entry = re.compile(r"# (\w+ = |\[\[|  )")
    return "\n".join(line[2:] if is_entry.match(line) else line for line in lines)


def test_every_setting_may_be_uncommented(tmp_path: Path) -> None:
    path = tmp_path / "all.toml"
    path.write_text(uncommented(template_lines()))
    tables = tomllib.loads(path.read_text())
    keys = {
        f"{section}.{key}" if isinstance(table, dict) else section
        for section, table in tables.items()
        for key in (table if isinstance(table, dict) else [""])
    }
    assert keys == set(FIELDS) - SECRETS
    for name, model in LISTED.items():
        section, _, key = name.rpartition(".")
        listed = (tables[section] if section else tables)[key]
        assert [set(table) for table in listed] == [set(model.model_fields)]
    given = load(path, {}, {}, None)
    for dotted, field in FIELDS.items():
        if dotted in SECRETS or dotted in LISTED or field.examples:
            continue
        section, _, key = dotted.rpartition(".")
        value = getattr(getattr(given.settings, section) if section else given.settings, key)
        assert value == field.get_default(call_default_factory=True), dotted
        assert given.origins[dotted] == str(path)


def test_lines_are_not_too_long() -> None:
    assert max(map(len, template_lines())) <= 110


def shown_config(tmp_path: Path, *arguments: str) -> str:
    (tmp_path / "dialer.toml").write_text(
        '[pace]\nslots = 7\n[rules]\ncaps = ["3 per 7d"]\nwindows = { mon-fri = "09:00-18:00" }\n'
        '[[lines]]\nnumber = "+12125550102"\nwarm_up = [[0, 20]]\nsince = 2026-11-01\n'
    )
    (tmp_path / "secrets").mkdir(exist_ok=True)
    (tmp_path / "secrets" / "RETELL_API_KEY").write_text(KEY_VALUE)
    environ = {
        "DIALER_PACE__CPS": "2.5",
        "DIALER_LEDGER__URL": "postgresql://me:hush@db.example/dialer",
        "DIALER_FROM_NUMBERS": "+12125550100,+12125550101",
    }
    ended = dialer(
        "config", "--config", "dialer.toml", "--secrets-dir", "secrets", *arguments, cwd=tmp_path, env=environ
    )
    assert ended.code == 0, ended.err
    assert KEY_VALUE not in ended.said
    assert "hush" not in ended.said
    return ended.out


def test_values_and_origins_for_people(tmp_path: Path) -> None:
    rows = {line.split()[0]: line.split()[1:] for line in shown_config(tmp_path).splitlines()}
    assert list(rows) == list(FIELDS)
    assert rows["pace.cps"] == ["2.5", "environment", "DIALER_PACE__CPS"]
    assert rows["pace.slots"] == ["7", "dialer.toml"]
    assert rows["pace.burst_s"] == ["0.02", "default"]
    assert rows[KEY] == ["set", "(hidden)", "secrets/RETELL_API_KEY"]
    assert rows["rules.caps"] == ["3", "per", "7d", "dialer.toml"]
    assert rows["rules.windows"] == ["mon-fri=09:00-18:00", "dialer.toml"]
    assert rows["from_numbers"] == ["+12125550100,", "+12125550101", "environment", "DIALER_FROM_NUMBERS"]


def test_values_and_origins_for_programs(tmp_path: Path) -> None:
    shown = json.loads(shown_config(tmp_path, "--json"))
    assert list(shown) == list(FIELDS)
    assert shown["pace.cps"] == {"value": 2.5, "from": "environment DIALER_PACE__CPS"}
    assert shown["from_numbers"]["value"] == ["+12125550100", "+12125550101"]
    assert shown["ledger.url"]["value"] == "postgresql://***@db.example/dialer"
    assert shown["rules.hours"] == {"value": "us", "from": "default"}
    assert shown["lines"] == {
        "value": [{"number": "+12125550102", "warm_up": [[0, 20]], "since": "2026-11-01"}],
        "from": "dialer.toml",
    }
    assert shown[KEY] == {"value": "set (hidden)", "from": "secrets/RETELL_API_KEY"}


@pytest.mark.parametrize("arguments", [["--template"], ["--template", "--json"]])
def test_the_template_needs_no_valid_settings(arguments: list[str], tmp_path: Path) -> None:
    ended = dialer("config", *arguments, cwd=tmp_path, env={"DIALER_NONSENSE": "1"})
    assert ended.code == 0
    assert ended.out == COMMITTED.read_text()


def test_a_brokers_password_is_never_shown(tmp_path: Path) -> None:
    env = {"DIALER_QUEUE__URL": "amqp://ana:s3cret@h", "DIALER_PUBLISH__URL": "redis://:s3cret@h"}
    for flags in ([], ["--json"]):
        shown = dialer("config", *flags, cwd=tmp_path, env=env)
        assert "amqp://***@h" in shown.out
        assert "redis://***@h" in shown.out
        assert "s3cret" not in shown.said
    wrong = {"DIALER_QUEUE__URL": "amqp//ana:s3cret@h", "DIALER_QUEUE__NAME": "a b"}
    refused = dialer("config", cwd=tmp_path, env=wrong)
    assert refused.code == 2
    assert "queue.url is no broker's URL" in refused.err
    assert "queue.name = a b is no name that every broker takes" in refused.err
    assert "s3cret" not in refused.said
