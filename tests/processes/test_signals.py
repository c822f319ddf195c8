"""SIGTERM and SIGINT stop politely, a second one at once; SIGSTOP only takes time."""

import signal
from pathlib import Path
from threading import Event

import pytest

from tests.processes.places import SPEED, Place, campaign, each_called_once, numbers
from tests.processes.programs import Program, wait_for

PEOPLE = numbers(16)
SLOW_S = 1.0
STOPPED_MAX_S = 15.0
AT_ONCE_MAX_S = 1.5
UNDER_WAY = 5
FROZEN_S = 1.5
"""Longer than the shortest timeout."""


def requests_under_way(place: Place, program: Program) -> None:
    """Wait until there are some."""
    program.until("attempt.claimed")
    wait_for(lambda: place.attempts("claimed") >= UNDER_WAY, "requests under way")


@pytest.mark.slow
def test_stopped_politely_every_request_gets_its_answer(tmp_path: Path) -> None:
    with campaign(tmp_path, PEOPLE, "--latency", str(SLOW_S * SPEED)) as (account, place):
        for number in (signal.SIGTERM, signal.SIGINT):
            stops(place, number)
        with place.run() as program:
            again = program.ended()
            assert again.code == 0, again.said
            assert program.logged("attempt.uncertain") == []
        each_called_once(place, account.report(), PEOPLE)


def stops(place: Place, number: signal.Signals) -> None:
    """In time, with every answer written down and nothing left in doubt."""
    with place.run(env={"DIALER_PLACING__IN_FLIGHT_MAX": str(UNDER_WAY)}) as program:
        requests_under_way(place, program)
        program.signal(number)
        program.until("campaign.stopping")
        done = program.ended(STOPPED_MAX_S)
        assert done.code == 130, done.said
        assert program.logged("attempt.uncertain") == []
    assert (done.summary["interrupted"], done.summary["stopped"]) == (True, "interrupted")
    assert done.summary["next"]
    assert "Traceback" not in done.err
    # every answer is written down; what had not left went back, which may be one or another of them
    assert place.attempts("claimed", "uncertain", "unknown") == 0
    assert place.attempts("placed", "ended") == done.summary["calls"] > 0
    assert place.ask("verify", "leads").code == 0


@pytest.mark.slow
def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    with campaign(tmp_path, PEOPLE, "--latency", str(2 * SLOW_S * SPEED)) as (account, place):
        with place.run() as program:
            requests_under_way(place, program)
            program.signal(signal.SIGINT)
            program.until("campaign.stopping")
            program.signal(signal.SIGINT)
            done = program.ended(AT_ONCE_MAX_S)
            assert done.code == 130, done.said
        assert place.attempts("claimed") > 0, "it did not wait for them"
        again = place.run_to_end()
        assert again.code == 0, again.said
        each_called_once(place, account.report(), PEOPLE)


def test_a_signal_while_it_starts_loses_nothing(tmp_path: Path) -> None:
    with campaign(tmp_path, PEOPLE) as (account, place):
        with place.run() as program:
            wait_for(place.database.exists, "the ledger is there")
            program.signal(signal.SIGTERM)
            done = program.ended(STOPPED_MAX_S)
            assert done.code in (130, -signal.SIGTERM), done.said
        assert place.run_to_end().code == 0
        each_called_once(place, account.report(), PEOPLE)


@pytest.mark.slow
def test_frozen_past_every_timeout_and_thawed(tmp_path: Path) -> None:
    """While it is frozen its requests are answered, run into their timeout, and the calls end."""
    with campaign(tmp_path, PEOPLE, "--latency", str(0.3 * SPEED)) as (account, place):
        with place.run(env={"DIALER_RETELL__TIMEOUT_S": "1"}) as program:
            for calls in (UNDER_WAY, 2 * UNDER_WAY):
                program.until("call.placed", calls)
                program.signal(signal.SIGSTOP)
                Event().wait(FROZEN_S)
                wait_for(lambda: account.live() == 0, "all calls are over")
                program.signal(signal.SIGCONT)
            done = program.ended()
            assert done.code == 0, done.said
        each_called_once(place, account.report(), PEOPLE)
