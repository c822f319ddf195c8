"""A process that has no descriptor left for connections and files waits until there are some again."""

import json
import signal
import socket
from contextlib import ExitStack, closing
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from dialer.web.tokens import new_token
from tests.cli.cli_process import COMMAND
from tests.processes.places import API_S_MAX, FROM, campaign, numbers
from tests.processes.programs import Program, wait_for
from tests.processes.test_http_api import Api, configured, free_port, jobs

PEOPLE = numbers(12)
DESCRIPTORS = 64
DONE_S_MAX = 90.0
"""A campaign that could not open a file rests for half a minute."""
TAKEN = 100
"""Connections of somebody who only holds them: more than the process has descriptors."""


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_calls_wait_for_descriptors_and_nothing_ends(tmp_path: Path) -> None:
    with campaign(tmp_path, PEOPLE, "--concurrency", "12") as (account, place):
        api = Api(free_port(), new_token())
        configured(place, "crm", api.token, api.port)
        serve = (*COMMAND, "serve", "--config", "dialer.toml", "--from", FROM)
        argv = ("/bin/sh", "-c", f'ulimit -n {DESCRIPTORS}; exec "$@"', "sh", *serve)
        place = replace(place, env={**place.env, "DIALER_TRACKING__POLL_S": "0.8"})
        with Program(argv, cwd=place.root, env=place.environment()) as service, ExitStack() as stack:
            service.until("service.started")
            known = stack.enter_context(closing(HTTPConnection("127.0.0.1", api.port, timeout=API_S_MAX)))
            headers = {"Authorization": f"Bearer {api.token}", "Content-Type": "application/json"}

            def ask(method: str, path: str, body: object = None) -> Any:
                known.request(method, path, None if body is None else json.dumps(body), headers)
                answer = known.getresponse()
                assert answer.status == 200, answer.status
                return json.loads(answer.read())

            known.connect()
            held = [socket.create_connection(("127.0.0.1", api.port)) for _ in range(TAKEN)]
            wait_for(lambda: descriptors(service) >= DESCRIPTORS - 1, "all descriptors are taken")
            ask("POST", "/v1/jobs", jobs(PEOPLE))
            service.until("campaign.failing")
            for each in held:
                each.close()
            done = lambda: ask("GET", "/v1/campaigns/leads")["jobs"]["done"]  # noqa: E731
            wait_for(lambda: done() == len(PEOPLE), "all are called", DONE_S_MAX)
            log = place.root / place.results / "leads.jsonl"
            wait_for(lambda: log.is_file() and len(log.read_bytes().splitlines()) >= 24, "the log caught up")
            service.signal(signal.SIGTERM)
            ended = service.ended()
        assert ended.code == 0, ended.said
        report = account.report()
        assert (report["doubled_calls"], report["calls_per_number"]) == (0, {"1": len(PEOPLE)})


def descriptors(service: Program) -> int:
    return len([*Path(f"/proc/{service.pid}/fd").iterdir()])
