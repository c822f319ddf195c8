"""A campaign of a name that none may have, which an older program let into the ledger: held, and seen to."""

import json
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dialer.web.tokens import new_token
from tests.processes.places import campaign, numbers
from tests.processes.programs import wait_for
from tests.processes.test_http_api import Api, configured, free_port, serving

PEOPLE = numbers(4)


@pytest.mark.slow
@pytest.mark.parametrize("bad", ["春" * 84, "../../up", "a\x1b[2J\u202eb"], ids=["long", "up", "escape"])
def test_it_is_held_and_told_and_the_others_go_on(tmp_path: Path, bad: str) -> None:
    with campaign(tmp_path, PEOPLE, "--concurrency", "12") as (account, place):
        api = Api(free_port(), new_token())
        configured(place, "crm", api.token, api.port)
        with serving(place) as service:
            service.until("service.started")
            one = {"campaign": "leads", "job_id": "1", "to_number": PEOPLE[0]}
            asked = [{**one, "campaign": "was"}, {**one, "campaign": bad, "to_number": PEOPLE[2]}]
            assert api.ask("POST", "/v1/campaigns/leads/pause", {})[0] == 404
            assert api.ask("POST", "/v1/jobs", asked[1])[0] == 422
            assert api.ask("POST", "/v1/jobs", {**asked[0], "not_before": "2999-01-01"})[0] == 200
            service.signal(signal.SIGTERM)
            assert service.ended().code == 0
        with closing(sqlite3.connect(place.database)) as ledger, ledger:
            ledger.execute("UPDATE campaign SET name = ? WHERE name = 'was'", (bad,))
            ledger.execute("UPDATE job SET not_before = NULL, due_at = 0")
        with serving(place) as service:
            service.until("service.started")
            assert api.ask("POST", "/v1/jobs", {**one, "to_number": PEOPLE[1]})[0] == 200
            wait_for(lambda: api.done() == 1, "the other campaign goes on")
            held = service.until("campaign.held")[0]
            assert "is no campaign's name" in held["why"]
            shown = place.ask("status", "--json")
            (stands,) = [each for each in json.loads(shown.out) if each["campaign"] == bad]
            assert "is no campaign's name" in stands["held"]["why"]
            assert stands["calls"] == 0
            told = place.ask("status")
            assert told.code == 0
            assert "\x1b" not in told.said
            assert "\u202e" not in told.said
            assert place.ask("verify").code == 0
            assert place.ask("cancel", bad, "--yes").code == 0
            service.signal(signal.SIGTERM)
            assert service.ended().code == 0
        assert account.calls() == 1
        outside = {path.name for path in tmp_path.rglob("*.jsonl")}
        assert outside == {"leads.jsonl"}, "a held campaign has nothing to write"
