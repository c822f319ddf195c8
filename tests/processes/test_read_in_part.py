"""A list that was read in part, since its run was stopped: what is left of it is told."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

ROWS = 60_000
RUN = ("run", "l.csv", "--simulate", "--speed", "60", "--ledger", "e.db", "--json", "--log-format", "json")


def dialer(folder: Path, *arguments: str) -> Any:
    return json.loads(said_by(folder, *arguments, "--json"))


def said_by(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dialer", *arguments],
        cwd=folder,
        capture_output=True,
        timeout=120,
        check=False,
        text=True,
    )
    return done.stdout


def test_a_run_that_is_stopped_while_it_reads_says_how_many_rows_are_left(tmp_path: Path) -> None:
    rows = [f"x{n}" for n in range(ROWS - 1)]
    (tmp_path / "l.csv").write_text("\n".join(["phone", "+12125550100", *rows]) + "\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "dialer", *RUN],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:  # the first that is claimed: by now some rows are in
        if "intake.progressed" in line or "attempt.claimed" in line or "call.placed" in line:
            break
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    summary = json.loads(out)
    assert 0 < summary["rows"] < ROWS
    assert not summary["read_to_end"]
    left = summary["rows_not_read"]
    assert 0 < left <= ROWS - summary["rows"]
    assert summary["next"][0] == f"{left:,} rows not read yet: run the same command again"
    verify = ("verify", "--ledger", "e.db", "--results", "simulated")
    (verdict,) = dialer(tmp_path, *verify)
    assert verdict["rows"] == ROWS - left
    unread = f"l.csv: {left:,} rows not read yet: run the same command again"
    assert unread in verdict["notes"]
    assert verdict["in_part"] == [{"source": "l.csv", "rows": ROWS - left, "unread": left}]
    assert "every row is accounted for, as far as its lists were read" in said_by(tmp_path, *verify)
    status = ("status", "--ledger", "e.db")
    (stands,) = dialer(tmp_path, *status)
    assert stands["read_in_part"] == [{"source": "l.csv", "rows": ROWS - left, "rows_not_read": left}]
    assert unread in " ".join(said_by(tmp_path, *status).split())
