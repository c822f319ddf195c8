"""Operators take hold of a campaign that runs in another process, within a second."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.processes.places import Place, SimulatedAccount, campaign, numbers
from tests.processes.programs import Program, wait_for

PEOPLE = numbers(400)


def status(place: Place) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(place.ask("status", "leads", "--json").out)[0]
    return found


def acts(place: Place) -> list[tuple[Any, ...]]:
    return place.select("SELECT command, who, detail, reason FROM operation ORDER BY id")


def no_more_calls(account: SimulatedAccount, place: Place, running: Program) -> None:
    """Once the calls under way have ended nobody is called any more, however long one looks."""
    wait_for(lambda: place.attempts("claimed", "uncertain", "placed") == 0, "the calls have ended")
    made, claimed = account.calls(), len(running.logged("attempt.claimed"))
    assert made == claimed
    for _ in range(3):
        assert status(place)["calls"] == account.calls() == made
    assert len(running.logged("attempt.claimed")) == claimed


@pytest.mark.slow
def test_paused_nobody_is_called_until_it_goes_on(tmp_path: Path) -> None:
    with campaign(tmp_path, PEOPLE, "--concurrency", "20") as (account, place), place.run() as running:
        running.until("attempt.closed", 10)
        said = place.ask("pause", "leads", "--reason", "wrong name", "--by", "ana")
        assert said.code == 0, said.said
        assert "leads is paused: no further call is started" in said.out
        running.until("campaign.held")
        no_more_calls(account, place, running)
        paused = status(place)["paused"]
        assert (paused["by"], paused["reason"]) == ("ana", "wrong name")
        assert "by ana, since 20" in place.ask("status").out
        made = account.calls()
        assert made < len(PEOPLE)
        assert "still to call" in place.ask("resume", "leads", "--by", "ben").out
        wait_for(lambda: account.calls() > made, "somebody is called again")
        assert acts(place) == [("pause", "ana", "", "wrong name"), ("resume", "ben", "", "")]
        done = running.ended()
        assert done.code == 0, done.said
        assert account.report()["calls_per_number"] == {"1": len(PEOPLE)}
        assert place.ask("verify", "leads").code == 0


@pytest.mark.slow
def test_a_cancelled_campaign_closes_all_its_jobs(tmp_path: Path) -> None:
    with campaign(tmp_path, PEOPLE, "--concurrency", "20") as (account, place), place.run() as running:
        running.until("attempt.closed", 10)
        asked = place.ask("cancel", "leads")
        assert asked.code == 2
        assert "there is no terminal to ask on: add --yes" in asked.err
        said = place.ask("cancel", "leads", "--yes", "--by", "ana", "--reason", "last year's list")
        assert said.code == 0, said.said
        assert "leads is cancelled" in said.out
        done = running.ended()
        assert done.summary["stopped"] == "the campaign was cancelled"
        made = account.calls()
        assert made < len(PEOPLE)
        jobs: Mapping[str, int] = status(place)["jobs"]
        assert jobs["open"] == jobs["busy"] == 0
        assert jobs["cancelled"] + jobs["done"] == len(PEOPLE)
        assert acts(place) == [("cancel", "ana", "", "last year's list")]
        verified = place.ask("verify", "leads")
        assert verified.code == 0, verified.said
        assert "It was cancelled before." in place.ask("cancel", "leads").out
        for more in (("resume",), ("pause",), ("set", "pace.cps=3")):
            refused = place.ask(more[0], "leads", *more[1:])
            assert (refused.code, refused.out) == (2, "")
            assert "the campaign was cancelled: begin another one" in refused.err


@pytest.mark.slow
def test_a_changed_pace_holds_at_once(tmp_path: Path) -> None:
    slow = {"DIALER_PACE__CPS": "0.5"}
    with campaign(tmp_path, PEOPLE[:60], "--concurrency", "20") as (account, place):
        with place.run(env=slow) as running:
            running.until("attempt.claimed", 2)
            said = place.ask("set", "leads", "pace.cps=200", "pace.slots=9", "--by", "ana")
            assert said.out == "leads: pace.cps = 200\nleads: pace.slots = 9\n"
            changed = running.until("campaign.changed")[0]
            assert (changed["pace_cps"], changed["pace_slots"]) == (200, 9)
            done = running.ended(within_s=45)  # at the old pace it would take two minutes
            assert done.code == 0, done.said
        assert status(place)["changes"] == {"pace.cps": 200, "pace.slots": 9}
        assert [each[:2] for each in acts(place)] == [("set", "ana")]
        assert account.report()["peak_live"] <= 9
