"""A service that begins: what it does not begin with, and what it waits for."""

import signal
from pathlib import Path

from tests.cli.cli_process import COMMAND, simulator
from tests.processes.programs import Program

SERVE = (*COMMAND, "serve", "--from", "+12125550100", "--log-format", "json")


def test_a_broker_that_is_away_is_waited_for(tmp_path: Path) -> None:
    with simulator(cwd=tmp_path) as served:
        away = served.settings(DIALER_PUBLISH__URL="redis://me:hidden@127.0.0.1:1")
        with Program(SERVE, cwd=tmp_path, env=away) as service:
            service.until("service.started")
            (line,) = [each for each in service.logged("service.examined") if each["check"] == "publish"]
            assert (line["mark"], "cannot be reached" in line["said"]) == ("bad", True)
            service.signal(signal.SIGTERM)
            assert "hidden" not in service.ended().said
