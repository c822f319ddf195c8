"""A service that is given its jobs over HTTP, by whoever has a token, and is killed in the middle."""

import json
import signal
import socket
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from dialer.web.tokens import fingerprint, new_token
from tests.cli.cli_process import COMMAND
from tests.processes.places import API_S_MAX, FROM, Place, campaign, each_called_once, numbers
from tests.processes.programs import Program, wait_for

PEOPLE = numbers(36)


@dataclass(frozen=True, slots=True)
class Api:
    """Somebody who asks a service."""

    port: int
    token: str

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=API_S_MAX)) as connection:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def done(self) -> int:
        found: int = self.ask("GET", "/v1/campaigns/leads")[1]["jobs"]["done"]
        return found


def configured(place: Place, name: str, token: str, port: int, more: str = "") -> None:
    place.root.mkdir(parents=True, exist_ok=True)
    (place.root / "dialer.toml").write_text(
        f'[api]\nlisten = "127.0.0.1:{port}"\nrequests_per_s = 1000\n'
        f'[[api.tokens]]\nname = "{name}"\nrole = "operate"\nsha256 = "{fingerprint(token)}"\n{more}'
    )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def serving(place: Place) -> Program:
    argv = (*COMMAND, "serve", "--config", "dialer.toml", "--from", FROM)
    quickly = {"DIALER_TRACKING__POLL_S": "0.8", "DIALER_SERVICE__LEASE_S": "2"}
    return Program(argv, cwd=place.root, env={**place.environment(), **quickly})


def answered(service: Program) -> list[tuple[str, str]]:
    """Who asked for what, as the log has it."""
    return [(each["who"], each["endpoint"]) for each in service.logged("request.answered")]


def jobs(people: Sequence[str]) -> list[dict[str, str]]:
    return [{"campaign": "leads", "job_id": f"row {number}", "to_number": number} for number in people]


@pytest.mark.slow
def test_jobs_that_are_given_again_after_a_kill_are_called_once(tmp_path: Path) -> None:
    with campaign(tmp_path, PEOPLE, "--concurrency", "12") as (account, place):
        api = Api(free_port(), new_token())
        configured(place, "crm", api.token, api.port)
        with serving(place) as service:
            service.until("service.started")
            status, said = api.ask("POST", "/v1/jobs", jobs(PEOPLE[:24]))
            assert (status, said["taken"]) == (200, 24)
            service.until("attempt.closed", 5)
            service.killed()
        with serving(place) as service:
            service.until("service.started")
            status, said = api.ask("POST", "/v1/jobs", jobs(PEOPLE))
            hows = [each["how"] for each in said["jobs"]]
            assert (status, hows.count("new")) == (200, 12)
            assert hows.count("same") + hows.count("finished") == 24
            wait_for(lambda: api.done() == len(PEOPLE), "everybody has been called")
            shown = api.ask("GET", f"/v1/jobs/row%20%2B{PEOPLE[0][1:]}")[1]["jobs"][0]
            assert (shown["state"], shown["outcome"], shown["to_number"]) == ("done", "reached", PEOPLE[0])
            assert [each["outcome"] for each in shown["attempts"]] == ["reached"]
            service.signal(signal.SIGTERM)
            stopped = service.ended()
        assert stopped.code == 0, stopped.said
        assert api.token not in stopped.said
        each_called_once(place, account.report(), PEOPLE)


@pytest.mark.slow
def test_orders_hold_and_a_token_is_taken_back_without_a_restart(tmp_path: Path) -> None:
    with campaign(tmp_path, PEOPLE, "--concurrency", "12") as (account, place):
        ana, ben = (Api(port, new_token()) for port in [free_port()] * 2)
        configured(place, "ana", ana.token, ana.port)
        with serving(place) as service:
            service.until("service.started")
            assert ben.ask("POST", "/v1/jobs", jobs(PEOPLE))[0] == 401
            assert ana.ask("POST", "/v1/jobs", jobs(PEOPLE))[0] == 200
            service.until("attempt.closed", 2)
            status, said = ana.ask("POST", "/v1/campaigns/leads/pause", {"reason": "wrong name"})
            assert (status, said["campaign"]["paused"]["by"]) == (200, "ana")
            service.until("campaign.held")
            configured(place, "ben", ben.token, ana.port, "[call]\nagent_override.agent = 1\n")
            service.signal(signal.SIGHUP)
            service.until("service.reload_refused")
            assert ana.ask("POST", "/v1/jobs", jobs(PEOPLE))[0] == 200
            configured(place, "ben", ben.token, ana.port)
            service.signal(signal.SIGHUP)
            service.until("service.reloaded")
            assert ana.ask("GET", "/v1/campaigns")[0] == 401
            status, said = ben.ask("POST", "/v1/campaigns/leads/cancel")
            assert status == 200
            assert said["closed"] == said["campaign"]["jobs"]["cancelled"] > 0
            acts = place.select("SELECT command, who, reason FROM operation ORDER BY id")
            assert acts == [("pause", "ana", "wrong name"), ("cancel", "ben", "")]
            wait_for(lambda: ("ben", "/v1/campaigns/{campaign}/cancel") in answered(service), "it is logged")
            service.signal(signal.SIGTERM)
            assert service.ended().code == 0
        assert account.report()["numbers_doubled"] == 0
