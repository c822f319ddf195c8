"""The service as its unit starts it: what it tells systemd, when, and what is measured of it meanwhile."""

import re
import shlex
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dialer.adapters.system.clock import SystemClock
from tests.cli.cli_process import COMMAND
from tests.processes.places import SimulatedAccount
from tests.processes.programs import Program, wait_for
from tests.processes.test_metrics import get, value
from tests.processes.test_webhooks import free_port

UNIT = (Path(__file__).parents[2] / "deploy" / "systemd" / "dialer.service").read_text()
WATCHDOG_USEC = 600_000
HEARD_S_MAX = 30.0


class Notifications:
    """The socket that systemd would make."""

    def __init__(self, address: Path) -> None:
        self.address = str(address)
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._line.bind(self.address)
        self._line.settimeout(HEARD_S_MAX)

    def until(self, wanted: str) -> list[str]:
        """The message with that line; those before it are let go."""
        while wanted not in (lines := self._line.recv(4096).decode().split("\n")):
            pass
        return lines

    def close(self) -> None:
        self._line.close()


@contextmanager
def started(tmp_path: Path, notifications: Notifications, **more: str) -> Iterator[tuple[Program, Path]]:
    """The command of the unit, with the key where systemd would put it; and its settings file."""
    command = re.search(r"^ExecStart=(.*)$", UNIT, re.MULTILINE)
    assert command
    program, *arguments = shlex.split(command[1].replace("/etc/dialer", str(tmp_path)))
    assert program == "/opt/dialer/bin/dialer"
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "RETELL_API_KEY").write_text("sim-key\n")
    with SimulatedAccount(tmp_path / "account") as account:
        settings = tmp_path / "dialer.toml"
        settings.write_text(f'from_numbers = ["+12125550199"]\nretell.base_url = "{account.url}"\n')
        env = {
            "CREDENTIALS_DIRECTORY": str(tmp_path / "credentials"),
            "NOTIFY_SOCKET": notifications.address,
            "WATCHDOG_USEC": str(WATCHDOG_USEC),
            "DIALER_RULES__HOURS": "always",
            **more,
        }
        with Program((*COMMAND, *arguments), cwd=tmp_path, env=env) as serving:
            yield serving, settings


@pytest.fixture
def notifications(tmp_path: Path) -> Iterator[Notifications]:
    listening = Notifications(tmp_path / "notify")
    yield listening
    listening.close()


def test_it_tells_its_life_and_feeds_the_watchdog(tmp_path: Path, notifications: Notifications) -> None:
    with started(tmp_path, notifications) as (serving, settings):
        ready = notifications.until("READY=1")
        assert any(line.startswith("STATUS=") for line in ready)
        assert (tmp_path / "dialer.db").exists(), "by default it is in the state directory"
        for _ in range(3):
            notifications.until("WATCHDOG=1")
        settings.write_text(settings.read_text() + "[pace]\ncps = 3.0\n")
        serving.signal(signal.SIGHUP)
        first, dated = notifications.until("RELOADING=1")
        assert (first, dated.partition("=")[0]) == ("RELOADING=1", "MONOTONIC_USEC")
        notifications.until("READY=1")
        (reloaded,) = serving.until("service.reloaded")
        assert (reloaded["now"], reloaded["next_start"]) == ({"pace.cps": "3.0"}, {})
        serving.signal(signal.SIGTERM)
        notifications.until("STOPPING=1")
        ended = serving.ended()
    assert ended.code in (0, 130), ended.said


def test_a_worker_is_measured_beside_its_campaigns(tmp_path: Path, notifications: Notifications) -> None:
    port = free_port()
    listen = {"DIALER_METRICS__LISTEN": f"127.0.0.1:{port}", "DIALER_METRICS__EVERY_S": "1"}

    def scraped(name: str) -> float:
        _, _, text = get(port, "/metrics")
        return value(text, name)

    with started(tmp_path, notifications, **listen) as (serving, settings):
        notifications.until("READY=1")
        wait_for(lambda: scraped("dialer_heartbeat_timestamp_seconds"), "the ledger heard of it")
        first = scraped("dialer_heartbeat_timestamp_seconds")
        assert abs(first - SystemClock().now()) < HEARD_S_MAX
        wait_for(lambda: scraped("dialer_heartbeat_timestamp_seconds") > first, "it hears of it again")
        assert (get(port, "/readyz")[0], scraped("dialer_ledger_lost")) == (200, 0)
        assert scraped("dialer_settings_reload_failed") == 0
        good = settings.read_text()
        for text, failed in ((good + "[pace]\ncps = -3\n", 1), (good, 0)):
            settings.write_text(text)
            serving.signal(signal.SIGHUP)
            notifications.until("READY=1")
            assert scraped("dialer_settings_reload_failed") == failed
        (refused,) = serving.until("service.reload_refused")
        assert "pace.cps" in refused["why"]


@pytest.mark.parametrize(
    ("wrong", "code", "said"),
    [
        ({"DIALER_LEDGER__URL": "postgresql://nobody@127.0.0.1:{port}/nowhere"}, 1, "does not answer"),
        ({"DIALER_PACE__CPS": "-1"}, 2, "DIALER_PACE__CPS"),
    ],
)
def test_a_start_that_may_do_better_later_is_told_from_one_that_wants_a_person(
    tmp_path: Path, notifications: Notifications, wrong: dict[str, str], code: int, said: str
) -> None:
    # the unit starts it again after 1, and not after 2: a machine may be up before its network is
    port = str(free_port())
    more = {name: value.replace("{port}", port) for name, value in wrong.items()}
    with started(tmp_path, notifications, **more) as (serving, _):
        ended = serving.ended()
    assert (ended.code, said in ended.err) == (code, True), ended.said
    assert "Traceback" not in ended.err


def test_a_queue_that_is_not_there_yet_is_waited_for(tmp_path: Path, notifications: Notifications) -> None:
    missing = {"DIALER_QUEUE__URL": f"redis://127.0.0.1:{free_port()}"}
    with started(tmp_path, notifications, **missing) as (serving, _):
        notifications.until("READY=1")
        (found,) = [each for each in serving.until("service.examined") if each["check"] == "queue"]
        assert found["mark"] == "bad"
