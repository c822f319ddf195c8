"""A calm campaign, and engines that lack one rule each: what the checkers are tried on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import anyio
import orjson
import sqlalchemy as sa

from dialer.adapters.ledger.queue.claim_context import ClaimContext
from dialer.adapters.ledger.queue.decisions import Chain
from dialer.adapters.ledger.queue.facts import Moment
from dialer.adapters.sinks.jsonl import JsonlLog
from dialer.domain.calls import Attempt, CallId, CallJob, CallUpdate, CampaignId, IntakeId, OpenJob
from dialer.domain.errors import CallUncertain
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.domain.outcomes import Outcome
from dialer.domain.redial import Again, Final, RedialPolicy
from dialer.domain.results import ResultLine, analysis_line
from dialer.domain.screening import CampaignPolicy, Dial
from dialer.engine.attempts.placing import Placement
from dialer.engine.attempts.tracking import Followed
from dialer.engine.campaign import Campaign
from dialer.engine.capacity.slots import Slot
from dialer.ports.engine import Finish, IntakeCounts, ResultSink
from dialer.simulator.account import Account
from dialer.simulator.faults import Faults
from tests.simulation.crash import CrashingLedger
from tests.simulation.plan import EPOCH_S, FROM_NUMBERS, Life, Plan, draw
from tests.simulation.rows import Rows

LEADS = 20


def calm_plan(*, slots: int = 20, **changes: Any) -> Plan:
    """One life, without faults or a crash unless `changes` has them, and the run to the end behind it."""
    plan = draw(1)
    numbers = [f"+121255501{three * 3:02d}" for three in range(LEADS)]
    rows = tuple(CallJob(key=number, to_number=number, line=line) for line, number in enumerate(numbers, 2))
    config = plan.config
    calm = replace(
        plan,
        readings=(Rows(rows),) * 2,
        account=Account(concurrency_limit=30, listing_lag_s=10.0, talk_s=30.0, max_call_s=120.0),
        faults=Faults(),
        lives=(Life(slots),),
        changes=(),
        steps=(),
        acts=(),
        config=replace(
            config,
            cps=5.0,
            slots=slots,
            in_flight_max=20,
            placing=replace(config.placing, settle_s=15.0, looks_max=3, tries_max=3),
            tracking=replace(config.tracking, poll_s=5.0, call_max_s=300.0),
            redial=replace(config.redial, attempts_max=3),
            screen=CampaignPolicy(FROM_NUMBERS[:1]),
        ),
        hears_webhooks=False,
        in_file=False,
    )
    return replace(calm, **changes)


def bounded_rows(*, not_before_s: float | None = None, expires_s: float | None = None) -> tuple[Rows, Rows]:
    """The calm plan's rows, with times that count from the start."""
    opens = None if not_before_s is None else EPOCH_S + not_before_s
    closes = None if expires_s is None else EPOCH_S + expires_s
    rows = calm_plan().readings[0].jobs
    reading = Rows(tuple(replace(row, not_before=opens, expires_at=closes) for row in rows))
    return reading, reading


# --- placing --------------------------------------------------------------------------------------------


def repeats_at_once(campaign: Campaign) -> None:
    """An uncertain request goes out again without a look, under another key."""
    placer = campaign._lives._placer
    real = placer.send

    async def send(attempt: Attempt, followed: Followed) -> Placement | CallUncertain:
        answer = await real(attempt, followed)
        if not isinstance(answer, CallUncertain):
            return answer
        body = orjson.loads(attempt.body) | {"idempotency_key": f"again-{attempt.id}"}
        return await real(replace(attempt, body=orjson.dumps(body)), followed)

    placer.send = send  # type: ignore[method-assign]


def forgets_what_was_under_way(campaign: Campaign) -> None:
    """After a restart an attempt without an answer counts as never made."""
    lives = campaign._lives
    real = lives.resume

    async def resume(attempt: Attempt, free_slot: Callable[[], None]) -> Attempt | None:
        if attempt.state is not AttemptState.CLAIMED:
            return await real(attempt, free_slot)
        now = lives._clock.now()
        await lives._ledger.finish(
            Finish(
                attempt, AttemptState.UNSPENT, Outcome.NOT_RUNG, now, JobState.OPEN, now, (), [_line(attempt)]
            )
        )
        return None

    lives.resume = resume  # type: ignore[method-assign]


def _line(attempt: Attempt) -> Mapping[str, Any]:
    return {"kind": "attempt", "attempt_id": attempt.id}


# --- pacing and slots -----------------------------------------------------------------------------------


def has_no_pace(campaign: Campaign) -> None:
    async def token() -> float:
        await anyio.lowlevel.checkpoint()
        return 0.0

    async def gate(*asked: object) -> None:
        await anyio.lowlevel.checkpoint()

    async def until_it_may_leave(*asked: object) -> bool:
        await anyio.lowlevel.checkpoint()
        return True

    campaign.pace.until_it_may_leave = until_it_may_leave  # type: ignore[method-assign]
    campaign.pace.leaves = lambda *asked: True  # type: ignore[method-assign]
    campaign.pace.gate = gate  # type: ignore[method-assign]
    campaign.pace.token = token  # type: ignore[method-assign]


def has_no_slots(campaign: Campaign) -> None:
    async def acquire() -> Slot:
        await anyio.lowlevel.checkpoint()
        return Slot()

    campaign.slots.acquire = acquire  # type: ignore[method-assign]
    campaign.slots.take = Slot  # type: ignore[method-assign]
    campaign.slots.release = lambda slot: None  # type: ignore[method-assign]


# --- tracking -------------------------------------------------------------------------------------------


def takes_an_answer_for_an_end(campaign: Campaign) -> None:
    """A call that is going on counts as over."""
    real = campaign.tracker.heard

    def heard(news: CallUpdate, *, by_webhook: bool = False) -> bool:
        return real(
            replace(news, status="ended") if news.status == "ongoing" else news, by_webhook=by_webhook
        )

    campaign.tracker.heard = heard  # type: ignore[method-assign]


def never_listens(campaign: Campaign) -> None:
    async def run(on_error: object) -> None:
        del on_error
        await anyio.sleep_forever()

    campaign.tracker.run = run  # type: ignore[method-assign]


# --- rules ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LawlessScreen(CampaignPolicy):
    def judge(self, open_job: OpenJob, now: float, *facts: object) -> Dial:
        del open_job, now, facts
        return Dial(self.from_numbers[0])


@dataclass(frozen=True, slots=True)
class EagerRedial(RedialPolicy):
    def decide(
        self,
        outcome: Outcome,
        history: tuple[Outcome, ...],
        now: float,
        expires_at: float | None,
        **local: Any,
    ) -> Again | Final:
        after = RedialPolicy.decide(self, outcome, history, now, expires_at, **local)
        return Again(now + 1.0) if isinstance(after, Again) else after


# --- the ledger and the log -----------------------------------------------------------------------------


class SilentLedger(CrashingLedger):
    """Closes jobs without a word."""

    async def finish(self, finish: Finish) -> None:
        await super().finish(replace(finish, lines=finish.lines[:1]))


class MixedUpLedger(CrashingLedger):
    """Writes down another call than the one that was made."""

    async def finish(self, finish: Finish) -> None:
        news = finish.news and replace(finish.news, call_id=CallId(f"{finish.news.call_id}-or-so"))
        await super().finish(replace(finish, news=news))


class GossipingLedger(CrashingLedger):
    """Makes up what the API thinks of a call."""

    async def finish(self, finish: Finish) -> None:
        attempt, news = finish.attempt, finish.news or CallUpdate(CallId("none"), "ended")
        made_up = [analysis_line(attempt, replace(news, analysis={"call_summary": "Nice."}), finish.at)]
        if any(line["kind"] == "analysis" for line in finish.lines):
            made_up = []
        await super().finish(replace(finish, lines=[*finish.lines, *made_up]))


class MiscountingLedger(CrashingLedger):
    """Believes it has read a row more than it has."""

    async def add(
        self, intake_id: IntakeId, campaign_id: CampaignId, jobs: Sequence[CallJob], counts: Any, now: float
    ) -> Any:
        def more(added: Any) -> IntakeCounts:
            counted: IntakeCounts = counts(added)
            return replace(counted, rows=counted.rows + 1)

        return await super().add(intake_id, campaign_id, jobs, more, now)

    async def end_intake(self, intake_id: IntakeId, counts: IntakeCounts) -> None:
        await super().end_intake(intake_id, replace(counts, rows=counts.rows + 1))


class MuteDesk(ClaimContext):
    """Dials without a word on why."""

    def _note(self, *what: Any) -> None:
        pass


class SlipperyDesk(ClaimContext):
    """Begins its record of decisions anew with each claim's transaction, under numbers that go on."""

    def __init__(
        self, conn: sa.Connection, campaign_id: CampaignId, screen: CampaignPolicy, now: float, live: Moment
    ) -> None:
        super().__init__(conn, campaign_id, screen, now, live)
        self._chain = Chain(campaign_id, self._was.decisions, None)


class StutteringSink(ResultSink):
    """Writes its last line twice."""

    def __init__(self, log: JsonlLog) -> None:
        self._log = log

    def last_seq(self) -> int:
        return self._log.last_seq()

    async def append(self, lines: Sequence[ResultLine]) -> None:
        await self._log.append(lines)
        with self._log.path.open("ab") as log:
            log.write(lines[-1].line + b"\n")


class ForgetfulSink(ResultSink):
    """Writes the first lines it is given and no more."""

    def __init__(self, log: JsonlLog) -> None:
        self._log = log
        self._seq = 0

    def last_seq(self) -> int:
        return self._seq

    async def append(self, lines: Sequence[ResultLine]) -> None:
        if self._seq == 0:
            await self._log.append(lines)
        self._seq = lines[-1].seq
