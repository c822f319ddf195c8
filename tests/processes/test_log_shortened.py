"""A results log is cut while a run writes it, as logrotate's copytruncate does."""

import os
import shutil
from pathlib import Path

from tests.processes.places import campaign, each_called_once, numbers

PEOPLE = numbers(12)


def test_it_is_told_once_and_the_log_is_whole_again(tmp_path: Path) -> None:
    with campaign(tmp_path, PEOPLE, "--concurrency", "2") as (account, place):
        with place.run() as program:
            program.until("attempt.closed", 3)
            shutil.copy(place.log, tmp_path / "spring.1")
            os.truncate(place.log, 0)
            done = program.ended()
            assert done.code == 0, done.said
            (told,) = program.logged("results_log.shortened")
            assert "without copytruncate" in told["why"]
        each_called_once(place, account.report(), PEOPLE)
        assert b"\0" not in place.log.read_bytes()
        lines = place.lines()
        assert [line["seq"] for line in lines] == [*range(1, len(lines) + 1)]
        assert place.ask("verify", "leads").code == 0
