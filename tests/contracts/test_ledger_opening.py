"""Opening what is not a ledger, not whole, not ours or not there: a plain message, and nothing made worse."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger_contract import NOW, Desk, Store, a_job, raw

from dialer.adapters.ledger.schema.tables import SCHEMA_VERSION
from dialer.adapters.ledger.store import open_sqlite
from dialer.domain.calls import Attempt
from dialer.domain.errors import LedgerError
from dialer.domain.lifecycle import AttemptState
from dialer.ports.engine import NothingDue

either = pytest.mark.parametrize("dispatches", [True, False], ids=["to dial", "to look"])
PAGE_BYTES = 4096


def refusal(path: Path, dispatches: bool = True) -> str:
    """What opening says; it must leave the folder as it was, locks aside."""

    def seen() -> dict[str, bytes]:
        around = next(each for each in path.parents if each.is_dir())
        return {
            each.name: each.read_bytes()
            for each in around.iterdir()
            if each.is_file() and each.suffix not in (".lock", ".db-shm", ".db-wal")
        }

    async def case() -> None:
        async with open_sqlite(path, dispatches=dispatches, on_thread=False):
            pass

    before = seen()
    with pytest.raises(LedgerError) as caught:
        Store("file", path).run(case)
    assert seen() == before
    message = str(caught.value)
    assert str(path) in message
    return message


@pytest.fixture
def ledger(file: Store) -> Path:
    """One with a hundred jobs."""
    file.work(lambda desk: desk.read([a_job(n) for n in range(100)]))
    assert file.path is not None
    return file.path


def test_looking_at_a_ledger_that_is_not_there_makes_none(tmp_path: Path) -> None:
    path = tmp_path / "typo.db"
    message = refusal(path, dispatches=False)
    assert f"there is no ledger at {path}" in message
    assert "--ledger" in message
    assert "`dialer run`" in message
    assert list(tmp_path.iterdir()) == []
    assert "there is no ledger" in refusal(tmp_path / "no" / "folder" / "x.db", dispatches=False)
    assert not (tmp_path / "no").exists()


def test_looking_at_an_empty_file_makes_no_ledger_of_it(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    path.touch()
    assert "there is no ledger" in refusal(path, dispatches=False)
    Store("file", path).work(lambda desk: desk.read([a_job(1)]))  # dialling from it does


def test_dialling_makes_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "ledger.db"
    Store("file", path).work(lambda desk: desk.read([a_job(1)]))
    assert path.is_file()


@pytest.mark.parametrize("name", ["what? no.db", "50% #1.db", "üñ ☎.db", "a=b&c.db", "it's.db"])
def test_any_name_is_a_path(tmp_path: Path, name: str) -> None:
    store = Store("file", tmp_path / name)
    store.work(lambda desk: desk.read([a_job(1)]))
    assert {each.name for each in tmp_path.iterdir()} == {name, f"{name}.lock"}
    store.work(lambda desk: desk.claim())


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "its folder cannot be made" in refusal(tmp_path / "file" / "deeper" / "x.db")


@either
def test_a_folder_is_no_ledger(tmp_path: Path, dispatches: bool) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    assert "cannot be opened" in refusal(path, dispatches)


@either
def test_a_newer_ledger(ledger: Path, dispatches: bool) -> None:
    conn = raw(ledger)
    conn.execute("UPDATE alembic_version SET version_num = '0917'")
    conn.close()
    message = refusal(ledger, dispatches)
    assert f"newer dialer (schema 0917, this one knows {SCHEMA_VERSION})" in message
    assert "upgrade dialer" in message


@either
def test_a_file_that_is_not_sqlite(tmp_path: Path, dispatches: bool) -> None:
    path = tmp_path / "leads.csv"
    path.write_text("phone,name\n" * 1000)
    assert "is not a SQLite file" in refusal(path, dispatches)


@either
@pytest.mark.parametrize("table", ["customer", "alembic_version", "job"])
def test_a_database_that_is_not_a_ledger(tmp_path: Path, dispatches: bool, table: str) -> None:
    path = tmp_path / "other.db"
    conn = raw(path)
    conn.execute("PRAGMA journal_mode = WAL")
    conn.execute(f"CREATE TABLE {table} (version_num TEXT)")
    conn.execute(f"INSERT INTO {table} VALUES ('ae1027a6acf5')")  # noqa: S608
    conn.close()
    assert "not a ledger of dialer" in refusal(path, dispatches)


def test_a_database_that_is_not_a_ledger_is_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    conn = raw(path)
    conn.execute("CREATE TABLE customer (id)")
    conn.close()
    refusal(path)


@either
def test_a_ledger_whose_beginning_is_damaged(ledger: Path, dispatches: bool) -> None:
    _overwrite(ledger, 100)
    assert "is damaged" in refusal(ledger, dispatches)


def _overwrite(path: Path, at: int) -> None:
    with path.open("r+b") as opened:
        opened.seek(at)
        opened.write(b"\xa5" * (PAGE_BYTES - 100))


def _pages_of(path: Path, table: str) -> list[int]:
    """The table's leaf pages, by trying: those whose loss the table's own count notices."""
    whole = path.read_bytes()
    found = []
    for page in range(1, len(whole) // PAGE_BYTES):
        _overwrite(path, page * PAGE_BYTES)
        conn = raw(path)
        try:
            conn.execute(f"SELECT count(*), max(content) FROM {table} NOT INDEXED").fetchall()  # noqa: S608
        except Exception:
            found.append(page)
        finally:
            conn.close()
        path.write_bytes(whole)
    return found


@pytest.mark.parametrize("which", [len, lambda pages: 0], ids=["last page", "first page"])
def test_nobody_is_called_from_a_ledger_with_a_damaged_page(ledger: Path, which: object) -> None:
    pages = _pages_of(ledger, "job")
    assert callable(which)
    page = pages[min(which(pages), len(pages) - 1)]
    _overwrite(ledger, page * PAGE_BYTES)
    assert "is damaged" in refusal(ledger, True)


@either
def test_a_file_that_may_not_be_written(ledger: Path, dispatches: bool) -> None:
    ledger.chmod(0o444)
    ledger.parent.chmod(0o555)
    try:
        if os.access(ledger, os.W_OK):
            pytest.skip("this user may write everywhere")
        assert "cannot be" in refusal(ledger, dispatches)
    finally:
        ledger.parent.chmod(0o755)


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "disk"
    path.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(path)], check=False).returncode:
        pytest.skip("may not mount here")
    try:
        yield path
    finally:
        subprocess.run(["umount", str(path)], check=True)


@as_root
def test_a_read_only_disk(small_disk: Path) -> None:
    store = Store("file", small_disk / "ledger.db")
    store.work(lambda desk: desk.read([a_job(1)]))
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert "cannot be written" in refusal(small_disk / "ledger.db")
    assert "cannot be" in refusal(small_disk / "ledger.db", dispatches=False)


async def _claim_until(desk: Desk, error_says: str) -> int:
    """How many could be claimed before it failed."""
    claimed: list[Attempt | NothingDue] = []

    async def claim_all() -> None:
        while isinstance(one := await desk.ask(), Attempt):
            claimed.append(one)

    with pytest.raises(LedgerError, match=error_says):
        await claim_all()
    return len(claimed)


async def _is_whole(desk: Desk, claimed: int) -> None:
    made = await desk.ledger.open_attempts(desk.campaign_id, frozenset({AttemptState.CLAIMED}))
    assert len(made) == claimed
    assert (await desk.ledger.counts(desk.campaign_id)).next_due_at == NOW
    assert await desk.problems() == []


@as_root
def test_a_full_disk(small_disk: Path) -> None:
    filler = small_disk / "filler"

    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(300)])
        free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
        filler.write_bytes(b"x" * (free - 100_000))
        claimed = await _claim_until(desk, "full")
        assert claimed
        await _is_whole(desk, claimed)
        filler.unlink()
        await desk.claim()
        await _is_whole(desk, claimed + 1)

    Store("file", small_disk / "ledger.db", on_thread=True).work(case)


def test_a_database_that_may_not_grow(sqlite: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(300)])
        ((pages,),) = await desk.sql("PRAGMA page_count")
        await desk.sql(f"PRAGMA max_page_count = {pages + 3}")
        claimed = await _claim_until(desk, "full")
        assert claimed
        await _is_whole(desk, claimed)
        await desk.sql("PRAGMA max_page_count = 1000000")
        await desk.claim()
        await _is_whole(desk, claimed + 1)

    sqlite.work(case)
