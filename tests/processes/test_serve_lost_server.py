"""The ledger's server goes away under a service: nobody is called until it is back, and then it goes on."""

import signal
from dataclasses import replace
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal

from tests.processes.programs import wait_for
from tests.processes.test_serve import PEOPLE, STOPPED_S_MAX, all_done, fill, serve, served, settings
from tests.support.cut import Way, a_way

LOOKS = 6
"""Tries to reach the server in which somebody could have been called."""


def lose(way: Way) -> None:
    """From now on the server cannot be reached."""
    way.is_closed = True
    way.cut()


def open_again(way: Way) -> None:
    way.is_closed = False


@pytest.mark.slow
def test_a_service_whose_server_is_lost_calls_nobody_until_it_is_back(tmp_path: Path) -> None:
    with (
        served(tmp_path) as (account, place, url),
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(a_way(url)) as way,
    ):
        settings(place, slots=4)
        place = replace(place, env={**place.env, "DIALER_LEDGER__URL": way.url})
        with serve(place, "a") as service:
            service.until("service.started")
            fill(url, PEOPLE)
            service.until("attempt.closed", 2)
            portal.call(lose, way)
            wait_for(lambda: way.sent_away and account.live() == 0, "the calls that were going on are over")
            called, looks = account.calls(), way.sent_away
            assert called < len(PEOPLE)
            wait_for(lambda: way.sent_away >= looks + LOOKS, "it goes on looking for its server")
            assert account.calls() == called, "slots are free and jobs are due, and nobody is called"
            portal.call(open_again, way)
            wait_for(lambda: all_done(url), "all are done")
            service.signal(signal.SIGTERM)
            assert service.ended(STOPPED_S_MAX).code == 0
        report = account.report()
        assert (report["doubled_calls"], report["calls_per_number"]) == (0, {"1": len(PEOPLE)})
