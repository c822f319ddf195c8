"""Statements whose values go by position say the same as SQLAlchemy's own way of carrying them out."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from ledger_contract import Desk, Store, a_job

from dialer.adapters.ledger.drivers.statements import Statement
from dialer.adapters.ledger.schema.tables import job, suppressed
from dialer.domain.errors import LedgerError

LISTED: sa.BindParameter[list[str]] = sa.bindparam("keys", expanding=True)
LOW: sa.BindParameter[int] = sa.bindparam("low")
BY_KEY = sa.select(job.c.key).where(job.c.line >= LOW, job.c.key.in_(LISTED), job.c.state == "open")
FIND = Statement(BY_KEY.order_by(job.c.line.desc()), "low", listed="keys")
RAISE = Statement(
    sa.update(job)
    .where(job.c.key.in_(LISTED), job.c.priority < 7)
    .values(priority=job.c.priority + LOW, claims=LOW)
    .returning(job.c.key, job.c.priority, job.c.claims),
    "low",
    listed="keys",
)
FORBID = Statement(sa.insert(suppressed), "at", "reason", "number", "source")
CHANGE = Statement(
    sa.update(suppressed)
    .where(suppressed.c.number == sa.bindparam("n"), suppressed.c.at == 2.0)
    .values(reason=sa.bindparam("why"), source=sa.bindparam("why")),
    *("why", "n"),
)

JOBS = [a_job(n, line=n) for n in range(9)]
KEYS = [each.key for each in JOBS]


def carried_out(store: Store, check: Callable[[sa.Connection], None]) -> None:
    async def case(desk: Desk) -> None:
        await desk.read(JOBS)
        await desk.ledger.operate(check)

    store.work(case)


@pytest.mark.parametrize("length", range(len(KEYS) + 1))
def test_a_list_of_any_length(store: Store, length: int) -> None:
    def check(conn: sa.Connection) -> None:
        wanted = KEYS[:length]
        found = FIND.run(conn, 2, wanted)
        assert [key for (key,) in found] == [key for key in reversed(wanted) if key in KEYS[2:]]
        assert FIND.run(conn, 2, ["nobody", *wanted, "nobody either"]) == found
        raised = RAISE.run(conn, 3, wanted)
        assert {tuple(row) for row in raised} == {(key, 3, 3) for key in wanted}
        assert len(raised) == length, "each of them once, however long the list was made"
        changed = conn.scalars(sa.select(job.c.key).where(job.c.priority == 3))
        assert set(changed) == set(wanted)

    carried_out(store, check)


def test_values_go_to_their_names(store: Store) -> None:
    def check(conn: sa.Connection) -> None:
        FORBID.run_many(conn, [(1.0, "why", "+1", "who"), (2.0, "because", "+2", "them")])
        FORBID.run_many(conn, [])
        CHANGE.run_many(conn, [("changed", "+1"), ("changed", "+2")])
        CHANGE.run(conn, "changed", "+3")
        rows = conn.execute(sa.select(suppressed).order_by(suppressed.c.number)).all()
        assert [tuple(row) for row in rows] == [("+1", "who", "why", 1.0), ("+2", "changed", "changed", 2.0)]

    carried_out(store, check)


@pytest.mark.parametrize("values", [(3.0, "again", "+1", "who"), (3.0, None, "+2", "who")])
@pytest.mark.parametrize("many", [False, True])
def test_an_error_is_as_sqlalchemy_has_it(store: Store, values: tuple[object, ...], many: bool) -> None:
    def fail(conn: sa.Connection) -> None:
        FORBID.run(conn, 1.0, "why", "+1", "who")
        with pytest.raises(sa.exc.IntegrityError) as caught:
            FORBID.run_many(conn, [values]) if many else FORBID.run(conn, *values)
        assert caught.value.orig is not None
        raise caught.value

    async def case(desk: Desk) -> None:
        with pytest.raises(LedgerError, match="cannot be read or written"):
            await desk.ledger.operate(fail)
        assert await desk.sql("SELECT * FROM suppressed") == []

    store.work(case)
