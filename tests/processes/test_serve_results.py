"""A results log cannot be written: its campaign's calls go on, other campaigns too, and it catches up."""

import json
import signal
from pathlib import Path

from tests.cli.cli_process import dialer
from tests.processes.places import numbers
from tests.processes.programs import wait_for
from tests.processes.test_serve import STOPPED_S_MAX, all_done, fill, serve, served, settings

PEOPLE = numbers(12)
DONE_S_MAX = 60.0


def lines_of(path: Path) -> int:
    return len(path.read_bytes().splitlines()) if path.is_file() else 0


def faults(url: str) -> dict[str, list[dict[str, str]]]:
    """Of the campaigns that have some, as `dialer status` tells them."""
    said = json.loads(dialer("status", "--ledger", url, "--json", cwd=Path("/")).out)
    return {each["campaign"]: each["faults"] for each in said if each["faults"]}


def test_a_directory_or_a_full_disk_in_its_place(tmp_path: Path) -> None:
    with served(tmp_path) as (account, place, url):
        settings(place)
        logs = place.root / "results"
        (logs / "a-folder.jsonl").mkdir(parents=True)
        (logs / "full.jsonl").symlink_to("/dev/full")
        for at, name in enumerate(("a-folder", "full", "sound")):
            fill(url, PEOPLE[4 * at : 4 * at + 4], name)
        with serve(place, "one") as worker:
            wait_for(lambda: all_done(url, PEOPLE), "all are called", DONE_S_MAX)
            wait_for(lambda: lines_of(logs / "sound.jsonl") >= 8, "the sound log is written", DONE_S_MAX)
            assert {each["campaign"] for each in worker.until("campaign.failing", 2)} == {"a-folder", "full"}
            wait_for(lambda: len(faults(url)) == 2, "both are told of")
            (fault,) = faults(url)["a-folder"]
            assert (fault["part"], fault["worker"][:4]) == ("results_log", "one-")
            assert "a-folder.jsonl" in fault["why"]
            assert fault["since"] < fault["next_try_at"]
            assert "it catches up by itself" in fault["remedy"]
            said = dialer("status", "a-folder", "--ledger", url, cwd=tmp_path)
            assert "results log" in said.out
            assert "tried again at" in said.out
            (logs / "a-folder.jsonl").rmdir()
            wait_for(lambda: lines_of(logs / "a-folder.jsonl") >= 8, "it caught up", DONE_S_MAX)
            assert worker.until("campaign.works_again")[0]["campaign"] == "a-folder"
            wait_for(lambda: set(faults(url)) == {"full"}, "the other one alone is told of")
            worker.signal(signal.SIGTERM)
            assert worker.ended(STOPPED_S_MAX).code == 0
        report = account.report()
        assert (report["doubled_calls"], report["calls_per_number"]) == (0, {"1": len(PEOPLE)})


def test_its_log_is_moved_away_and_it_begins_another_at_sighup(tmp_path: Path) -> None:
    with served(tmp_path) as (_, place, url):
        settings(place)
        log = place.root / "results" / "spring.jsonl"
        fill(url, PEOPLE[:4], "spring")
        with serve(place, "one") as worker:
            wait_for(lambda: lines_of(log) >= 8, "the log is written", DONE_S_MAX)
            log.rename(log.with_suffix(".1"))
            worker.signal(signal.SIGHUP)
            worker.until("service.reloaded")
            fill(url, PEOPLE[4:8], "spring")
            wait_for(lambda: lines_of(log) >= 8, "the new one is written", DONE_S_MAX)
            worker.signal(signal.SIGTERM)
            assert worker.ended(STOPPED_S_MAX).code == 0
        log.rename(log.with_suffix(".2"))
        fill(url, PEOPLE[8:], "spring")
        with serve(place, "one") as worker:
            wait_for(lambda: lines_of(log) >= 8, "the third is written", DONE_S_MAX)
            worker.signal(signal.SIGTERM)
            assert worker.ended(STOPPED_S_MAX).code == 0
        files = [log.with_suffix(end).read_bytes().splitlines() for end in (".1", ".2", ".jsonl")]
        numbers_of = [json.loads(line)["seq"] for lines in files for line in lines]
        assert numbers_of == list(range(1, len(numbers_of) + 1)), "whole, and nothing twice"


def test_a_service_that_is_to_write_none(tmp_path: Path) -> None:
    with served(tmp_path) as (_, place, url):
        settings(place)
        fill(url, PEOPLE, "spring")
        with serve(place, "one", "--results", "") as worker:
            wait_for(lambda: all_done(url, PEOPLE), "all are called", DONE_S_MAX)
            worker.signal(signal.SIGTERM)
            done = worker.ended(STOPPED_S_MAX)
            assert (done.code, "Traceback" in done.err) == (0, False)
        assert [each.name for each in place.root.iterdir()] == ["dialer.toml"]
