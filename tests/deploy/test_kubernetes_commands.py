"""What the pods run, run here: with their settings file, and their secrets as files."""

import re
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.cli.cli_process import COMMAND, dialer
from tests.deploy.kubernetes_kit import container, settings_file
from tests.processes.places import SimulatedAccount
from tests.processes.programs import Program, wait_for
from tests.processes.test_webhooks import free_port
from tests.support.postgres import a_schema, sql

POD = "dialer-6d4b75cb6d-x2x7q"


def command(overlay: str, folder: Path, secrets: Mapping[str, str]) -> list[str]:
    """The container's arguments, with what it mounts in this folder."""
    places = {"/etc/dialer": "settings", "/run/secrets/dialer": "secrets", "/leads": "leads", "": "state"}
    for place in places.values():
        (folder / place).mkdir(exist_ok=True)
    (folder / "settings" / "dialer.toml").write_text(settings_file(overlay))
    for name, secret in secrets.items():
        (folder / "secrets" / name).write_text(f"{secret}\n")
    arguments = [argument.replace("$(POD_NAME)", POD) for argument in container(overlay)["args"]]
    for mounted, place in places.items():
        if mounted:
            arguments = [re.sub(f"^{mounted}", str(folder / place), each) for each in arguments]
    return arguments


@contextmanager
def serving(overlay: str, folder: Path, secrets: Mapping[str, str]) -> Iterator[tuple[Program, str]]:
    """The worker, once it works, and what it calls itself. It calls nobody."""
    with SimulatedAccount(folder / "account") as account:
        env = {
            "DIALER_RETELL__BASE_URL": account.url,
            "DIALER_METRICS__LISTEN": f"127.0.0.1:{free_port()}",
            "DIALER_WEBHOOKS__LISTEN": f"127.0.0.1:{free_port()}",
        }
        argv = (*COMMAND, *command(overlay, folder, {"RETELL_API_KEY": "sim-key", **secrets}))
        with Program(argv, cwd=folder / "state", env=env) as worker:
            (started,) = worker.until("service.started")
            yield worker, started["worker"]
            worker.signal(signal.SIGTERM)
            ended = worker.ended()
            assert ended.code in (0, 130), ended.said


def test_one_worker_has_its_ledger_on_the_volume(tmp_path: Path) -> None:
    with serving("sqlite", tmp_path, {}):
        assert (tmp_path / "state" / "dialer.db").exists()


def test_several_workers_have_the_ledger_of_the_secret(tmp_path: Path) -> None:
    with a_schema() as url:
        secrets = {"DIALER_LEDGER__URL": url}
        migrated = dialer(*command("migrate", tmp_path, secrets), cwd=tmp_path / "state")
        assert migrated.code == 0, migrated.said
        with serving("postgres", tmp_path, secrets) as (_, worker):
            assert worker.startswith(f"{POD}-")
            wait_for(lambda: sql(url, "SELECT name FROM worker") == [(worker,)], "the ledger heard of it")
        assert not (tmp_path / "state" / "dialer.db").exists()


def test_a_campaign_goes_on_in_the_next_pod(tmp_path: Path) -> None:
    arguments = command("campaign", tmp_path, {"RETELL_API_KEY": "key_0123456789"})
    (tmp_path / "leads" / "leads.csv").write_text("phone_number\n+12125550101\n+12125550102\n")
    env = {"DIALER_METRICS__LISTEN": "127.0.0.1:0"}
    for _ in range(2):
        simulated = ("--simulate", "--speed", "max", "--ledger", "dialer.db")
        ended = dialer(*arguments, *simulated, cwd=tmp_path / "state", env=env)
        assert ended.code == 0, ended.said
    assert (tmp_path / "state" / "dialer.db").exists()
