"""A service between two queues: what comes from the one is called once, what came of it goes to the other."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from dialer.cli import exits
from tests.cli.cli_process import COMMAND, dialer, simulator
from tests.processes.programs import Program, wait_for
from tests.support.services import Place, a_queue

NUMBERS = ("+12125550156", "+13125550156", "+14155550156")
"""Of nobody, so that each job is done with its first attempt."""


@pytest.fixture
def place() -> Iterator[Place]:
    with a_queue("redis") as place:
        yield place


def results(place: Place) -> list[tuple[dict[str, str], dict[str, object]]]:
    async def main() -> list[tuple[bytes, dict[str, str]]]:
        return await place.read(f"{place.config.name}-results", "result")

    return [(fields, json.loads(body)) for body, fields in anyio.run(main)]


def dead(place: Place) -> list[str]:
    async def main() -> list[tuple[bytes, str, str]]:
        return await place.dead()

    return sorted(code for _, code, _ in anyio.run(main))


def test_what_comes_twice_is_called_once_and_what_cannot_be_a_job_is_told(
    place: Place, tmp_path: Path
) -> None:
    (tmp_path / "leads.csv").write_text("to_number\n" + "".join(f"{number}\n" for number in NUMBERS))
    queue = {
        "DIALER_QUEUE__URL": place.config.url,
        "DIALER_QUEUE__NAME": place.config.name,
        "DIALER_QUEUE__DEAD_LETTER": place.config.dead_letter,
        "DIALER_PUBLISH__URL": place.config.url,
        "DIALER_PUBLISH__NAME": f"{place.config.name}-results",
    }
    rehearsal = ("--simulate", "--speed", "max", "--ledger", "dialer.db", "--campaign", "rehearsed")
    dialer("run", "leads.csv", *rehearsal, cwd=tmp_path)
    with simulator(cwd=tmp_path) as served:
        env = served.settings(**queue)
        for _ in range(2):
            ended = dialer("enqueue", "leads.csv", "--campaign", "spring", cwd=tmp_path, env=env)
            assert ended.code == exits.DONE, ended.err
        anyio.run(place.put, b"no json", b'{"campaign": "rehearsed", "to_number": "+12125550156"}')
        serve = (*COMMAND, "serve", "--from", "+12125550109", "--log-format", "json")
        with Program(serve, cwd=tmp_path, env=env) as service:
            service.until("message.refused", 2)
            wait_for(lambda: sum(line["kind"] == "job" for _, line in results(place)) == 3, "all are done")
            service.signal(signal.SIGTERM)
            done = service.ended()
    assert done.code == exits.DONE
    assert dead(place) == ["bad_campaign", "no_json"]
    published = results(place)
    assert [fields["dialer-seq"] for fields, _ in published] == [str(line["seq"]) for _, line in published]
    assert {fields["dialer-campaign"] for fields, _ in published} == {"spring"}
    numbers = [line["to_number"] for _, line in published if line["kind"] == "attempt"]
    assert sorted(map(str, numbers)) == list(NUMBERS)


def test_a_queue_has_no_rights_and_bounds_but_those_of_the_settings_of_now(
    place: Place, tmp_path: Path
) -> None:
    def message(number: str, campaign: str = "spring", **fields: object) -> bytes:
        override = {"agent_override": {"agent": fields}} if fields else {}
        return json.dumps({"campaign": campaign, "to_number": number, **override}).encode()

    def configured(more: str) -> None:
        queue = f'url = "{place.config.url}"\nname = "{place.config.name}"\n'
        (tmp_path / "dialer.toml").write_text(
            f'[queue]\n{queue}dead_letter = "{place.config.dead_letter}"\n{more}'
        )

    first, second, third = NUMBERS
    configured('campaigns = ["spring"]\n')
    with simulator(cwd=tmp_path) as served:
        serve = (
            *COMMAND,
            "serve",
            "--config",
            "dialer.toml",
            "--from",
            "+12125550109",
            "--log-format",
            "json",
        )
        redirects = message(first, webhook_url="https://elsewhere.example/")
        with Program(serve, cwd=tmp_path, env=served.settings()) as service:
            service.until("service.started")
            anyio.run(place.put, redirects, message(second, "autumn"), message(third))
            service.until("message.refused", 2)
            service.until("attempt.closed", 1)
            assert dead(place) == ["not_allowed", "not_allowed"]
            configured('rights = ["redirect_data"]\n')
            service.signal(signal.SIGHUP)
            service.until("service.reloaded")
            anyio.run(place.put, redirects, message(second, "autumn"))
            service.until("attempt.closed", 3)
            service.signal(signal.SIGTERM)
            assert service.ended().code == exits.DONE
    reasons = [reason for _, _, reason in anyio.run(place.dead)]
    assert any(f"the queue {place.config.name} lacks: add" in reason for reason in reasons)
    assert all("of [queue] and reload" in reason for reason in reasons)
