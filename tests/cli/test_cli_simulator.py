"""`dialer simulator`: serves until it is told to stop, and then says what it has seen."""

import json
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from cli_process import COMMAND, TIMEOUT_S, dialer, environment

from dialer.cli import exits


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_campaign_on_the_simulator(stop: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "leads.csv").write_text("phone_number\n+12125550100\n+12125550101\n")
    arguments = ["simulator", "--port", "0", "--speed", "100", "--report", "seen.json"]
    with subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        environ = {
            "RETELL_API_KEY": "sim-key",
            "DIALER_RETELL__BASE_URL": url,
            "DIALER_TRACKING__POLL_S": "0.2",
            "DIALER_RULES__HOURS": "always",  # it dials by the real clock
        }
        ended = dialer("run", "leads.csv", "--from", "+12125550199", "--cps", "10", cwd=tmp_path, env=environ)
        assert ended.code == exits.DONE, ended.said
        process.send_signal(stop)
        out, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == exits.DONE
    assert err == ""
    assert json.loads(out)["calls"] == 2
    assert json.loads((tmp_path / "seen.json").read_text()) == json.loads(out)


def test_a_port_in_use_is_said_plainly(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = dialer("simulator", "--port", str(taken.getsockname()[1]), cwd=tmp_path)
    assert ended.code == exits.BAD_INPUT
    assert ended.err.startswith("error: cannot listen on 127.0.0.1 port ")
    assert "Traceback" not in ended.said
