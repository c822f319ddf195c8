"""`dialer serve` as a process: stopped, told of new settings, refused, one of two on one PostgreSQL."""

import asyncio
import json
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dialer.adapters.ledger.postgres import open_shared_postgres
from dialer.adapters.system.clock import SystemClock
from dialer.domain.calls import CallJob
from dialer.engine.submissions import Submissions
from tests.cli.cli_process import COMMAND
from tests.processes.places import FROM, Place, SimulatedAccount, numbers
from tests.processes.programs import Program, wait_for
from tests.support.postgres import a_schema, sql

PEOPLE = numbers(16)
CAMPAIGN = "spring"
STOPPED_S_MAX = 15.0
SPEED = 40.0
"""A call that is answered lasts a second and a half."""
SETTINGS = """
from_numbers = ["{number}"]
pace.cps = {cps}
pace.slots = {slots}
"""


def fill(url: str, people: Sequence[str], campaign: str = CAMPAIGN) -> None:
    """Give the service jobs, as its queue would."""

    async def give() -> None:
        async with open_shared_postgres(url, lambda _: None) as ledger:
            jobs = [CallJob(each, each, job_id=each) for each in people]
            await Submissions(ledger, ledger, SystemClock(), "test").submit(campaign, jobs)

    asyncio.run(give())


@contextmanager
def served(tmp_path: Path, *options: str, **env: str) -> Iterator[tuple[SimulatedAccount, Place, str]]:
    """An account, a folder, and a ledger in PostgreSQL that a service is to work on."""
    with a_schema() as url, SimulatedAccount(tmp_path / "account", *options, speed=SPEED) as account:
        place = Place(tmp_path / "place", account.url, SPEED)
        place.root.mkdir()
        environ = {"DIALER_LEDGER__URL": url, "DIALER_SERVICE__LEASE_S": "4", **env}
        yield account, replace(place, env=environ), url


def serve(place: Place, worker: str, *more: str) -> Program:
    argv = (*COMMAND, "serve", "--worker", worker, "--log-format", "json", "--config", "dialer.toml", *more)
    environ = {name: value for name, value in place.environment().items() if "PACE" not in name}
    return Program(argv, cwd=place.root, env=environ)


def settings(place: Place, *, cps: object = 50, slots: object = 20) -> None:
    (place.root / "dialer.toml").write_text(SETTINGS.format(number=FROM, cps=cps, slots=slots))


def states(url: str) -> dict[str, int]:
    return dict(sql(url, "SELECT state, count(*) FROM job GROUP BY state"))


def workers(place: Place) -> list[dict[str, Any]]:
    """As `dialer status` shows them."""
    ended = place.ask("status", "--workers", "--json")
    assert ended.code == 0, ended.said
    shown: list[dict[str, Any]] = json.loads(ended.out)
    return shown


MOVES = ("call.placed", "attempt.closed")


def all_done(url: str, people: Sequence[str] = PEOPLE) -> bool:
    return states(url) == {"done": len(people)}


def log_lines(place: Place) -> list[dict[str, Any]]:
    """The campaign's results log; every line whole, the numbers 1, 2, 3 …"""
    data = (place.root / place.results / f"{CAMPAIGN}.jsonl").read_bytes()
    assert data.endswith(b"\n")
    lines = [json.loads(line) for line in data.splitlines()]
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    return lines


@pytest.mark.slow
def test_one_of_two_is_stopped_and_the_other_finishes_its_calls(tmp_path: Path) -> None:
    with served(tmp_path) as (account, place, url):
        settings(place)
        with serve(place, "a") as a, serve(place, "b") as b:
            for each in (a, b):
                each.until("service.started")
            living = workers(place)
            assert [each["alive"] for each in living] == [True, True]
            fill(url, PEOPLE)
            # how many calls each of them gets is not said
            wait_for(lambda: any(len(each.logged("call.placed")) >= 3 for each in (a, b)), "one calls")
            (first, name), (second, other) = sorted(
                [(a, "a"), (b, "b")], key=lambda each: len(each[0].logged("call.placed")), reverse=True
            )
            first.signal(signal.SIGTERM)
            done = first.ended(STOPPED_S_MAX)
            assert (done.code, "Traceback" in done.err) == (0, False), done.said
            placed, closed = ({line["attempt_id"] for line in first.logged(event)} for event in MOVES)
            assert placed - closed, "calls were under way; those of the other one may be among the closed"
            shown = {each["worker"].partition("-")[0]: each for each in workers(place)}
            assert {each: worker["alive"] for each, worker in shown.items()} == {name: False, other: True}
            wait_for(lambda: all_done(url), "all are done")
            # the other one writes the log as well, from where the first one left it
            wait_for(lambda: len(log_lines(place)) >= 2 * len(PEOPLE), "the log is whole")
            second.signal(signal.SIGTERM)
            assert second.ended(STOPPED_S_MAX).code == 0
        kinds = Counter(line["kind"] for line in log_lines(place))
        assert kinds["job"] == len(PEOPLE)
        report = account.report()
        assert (report["doubled_calls"], report["calls_per_number"]) == (0, {"1": len(PEOPLE)})


@pytest.mark.slow
def test_two_workers_keep_one_account_and_write_one_log(tmp_path: Path) -> None:
    with served(tmp_path) as (account, place, url):
        settings(place, cps=6, slots=5)
        with serve(place, "a") as first, serve(place, "b") as second:
            for each in (first, second):
                each.until("service.started")
            fill(url, PEOPLE)
            wait_for(lambda: all_done(url), "all are done")
            for each in (first, second):
                assert len(each.logged("attempt.claimed")) > 2, "both have worked"
            wait_for(lambda: len(log_lines(place)) >= 2 * len(PEOPLE), "the log is whole")
            for each in (first, second):
                each.signal(signal.SIGTERM)
                assert each.ended(STOPPED_S_MAX).code == 0
        called = Counter(line["to_number"] for line in log_lines(place) if line["kind"] == "job")
        assert called == Counter(PEOPLE)
        report = account.report()
        assert report["peak_live"] <= 5
        assert report["calls_per_number"] == {"1": len(PEOPLE)}


@pytest.mark.slow
def test_new_settings_take_hold_and_wrong_ones_change_nothing(tmp_path: Path) -> None:
    with served(tmp_path) as (account, place, url):
        settings(place, slots=2)
        with serve(place, "a") as service:
            service.until("service.started")
            fill(url, PEOPLE)
            service.until("attempt.closed", 3)
            settings(place, cps=20, slots=8)
            service.signal(signal.SIGHUP)
            [told] = service.until("service.reloaded")
            assert (told["now"], told["next_start"]) == ({"pace.cps": "20.0", "pace.slots": "8"}, {})
            wait_for(lambda: account.live() == 8, "eight at once")
            with (place.root / "dialer.toml").open("a") as file:
                file.write('publish.name = "elsewhere"\n')
            service.signal(signal.SIGHUP)
            told = service.until("service.reloaded", 2)[-1]
            assert (told["now"], told["next_start"]) == ({}, {"publish.name": "elsewhere"})
            settings(place, slots='"many"')
            service.signal(signal.SIGHUP)
            [refused] = service.until("service.reload_refused")
            assert "pace.slots" in refused["why"]
            assert "Traceback" not in "".join(service.err)
            wait_for(lambda: all_done(url), "it goes on as before")
            service.signal(signal.SIGTERM)
            assert service.ended(STOPPED_S_MAX).code == 0
            assert len(service.logged("service.reloaded")) == 2
        assert account.report()["peak_live"] == 8


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"slots": 0}, "pace.slots"),
        ({"cps": '"fast"'}, "pace.cps"),
    ],
)
def test_a_refused_start_says_which_setting_and_why(
    tmp_path: Path, options: dict[str, object], said: str
) -> None:
    place = Place(tmp_path, "http://127.0.0.1:1", SPEED)
    settings(place, **options)
    with serve(place, "a") as service:
        done = service.ended()
    assert done.code == 2
    assert said in done.err
    assert "dialer.toml" in done.err
    assert "Traceback" not in done.err
    assert not place.database.exists()
