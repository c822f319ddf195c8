"""A service starts on an older copy of its ledger: it does not know whom it called since."""

import asyncio
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from dialer.adapters.ledger.shared import open_shared_sqlite
from dialer.adapters.system.clock import SystemClock
from dialer.domain.calls import CallJob
from dialer.engine.submissions import Submissions
from tests.processes.places import Place, SimulatedAccount, numbers
from tests.processes.programs import wait_for
from tests.processes.test_serve import SPEED, STOPPED_S_MAX, serve, settings

PEOPLE = numbers(8)


def fill(place: Place, people: Sequence[str], campaign: str) -> None:
    """Give the service jobs while it does not run."""

    async def give() -> None:
        async with open_shared_sqlite(place.database, on_thread=True) as ledger:
            jobs = [CallJob(each, each, job_id=each) for each in people]
            await Submissions(ledger, ledger, SystemClock(), "test").submit(campaign, jobs)

    asyncio.run(give())


def served_until(place: Place, done: int, *failing: str) -> None:
    """The service runs until so many jobs are done."""

    def are_done() -> bool:
        return place.select("SELECT count(*) FROM job WHERE state = 'done'")[0][0] == done

    with serve(place, "one") as worker:
        wait_for(are_done, "all are called")
        for name in failing:
            told = worker.until("campaign.failing")[0]
            assert (told["campaign"], "put the newest ledger back" in str(told)) == (name, True)
        worker.signal(signal.SIGTERM)
        assert worker.ended(STOPPED_S_MAX).code == 0


@pytest.mark.slow
def test_its_campaign_is_held_and_the_others_go_on(tmp_path: Path) -> None:
    with SimulatedAccount(tmp_path / "account", speed=SPEED) as account:
        place = Place(tmp_path / "place", account.url, SPEED)
        place.root.mkdir()
        settings(place)
        fill(place, PEOPLE[:4], "spring")
        served_until(place, 4)
        shutil.copy(place.database, tmp_path / "older.db")
        fill(place, PEOPLE[4:6], "spring")
        served_until(place, 6)
        shutil.copy(tmp_path / "older.db", place.database)
        fill(place, PEOPLE[4:6], "spring")  # their sender does not know what came of them
        fill(place, PEOPLE[6:], "autumn")
        served_until(place, 6, "spring")
        assert account.report()["calls_per_number"] == {"1": len(PEOPLE)}
