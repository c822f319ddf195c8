"""`dialer serve` while the API refuses the account, or does not say how calls end: it stays, and says so."""

import asyncio
import json
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from dialer.adapters.ledger.shared import open_shared_sqlite
from dialer.adapters.system.clock import SystemClock
from dialer.domain.calls import CallJob
from dialer.engine.submissions import Submissions
from tests.cli.cli_process import COMMAND
from tests.processes.live_account import QUICK, LiveAccount
from tests.processes.places import FROM, KEY, Place, numbers
from tests.processes.programs import Program, wait_for
from tests.processes.test_metrics import get, value
from tests.processes.test_webhooks import free_port
from tests.support.relay import Twist

PEOPLE = numbers(12)
SECRETS = "secrets"


def fill(ledger: Path, people: Sequence[str]) -> None:
    async def give() -> None:
        async with open_shared_sqlite(ledger, on_thread=True) as opened:
            jobs = [CallJob(each, each, job_id=each) for each in people]
            await Submissions(opened, opened, SystemClock(), "test").submit("spring", jobs)

    asyncio.run(give())


@contextmanager
def serving(tmp_path: Path, account: LiveAccount, **env: str) -> Iterator[tuple[Program, Place, int]]:
    """A service on a file with a dozen people to call, and the port of its metrics."""
    port = free_port()
    place = Place(tmp_path, account.url, 1.0)
    fill(place.database, PEOPLE)
    wanted = {
        "DIALER_PACE__CPS": "3",
        "DIALER_PACE__SLOTS": "3",
        "DIALER_METRICS__LISTEN": f"127.0.0.1:{port}",
    }
    place = replace(place, env={**wanted, **env})
    argv = (*COMMAND, "serve", "--from", FROM, "--log-format", "json")
    environ = place.environment()
    if (tmp_path / SECRETS).is_dir():
        argv += ("--secrets-dir", SECRETS)
        del environ["RETELL_API_KEY"]
    with Program(argv, cwd=place.root, env=environ) as service:
        yield service, place, port


def finished(place: Place) -> bool:
    return place.select("SELECT count(*) FROM job WHERE state = 'done'") == [(len(PEOPLE),)]


def failing(place: Place) -> list[dict[str, str]]:
    """What `dialer status` says of the parts that all campaigns share."""
    [shown] = json.loads(place.ask("status", "--json").out)
    found: list[dict[str, str]] = shown["failing"]
    return found


@pytest.mark.slow
def test_a_key_that_is_revoked_and_given_back(tmp_path: Path) -> None:
    with LiveAccount() as account, serving(tmp_path, account) as (service, place, port):
        service.until("attempt.closed", 2)
        account.change(api_key="another")
        said = next(line for line in service.until("service.failing", 2) if line["part"] == "account")
        assert "HTTP 401" in said["why"]
        assert "RETELL_API_KEY" in said["remedy"]
        status, _, text = get(port, "/readyz")
        assert status == 503
        assert "the API refuses the account: HTTP 401" in text
        assert value(get(port, "/metrics")[2], "dialer_account_refused") == 1
        asked = account.asked("create-phone-call")
        wait_for(lambda: "account" in [each["part"] for each in failing(place)], "status says it")
        assert "RETELL_API_KEY" in place.ask("status").out
        assert account.asked("create-phone-call") == asked, "nothing is claimed"
        assert service.is_running
        account.change(api_key=KEY)
        service.signal(signal.SIGHUP)
        wait_for(lambda: get(port, "/readyz")[0] == 200, "it is ready again", 15.0)
        wait_for(lambda: finished(place), "all are called")
        assert failing(place) == []
        service.signal(signal.SIGTERM)
        assert service.ended().code == 0
        assert account.report.doubled_calls == 0
        assert account.report.calls == len(PEOPLE)


@pytest.mark.slow
def test_a_service_that_begins_with_a_key_that_is_refused_and_gets_another(tmp_path: Path) -> None:
    secret = tmp_path / SECRETS / "retell_api_key"
    secret.parent.mkdir()
    secret.write_text("key_0123456789abcdef")
    with LiveAccount() as account, serving(tmp_path, account) as (service, place, _):
        service.until("service.started")
        assert [each["check"] for each in service.logged("service.examined")] == ["key"]
        service.until("service.failing")
        assert account.asked("create-phone-call") == 0
        secret.write_text(KEY)
        service.signal(signal.SIGHUP)
        wait_for(lambda: finished(place), "all are called")
        assert "key_0123456789abcdef" not in "".join(service.err)


@pytest.mark.slow
def test_an_account_that_has_not_paid(tmp_path: Path) -> None:
    account = LiveAccount(replace(QUICK, paid=False))
    with account, serving(tmp_path, account) as (service, place, port):
        [said] = service.until("service.failing")
        assert "HTTP 402" in said["why"]
        assert "payment method" in said["remedy"]
        assert "HTTP 402" in get(port, "/readyz")[2]
        account.change(paid=True)
        service.signal(signal.SIGHUP)
        wait_for(lambda: finished(place), "all are called")
        assert account.report.calls == len(PEOPLE)


@pytest.mark.slow
def test_a_listing_that_is_gone_for_ever(tmp_path: Path) -> None:
    with LiveAccount() as account:
        account.always("list-calls", Twist(passes=False, status=404, body=b'{"message":"Not Found"}'))
        with serving(tmp_path, account) as (service, place, port):
            service.until("service.started")
            assert [each["check"] for each in service.logged("service.examined")] == ["list-calls"]
            [said] = service.until("service.failing")
            why = "cannot hear how calls end: HTTP 404: Not Found from list-calls since"
            assert said["why"].startswith(why)
            assert "by its id" in said["remedy"]
            assert "calls cannot be followed: cannot hear how calls end" in get(port, "/readyz")[2]
            assert value(get(port, "/metrics")[2], "dialer_service_failing", part="list-calls") == 1
            wait_for(lambda: finished(place), "get-call says how they end", 60.0)
            asked = get(port, "/metrics")[2]
            failed = value(asked, "dialer_api_requests_total", endpoint="list-calls", status="404")
            assert failed >= 3
            assert value(asked, "dialer_api_requests_total", endpoint="get-call", status="200") > 0
            created = "create-phone-call"
            assert value(asked, "dialer_api_requests_total", endpoint=created) == len(PEOPLE)
            assert value(asked, "dialer_api_answered_timestamp_seconds", endpoint=created) > 1e9
            assert value(asked, "dialer_api_answered_timestamp_seconds", endpoint="list-calls") == 0
            assert [each["part"] for each in failing(place)] == ["list-calls"]
            account.always("list-calls", Twist())
            service.until("service.works_again")
            assert account.report.calls == len(PEOPLE)
