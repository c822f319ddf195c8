"""`dialer verify` finds every change of the record of decisions, and what does not agree with it."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from cli_process import Ended, dialer

from dialer.cli import exits

ENDINGS = (1, 2, 3, 30, 31, 40, 41)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A campaign that is done, with some who were called twice."""
    folder = tmp_path_factory.mktemp("finished")
    rows = "\n".join(f"+121255501{ending:02}" for ending in ENDINGS)
    (folder / "leads.csv").write_text(f"phone_number\n{rows}\n")
    ended = dialer("run", "leads.csv", "--simulate", "--speed", "max", cwd=folder)
    assert ended.code == exits.DONE, ended.said
    return folder / "simulated"


def verified(finished: Path, tmp_path: Path, *statements: str) -> Ended:
    """What is said of a copy on which these were carried out."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    with closing(sqlite3.connect(tmp_path / "dialer.db")) as connection, connection:
        for statement in statements:
            assert connection.execute(statement).rowcount, statement
    return dialer("verify", "--ledger", "dialer.db", "--results", ".", cwd=tmp_path)


def test_the_record_of_a_campaign_is_whole(finished: Path, tmp_path: Path) -> None:
    ended = verified(finished, tmp_path)
    assert ended.code == exits.DONE, ended.said
    assert "every row is accounted for" in ended.out
    assert "note" not in ended.out


SWAP = (
    "UPDATE decision SET seq = -2 WHERE seq = 2",
    "UPDATE decision SET seq = 2 WHERE seq = 3",
    "UPDATE decision SET seq = 3 WHERE seq = -2",
)


@pytest.mark.parametrize(
    ("statements", "says"),
    [
        (
            ("UPDATE decision SET body = replace(CAST(body AS TEXT), 'line', 'hours') WHERE seq = 2",),
            "decision 2 was changed",
        ),
        (("DELETE FROM decision WHERE seq = 3",), "decision 3 is missing or moved"),
        (("DELETE FROM decision WHERE seq = 1",), "decision 1 is missing or moved"),
        (("DELETE FROM decision WHERE seq = (SELECT max(seq) FROM decision)",), "decisions and should have"),
        (SWAP, "decision 2 was changed after it was written"),
        (("UPDATE decision SET number = '+12125550199' WHERE seq = 2",), "decision 2 is filed under another"),
        (("UPDATE decision SET body = x'00' WHERE seq = 2",), "decision 2 cannot be read"),
        (("UPDATE campaign SET decisions_hash = zeroblob(32)",), "is not the last one that was written"),
        (("UPDATE attempt SET claimed_at = claimed_at + 3600 WHERE number = 1",), "is not as it was decided"),
        (("UPDATE attempt SET to_number = '+12125550199' WHERE number = 2",), "and by the record +12125550"),
        (
            ("UPDATE attempt SET id = 'another' WHERE rowid = 2",),
            "attempt another has no decision: nobody knows why it was made",
        ),
    ],
)
def test_what_was_tampered_with_is_found(
    statements: tuple[str, ...], says: str, finished: Path, tmp_path: Path
) -> None:
    ended = verified(finished, tmp_path, *statements)
    assert ended.code == exits.NOT_BALANCED, ended.said
    assert says in ended.out
    assert "Traceback" not in ended.said
    assert "accounted for" not in ended.out
