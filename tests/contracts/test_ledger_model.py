"""Any order of adding, claiming, moving on, finishing and reopening, beside a model small enough to trust."""

import asyncio
import tempfile
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from ledger_contract import NOW, STORES, Desk, a_job

from dialer.domain.calls import Attempt, CallJob
from dialer.domain.lifecycle import (
    ATTEMPT_TRANSITIONS,
    CLOSED_ATTEMPTS,
    FINAL_JOBS,
    OPEN_ATTEMPTS,
    AttemptState,
    IllegalTransition,
    JobState,
)
from dialer.ports.engine import AddedAs, NothingDue

KEYS = st.integers(0, 7)
PRIORITIES = st.integers(-1, 1)
LATER_S = st.sampled_from([0.0, 10.0, 60.0])


@dataclass
class Known:
    """What the model knows of a job."""

    given: CallJob
    age: int
    due_at: float
    state: JobState = JobState.OPEN
    claims: int = 0


@dataclass
class Model:
    jobs: dict[str, Known] = field(default_factory=dict)
    attempts: dict[str, tuple[Attempt, AttemptState]] = field(default_factory=dict)
    lines: int = 0

    def add(self, given: CallJob, now: float) -> AddedAs:
        known = self.jobs.get(given.key)
        if known is None:
            self.jobs[given.key] = Known(given, len(self.jobs), now)
            return AddedAs.NEW
        if known.state in FINAL_JOBS:
            return AddedAs.FINISHED
        if known.state is not JobState.OPEN or known.given.priority == given.priority:
            return AddedAs.SAME
        known.given = given
        known.due_at = known.due_at if known.claims else now
        return AddedAs.CHANGED

    def next(self, now: float) -> str | float | None:
        """The key of the job that is to be claimed, else when to ask again."""
        waiting = [each for each in self.jobs.values() if each.state is JobState.OPEN]
        due = [each for each in waiting if each.due_at <= now]
        if due:
            return min(due, key=lambda each: (-each.given.priority, each.due_at, each.age)).given.key
        return min((each.due_at for each in waiting), default=None)


class LedgerMachine(RuleBasedStateMachine):
    stored = "file inline"

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.places = ExitStack()
        folder = self.places.enter_context(tempfile.TemporaryDirectory())
        self.store = self.places.enter_context(STORES[self.stored](Path(folder)))
        self.runner = asyncio.Runner()
        self.now = NOW
        self.ids = 0
        self.open()

    def open(self) -> None:
        self.orders: asyncio.Queue[Any] = asyncio.Queue()
        self.serving = self.runner.get_loop().create_task(self._serve())

    async def _serve(self) -> None:
        """The ledger's own task: it is opened and closed where it was opened."""
        async with AsyncExitStack() as stack:
            self.desk = await stack.enter_async_context(self.store.desk())
            while (order := await self.orders.get()) is not None:
                call, answer = order
                try:
                    answer.set_result(await call(self.desk))
                except Exception as error:
                    answer.set_exception(error)

    def do(self, call: Any) -> Any:
        async def ask() -> Any:
            answer = asyncio.get_running_loop().create_future()
            await self.orders.put((call, answer))
            await asyncio.wait({answer, self.serving}, return_when=asyncio.FIRST_COMPLETED)
            return answer.result()

        return self.runner.run(ask())

    def close(self) -> None:
        async def end() -> None:
            await self.orders.put(None)
            await self.serving

        self.runner.run(end())

    def teardown(self) -> None:
        self.close()
        self.runner.close()
        self.places.close()

    @rule(rows=st.lists(st.tuples(KEYS, PRIORITIES), max_size=5, unique_by=lambda row: row[0]))
    def add(self, rows: list[tuple[int, int]]) -> None:
        jobs = [a_job(n, priority=priority) for n, priority in rows]

        async def read(desk: Desk) -> list[AddedAs]:
            desk.now = self.now
            return [each.how for each in await desk.read(jobs, batch=2)]

        assert self.do(read) == [self.model.add(each, self.now) for each in jobs]

    @rule()
    def claim(self) -> None:
        self.ids += 1

        async def claim(desk: Desk) -> Attempt | NothingDue:
            desk.now = self.now
            return await desk.ledger.claim(desk.request(attempt_id=f"attempt-{self.ids:05d}"))

        claimed, expected = self.do(claim), self.model.next(self.now)
        if isinstance(claimed, NothingDue):
            assert claimed.next_due_at == expected
            return
        assert claimed.job.job.key == expected
        known = self.model.jobs[claimed.job.job.key]
        known.state, known.claims = JobState.BUSY, known.claims + 1
        assert claimed.number == known.claims
        self.model.attempts[claimed.id] = claimed, AttemptState.CLAIMED

    @precondition(lambda self: self.model.attempts)
    @rule(data=st.data(), to=st.sampled_from(AttemptState), later_s=LATER_S, again=st.booleans())
    def move(self, data: st.DataObject, to: AttemptState, later_s: float, again: bool) -> None:
        attempt, state = self.model.attempts[data.draw(st.sampled_from(sorted(self.model.attempts)))]
        known = self.model.jobs[attempt.job.job.key]
        due_at = self.now + later_s
        after = JobState.BUSY
        if to in CLOSED_ATTEMPTS:
            after = JobState.OPEN if again else JobState.FAILED
        elif to is AttemptState.UNKNOWN:
            after = JobState.UNKNOWN

        async def move(desk: Desk) -> bool:
            desk.now = self.now
            try:
                if to in CLOSED_ATTEMPTS:
                    await desk.finish(attempt, after, to, due_at=due_at if again else None)
                else:
                    reopened = JobState.BUSY if state is AttemptState.UNKNOWN else None
                    await desk.move(attempt, to, **({"job_state": reopened} if reopened else {}))
            except IllegalTransition:
                return False
            return True

        legal = to in ATTEMPT_TRANSITIONS[state]
        assert self.do(move) == legal
        if not legal:
            return
        self.model.attempts[attempt.id] = attempt, to
        known.state = after
        if after is JobState.OPEN:
            known.due_at = due_at
        self.model.lines += (to in CLOSED_ATTEMPTS) + (after in FINAL_JOBS)
        self.model.lines += to is AttemptState.UNKNOWN

    @rule(later_s=LATER_S)
    def wait(self, later_s: float) -> None:
        self.now += later_s

    @rule()
    def reopen(self) -> None:
        self.close()
        self.open()

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        async def look(desk: Desk) -> tuple[Any, ...]:
            ledger, campaign_id = desk.ledger, desk.campaign_id
            states = OPEN_ATTEMPTS | {AttemptState.UNKNOWN}
            attempts = await ledger.open_attempts(campaign_id, states)
            lines = await ledger.results_after(campaign_id, 0, 10_000)
            problems = await desk.problems()
            return (await ledger.counts(campaign_id)).jobs, attempts, lines, problems

        jobs, attempts, lines, problems = self.do(look)
        states = [each.state for each in self.model.jobs.values()]
        assert jobs == {state: states.count(state) for state in JobState}
        assert {(each.id, each.body, each.state) for each in attempts} == {
            (each.id, each.body, state)
            for each, state in self.model.attempts.values()
            if state not in CLOSED_ATTEMPTS
        }
        assert [each.seq for each in lines] == list(range(1, self.model.lines + 1))
        assert problems == []


class PostgresMachine(LedgerMachine):
    stored = "postgres"


SEARCH = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
LedgerMachine.TestCase.settings = SEARCH
PostgresMachine.TestCase.settings = settings(SEARCH, max_examples=5)
test_the_ledger_does_what_the_model_does = LedgerMachine.TestCase
test_postgres_does_what_the_model_does = PostgresMachine.TestCase
