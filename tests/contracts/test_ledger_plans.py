"""How the database goes about what happens for every call: by an index, however many jobs there are."""

import re
import sqlite3
from typing import Any

import sqlalchemy as sa
from ledger_contract import NOW, Desk, Store, a_job
from test_ledger_breakers import flag, refuse

from dialer.domain.budget import BudgetRule
from dialer.domain.calls import CallId, CallUpdate
from dialer.domain.canary import CanaryRule
from dialer.domain.caps import Cap, CapsRule
from dialer.domain.lifecycle import OPEN_ATTEMPTS, AttemptState, JobState
from dialer.domain.lines import Line
from dialer.domain.screening import CampaignPolicy

Step = tuple[str, str]
_VALUE = re.compile(r"""(?<![.\w])(?:state|kind)\ =\ '\w+' | x?'(?:[^']|'')*' | \b\d[\d.e+]*""", re.VERBOSE)


def bound(statement: str) -> str:
    """With places for its values: only what stands in an index, too, is written out (`IS_OPEN`)."""
    text = _VALUE.sub(lambda found: found[0] if found[0][:5] in ("state", "kind ") else "?", statement)
    return " ".join(text.split())


async def plans(desk: Desk, step: Any) -> list[Step]:
    """What a step executes, each with its plan."""
    executed: list[str] = []
    driver = await desk.ledger.operate(lambda conn: conn.connection.dbapi_connection)
    assert isinstance(driver, sqlite3.Connection)
    driver.set_trace_callback(executed.append)  # each as it is carried out, with its values
    try:
        await step()
    finally:
        driver.set_trace_callback(None)

    def explain(conn: sa.Connection) -> list[Step]:
        # SQLite writes an infinite value as no literal that it could read
        written = [re.sub(r"\b-?Inf\b", "9e999", each) for each in executed]
        texts = [bound(each) for each in written if not each.startswith(("BEGIN", "COMMIT"))]
        asked = [
            (each, driver.execute(f"EXPLAIN QUERY PLAN {each}", [None] * each.count("?"))) for each in texts
        ]
        return [(each, "; ".join(row[3] for row in found)) for each, found in asked]

    return await desk.ledger._read(explain)


def plan_of(found: list[Step], words: str) -> str:
    (plan,) = {plan for statement, plan in found if words in statement}
    return plan


def check(found: list[Step]) -> None:
    assert found
    for statement, plan in found:
        assert "SCAN job" not in plan, (statement, plan)
        assert "SCAN attempt" not in plan, (statement, plan)
        assert "TEMP B-TREE" not in plan, (statement, plan)


def test_adding(file: Store) -> None:
    async def case(desk: Desk) -> None:
        for jobs in ([a_job(1), a_job(2)], [a_job(1, priority=3), a_job(2)]):
            found = await plans(desk, lambda jobs=jobs: desk.read(jobs))
            check(found)
            assert "sqlite_autoindex_job_1 (campaign_id=? AND key=?)" in plan_of(found, '"key" IN')
            assert "job_number (campaign_id=? AND to_number=?)" in plan_of(found, "job.to_number IN")

    file.work(case)


def test_claiming(file: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n, priority=n) for n in range(3)])
        found = await plans(desk, desk.claim)
        check(found)
        due = plan_of(found, "ORDER BY job.due_at")
        assert due == "SEARCH job USING INDEX job_due (campaign_id=? AND priority=? AND due_at<?)"
        steps = plan_of(found, "WITH RECURSIVE")
        for each in ("(campaign_id=?)", "(campaign_id=? AND priority<?)", "(campaign_id=? AND priority=?)"):
            assert f"job_due {each}" in steps
        desk.now = NOW - 1
        check(await plans(desk, desk.ask))

    file.work(case)


def test_what_the_rules_go_by(file: Store) -> None:
    """In a ledger that has seen many calls, of which a few are live."""
    lines = tuple(Line(f"+1305555019{n}", per_day=9, slots=9, cps=9.0) for n in range(2))
    screen = CampaignPolicy(
        lines=lines,
        caps=CapsRule((Cap(9, 600.0),), 0.001),
        canary=CanaryRule(9, 0.5),
        budget=BudgetRule(9000.0, None, 10.0, 60.0),
    )

    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(9)])
        await flag(desk, await desk.claim(screen))
        await refuse(desk, await desk.claim(screen))
        desk.now = NOW + 86_400
        found = await plans(desk, lambda: desk.claim(screen))
        check([step for step in found if "GROUP BY" not in step[0]])
        live = plan_of(found, "GROUP BY attempt.from_number")
        assert live.startswith("SCAN attempt USING INDEX attempt_open"), "it holds what is not closed alone"
        numbers = plan_of(found, "WHERE attempt.to_number IN")
        assert "SEARCH attempt USING INDEX attempt_number (to_number=?)" in numbers
        first = plan_of(found, "SELECT attempt.state, attempt.outcome")
        assert "SEARCH attempt USING INDEX attempt_time (campaign_id=? AND claimed_at>?)" in first
        today = plan_of(found, "attempt.from_number = ?")
        assert "SEARCH attempt USING INDEX attempt_time (campaign_id=? AND claimed_at>?)" in today
        under_way = plan_of([step for step in found if "GROUP BY" not in step[0]], "attempt.state IN")
        assert "SEARCH attempt USING INDEX attempt_open (campaign_id=?)" in under_way
        for table in ("line", "money", "suppressed", "decision"):
            assert not [plan for _, plan in found if f"SCAN {table}" in plan]
        trials = await plans(desk, lambda: desk.ask(screen))
        assert "sqlite_autoindex_attempt_1 (id=?)" in plan_of(trials, "attempt.id = ?")

    file.work(case)


def test_moving_on_and_finishing(file: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(3)])
        made = await desk.claim()
        check(await plans(desk, lambda: desk.move(made, AttemptState.UNCERTAIN)))
        check(await plans(desk, lambda: desk.move(made, AttemptState.UNKNOWN)))
        check(await plans(desk, lambda: desk.finish(made, JobState.FAILED)))

    file.work(case)


def test_analyses(file: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(3)])
        made = await desk.to_state(AttemptState.ENDED)
        news = CallUpdate(CallId(f"call-{made.id}"), "ended", made.id, analysis={"call_summary": "short"})
        for _ in range(2):
            found = await plans(desk, lambda: desk.ledger.analysed([news], NOW))
            check(found)
            assert "USING INDEX result_analysis (attempt_id=?)" in plan_of(found, "FROM result")

    file.work(case)


def test_what_is_open_and_what_came_of_it(file: Store) -> None:
    async def case(desk: Desk) -> None:
        found = await plans(desk, lambda: desk.ledger.open_attempts(desk.campaign_id, OPEN_ATTEMPTS))
        opened = plan_of(found, "FROM attempt")
        assert "SEARCH attempt USING INDEX attempt_open (campaign_id=?)" in opened
        assert "SEARCH job USING INTEGER PRIMARY KEY" in opened
        found = await plans(desk, lambda: desk.ledger.results_after(desk.campaign_id, 7, 100))
        check(found)
        assert "USING PRIMARY KEY (campaign_id=? AND seq>?)" in plan_of(found, "FROM result")

    file.work(case)


def test_counting_reads_each_table_once_from_end_to_end(file: Store) -> None:
    """Looking a million jobs up one by one by an index took five times as long."""

    async def case(desk: Desk) -> None:
        found = await plans(desk, lambda: desk.ledger.counts(desk.campaign_id))
        scans = [plan for _, plan in found if "SCAN job" in plan or "SCAN attempt" in plan]
        assert len(scans) == 2
        assert not [plan for _, plan in found if "job_number" in plan or "autoindex" in plan]

    file.work(case)
