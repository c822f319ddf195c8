"""`python -m tests.processes.fuzzing [--seconds N]`: schemathesis asks a real service for N seconds.

The service dials on a simulator. What is found is printed; the exit code is that of schemathesis, or 1
if the service has ended or met a fault of its own.
"""

import argparse
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from dialer.web.tokens import fingerprint, new_token
from tests.cli.cli_process import COMMAND, simulator
from tests.processes.programs import Program
from tests.processes.test_http_api import free_port

CHECKS = (
    *(
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
    ),
    *("response_schema_conformance", "negative_data_rejection", "unsupported_method"),
)
CONFIG = """
[checks.negative_data_rejection]
expected-statuses = [207, 400, 401, 403, 404, 405, 409, 415, 422, 429]
"""
"""207: each job of a list has its own status."""
SETTINGS = """
from_numbers = ["+12125550100"]
[api]
listen = "127.0.0.1:{port}"
requests_per_s = 10000
[[api.tokens]]
name = "fuzz"
role = "operate"
rights = ["weaken_rules", "redirect_data"]
sha256 = "{sha256}"
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=300)
    seconds = parser.parse_args().seconds
    port, token = free_port(), new_token()
    with TemporaryDirectory(prefix="dialer-fuzz") as folder, simulator(cwd=Path(folder)) as account:
        root = Path(folder)
        (root / "dialer.toml").write_text(SETTINGS.format(port=port, sha256=fingerprint(token)))
        (root / "schemathesis.toml").write_text(CONFIG)
        serve = (*COMMAND, "serve", "--config", "dialer.toml", "--log-format", "json")
        with Program(serve, cwd=root, env=account.settings()) as service:
            service.until("service.started")
            asked = subprocess.run(
                [
                    str(Path(sys.executable).with_name("schemathesis")),
                    *(
                        "--config-file",
                        "schemathesis.toml",
                        "run",
                        f"http://127.0.0.1:{port}/v1/openapi.json",
                    ),
                    *("-H", f"Authorization: Bearer {token}", "--max-time", str(seconds)),
                    *("-c", ",".join(CHECKS), "--continue-on-failure"),
                ],
                cwd=root,
                check=False,
            )
            ours = [line for line in service.logged("request.answered") if line["status"] >= 500]
            if not service.is_running or ours:
                sys.stdout.write(f"the service has ended, or met a fault of its own: {ours[:3]}\n")
                return 1
            service.signal(signal.SIGTERM)
            return asked.returncode or service.ended().code


if __name__ == "__main__":
    sys.exit(main())
