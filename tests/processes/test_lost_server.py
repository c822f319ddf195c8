"""The ledger's server goes away under a running campaign: it says so and ends, and nobody is called twice."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.processes.places import campaign, each_called_once, numbers
from tests.support.postgres import a_schema, sql

PEOPLE = numbers(24)
LOSE = """
    SELECT pg_terminate_backend(pid) FROM (
        SELECT DISTINCT pid FROM pg_locks
        WHERE locktype = 'advisory' AND granted AND objid::int = hashtext(current_schema())
    ) dialler
"""


@pytest.mark.slow
def test_a_run_whose_server_is_lost_ends_and_the_next_one_goes_on(tmp_path: Path) -> None:
    with a_schema() as url, campaign(tmp_path, PEOPLE, "--concurrency", "4") as (account, place):
        place = replace(place, env={"DIALER_LEDGER__URL": url})
        with place.run() as first:
            first.until("attempt.closed", 2)
            assert sql(url, LOSE) == [(True,)]
            done = first.ended()
        assert done.code == 1
        assert "Traceback" not in done.err
        (error,) = done.errors
        assert "the ledger cannot be read or written" in error
        assert "run the same command again when its server is there" in error
        with place.run() as second:
            done = second.ended()
        assert done.code == 0, done.said
        each_called_once(place, account.report(), PEOPLE)
