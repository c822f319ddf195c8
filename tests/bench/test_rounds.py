"""The rounds of the bench do what their figures say: so that it still runs when somebody asks for it."""

from pathlib import Path

from tests.bench.leads import write_phone_leads
from tests.bench.serving import bare_server, measure
from tests.bench.volume import HARDLY_A_CALL_CPS

ROWS = 300


def test_a_round_calls_everybody_once(tmp_path: Path) -> None:
    leads = write_phone_leads(tmp_path / "leads.csv", ROWS)
    with bare_server() as server:
        measured = measure("ours", url=server.url, leads=str(leads), folder=str(tmp_path))
        assert len(server.stats()["created_at"]) == ROWS
    assert (measured["rows"], measured["jobs"]) == (ROWS, ROWS)


def test_a_round_that_only_reads_takes_in_every_row(tmp_path: Path) -> None:
    leads = write_phone_leads(tmp_path / "leads.csv", ROWS)
    given = {"leads": str(leads), "folder": str(tmp_path), "cps": HARDLY_A_CALL_CPS, "only_reads": True}
    with bare_server() as server:
        measured = measure("ours", url=server.url, **given)
        assert len(server.stats()["created_at"]) <= 1
    assert measured["rows"] == ROWS
