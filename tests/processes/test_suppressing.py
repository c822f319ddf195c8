"""A number that was suppressed a moment ago is not dialled by a campaign that runs elsewhere."""

import json
from pathlib import Path

import pytest

from tests.processes.places import campaign, numbers

PEOPLE = numbers(60)


@pytest.mark.slow
def test_a_number_suppressed_while_it_runs_is_not_dialled(tmp_path: Path) -> None:
    slow = {"DIALER_PACE__CPS": "1"}
    with campaign(tmp_path, PEOPLE, "--concurrency", "20") as (account, place):
        with place.run(env=slow) as running:
            running.until("attempt.claimed")
            *listed, last = PEOPLE[-12:]
            (place.root / "stop.txt").write_text("\n".join(listed) + "\n")
            said = (place.ask("dnc", "add", last), place.ask("dnc", "import", "stop.txt"))
            assert [each.code for each in said] == [0, 0], said
            assert len(running.logged("attempt.claimed")) < len(PEOPLE) - 12, "the test was too slow"
            assert place.ask("set", "leads", "pace.cps=100").code == 0
            done = running.ended()
            assert done.code == 0, done.said
        jobs = json.loads(place.ask("status", "leads", "--json").out)[0]["jobs"]
        assert (jobs["skipped"], jobs["done"]) == (12, len(PEOPLE) - 12)
        assert place.ask("verify", "leads").code == 0
        dropped = place.select(
            "SELECT number, count(*) FROM decision WHERE CAST(body AS TEXT) LIKE '%\"drop\"%' GROUP BY number"
        )
        assert dropped == sorted((number, 1) for number in PEOPLE[-12:])
        report = account.report()
        assert report["calls_per_number"] == {"1": len(PEOPLE) - 12}
