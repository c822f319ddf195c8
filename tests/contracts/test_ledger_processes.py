"""Two processes and one ledger, and what is left when one of them is killed."""

from pathlib import Path

import pytest
from ledger_contract import NOW, Desk, Store, a_job, raw
from ledger_process import process, said, until

from dialer.adapters.ledger.store import open_sqlite
from dialer.domain.errors import LedgerError
from dialer.domain.lifecycle import OPEN_ATTEMPTS, AttemptState


@pytest.mark.parametrize("last_word", ["claimed", "placed", "claimed again"])
def test_what_was_claimed_is_there_after_a_kill(file: Store, last_word: str) -> None:
    assert file.path is not None
    with process(file.path, "dial") as child:
        lines = until(child, last_word)
        child.kill()
    _, attempt_id, body = lines[0].split()

    async def case(desk: Desk) -> None:
        first, *more = await desk.ledger.open_attempts(desk.campaign_id, OPEN_ATTEMPTS)
        assert (first.id, first.body.hex()) == (attempt_id, body)
        # the process may have got further than what we read of it, never less far
        if last_word != "claimed":
            assert first.state is AttemptState.PLACED
        if last_word == "claimed again":
            assert len(more) == 1
        assert await desk.problems() == []
        desk.now = NOW + 1
        assert await desk.claimed_keys() == [f"job-{n}" for n in range(1 + len(more), 3)]

    file.work(case)


def test_only_one_process_dials_and_others_may_look(file: Store) -> None:
    assert file.path is not None
    with process(file.path, "dial") as child:
        until(child, "claimed again")
        for path in (file.path, file.path.parent / "." / "ledger.db"):
            out, error = said(path, "dial")
            assert (out, "is in use: another dialer is dialling from it" in error) == ("", True), error
            assert "`dialer status` works meanwhile" in error
        assert said(file.path, "look") == ("spring 2\n", "")
        child.kill()
        child.wait()
        file.work(lambda desk: desk.ledger.counts(desk.campaign_id))  # the lock went with the process


def test_a_link_to_a_ledger_is_the_same_ledger(file: Store, tmp_path: Path) -> None:
    assert file.path is not None
    link = tmp_path / "link.db"
    link.symlink_to(file.path)

    async def case(desk: Desk) -> None:
        with pytest.raises(LedgerError, match="is in use"):
            async with open_sqlite(link, dispatches=True, on_thread=False):
                pass

    file.work(case)


def test_looking_neither_waits_for_a_writer_nor_holds_one_up(file: Store) -> None:
    assert file.path is not None
    path = file.path

    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        writer = raw(path)
        writer.execute("BEGIN IMMEDIATE")  # as another process that writes
        writer.execute("UPDATE job SET priority = 9")
        async with open_sqlite(path, dispatches=False, on_thread=False) as other:
            assert (await other.counts(desk.campaign_id)).next_due_at == NOW
            assert (await other.balance("spring", desk.campaign_id)).problems() == []
        writer.execute("ROLLBACK")
        writer.execute("BEGIN")  # as another process that asks a long question
        writer.execute("SELECT count(*) FROM job").fetchone()
        await desk.claim()
        writer.execute("ROLLBACK")
        writer.close()

    file.work(case)


def test_a_process_that_only_looks_may_write_a_little(file: Store) -> None:
    """As an operator's command does while a campaign runs."""
    assert file.path is not None
    path = file.path

    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        made = await desk.to_state(AttemptState.UNKNOWN)
        async with open_sqlite(path, dispatches=False, on_thread=False) as other:
            await Desk(other, desk.campaign_id).finish(made)
        assert await desk.problems() == []

    file.work(case)


def test_a_file_that_stays_locked_is_an_error_and_then_works_again(file: Store) -> None:
    assert file.path is not None
    path = file.path

    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        await desk.sql("PRAGMA busy_timeout = 1")  # milliseconds
        writer = raw(path)
        writer.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="locked"):
            await desk.claim()
        writer.execute("ROLLBACK")
        writer.close()
        await desk.claim()

    file.work(case)
