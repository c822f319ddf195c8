"""The ledger as the engine sees it: each method is one operation for the one writer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import anyio
import sqlalchemy as sa

from dialer.adapters.ledger.commit import Group, Operation, commit
from dialer.adapters.ledger.drivers.database import dispatcher_lock, sqlite_engine
from dialer.adapters.ledger.drivers.ledger_time import keep_time
from dialer.adapters.ledger.drivers.own_thread import OwnThread
from dialer.adapters.ledger.operators import campaigns
from dialer.adapters.ledger.operators import resolve as resolving
from dialer.adapters.ledger.queue import add_jobs, analyses, attempts, contradictions, decisions, facts
from dialer.adapters.ledger.reports import counts as reads
from dialer.adapters.ledger.reports import failing
from dialer.adapters.ledger.schema.tables import intake as intake_table
from dialer.adapters.system.private_files import make_folder
from dialer.domain.balance import Balance
from dialer.domain.breakers import BreakerRules
from dialer.domain.calls import Attempt, AttemptId, CallId, CallJob, CallUpdate, CampaignId, IntakeId
from dialer.domain.decisions import Decision
from dialer.domain.errors import LedgerError, LedgerLost
from dialer.domain.lifecycle import AttemptState
from dialer.domain.results import ResultLine
from dialer.domain.service_parts import PartFailure, WorkerFailure
from dialer.domain.suppression import Suppressed
from dialer.ports.engine import (
    Added,
    AttemptUpdate,
    CampaignCounts,
    ClaimRequest,
    Clock,
    Contradicted,
    Control,
    Finish,
    IntakeCounts,
    NothingDue,
)

OPERATIONS_MAX = 512
"""Operations that go into one transaction."""
CLOSED = "the ledger is closed"
LOST_WAIT_S = 0.1
LOST_WAIT_MAX_S = 2.0
"""Between two tries to reach a server that is waited for: the first wait, doubled up to the last."""

T = TypeVar("T")
L = TypeVar("L", bound="SqlLedger")
OnCommit = Callable[[float, bool, bool], None]
"""Told of each transaction: the seconds it took, whether it was to write, whether the database failed."""
CarryOut = Callable[[list[Operation]], Awaitable[None]]
"""As `commit.commit`, on a connection of its own."""


class SqlLedger:
    """`ports.Ledger` on a database. Made by `open_sqlite` and `open_postgres`."""

    def __init__(self, carry_out: CarryOut, *, waits: bool = False) -> None:
        """`waits`: for a server that is lost, with everything but claims: these fail, as nobody is dialled
        by what was so before. Otherwise everything fails that is asked meanwhile."""
        self._carry_out = carry_out
        self._waits = waits
        self._lost_wait_s = 0.0
        self._waiting: list[tuple[Operation, asyncio.Future[None]]] = []
        self._wake = anyio.Event()
        self._closed = False
        self.on_commit: OnCommit | None = None

    async def open_campaign(self, name: str, now: float, *, simulated: bool) -> CampaignId:
        return await self._call(lambda conn: campaigns.open_campaign(conn, name, now, simulated=simulated))

    async def begin_intake(self, campaign_id: CampaignId, source: str, now: float) -> IntakeId:
        def begin(conn: sa.Connection) -> IntakeId:
            values = {"campaign_id": campaign_id, "source": source, "started_at": now}
            insert = sa.insert(intake_table).values(**values).returning(intake_table.c.id)
            return IntakeId(conn.execute(insert).scalar_one())

        return await self._call(begin)

    async def add(
        self,
        intake_id: IntakeId,
        campaign_id: CampaignId,
        jobs: Sequence[CallJob],
        counts: Callable[[Sequence[Added]], IntakeCounts],
        now: float,
        *,
        is_stream: bool = False,
    ) -> Sequence[Added]:
        def add(conn: sa.Connection) -> Sequence[Added]:
            added = add_jobs.add_jobs(conn, intake_id, campaign_id, jobs, now, is_stream=is_stream)
            add_jobs.count(conn, intake_id, counts(added), complete=False)
            return added

        return await self._call(add, tells=(campaign_id,))

    async def end_intake(self, intake_id: IntakeId, counts: IntakeCounts) -> None:
        await self._call(lambda conn: add_jobs.count(conn, intake_id, counts, complete=True))

    async def leave_unread(self, campaign_id: CampaignId, source: str, rows: int) -> int:
        """The reading was stopped before the end of a source of so many rows: how many of them are not in."""
        return await self._call(lambda conn: add_jobs.leave_unread(conn, campaign_id, source, rows))

    async def claim(self, request: ClaimRequest) -> Attempt | NothingDue:
        claimed: Attempt | NothingDue = await self._submit(Group.CLAIM, request)
        return claimed

    async def update(self, update: AttemptUpdate) -> None:
        await self._submit(Group.UPDATE, update)

    async def finish(self, finish: Finish) -> None:
        await self._submit(Group.FINISH, finish, tells=(finish.attempt.job.campaign_id,))

    async def analysed(self, heard: Sequence[CallUpdate], at: float) -> Sequence[CampaignId]:
        # behind every `finish` that was asked for before
        return await self._call(lambda conn: analyses.write_analyses(conn, heard, at))

    async def contradict(self, news: CallUpdate, why: str, at: float) -> Contradicted | None:
        if not await self._read(lambda conn: contradictions.is_contradicted(conn, news)):
            return None  # as nearly always: nothing is to be written
        return await self._call(lambda conn: contradictions.contradict(conn, news, why, at))

    async def open_attempts(
        self, campaign_id: CampaignId, states: frozenset[AttemptState]
    ) -> Sequence[Attempt]:
        return await self._read(lambda conn: attempts.attempts_in(conn, campaign_id, states))

    async def closed_of(self, attempt_ids: Collection[AttemptId]) -> Collection[AttemptId]:
        return await self._read(lambda conn: attempts.closed_of(conn, attempt_ids))

    async def control(self, campaign_id: CampaignId) -> Control:
        return await self._read(lambda conn: campaigns.control(conn, campaign_id))

    async def controls(self, campaign_ids: Collection[CampaignId]) -> Mapping[CampaignId, Control]:
        return await self._read(lambda conn: campaigns.controls(conn, campaign_ids))

    async def suppressed(self, number: str) -> Suppressed | None:
        return await self._read(lambda conn: campaigns.suppressed_number(conn, number))

    async def line_allows(self, attempt: Attempt, rules: BreakerRules) -> bool:
        return await self._read(lambda conn: facts.line_allows(conn, attempt, rules))

    async def cancel_open(self, campaign_id: CampaignId, now: float) -> None:
        while await self._call(
            lambda conn: campaigns.cancel_some(conn, campaign_id, now), tells=(campaign_id,)
        ):
            pass

    async def left_beside(self, campaign_id: CampaignId, call_max_s: float, now: float) -> Sequence[Attempt]:
        return await self._read(lambda conn: attempts.left_beside(conn, campaign_id, call_max_s, now))

    async def answered_calls(self, like: CampaignId | None = None) -> Sequence[CallId]:
        return await self._read(lambda conn: attempts.answered_calls(conn, like))

    async def keep_failing(self, worker: str, now: Sequence[PartFailure], at: float) -> None:
        await self._call(lambda conn: failing.keep_failing(conn, worker, now, at))

    async def failing(self, now: float) -> Sequence[WorkerFailure]:
        """What fails now at the processes that dial from this ledger."""
        return await self._read(lambda conn: failing.failing_parts(conn, now))

    async def has_dialled(self) -> bool:
        return await self._read(attempts.has_dialled)

    async def results_after(self, campaign_id: CampaignId, seq: int, rows_max: int) -> Sequence[ResultLine]:
        return await self._read(lambda conn: reads.results_after(conn, campaign_id, seq, rows_max))

    async def counts(self, campaign_id: CampaignId) -> CampaignCounts:
        return await self._read(lambda conn: reads.counts(conn, campaign_id))

    async def operate(self, act: Callable[[sa.Connection], T]) -> T:
        """Carry one act of an operator out: a function of `campaigns`."""
        return await self._call(act, tells=None)

    async def ask(self, question: Callable[[sa.Connection], T]) -> T:
        """Ask what only people want to know: a function that reads."""
        return await self._read(question)

    async def decisions_of(self, number: str) -> Sequence[Decision]:
        """Every decision about a number, in all campaigns."""
        return await self._read(lambda conn: decisions.decisions_of(conn, number))

    async def campaign_decisions(self, campaign_id: CampaignId) -> Sequence[Decision]:
        """What held the campaign as a whole."""
        return await self._read(lambda conn: decisions.campaign_decisions(conn, campaign_id))

    async def decision_problems(self, campaign_id: CampaignId) -> Sequence[str]:
        """What is wrong with the record of decisions; nothing if it is as it was written."""
        return await self._read(lambda conn: decisions.chain_problems(conn, campaign_id))

    async def campaigns(self) -> dict[str, CampaignId]:
        """Every campaign's name and number, oldest first."""
        return await self._read(reads.campaigns)

    async def balance(self, name: str, campaign_id: CampaignId) -> Balance:
        """What `dialer verify` adds up."""
        return await self._read(lambda conn: reads.balance(conn, name, campaign_id))

    async def unknown_attempts(self, before: float | None = None) -> Sequence[Attempt]:
        """Every unknown attempt, of every campaign, oldest first."""
        return await self._read(lambda conn: resolving.unknown_attempts(conn, before))

    async def resolve_called(self, attempt_id: AttemptId, call_id: CallId, who: str, at: float) -> None:
        """An operator says that an unknown attempt made this call. Raises `BadInput` if it is not unknown."""
        await self._call(
            lambda conn: resolving.resolve_called(conn, attempt_id, call_id, who, at), tells=None
        )

    async def resolve_not_called(self, attempt_ids: Sequence[AttemptId], who: str, at: float) -> None:
        """An operator says that unknown attempts made no call: all of them, or `BadInput` and none."""

        def resolve(conn: sa.Connection) -> None:
            for attempt_id in attempt_ids:
                resolving.resolve_not_called(conn, attempt_id, who, at)

        await self._call(resolve, tells=None)

    async def _call(
        self, function: Callable[[sa.Connection], T], *, tells: Collection[CampaignId] | None = ()
    ) -> T:
        """`tells`: as `Operation`."""
        answer: T = await self._submit(Group.CALL, function, tells=tells)
        return answer

    async def _read(self, function: Callable[[sa.Connection], T]) -> T:
        answer: T = await self._submit(Group.READ, function)
        return answer

    async def _submit(self, group: Group, payload: Any, *, tells: Collection[CampaignId] | None = ()) -> Any:
        """What is submitted is carried out, also if its caller is cancelled while it waits."""
        if self._closed:
            raise LedgerError(CLOSED)
        # a bare future: three of these are on the way of every call
        operation, done = Operation(group, payload, tells=tells), asyncio.get_running_loop().create_future()
        self._waiting.append((operation, done))
        self._wake.set()
        await done
        if operation.error is not None:
            raise operation.error
        return operation.answer

    async def write(self) -> None:
        """The one writer: commits what has gathered, for ever. However it ends, nobody waits for it then."""
        try:
            while True:
                await self._wake.wait()
                self._wake = anyio.Event()
                while self._waiting:
                    await self._write_some()
        finally:
            self._closed = True
            for operation, done in self._waiting:
                operation.error = LedgerError(CLOSED)
                _wake_up(done)

    async def _write_some(self) -> None:
        group = self._waiting[:OPERATIONS_MAX]
        with anyio.CancelScope(shield=True):
            await self._commit([operation for operation, _ in group])
        again: list[tuple[Operation, asyncio.Future[None]]] = []
        for operation, done in group:
            if self._waits and _is_tried_again(operation):
                again.append((operation, done))
            else:
                _wake_up(done)
        self._waiting[: len(group)] = again
        if again:
            await self._wait_for_the_server([operation for operation, _ in again])
        else:
            self._lost_wait_s = 0.0

    async def _wait_for_the_server(self, operations: list[Operation]) -> None:
        for operation in operations:
            operation.error = None
        self._lost_wait_s = min(max(LOST_WAIT_S, 2 * self._lost_wait_s), LOST_WAIT_MAX_S)
        await anyio.sleep(self._lost_wait_s)

    async def _commit(self, operations: list[Operation]) -> None:
        began = anyio.current_time()
        await self._carry_out(operations)
        if self.on_commit is not None:
            wrote = any(each.group is not Group.READ for each in operations)
            failed = any(isinstance(each.error, LedgerError) for each in operations)
            self.on_commit(anyio.current_time() - began, wrote, failed)


def _is_tried_again(operation: Operation) -> bool:
    return isinstance(operation.error, LedgerLost) and operation.group is not Group.CLAIM


def _wake_up(done: asyncio.Future[None]) -> None:
    if not done.done():  # its caller was cancelled while it waited
        done.set_result(None)


@asynccontextmanager
async def open_sqlite(
    path: Path | None, *, dispatches: bool, on_thread: bool, clock: Clock | None = None
) -> AsyncIterator[SqlLedger]:
    """A ledger in a SQLite file (None: in memory).

    `dispatches`: the process will dial from it, so no other may, and it is made if there is none.
    `on_thread`: commit on a thread of its own, so that the loop never waits for a disk; False on a
    virtual-time loop, which must not have threads.
    `clock`: None: the machine's.
    Raises `LedgerError`.
    """
    with sqlite_writer(path, dispatches=dispatches, on_thread=on_thread, clock=clock) as carry_out:
        async with serve(SqlLedger(carry_out)) as ledger:
            yield ledger


@contextmanager
def sqlite_writer(
    path: Path | None, *, dispatches: bool, on_thread: bool, clock: Clock | None
) -> Iterator[CarryOut]:
    """What commits to a SQLite file. As `open_sqlite`."""
    with ExitStack() as stack:
        if path is not None and dispatches:
            _make_folder(path)
            stack.enter_context(dispatcher_lock(path))
        engine = sqlite_engine(path, dispatches=dispatches)
        stack.callback(engine.dispose)
        conn = stack.enter_context(engine.connect())
        keep_time(conn, clock)
        if on_thread:
            thread = OwnThread()
            stack.callback(thread.end)
            yield lambda operations: thread.run(partial(commit, conn, operations))
        else:
            yield partial(inline, conn)


@asynccontextmanager
async def serve(ledger: L) -> AsyncIterator[L]:
    """The ledger with its writer at work."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ledger.write)
        yield ledger
        tasks.cancel_scope.cancel()


async def inline(conn: sa.Connection, operations: list[Operation]) -> None:
    """`commit`, while the loop waits."""
    commit(conn, operations)


def _make_folder(path: Path) -> None:
    try:
        make_folder(path.parent)
    except OSError as error:
        raise LedgerError(f"ledger {path}: its folder cannot be made: {error.strerror}") from error
