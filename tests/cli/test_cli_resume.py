"""A campaign is stopped in the middle and the same command is given again, all of it as real processes."""

import json
import signal
import subprocess
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from cli_process import COMMAND, dialer, environment, simulator

from dialer.adapters.system.clock import SystemClock
from dialer.cli import exits

STOPPED_WITHIN_S = 15
PLACED_BEFORE_STOP = 8
NUMBERS = [f"+12125550{ending}" for ending in range(100, 130)]
"""All of them answer."""
RUN = ("run", "leads.csv", "--from", "+12125550199", "--cps", "10", "--json", "--log-level", "debug")


def test_interrupted_and_resumed(tmp_path: Path) -> None:
    (tmp_path / "leads.csv").write_text("\n".join(["phone_number", *NUMBERS]) + "\n")
    with simulator("--speed", "60", "--latency", "30", cwd=tmp_path) as retell:
        env = retell.settings()
        with subprocess.Popen(
            [*COMMAND, *RUN],
            cwd=tmp_path,
            env=environment(env),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stderr is not None
            placed = 0
            while placed < PLACED_BEFORE_STOP:
                placed += json.loads(process.stderr.readline())["event"] == "call.placed"
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=STOPPED_WITHIN_S)
        assert process.returncode == exits.INTERRUPTED, err
        stopped = json.loads(out)
        assert stopped["interrupted"] is True
        assert stopped["jobs"]["busy"] > 0, "calls go on without us"
        assert stopped["jobs"]["open"] > 0
        assert stopped["next"][0].endswith("run the same command again to go on")
        assert dialer("verify", cwd=tmp_path).code == exits.DONE

        ended = dialer(*RUN, cwd=tmp_path, env=env)
        assert ended.code == exits.DONE, ended.err
        summary = json.loads(ended.out)
        assert summary["jobs"]["done"] == summary["calls"] == len(NUMBERS)
        assert summary["calls_in_this_run"] == len(NUMBERS) - stopped["calls"]
        assert dialer("verify", cwd=tmp_path).code == exits.DONE
        explained_although_read_again(tmp_path)
        report = retell.report()
    assert report["doubled_calls"] == 0
    assert report["calls_per_number"] == {"1": len(NUMBERS)}


def explained_although_read_again(place: Path) -> None:
    """That the file was read once more hides nothing of what was decided before."""

    def entries(*more: str) -> list[str]:
        asked = dialer("why", NUMBERS[0], "--json", *more, cwd=place)
        return [each["kind"] for each in json.loads(asked.out)["entries"]]

    assert entries()[0] == "decision"
    assert sorted(entries()) == ["closed", "decision", "met_again"]
    assert sorted(entries("--at", "2999-12-31T12:00")) == ["closed", "decision"]
    there = datetime.fromtimestamp(SystemClock().now(), ZoneInfo("America/New_York"))
    later = f"{there + timedelta(hours=2):%H:%M}"
    said = dialer("why", NUMBERS[0], "--at", later, cwd=place).out
    assert "nothing was known of this number yet" in said, "of the evening before: this one is still to come"
