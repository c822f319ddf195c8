"""`dialer run` on PostgreSQL, beside a service and other runs: one account, each campaign one run's."""

import json
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.processes.places import Place, numbers
from tests.processes.programs import Program, wait_for
from tests.processes.test_serve import fill, serve, settings
from tests.support.postgres import a_schema, sql
from tests.support.services import free_port

CPS, SLOTS = 12, 10
LISTED, QUEUED = 40, 40
PEOPLE = numbers(LISTED + QUEUED)
DONE_S_MAX = 180.0


class Account(Program):
    """An account in real time, with room for more than we may use."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._report = folder / "report.json"
        nobody = str(free_port())  # webhooks get lost
        argv = (sys.executable, "-m", "tests.processes.account_process", str(self._report), nobody)
        super().__init__(argv, cwd=Path.cwd())
        self.url = self.printed()

    def report(self) -> dict[str, Any]:
        self.signal(signal.SIGTERM)
        assert self.ended().code == 0
        shown: dict[str, Any] = json.loads(self._report.read_text())
        return shown


@contextmanager
def shared(tmp_path: Path) -> Iterator[tuple[Account, Place, str]]:
    """The account, a list of `LISTED` people in a folder, and a ledger in PostgreSQL."""
    with a_schema() as url, Account(tmp_path / "account") as account:
        place = Place(tmp_path / "place", account.url, speed=1.0)
        place.leads(PEOPLE[:LISTED])
        settings(place, cps=CPS, slots=SLOTS)
        bounds = {"DIALER_PACE__CPS": str(CPS), "DIALER_PACE__SLOTS": str(SLOTS)}
        environ = {"DIALER_LEDGER__URL": url, "DIALER_SERVICE__LEASE_S": "2", **bounds}
        yield account, replace(place, env=environ), url


def states(url: str, campaign: str) -> dict[str, int]:
    jobs = "job JOIN campaign ON campaign.id = campaign_id"
    found = sql(url, f"SELECT name, state, count(*) FROM {jobs} GROUP BY 1, 2")  # noqa: S608
    return {state: count for name, state, count in found if name == campaign}


def kept(account: Account, place: Place, people: Sequence[str]) -> None:
    """Nobody was called twice, and the account was never over its bounds."""
    report = account.report()
    assert (report["doubled_calls"], report["doubled_rings"]) == (0, 0)
    assert report["calls_per_number"] == {"1": len(people)}
    assert report["peak_live"] <= SLOTS
    assert report["peak_creates_1s"] <= CPS
    verified = place.ask("verify", "--results", "results", "--json")
    assert verified.code == 0, verified.said


def run_by(url: str) -> str | None:
    found: str | None = sql(url, "SELECT run_by FROM campaign WHERE name = 'leads'")[0][0]
    return found


@pytest.mark.slow
@pytest.mark.timeout(480)
def test_a_run_beside_a_service_shares_the_account(tmp_path: Path) -> None:
    with shared(tmp_path) as (account, place, url):
        with serve(place, "a") as service:
            service.until("service.started")
            fill(url, PEOPLE[LISTED:])
            service.until("call.placed", SLOTS)
            done = place.run_to_end()
            assert (done.code, done.summary["jobs"]["done"]) == (0, LISTED), done.said
            wait_for(lambda: states(url, "spring") == {"done": QUEUED}, "all are done", DONE_S_MAX)
            assert {line["campaign"] for line in service.logged("attempt.claimed")} == {"spring"}
            service.signal(signal.SIGTERM)
            assert service.ended().code == 0
        assert run_by(url) is None, "its work is done: what comes now is anybody's"
        assert len([line for line in place.lines() if line["kind"] == "job"]) == LISTED
        kept(account, place, PEOPLE)


@pytest.mark.slow
@pytest.mark.timeout(480)
def test_a_killed_run_is_followed_by_the_service_and_goes_on_by_the_same_command(tmp_path: Path) -> None:
    with shared(tmp_path) as (account, place, url):
        with serve(place, "a") as service:
            service.until("service.started")
            with place.run() as first:
                first.until("call.placed", SLOTS)
                first.killed()
            open_jobs = states(url, "leads")["open"]
            # its calls are the service's after a lease; whom it has not called nobody calls meanwhile
            wait_for(lambda: "busy" not in states(url, "leads"), "its calls are over", DONE_S_MAX)
            assert states(url, "leads")["open"] == open_jobs
            held = json.loads(place.ask("status", "leads", "--json").out)[0]["held"]
            assert "`dialer run` worked on it and ended before its work was done" in str(held)
            done = place.run_to_end()
            assert done.code == 0, done.said
            assert states(url, "leads") == {"done": LISTED}
            service.signal(signal.SIGTERM)
            assert service.ended().code == 0
        kept(account, place, PEOPLE[:LISTED])


@pytest.mark.slow
@pytest.mark.timeout(480)
def test_a_campaign_has_one_run_and_another_one_goes_beside_it(tmp_path: Path) -> None:
    with shared(tmp_path) as (account, place, _):
        (place.root / "more.csv").write_text("\n".join(["phone_number", *PEOPLE[LISTED:]]) + "\n")
        with place.run() as first:
            first.until("call.placed")
            again = place.run_to_end()
            assert again.code == 1
            assert "campaign leads is being run by another dialer" in again.err
            assert "Traceback" not in again.err
            beside = place.ask("run", "more.csv", "--from", "+12125550199", "--yes", "--json")
            assert beside.code == 0, beside.said
            assert first.ended().code == 0
        kept(account, place, PEOPLE)


@pytest.mark.slow
@pytest.mark.timeout(480)
def test_a_stopped_run_is_left_to_the_service_by_resume(tmp_path: Path) -> None:
    with shared(tmp_path) as (account, place, url):
        with serve(place, "a") as service:
            service.until("service.started")
            with place.run() as first:
                first.until("call.placed", 3)
                first.signal(signal.SIGTERM)
                assert first.ended().code == 130
            assert run_by(url) is not None
            assert place.ask("resume", "leads").code == 0
            wait_for(lambda: states(url, "leads") == {"done": LISTED}, "all are done", DONE_S_MAX)
            service.signal(signal.SIGTERM)
            assert service.ended().code == 0
        kept(account, place, PEOPLE[:LISTED])


@pytest.mark.slow
@pytest.mark.timeout(480)
def test_a_run_goes_on_when_the_service_is_killed(tmp_path: Path) -> None:
    with shared(tmp_path) as (account, place, url):
        with serve(place, "a") as service, place.run() as run:
            service.until("service.started")
            fill(url, PEOPLE[LISTED:])
            service.until("call.placed", 3)
            service.killed()
            with serve(place, "b") as again:
                done = run.ended()
                assert done.code == 0, done.said
                wait_for(lambda: states(url, "spring") == {"done": QUEUED}, "all are done", DONE_S_MAX)
                again.signal(signal.SIGTERM)
                assert again.ended().code == 0
        kept(account, place, PEOPLE)


@pytest.mark.slow
@pytest.mark.timeout(480)
def test_a_run_has_its_share_of_the_slots_beside_a_busy_service(tmp_path: Path) -> None:
    people = numbers(90)
    with shared(tmp_path) as (account, place, url):
        place.leads(people[:SLOTS])
        with serve(place, "a") as service:
            service.until("service.started")
            fill(url, people[SLOTS:])
            service.until("call.placed", SLOTS)
            done = place.run_to_end()
            assert (done.code, done.summary["jobs"]["done"]) == (0, SLOTS), done.said
            assert states(url, "spring").get("open", 0) > 0, "it did not wait until all others were called"
            wait_for(
                lambda: states(url, "spring") == {"done": len(people) - SLOTS}, "all are done", DONE_S_MAX
            )
            service.signal(signal.SIGTERM)
            assert service.ended().code == 0
        kept(account, place, people)
