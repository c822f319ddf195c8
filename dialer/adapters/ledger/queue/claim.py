"""Claiming: the next jobs that the screen lets through, written ahead as attempts in the same transaction."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

import sqlalchemy as sa

from dialer.adapters.ledger.drivers.ledger_time import ledger_time
from dialer.adapters.ledger.drivers.statements import Statement, Values
from dialer.adapters.ledger.queue.account_limits import RUNS, Places
from dialer.adapters.ledger.queue.claim_context import ClaimContext
from dialer.adapters.ledger.queue.facts import moment
from dialer.adapters.ledger.queue.result_lines import append_lines
from dialer.adapters.ledger.schema.rows import JOB_COLUMNS, open_job
from dialer.adapters.ledger.schema.tables import IS_OPEN, attempt, job
from dialer.domain.calls import Attempt, CampaignId, OpenJob
from dialer.domain.gates import Hold, Stop
from dialer.domain.lifecycle import AttemptState, JobState, check_job
from dialer.domain.results import job_line
from dialer.domain.screening import Dial, Drop, Wait
from dialer.domain.waiting import kept
from dialer.ports.engine import ClaimRequest, NothingDue

CLAIM_ROWS_MAX = 500
"""Jobs that one claim looks at before it commits what it has found; the next claim goes on from there."""
WAIT_MIN_S = 1.0
"""A rule that holds a job but names no later time is asked again after this."""
PLACE_WAIT_MIN_S = 1e-6
"""What the wall clock can tell from now."""
HELD_LOOK_S = 30.0
"""A campaign that is held for an unknown time is looked at again after this."""

_C: sa.BindParameter[int] = sa.bindparam("c")
_NOW: sa.BindParameter[float] = sa.bindparam("now")
_N: sa.BindParameter[int] = sa.bindparam("n")
_MINE = sa.and_(job.c.campaign_id == _C, IS_OPEN)


def _priorities() -> sa.Subquery:
    """The priorities that open jobs have, each with its first due time.

    It steps through the index from one priority to the next lower one: a few look-ups, however many jobs.
    """
    highest = sa.select(sa.func.max(job.c.priority)).where(_MINE)
    top = sa.select(highest.scalar_subquery().label("priority")).cte("step", recursive=True)
    lower = highest.where(job.c.priority < top.c.priority).scalar_subquery()
    step = top.union_all(sa.select(lower).where(top.c.priority.is_not(None)))
    first = sa.select(sa.func.min(job.c.due_at)).where(_MINE, job.c.priority == step.c.priority)
    return (
        sa.select(step.c.priority, first.scalar_subquery().label("due_at"))
        .where(step.c.priority.is_not(None))
        .subquery()
    )


_PRIORITIES = _priorities()
_HIGHEST_DUE = Statement(
    sa.select(sa.func.max(_PRIORITIES.c.priority)).where(_PRIORITIES.c.due_at <= _NOW), "c", "now"
)
_NEXT_DUE = Statement(sa.select(sa.func.min(_PRIORITIES.c.due_at)), "c")
_DUE = Statement(
    sa.select(*JOB_COLUMNS)
    .where(_MINE, job.c.priority == sa.bindparam("p"), job.c.due_at <= _NOW)
    .order_by(job.c.due_at, job.c.id)
    .limit(_N),
    *("c", "p", "now", "n"),
)
_INSERT_ATTEMPT = Statement(
    sa.insert(attempt),
    *("id", "campaign_id", "job_id", "number", "state", "from_number", "body", "claimed_at", "last_sent_at"),
    *("to_number", "agent_id", "reserved_cents", "worker", "live_until"),
)
_BUSY = Statement(
    sa.update(job)
    .where(job.c.id.in_(sa.bindparam("ids", expanding=True)))
    .values(state=JobState.BUSY.value, claims=job.c.claims + 1),
    listed="ids",
)
_LATER = Statement(
    sa.update(job)
    .where(job.c.id == sa.bindparam("j"))
    .values(due_at=sa.bindparam("until"), waits=sa.bindparam("w")),
    *("until", "w", "j"),
)
_DROP = Statement(
    sa.update(job)
    .where(job.c.id == sa.bindparam("j"))
    .values(state=sa.bindparam("s"), outcome=sa.bindparam("s"), closed_at=sa.bindparam("at")),
    *("s", "at", "j"),
)


def claim_many(conn: sa.Connection, requests: Sequence[ClaimRequest]) -> list[Attempt | NothingDue]:
    """One answer per request, in order."""
    answers: dict[int, Attempt | NothingDue] = {}
    places = _places(conn, requests)
    by_campaign: dict[CampaignId, list[int]] = defaultdict(list)
    for index, request in enumerate(requests):
        by_campaign[request.campaign_id].append(index)
    wanted = {campaign_id: len(indexes) for campaign_id, indexes in by_campaign.items()}
    rooms = wanted if places is None else places.shares(wanted)
    claims: list[tuple[list[int], _Claim]] = []
    for campaign_id, indexes in by_campaign.items():
        claim = _Claim(conn, campaign_id, [requests[i] for i in indexes], places, rooms[campaign_id])
        claim.run()
        claims.append((indexes, claim))
    for indexes, claim in claims:  # by now it is known which places are left
        answers.update(zip(indexes, claim.claimed, strict=False))
        if len(claim.claimed) < len(indexes):
            nothing = claim.nothing()
            answers.update((index, nothing) for index in indexes[len(claim.claimed) :])
    return [answers[index] for index in range(len(requests))]


def _places(conn: sa.Connection, requests: Sequence[ClaimRequest]) -> Places | None:
    """What the account has left for all of them; None: they need not share it."""
    limits = requests[-1].limits
    return None if limits is None else Places(conn, limits, max(request.now for request in requests))


def next_due(conn: sa.Connection, campaign_id: CampaignId) -> float | None:
    """When the campaign's next open job is due; None if none is open."""
    due_at: float | None = _NEXT_DUE.run(conn, campaign_id)[0][0]
    return due_at


class _Claim:
    """What the free places of one campaign get, all in the caller's transaction."""

    def __init__(
        self,
        conn: sa.Connection,
        campaign_id: CampaignId,
        requests: list[ClaimRequest],
        places: Places | None,
        room: int,
    ) -> None:
        """`room`: how many of the requests may get a job."""
        self._conn = conn
        self._id = campaign_id
        self._places = places
        self._requests = requests
        self._room = room
        self._now = max(request.now for request in requests)
        # under rules that another request of the group has newer, nobody is judged
        newest = max((request.screen for request in requests), key=lambda screen: screen.version)
        self._live = moment(ledger_time(conn), self._now) if places is None else places.live
        self._desk = ClaimContext(conn, campaign_id, newest, self._now, self._live)
        self._seen = 0
        self._held: Hold | Stop | None = None
        self.claimed: list[Attempt] = []

    def run(self) -> None:
        """Take one job after the other while there is a place, and nothing holds all of them."""
        in_vain = 0
        if not self._room:
            self._is_held()  # what holds the campaign is no other for want of a place
        while len(self.claimed) < self._room and self._seen < CLAIM_ROWS_MAX and not self._is_held():
            ((priority,),) = _HIGHEST_DUE.run(self._conn, self._id, self._now)
            if priority is None:
                break
            places = self._room - len(self.claimed)
            room = min(places + in_vain, CLAIM_ROWS_MAX - self._seen)
            rows = _DUE.run(self._conn, self._id, priority, self._now, room)
            seen, claimed = self._seen, len(self.claimed)
            self._screen([open_job(row) for row in rows])
            # where many wait there may be more of them: twice as many are read next
            in_vain = 2 * (self._seen - seen - (len(self.claimed) - claimed))
        if self._held is not None and next_due(self._conn, self._id) is None:
            self._held = None  # nobody is left whom it could hold
        if self._held is not RUNS:  # what holds the campaign itself is for the run to say
            self._desk.keep(self._held)
        if self._places is not None:
            self._places.take(len(self.claimed))

    def nothing(self) -> NothingDue:
        """Why the places that are left got no job, and when to ask again."""
        due_at = next_due(self._conn, self._id)
        if due_at is None:
            return NothingDue(None)
        match self._held:
            case Stop():
                return NothingDue(due_at, stop=self._held)
            case Hold(why, until):
                until = self._now + HELD_LOOK_S if until is None else until
                if until <= self._now:  # else it would be asked in a circle
                    until = self._now + WAIT_MIN_S
                busy = self._desk.is_busy
                return NothingDue(max(due_at, until), held=None if busy else why, busy=busy)
        if self._places is not None and not self._places.left and due_at <= self._now:
            self._places.waits(self._id)
            look_at, no_place = self._now + max(PLACE_WAIT_MIN_S, self._places.wait_s), self._places.why
            return NothingDue(look_at, held=no_place, busy=no_place is None)
        return NothingDue(self._now if self._seen >= CLAIM_ROWS_MAX else due_at)

    def _is_held(self) -> bool:
        elsewhere = None if self._places is None else self._places.elsewhere(self._desk.run_by)
        passed = elsewhere or self._desk.gate()
        self._held = passed if isinstance(passed, Hold | Stop) else None
        return self._held is not None

    def _screen(self, jobs: list[OpenJob]) -> None:
        """Judge each job once, and carry the verdicts out."""
        made: list[Attempt] = []
        later: list[Values] = []
        dropped: list[tuple[OpenJob, Drop]] = []
        self._desk.look_at(jobs)
        for candidate in jobs:
            passed = self._desk.gate()
            if isinstance(passed, Hold | Stop) or len(self.claimed) + len(made) == self._room:
                break
            self._seen += 1
            match self._desk.judge(candidate):
                case Dial() as dial:
                    request = self._requests[len(self.claimed) + len(made)]
                    if rung_at := self._desk.rung_at(candidate):
                        candidate = replace(candidate, rung_at=rung_at)
                    cents = self._desk.dialled(candidate, dial, request.attempt_id, passed)
                    made.append(_attempt(candidate, request, dial, cents, self._now, self._places))
                case Wait(until) as wait:
                    later_at = until if until > self._now else self._now + WAIT_MIN_S
                    later.append((later_at, kept(wait), candidate.id))
                case Drop() as drop:
                    check_job(JobState.OPEN, drop.state)
                    dropped.append((candidate, drop))
                case verdict:
                    assert_never(verdict)
        if made:
            _INSERT_ATTEMPT.run_many(self._conn, self._written_ahead(made))
            _BUSY.run(self._conn, [each.job.id for each in made])
        _LATER.run_many(self._conn, later)
        if dropped:
            close_jobs(self._conn, dropped, self._now)
        self.claimed += made

    def _written_ahead(self, made: Sequence[Attempt]) -> list[Values]:
        requests = self._requests[len(self.claimed) :]
        return [
            _attempt_values(each, self._live.time + request.call_max_s)
            for each, request in zip(made, requests, strict=False)
        ]


def _attempt(
    candidate: OpenJob,
    request: ClaimRequest,
    dial: Dial,
    reserved_cents: float | None,
    now: float,
    places: Places | None,
) -> Attempt:
    content = candidate.job.content
    if dial.agent is not None and content.agent_id is None:
        content = replace(content, agent_id=dial.agent.agent_id, agent_version=dial.agent.agent_version)
        candidate = replace(candidate, job=replace(candidate.job, content=content))
    return Attempt(
        id=request.attempt_id,
        job=candidate,
        number=candidate.claims + 1,
        state=AttemptState.CLAIMED,
        from_number=dial.from_number,
        body=request.encode(candidate.job, request.attempt_id, dial.from_number),
        claimed_at=now,
        last_sent_at=now,
        agent_id=content.agent_id,
        reserved_cents=reserved_cents,
        worker=None if request.limits is None else request.limits.worker,
        leaves_by=None if places is None else places.leaves_by,
        place_at=None if places is None else places.at,
    )


def _attempt_values(made: Attempt, live_until: float) -> Values:
    return (
        made.id,
        made.job.campaign_id,
        made.job.id,
        made.number,
        made.state.value,
        made.from_number,
        made.body,
        made.claimed_at,
        made.last_sent_at,
        made.job.job.to_number,
        made.agent_id,
        made.reserved_cents,
        made.worker,
        live_until,
    )


def close_jobs(conn: sa.Connection, dropped: list[tuple[OpenJob, Drop]], now: float) -> None:
    """Close open jobs that nobody will dial, with their result lines."""
    _DROP.run_many(conn, [(drop.state.value, now, each.id) for each, drop in dropped])
    append_lines(
        conn,
        (
            (
                each.campaign_id,
                each.id,
                job_line(each, drop.state, None, each.claims, None, now, drop.reason),
            )
            for each, drop in dropped
        ),
    )
