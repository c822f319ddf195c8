"""The commands at work on the simulator, as processes of their own."""

import json
import signal
import subprocess
from pathlib import Path
from typing import cast

import pytest
from cli_process import COMMAND, TIMEOUT_S, dialer, dialer_on_terminal, environment

from dialer.cli import exits

KEPT = ("--ledger", "dialer.db", "--results", "results")


def leads(tmp_path: Path, endings: range, *extra: str) -> Path:
    """The last two digits say how a simulated person behaves."""
    path = tmp_path / "leads.csv"
    path.write_text(
        "\n".join(["phone_number", *(f"+121255501{ending:02}" for ending in endings), *extra]) + "\n"
    )
    return path


def run(tmp_path: Path, *arguments: str) -> tuple[int, dict[str, object], str]:
    ended = dialer("run", "leads.csv", "--simulate", "--speed", "max", "--json", *arguments, cwd=tmp_path)
    assert "Traceback" not in ended.said
    return ended.code, json.loads(ended.out), ended.err


def test_a_campaign_to_its_end_and_what_can_be_asked_then(tmp_path: Path) -> None:
    leads(tmp_path, range(30), "not a number")
    code, summary, err = run(tmp_path, *KEPT, "--cps", "5", "--log-format", "json")
    assert code == exits.DONE
    assert (summary["rows"], summary["rejected"], summary["calls"]) == (31, 1, 30)
    logged = [json.loads(line) for line in err.splitlines()]
    assert sum(line["event"] == "attempt.closed" for line in logged) == 30
    assert logged[-1]["event"] == "counters.counted"
    assert logged[-1]["dialer_attempts_total"] == 30
    assert "+12125550" not in err.replace("+1212555****", "")

    status = dialer("status", "leads", "--json", "--ledger", "dialer.db", cwd=tmp_path)
    assert json.loads(status.out)[0]["jobs"]["done"] == 30
    verified = dialer("verify", *KEPT, cwd=tmp_path)
    assert verified.code == exits.DONE
    assert "every row is accounted for" in verified.out
    written = dialer("results", "leads", "--ledger", "dialer.db", cwd=tmp_path)
    assert written.out == (tmp_path / "results" / "leads.jsonl").read_text()
    dialer("results", "leads", "--ledger", "dialer.db", "--output", "again.jsonl", cwd=tmp_path)
    assert (tmp_path / "again.jsonl").read_text() == written.out
    table = dialer("results", "leads", "--format", "csv", "--ledger", "dialer.db", cwd=tmp_path)
    assert table.out.startswith("seq,kind,")


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    leads(tmp_path, range(30))
    run(tmp_path, *KEPT)
    with subprocess.Popen(
        [*COMMAND, "results", "leads", "--ledger", "dialer.db"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == exits.READER_GONE


def test_whoever_watches_may_go_away_and_the_campaign_goes_on(tmp_path: Path) -> None:
    leads(tmp_path, range(30, 48))
    command = [*COMMAND, "run", "leads.csv", "--simulate", "--speed", "max", *KEPT]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
    assert process.returncode == exits.READER_GONE
    status = json.loads(dialer("status", "--json", *KEPT[:2], cwd=tmp_path).out)[0]
    assert status["jobs"]["open"] == status["jobs"]["busy"] == 0


def test_counters_come_as_often_as_people_want_them(tmp_path: Path) -> None:
    """Not each simulated minute: the redials of this campaign go on for hours."""
    leads(tmp_path, range(30, 48))
    _, summary, err = run(tmp_path)
    counted = [line for line in err.splitlines() if "counters.counted" in line]
    hours = cast(float, summary["seconds"]) / 3600
    assert hours > 2
    assert len(counted) == int(hours) + 1, "each simulated hour, and once at the end"
    ended = dialer("run", "leads.csv", "--simulate", "--speed", "10000", "--json", cwd=tmp_path)
    assert ended.err.count("counters.counted") == 1


def test_a_results_log_that_was_changed_does_not_verify(tmp_path: Path) -> None:
    leads(tmp_path, range(3))
    run(tmp_path, *KEPT)
    log = tmp_path / "results" / "leads.jsonl"
    log.write_text(log.read_text().replace("reached", "busy", 1))
    ended = dialer("verify", "leads", *KEPT, cwd=tmp_path)
    assert ended.code == exits.NOT_BALANCED
    assert "problem" in ended.out
    shown = json.loads(dialer("verify", "--json", *KEPT, cwd=tmp_path).out)
    assert shown[0]["closes"] is False


def test_a_results_log_whose_beginning_was_cut_says_how_it_is_mended(tmp_path: Path) -> None:
    leads(tmp_path, range(3))
    run(tmp_path, *KEPT)
    log = tmp_path / "results" / "leads.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[2:]))
    ended = dialer("verify", "leads", *KEPT, "--json", cwd=tmp_path)
    assert ended.code == exits.DONE
    assert "begins with line 3: the lines before it were moved away" in ended.out
    log.write_bytes(b"".join([lines[0], *lines[2:]]))
    ended = dialer("verify", "leads", *KEPT, "--json", cwd=tmp_path)
    assert ended.code == exits.NOT_BALANCED
    assert "`dialer results leads --rewrite` writes all of it from the ledger" in ended.out
    ended = dialer("results", "leads", *KEPT, "--rewrite", cwd=tmp_path)
    assert (ended.code, log.read_bytes()) == (exits.DONE, b"".join(lines)), ended.err
    (verdict,) = json.loads(dialer("verify", "leads", *KEPT, "--json", cwd=tmp_path).out)
    assert (verdict["notes"], verdict["problems"]) == ([], [])
    wrong = dialer("results", "leads", *KEPT, "--rewrite", "--format", "csv", cwd=tmp_path)
    assert (wrong.code, "without --format csv" in wrong.err) == (exits.BAD_INPUT, True)


def test_without_a_results_folder_neither_log_nor_rejects_are_written(tmp_path: Path) -> None:
    leads(tmp_path, range(3))
    with (tmp_path / "leads.csv").open("a") as file:
        file.write("nobody,nowhere\n")
    code, summary, _ = run(tmp_path, "--ledger", "dialer.db", "--results", "")
    assert (code, summary["results"], summary["rejects"]) == (exits.DONE, None, None)
    assert summary["rejected"] == 1
    assert not (tmp_path / "results").exists()
    ended = dialer("verify", "leads", "--ledger", "dialer.db", "--results", "", cwd=tmp_path)
    assert (ended.code, "no results log is written" in ended.out) == (exits.DONE, True)


def test_the_same_seed_gives_the_same_day(tmp_path: Path) -> None:
    leads(tmp_path, range(60))
    options = ("--seed", "3", "--start", "2025-11-24T09:00", "--faults", "rate_limited=0.2", "--cps", "5")
    first, again = (run(tmp_path, *options)[1] for _ in range(2))
    assert first == again


def test_a_refused_account_stops_the_campaign(tmp_path: Path) -> None:
    leads(tmp_path, range(97, 100))
    code, summary, _ = run(tmp_path)
    assert code == exits.ACCOUNT_REFUSED
    assert summary["account_refused"] is True
    assert summary["next"]


def test_progress_is_drawn_on_a_terminal_and_gone_at_the_end(tmp_path: Path) -> None:
    leads(tmp_path, range(30))
    ended = dialer_on_terminal(
        "run", "leads.csv", "--simulate", "--speed", "600", "--cps", "5", cwd=tmp_path, env={"NO_COLOR": "1"}
    )
    assert ended.code == exits.DONE
    assert " of 20 slots" in ended.out
    assert "done 30" in ended.out
    assert "attempt.closed" not in ended.out, "no log line for each attempt unless asked for"
    assert "3" not in "".join(part.partition("m")[0][-2:-1] for part in ended.out.split("\x1b[")[1:]), (
        "no colour"
    )


def test_lines_of_progress_where_there_is_no_terminal(tmp_path: Path) -> None:
    leads(tmp_path, range(30, 48))
    ended = dialer("run", "leads.csv", "--simulate", "--speed", "max", cwd=tmp_path)
    assert ended.code == exits.DONE
    assert "11:00   3 of 18 final" in ended.out
    assert "waiting: to be called again: " in ended.out
    assert "\x1b" not in ended.said
    for line in ended.err.splitlines():
        json.loads(line)


def test_what_is_said_of_a_simulation_that_was_interrupted(tmp_path: Path) -> None:
    leads(tmp_path, range(30))
    arguments = ["run", "leads.csv", "--simulate", "--speed", "5", "--json"]
    with subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=tmp_path,
        env=environment({"DIALER_SHUTDOWN__GRACE_S": "1"}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline(), "its log begins"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == exits.INTERRUPTED, err
    summary = json.loads(out)
    assert summary["interrupted"] is True
    assert "each simulation starts fresh" in summary["next"][0]
    assert "Traceback" not in err
    assert (
        dialer("verify", "--ledger", "simulated/dialer.db", "--results", "simulated", cwd=tmp_path).code == 0
    )


@pytest.mark.parametrize(("name", "says"), [("none.csv", "none.csv"), ("empty.csv", "empty")])
def test_leads_that_cannot_be_read(name: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    for command in (["run", name, "--simulate"], ["check", name]):
        ended = dialer(*command, cwd=tmp_path)
        assert ended.code == exits.BAD_INPUT
        assert says in ended.err
        assert "error: " in ended.err
        assert "Traceback" not in ended.said


def test_check_says_what_is_wrong(tmp_path: Path) -> None:
    leads(tmp_path, range(2), "123", "+12125550100")
    ended = dialer("check", "leads.csv", cwd=tmp_path)
    assert ended.code == exits.DONE
    assert "4, 2 rejected" in ended.out
    assert "run needs --from" in ended.out
    assert "line 4 " in ended.out
    shown = json.loads(dialer("check", "leads.csv", "--json", cwd=tmp_path).out)
    assert (shown["to_call"], shown["rejected"]) == (2, 2)
    assert [row["line"] for row in shown["first_rejected"]] == [4, 5]


def test_check_of_leads_of_whom_nobody_can_be_called(tmp_path: Path) -> None:
    (tmp_path / "leads.csv").write_text("phone_number\n123\nnone\n")
    ended = dialer("check", "leads.csv", "--json", cwd=tmp_path)
    assert ended.code == exits.BAD_INPUT
    assert ended.err == "error: leads.csv: no row can be called\n"
    assert json.loads(ended.out)["rejected"] == 2


def test_a_terminal_is_asked_before_real_calls(tmp_path: Path) -> None:
    leads(tmp_path, range(2))
    environ = {"RETELL_API_KEY": "key_0123456789abcdef"}
    arguments = ("run", "leads.csv", "--from", "+12125550100")
    ended = dialer_on_terminal(*arguments, cwd=tmp_path, env=environ, typed=b"n\n")
    assert "This places real calls" in ended.out
    assert "not confirmed: nobody was called" in ended.out
    assert ended.code == exits.FAILED
    ended = dialer_on_terminal(*arguments, cwd=tmp_path, env=environ, interrupt_at=b"Go on?")
    assert ended.out.endswith("nobody was called\r\n")
    assert ended.code == exits.INTERRUPTED
    assert [path.name for path in tmp_path.iterdir()] == ["leads.csv"]
