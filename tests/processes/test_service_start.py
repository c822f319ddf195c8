"""A service that begins: what it does not begin with, and what it waits for."""

import signal
from pathlib import Path

from dialer.cli import exits
from tests.cli.cli_process import COMMAND, simulator
from tests.processes.programs import Program

SERVE = (*COMMAND, "serve", "--from", "+12125550100", "--log-format", "json")


def test_a_key_that_is_refused_and_a_broker_that_is_away(tmp_path: Path) -> None:
    with simulator(cwd=tmp_path) as served:
        wrong = served.settings(RETELL_API_KEY="key_0123456789abcdef")
        with Program(SERVE, cwd=tmp_path, env=wrong) as service:
            refused = service.ended()
        assert refused.code == exits.BAD_INPUT
        assert "key: the API refuses the account: HTTP 401" in refused.err
        assert "key_0123456789abcdef" not in refused.said
        assert not (tmp_path / "dialer.db").exists()

        away = served.settings(DIALER_PUBLISH__URL="redis://me:hidden@127.0.0.1:1")
        with Program(SERVE, cwd=tmp_path, env=away) as service:
            service.until("service.started")
            (line,) = [each for each in service.logged("service.examined") if each["check"] == "publish"]
            assert (line["mark"], "cannot be reached" in line["said"]) == ("bad", True)
            service.signal(signal.SIGTERM)
            assert "hidden" not in service.ended().said
