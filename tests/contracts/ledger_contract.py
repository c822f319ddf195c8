"""What the ledger's suite needs: the stores it runs on, and a desk to work at with a clock of its own."""

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anyio
import orjson
import sqlalchemy as sa

from dialer.adapters.ledger.postgres import open_postgres
from dialer.adapters.ledger.store import SqlLedger, open_sqlite
from dialer.app.clock_loop import run_virtual
from dialer.domain.breakers import BreakerRules
from dialer.domain.calls import (
    Attempt,
    AttemptId,
    CallContent,
    CallId,
    CallJob,
    CallUpdate,
    CampaignId,
    IntakeId,
    OpenJob,
)
from dialer.domain.decisions import Decision, Ruling, decode
from dialer.domain.errors import Blame
from dialer.domain.lifecycle import FINAL_JOBS, AttemptState, JobState
from dialer.domain.outcomes import Outcome
from dialer.domain.results import attempt_line, job_line
from dialer.domain.screening import CampaignPolicy, Verdict
from dialer.engine.intake import add_up
from dialer.ports.engine import Added, AttemptUpdate, ClaimRequest, Finish, IntakeCounts, NothingDue
from tests.support.postgres import a_schema

NOW = 1_800_000_000.0
FROM = "+12125550199"
SCREEN = CampaignPolicy((FROM,))
WAIT_S_MAX = 30.0
"""No case takes longer."""
DUMPED = (
    "campaign",
    "intake",
    "job",
    "attempt",
    "result",
    "line",
    "money",
    "suppressed",
    "operation",
    "decision",
)


@dataclass(frozen=True, slots=True)
class Store:
    """One way to keep a ledger. Neither `path` nor `url`: in memory, gone when closed."""

    name: str
    path: Path | None = None
    on_thread: bool = False
    virtual: bool = False
    url: str | None = None
    """Of a PostgreSQL server."""

    def open(self, *, dispatches: bool = True) -> AbstractAsyncContextManager[SqlLedger]:
        if self.url is not None:
            return open_postgres(self.url, dispatches=dispatches)
        return open_sqlite(self.path, dispatches=dispatches, on_thread=self.on_thread)

    def run(self, case: Callable[[], Awaitable[Any]]) -> None:
        """Run a case on this store's loop; what it raises comes out as it is, not in a group."""
        try:
            run_virtual(case) if self.virtual else anyio.run(case)
        except BaseExceptionGroup as group:
            raise _alone(group) from None

    def work(self, case: Callable[["Desk"], Awaitable[Any]]) -> None:
        """Open the ledger and run a case at its desk."""

        async def at_desk() -> None:
            async with self.desk() as desk:
                await case(desk)

        self.run(at_desk)

    @asynccontextmanager
    async def desk(self, campaign: str = "spring") -> AsyncIterator["Desk"]:
        async with self.open() as ledger:
            yield Desk(ledger, await ledger.open_campaign(campaign, NOW, simulated=False))


def _alone(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


@contextmanager
def on_postgres() -> Iterator[Store]:
    """A schema of a real server."""
    with a_schema() as url:
        yield Store("postgres", url=url)


SQLITE: dict[str, Callable[[Path], AbstractContextManager[Store]]] = {
    "file on a thread": lambda folder: nullcontext(
        Store("file on a thread", folder / "ledger.db", on_thread=True)
    ),
    "file inline": lambda folder: nullcontext(Store("file inline", folder / "ledger.db")),
    "memory on a virtual loop": lambda folder: nullcontext(Store("memory on a virtual loop", virtual=True)),
}
"""Each takes an empty folder."""
STORES = {**SQLITE, "postgres": lambda folder: on_postgres()}
KEPT = [name for name in STORES if not name.startswith("memory")]
"""The stores that find on reopening what was there."""


def number(n: int) -> str:
    """The n-th number that nobody has."""
    return f"+1{212 + n // 100}5550{100 + n % 100}"


def a_job(n: int, **changes: Any) -> CallJob:
    given: dict[str, Any] = {
        "key": f"job-{n}",
        "job_id": f"job-{n}",
        "to_number": number(n),
        "line": n + 2,
        "content": CallContent(variables={"first_name": f"Ann {n}"}),
    }
    return CallJob(**{**given, **changes})


def encode(job: CallJob, attempt_id: AttemptId, from_number: str | None) -> bytes:
    """A body that shows when a byte of it is lost."""
    return f"{job.key} {attempt_id} {from_number} \x00\xff ünï".encode("latin-1")


@dataclass(frozen=True, slots=True)
class Judging(CampaignPolicy):
    """A screen with a rule of the test's own."""

    rule: Callable[[OpenJob], Verdict] = field(kw_only=True)

    def judge(self, open_job: OpenJob, now: float, *facts: object) -> Verdict:
        return self.rule(open_job)


def judging(rule: Callable[[OpenJob], Verdict]) -> Judging:
    return Judging((FROM,), rule=rule)


@dataclass(slots=True)
class Desk:
    """A campaign of a ledger, worked by hand."""

    ledger: SqlLedger
    campaign_id: CampaignId
    now: float = NOW
    ids: int = 0
    intakes: dict[IntakeId, IntakeCounts] = field(default_factory=dict)

    async def begin(self, source: str = "leads.csv") -> IntakeId:
        intake_id = await self.ledger.begin_intake(self.campaign_id, source, self.now)
        self.intakes[intake_id] = IntakeCounts()
        return intake_id

    async def add(self, intake_id: IntakeId, jobs: Sequence[CallJob], rejected: int = 0) -> list[Added]:
        """One batch, counted as the intake counts it."""
        before = self.intakes[intake_id]
        added = await self.ledger.add(
            intake_id, self.campaign_id, jobs, lambda answers: add_up(before, answers, rejected), self.now
        )
        self.intakes[intake_id] = add_up(before, added, rejected)
        return list(added)

    async def read(self, jobs: Sequence[CallJob], batch: int = 1000) -> list[Added]:
        """A whole reading."""
        intake_id = await self.begin()
        added: list[Added] = []
        for at in range(0, len(jobs), batch):
            added += await self.add(intake_id, jobs[at : at + batch])
        await self.ledger.end_intake(intake_id, self.intakes[intake_id])
        return added

    def request(self, screen: CampaignPolicy = SCREEN, attempt_id: str | None = None) -> ClaimRequest:
        self.ids += 1
        made = AttemptId(attempt_id or f"attempt-{self.campaign_id}-{self.now:.0f}-{self.ids}")
        return ClaimRequest(self.campaign_id, made, self.now, screen, encode)

    async def ask(self, screen: CampaignPolicy = SCREEN) -> Attempt | NothingDue:
        return await self.ledger.claim(self.request(screen))

    async def claim(self, screen: CampaignPolicy = SCREEN) -> Attempt:
        claimed = await self.ask(screen)
        assert isinstance(claimed, Attempt)
        return claimed

    async def other(self, campaign: str = "autumn") -> "Desk":
        """Another campaign of the same ledger."""
        campaign_id = await self.ledger.open_campaign(campaign, self.now, simulated=False)
        return Desk(self.ledger, campaign_id, self.now)

    async def operate(self, act: Callable[[sa.Connection], Any]) -> Any:
        """One act of an operator."""
        return await self.ledger.operate(act)

    async def said(self) -> list[dict[str, Any]]:
        """The result lines, read."""
        lines = await self.ledger.results_after(self.campaign_id, 0, 10_000)
        return [orjson.loads(each.line) for each in lines]

    async def made(self, ruling: Ruling) -> list[Decision]:
        """The decisions of that kind that the campaign has made, of jobs and (without a number) of all."""
        mine = f"WHERE campaign_id = {self.campaign_id} ORDER BY seq"
        bodies = await self.sql(f"SELECT body FROM decision {mine}")  # noqa: S608
        return [each for each in map(decode, (body for (body,) in bodies)) if each.verdict is ruling]

    async def claimed_keys(self, screen: CampaignPolicy = SCREEN) -> list[str]:
        """Claim, one after the other, until nothing is due."""
        keys: list[str] = []
        while isinstance(claimed := await self.ask(screen), Attempt):
            keys.append(claimed.job.job.key)
        return keys

    async def move(self, attempt: Attempt, state: AttemptState, **more: Any) -> None:
        if state is AttemptState.UNKNOWN:
            line = attempt_line(attempt, state, Outcome.UNKNOWN, self.now, None, "nobody knows")
            more = {"job_state": JobState.UNKNOWN, "line": line, **more}
        if state is AttemptState.PLACED:
            more = {"call_id": CallId(f"call-{attempt.id}"), **more}
        await self.ledger.update(AttemptUpdate(attempt, state, self.now, **more))

    def finishing(
        self,
        attempt: Attempt,
        job_state: JobState = JobState.DONE,
        state: AttemptState = AttemptState.ENDED,
        outcome: Outcome = Outcome.REACHED,
        due_at: float | None = None,
    ) -> Finish:
        news = CallUpdate(CallId(f"call-{attempt.id}"), "ended") if state is AttemptState.ENDED else None
        lines = [attempt_line(attempt, state, outcome, self.now, news, None)]
        if job_state in FINAL_JOBS:
            lines.append(job_line(attempt.job, job_state, outcome, attempt.number, None, self.now, None))
        history = (*attempt.job.history, outcome) if state is AttemptState.ENDED else attempt.job.history
        blame = Blame.PERSON if state is AttemptState.REFUSED else None
        return Finish(attempt, state, outcome, self.now, job_state, due_at, history, lines, news, blame=blame)

    async def finish(self, attempt: Attempt, *how: Any, **more: Any) -> None:
        await self.ledger.finish(self.finishing(attempt, *how, **more))

    async def end(self, attempt: Attempt, outcome: Outcome = Outcome.REACHED, **more: Any) -> None:
        """A call that ended so; `more` as in `Finish`."""
        made = self.finishing(attempt, outcome=outcome)
        await self.ledger.finish(replace(made, **{"breakers": BreakerRules(), **more}))

    async def put_back(self, attempt: Attempt, outcome: Outcome = Outcome.NOT_RUNG, **more: Any) -> None:
        """No call was made after all: its job is due again now."""
        made = self.finishing(attempt, JobState.OPEN, AttemptState.UNSPENT, outcome, self.now)
        await self.ledger.finish(replace(made, **{"breakers": BreakerRules(), **more}))

    async def to_state(self, state: AttemptState, attempt: Attempt | None = None) -> Attempt:
        """An attempt that has come to this state by legal ways."""
        attempt = attempt or await self.claim()
        match state:
            case AttemptState.CLAIMED:
                pass
            case AttemptState.UNKNOWN:
                await self.move(attempt, AttemptState.UNCERTAIN)
                await self.move(attempt, state)
            case AttemptState.UNCERTAIN | AttemptState.PLACED:
                await self.move(attempt, state)
            case AttemptState.ENDED:
                await self.finish(attempt)
            case AttemptState.UNSPENT | AttemptState.REFUSED:
                await self.finish(attempt, JobState.FAILED, state, Outcome.REFUSED)
        return attempt

    async def elapse(self, seconds: float) -> None:
        """So long passes by this desk's clock and by the ledger's own, which nobody can set."""
        self.now += seconds
        await self.sql(f"UPDATE attempt SET live_until = live_until - {seconds}")  # noqa: S608

    async def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Past every rule: for looking, and for damaging on purpose."""

        def execute(conn: sa.Connection) -> list[tuple[Any, ...]]:
            result = conn.exec_driver_sql(statement)
            return [tuple(row) for row in result] if result.returns_rows else []

        return await self.ledger._call(execute)

    async def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything there is."""
        return {table: await self.sql(f"SELECT * FROM {table} ORDER BY 1, 2") for table in DUMPED}  # noqa: S608

    async def problems(self) -> list[str]:
        return (await self.ledger.balance("spring", self.campaign_id)).problems()


async def together(*calls: Callable[[], Awaitable[Any]]) -> list[Any]:
    """The answers or errors of calls that are made at once, so that they are one group."""
    answers: list[Any] = [None] * len(calls)

    async def one(index: int, call: Callable[[], Awaitable[Any]]) -> None:
        try:
            answers[index] = await call()
        except Exception as error:
            answers[index] = error

    async with anyio.create_task_group() as tasks:
        for index, call in enumerate(calls):
            tasks.start_soon(one, index, call)
    return answers


def raw(path: Path) -> sqlite3.Connection:
    """A connection past the ledger; the caller closes it."""
    return sqlite3.connect(path, isolation_level=None)
