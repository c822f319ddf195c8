"""`dialer ledger copy`, as a process: a campaign begins in a file and ends on a server."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_process import Ended, dialer

from dialer.cli import exits
from tests.support.postgres import a_schema

PEOPLE = 12
FILE = ("--ledger", "dialer.db")


@pytest.fixture
def url() -> Iterator[str]:
    with a_schema() as url:
        yield url


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """A campaign that was stopped half-way."""
    rows = "\n".join(f"+121255501{n:02}" for n in range(1, PEOPLE + 1))
    (tmp_path / "leads.csv").write_text(f"phone_number\n{rows}\n")
    assert run(tmp_path, *FILE, "--limit", "5").code == exits.DONE
    return tmp_path


def run(place: Path, *flags: str) -> Ended:
    fast = ("--simulate", "--start", "2026-11-23T12:00", "--cps", "100", "--log-level", "error")
    return dialer("run", "leads.csv", *fast, "--speed", "600", *flags, cwd=place)


def test_a_campaign_goes_on_where_it_went(begun: Path, url: str) -> None:
    there = ("--ledger", url)
    first = dialer("ledger", "copy", "dialer.db", url, cwd=begun)
    assert (first.code, "is no ledger yet: `dialer migrate --ledger`" in first.err) == (exits.FAILED, True)
    assert dialer("migrate", *there, cwd=begun).code == exits.DONE
    moved = dialer("ledger", "copy", "dialer.db", url, "--by", "ann", cwd=begun)
    assert (moved.code, moved.err) == (exits.DONE, "")
    assert f"leads: jobs {PEOPLE}, attempts 5, result lines 15; the same on both sides" in moved.out
    here = run(begun, *FILE)
    assert here.code == exits.BAD_INPUT
    assert "campaign leads of this ledger was moved to postgresql://" in here.err
    (status,) = json.loads(dialer("status", *FILE, "--json", cwd=begun).out)
    assert (status["paused"]["by"], status["paused"]["reason"][:22]) == ("ann", "moved to postgresql://")
    assert run(begun, *there).code == exits.DONE
    verdict = json.loads(dialer("verify", *there, "--results", "results", "--json", cwd=begun).out)[0]
    assert (verdict["closes"], verdict["open"], sum(verdict["jobs"].values())) == (True, 0, PEOPLE), verdict
    again = dialer("ledger", "copy", "dialer.db", url, cwd=begun)
    assert (again.code, again.out) == (exits.DONE, "none to be moved\n")


def test_what_is_no_url_or_not_there(begun: Path, url: str) -> None:
    wrong = dialer("ledger", "copy", "dialer.db", "other.db", cwd=begun)
    assert (wrong.code, "POSTGRES must be a URL" in wrong.err) == (exits.BAD_INPUT, True)
    secret = url.replace("postgres@", "postgres:hidden@").replace(":5432", ":1")
    lost = dialer("ledger", "copy", "dialer.db", secret, cwd=begun)
    assert (lost.code, "its server does not answer" in lost.err, "hidden" in lost.said) == (1, True, False)
