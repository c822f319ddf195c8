"""One ledger, one dialler: a second one is refused, and questions are answered meanwhile."""

import json
import signal
from pathlib import Path

import pytest

from tests.processes.places import campaign, each_called_once, numbers

PEOPLE = numbers(24)


@pytest.mark.slow
def test_a_second_process_is_refused_and_questions_are_answered(tmp_path: Path) -> None:
    with campaign(tmp_path, PEOPLE, "--concurrency", "4") as (account, place):
        with place.run("--cps", "0.5") as first:
            first.until("attempt.closed")
            for more in ((), ("--campaign", "another")):
                second = place.run_to_end(*more)
                assert second.code == 1
                assert "is in use: another dialer is dialling from it" in second.err
                assert "`dialer serve` works on several campaigns" in second.err
                assert "give each its own --ledger" not in second.err
                assert second.out == ""
            status = json.loads(place.ask("status", "leads", "--json").out)[0]
            assert status["calls"] > 0
            assert status["jobs"]["open"] > 0
            assert place.ask("check", "leads.csv").code == 0
            verified = place.ask("verify", "leads", "--json")
            assert (verified.code, json.loads(verified.out)[0]["problems"]) == (0, [])
            results = place.ask("results", "leads")
            assert results.code == 0
            assert place.log.read_text().startswith(results.out) or results.out.startswith(
                place.log.read_text()
            )
            assert [line["seq"] for line in map(json.loads, results.out.splitlines())]
            place.ask("set", "leads", "pace.cps=100")  # it was slow only to be still going until now
            done = first.ended()
            assert done.code == 0, done.said
        each_called_once(place, account.report(), PEOPLE)


def test_the_lock_goes_with_the_process(tmp_path: Path) -> None:
    with campaign(tmp_path, PEOPLE, "--concurrency", "4") as (_, place), place.run() as first:
        first.until("attempt.claimed")
        first.killed()
        with place.run() as second:
            second.until("attempt.claimed")
            second.signal(signal.SIGTERM)
            assert second.ended().code == 130
