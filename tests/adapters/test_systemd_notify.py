"""What systemd hears, at a real socket of its kind."""

import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from dialer.adapters.system.systemd import FEEDS_A_WATCHDOG, STATUS_CHARS_MAX, STATUS_EVERY_S, Supervisor
from dialer.app.clock_loop import run_virtual

WATCHDOG_S = 30.0


class Systemd:
    """A socket like the one that it makes for its units."""

    def __init__(self, address: str) -> None:
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._line.settimeout(5)
        self._line.bind(address)

    def heard(self) -> list[str]:
        return self._line.recv(4096).decode().split("\n")

    def heard_nothing(self) -> bool:
        return not select.select([self._line], [], [], 0)[0]

    def close(self) -> None:
        self._line.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[tuple[Systemd, str]]:
    address = str(tmp_path / "notify")
    listening = Systemd(address)
    yield listening, address
    listening.close()


def watched(address: str) -> Supervisor:
    return Supervisor.of({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": str(int(WATCHDOG_S * 1e6))})


def test_a_life_is_told(systemd: tuple[Systemd, str]) -> None:
    listening, address = systemd
    supervisor = Supervisor.of({"NOTIFY_SOCKET": address})
    supervisor.ready("two campaigns")
    assert listening.heard() == ["READY=1", "STATUS=two campaigns"]
    supervisor.status("3 calls\nnow")
    assert listening.heard() == ["STATUS=3 calls now"]
    supervisor.stopping("asked to")
    assert listening.heard() == ["STOPPING=1", "STATUS=asked to"]
    supervisor.status("x" * 10_000)
    assert listening.heard() == [f"STATUS={'x' * STATUS_CHARS_MAX}"]


def test_a_reload_is_dated_between_its_request_and_its_end(systemd: tuple[Systemd, str]) -> None:
    listening, address = systemd
    asked_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    Supervisor.of({"NOTIFY_SOCKET": address}).reloading()
    first, dated = listening.heard()
    assert first == "RELOADING=1"
    name, _, at_us = dated.partition("=")
    assert name == "MONOTONIC_USEC"
    assert asked_us <= int(at_us) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def test_an_abstract_address_is_one() -> None:
    name = f"dialer-test-{os.getpid()}"
    listening = Systemd(f"\0{name}")
    try:
        Supervisor.of({"NOTIFY_SOCKET": f"@{name}"}).ready("up")
        assert listening.heard() == ["READY=1", "STATUS=up"]
    finally:
        listening.close()


def test_the_watchdog_is_fed_three_times_in_its_time(systemd: tuple[Systemd, str]) -> None:
    listening, address = systemd
    supervisor, asked = watched(address), 0

    def status() -> str:
        nonlocal asked
        asked += 1
        return f"look {asked}"

    async def main() -> None:
        with anyio.move_on_after(WATCHDOG_S - 1):
            await supervisor.keep_fed(status)

    run_virtual(main)
    for number in range(1, FEEDS_A_WATCHDOG + 1):
        assert listening.heard() == ["WATCHDOG=1", f"STATUS=look {number}"]
    assert listening.heard_nothing()


def test_a_stuck_loop_starves_it(systemd: tuple[Systemd, str]) -> None:
    listening, address = systemd
    supervisor = Supervisor.of({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000"})

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(supervisor.keep_fed)
            await anyio.sleep(0.015)
            while not listening.heard_nothing():
                listening.heard()
            began_s = time.perf_counter()
            while time.perf_counter() < began_s + 0.1:  # more than three watchdogs
                assert listening.heard_nothing()
            tasks.cancel_scope.cancel()

    anyio.run(main)


def test_a_status_is_told_without_a_watchdog_too(systemd: tuple[Systemd, str]) -> None:
    listening, address = systemd

    async def main() -> None:
        with anyio.move_on_after(1.5 * STATUS_EVERY_S):
            await Supervisor.of({"NOTIFY_SOCKET": address}).keep_fed(lambda: "fine")

    run_virtual(main)
    assert (listening.heard(), listening.heard()) == (["STATUS=fine"], ["STATUS=fine"])
    assert listening.heard_nothing()


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"WATCHDOG_USEC": "30000000"},
        {"NOTIFY_SOCKET": "vsock:2:1234", "WATCHDOG_USEC": "30000000"},
        {"NOTIFY_SOCKET": "/nowhere/at/all"},
    ],
)
def test_where_nobody_listens_nothing_fails_and_nothing_waits(environ: dict[str, str]) -> None:
    supervisor = Supervisor.of(environ)
    supervisor.ready("up")
    supervisor.reloading()
    supervisor.stopping("down")
    run_virtual(supervisor.keep_fed)


@pytest.mark.parametrize("usec", ["", "0", "-1", "ten", "1.5"])
def test_a_watchdog_that_is_none_is_not_fed(systemd: tuple[Systemd, str], usec: str) -> None:
    supervisor = Supervisor.of({"NOTIFY_SOCKET": systemd[1], "WATCHDOG_USEC": usec})
    assert supervisor.watchdog_s is None
    run_virtual(supervisor.keep_fed)
    assert systemd[0].heard_nothing()


def test_another_process_watchdog_is_not_ours(systemd: tuple[Systemd, str]) -> None:
    for pid, watchdog_s in ((str(os.getpid()), 2.0), ("1", None)):
        environ = {"NOTIFY_SOCKET": systemd[1], "WATCHDOG_USEC": "2000000", "WATCHDOG_PID": pid}
        assert Supervisor.of(environ).watchdog_s == watchdog_s


def test_a_full_queue_holds_nobody_up_for_long(systemd: tuple[Systemd, str]) -> None:
    _, address = systemd
    # in a process of its own, so that one that waits for ever is seen
    code = (
        "import sys; from dialer.adapters.system.systemd import Supervisor\n"
        "supervisor = Supervisor.of({'NOTIFY_SOCKET': sys.argv[1]})\n"
        "[supervisor.status('once more') for _ in range(int(sys.argv[2]))]"
    )
    queue = int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text())
    done = subprocess.run(
        [sys.executable, "-c", code, address, str(queue + 4)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
