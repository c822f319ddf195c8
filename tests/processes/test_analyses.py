"""An analysis reaches the results of the real program once: doubled, late, early, and over a kill -9."""

import csv
import io
import json
import signal
from pathlib import Path

from tests.processes.places import Place, campaign, each_called_once, numbers
from tests.processes.programs import wait_for
from tests.processes.test_webhooks import free_port, post

PEOPLE = numbers(4)
SAID = {"call_summary": "=HYPERLINK(1)", "custom_analysis_data": {"wants": 'ä, "b"\n'}}
ONE_BY_ONE = {
    "DIALER_PACE__SLOTS": "1",
    "DIALER_TRACKING__POLL_WITH_WEBHOOKS_S": "0.2",
    "DIALER_REDIAL__ANALYSIS_WAIT_S": "0",
}
"""No end waits for its analysis, so that one may come after it."""


def analyzed(attempt_id: str, call_id: str, status: str = "ended") -> bytes:
    call = {"call_id": call_id, "call_status": status, "call_analysis": SAID}
    return json.dumps(
        {"event": "call_analyzed", "call": {**call, "metadata": {"attempt_id": attempt_id}}}
    ).encode()


def kept(place: Place) -> list[str]:
    """The attempts whose analysis the ledger holds."""
    return [
        row[0] for row in place.select("SELECT attempt_id FROM result WHERE kind = 'analysis' ORDER BY seq")
    ]


def test_an_analysis_is_written_once(tmp_path: Path) -> None:
    port = free_port()
    listens = ("--webhook-listen", f"127.0.0.1:{port}")
    with campaign(tmp_path, PEOPLE, "--faults", "analysis_missing=1") as (account, place):
        with place.run(*listens, env=ONE_BY_ONE) as program:
            program.until("attempt.closed")
            late = place.select("SELECT id, call_id FROM attempt WHERE closed_at IS NOT NULL")[0]
            assert post(port, analyzed(*late)) == post(port, analyzed(*late)) == 204
            wait_for(lambda: kept(place), "the analysis is written")
            program.signal(signal.SIGKILL)
            program.ended()
        with place.run(*listens, env=ONE_BY_ONE) as program:
            placed = program.until("call.placed")[-1]
            early = placed["attempt_id"], placed["call_id"]
            assert post(port, analyzed(*early, "ongoing")) == post(port, analyzed(*early, "ongoing")) == 204
            assert post(port, analyzed(*late)) == 204
            assert post(port, analyzed("somebody else's", "call_1")) == 204
            done = program.ended()
            assert done.code == 0, done.said
        assert sorted(kept(place)) == sorted([late[0], early[0]])
        each_called_once(place, account.report(), PEOPLE)
    shown_by_results(place)


def shown_by_results(place: Place) -> None:
    """As JSON lines they are the log; as CSV each is a row of its own, and no formula."""
    lines = [line for line in place.lines() if line["kind"] == "analysis"]
    assert [line["analysis"] for line in lines] == [SAID, SAID]
    assert place.ask("results", "leads").out == place.log.read_text()
    table = list(
        csv.DictReader(io.StringIO(place.ask("results", "leads", "--format", "csv").out, newline=""))
    )
    rows = [row for row in table if row["kind"] == "analysis"]
    assert [row["attempt_id"] for row in rows] == [line["attempt_id"] for line in lines]
    assert [json.loads(row["analysis"]) for row in rows] == [SAID, SAID]
