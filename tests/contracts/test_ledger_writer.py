"""The one writer: whatever goes wrong in it, nobody waits for ever and nobody gets another's answer."""

from functools import partial
from typing import Any

import anyio
import pytest
import sqlalchemy as sa
from ledger_contract import Desk, Store, a_job, raw, together

from dialer.adapters.ledger.store import OPERATIONS_MAX
from dialer.domain.calls import Attempt
from dialer.domain.errors import LedgerError
from dialer.domain.lifecycle import AttemptState

WAIT_S_MAX = 30.0


class Fatal(BaseException):
    """Not an `Exception`: as an interrupt is."""


def breaking(error: BaseException) -> Any:
    def break_off(conn: sa.Connection) -> None:
        conn.exec_driver_sql("UPDATE job SET priority = 99")
        raise error

    return break_off


def test_what_breaks_the_writer_reaches_all_who_wait(store: Store) -> None:
    answers: list[Any] = []

    async def shielded(desk: Desk) -> None:
        # as the dispatcher claims: a stop must not take the answer from it
        with anyio.CancelScope(shield=True), anyio.fail_after(WAIT_S_MAX):
            answers.extend(await together(desk.ask, desk.ask))

    async def break_it(desk: Desk) -> None:
        await desk.read([a_job(1)])
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(desk.ledger._call, breaking(Fatal()))
            tasks.start_soon(shielded, desk)

    async def case() -> None:
        desks: list[Desk] = []
        with pytest.raises(BaseExceptionGroup) as caught:
            await at_desk(desks)
        assert caught.value.subgroup(Fatal)
        with pytest.raises(LedgerError, match="closed"):
            await desks[0].ask()

    async def at_desk(desks: list[Desk]) -> None:
        async with store.desk() as desk:
            desks.append(desk)
            await break_it(desk)

    store.run(case)
    assert [type(each) for each in answers] == [LedgerError, LedgerError]


def test_what_was_begun_when_the_writer_broke_has_not_happened(kept: Store) -> None:
    async def break_it(desk: Desk) -> None:
        await desk.read([a_job(1)])
        await together(desk.ask, partial(desk.ledger._call, breaking(Fatal())))

    with pytest.raises(Fatal):
        kept.work(break_it)

    async def look(desk: Desk) -> None:
        assert await desk.sql("SELECT priority, state FROM job") == [(0, "open")]
        assert await desk.sql("SELECT count(*) FROM attempt") == [(0,)]

    kept.work(look)


def test_an_unexpected_error_is_its_callers_alone(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1), a_job(2)])
        error = ZeroDivisionError("a bug")
        answers = await together(desk.ask, partial(desk.ledger._call, breaking(error)), desk.ask)
        assert [type(each) for each in answers] == [Attempt, ZeroDivisionError, Attempt]
        assert await desk.sql("SELECT priority FROM job") == [(0,), (0,)]

    store.work(case)


@pytest.mark.parametrize(
    "statement", ["INSERT INTO campaign (id) VALUES (1)", "SELECT nothing FROM nowhere_at_all", "not sql"]
)
def test_a_statement_at_fault_is_its_callers_alone(store: Store, statement: str) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1), a_job(2)])
        with pytest.raises(LedgerError):
            await desk.sql(statement)
        await desk.claim()

    store.work(case)


def test_an_error_of_the_database_is_one_of_each_callers_own(file: Store) -> None:
    async def case(desk: Desk) -> None:
        assert file.path is not None
        await desk.read([a_job(1)])
        engine = await desk.ledger.operate(lambda conn: conn.engine)
        await desk.sql("PRAGMA busy_timeout = 1")
        other = raw(file.path)
        other.execute("BEGIN IMMEDIATE")
        begun: list[object] = []
        sa.event.listen(engine, "before_cursor_execute", lambda *given: begun.append(given[2]))
        answers = await together(desk.ask, desk.ask, desk.ask)
        other.close()
        assert begun == ["BEGIN IMMEDIATE"]  # waited for once, not once for each
        assert [type(each) for each in answers] == [LedgerError] * 3
        assert len({id(each) for each in answers}) == 3
        assert all(isinstance(each.__cause__, sa.exc.OperationalError) for each in answers)

    file.work(case)


def test_one_who_does_not_wait_any_more_disturbs_nobody(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1), a_job(2)])
        async with anyio.create_task_group() as impatient:
            impatient.start_soon(desk.ask)
            await anyio.lowlevel.checkpoint()
            impatient.cancel_scope.cancel()
        claimed = await desk.claim()
        made = await desk.ledger.open_attempts(desk.campaign_id, frozenset({AttemptState.CLAIMED}))
        assert claimed.id in [each.id for each in made]
        assert await desk.problems() == []

    store.work(case)


def test_leaving_while_others_wait(store: Store) -> None:
    answers: list[Any] = []

    async def ask(desk: Desk) -> None:
        with anyio.CancelScope(shield=True), anyio.fail_after(WAIT_S_MAX):
            answers.extend(await together(*(desk.ask for _ in range(3))))

    async def case() -> None:
        async with anyio.create_task_group() as outside, store.desk() as desk:
            await desk.read([a_job(n) for n in range(3)])
            outside.start_soon(ask, desk)
            await anyio.lowlevel.checkpoint()

    store.run(case)
    assert {type(each) for each in answers} <= {Attempt, LedgerError}
    assert len(answers) == 3


def test_more_than_fits_into_one_transaction(store: Store) -> None:
    async def case(desk: Desk) -> None:
        jobs = OPERATIONS_MAX + 50
        await desk.read([a_job(n) for n in range(jobs)])
        answers = await together(*(desk.ask for _ in range(jobs + 5)))
        keys = [each.job.job.key for each in answers if isinstance(each, Attempt)]
        assert len(keys) >= OPERATIONS_MAX  # some may be told to ask again at once
        assert keys + await desk.claimed_keys() == [f"job-{n}" for n in range(jobs)]

    store.work(case)


def test_the_log_of_writes_does_not_grow_for_ever(file: Store) -> None:
    async def case(desk: Desk) -> None:
        assert file.path is not None
        for n in range(40):
            await desk.read([a_job(50 * n + i) for i in range(50)])
            answers = await together(*(desk.ask for _ in range(50)))
            await together(*(partial(desk.finish, each) for each in answers))
        log = file.path.with_name(f"{file.path.name}-wal")
        assert file.path.stat().st_size > 1_000_000
        assert log.stat().st_size < 8_000_000

    file.work(case)
