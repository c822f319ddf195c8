"""What the workers on one ledger share: the account's pace and slots, who is alive, who has which attempt.

All of it is read and written under the one lock that every writing transaction takes, so that nothing of it
can change between the look and the commit. Its clock is the server's where there is one, and else the loop's
of the one process that may dial from the file.
"""

from collections.abc import Collection, Mapping
from socket import gethostname
from typing import Any

import sqlalchemy as sa

from dialer import __version__
from dialer.adapters.ledger.drivers.ledger_time import ledger_time
from dialer.adapters.ledger.queue.attempts import stored_attempts
from dialer.adapters.ledger.queue.facts import MAY_BE_LIVE, Moment, moment
from dialer.adapters.ledger.schema.moved import IS_HERE
from dialer.adapters.ledger.schema.tables import (
    IS_OPEN,
    NOT_CLOSED,
    allowance,
    attempt,
    campaign,
    job,
    worker,
)
from dialer.domain.allowance import Allowance
from dialer.domain.breakers import GUARD_S, WINDOW_S
from dialer.domain.calls import Attempt, AttemptId, CallId, CampaignId
from dialer.domain.gates import Hold
from dialer.domain.lifecycle import OPEN_ATTEMPTS, AttemptState, JobState, TakenOver
from dialer.ports.sharing import Limits, SendPermit

CREATES, REFUSED = "creates", "refused"
FULL_LOOK_S = 1.0
"""All slots are taken: somebody tells when one is free, and who misses it looks again after this."""
WAITS, WAITS_S = "waits:", 2 * FULL_LOOK_S
"""A campaign that found no slot free is left one by those that have more, for so long after it asked."""
HOLD_S_MAX = 600.0
"""Longer than the API asks anybody to wait. Who is held for longer is not: the clock was set back."""
REFUSED_KEPT = 60
"""Refused requests whose times are kept: more than may be in a minute."""
FORGOTTEN_S = 86_400.0
"""A worker that is gone for so long is not listed any more."""

RUNS = Hold("`dialer run` works on it")
WAS_RUN = Hold(
    "`dialer run` worked on it and ended before its work was done: the same command goes on with it, or "
    "`dialer resume` leaves it to the service"
)

_LIVE = sa.select(sa.func.count()).select_from(attempt).where(MAY_BE_LIVE)
_UNDER_WAY = (
    sa.select(sa.func.count())
    .select_from(attempt)
    .where(NOT_CLOSED, attempt.c.state.in_([AttemptState.CLAIMED.value, AttemptState.UNCERTAIN.value]))
)
_AT_WORK = (
    sa.select(attempt.c.campaign_id, sa.func.count())
    .where(NOT_CLOSED, attempt.c.campaign_id.in_(sa.bindparam("ids", expanding=True)))
    .group_by(attempt.c.campaign_id)
)
_OF: sa.BindParameter[str] = sa.bindparam("of")
_ALLOWANCE = sa.select(allowance.c.taken, allowance.c.held_until, allowance.c.holder).where(
    allowance.c.name == _OF
)
_WAITING = sa.select(allowance.c.name).where(
    allowance.c.name.like(f"{WAITS}%"),
    allowance.c.held_until > sa.bindparam("now"),
    allowance.c.held_until <= sa.bindparam("until"),
)
_ADD = sa.insert(allowance)
_KEEP = sa.update(allowance).where(allowance.c.name == _OF).values(taken=sa.bindparam("t"))
_HOLD = sa.update(allowance).where(allowance.c.name == _OF).values(held_until=sa.bindparam("until"))
_POST = (
    sa.update(allowance)
    .where(allowance.c.name == _OF)
    .values(held_until=sa.bindparam("until"), holder=sa.bindparam("who"))
)
_BEAT = (
    sa.update(worker)
    .where(worker.c.name == _OF)
    .values(lease_until=sa.bindparam("until"), seen_at=sa.bindparam("seen"))
)
_LEASE = sa.select(worker.c.lease_until).where(worker.c.name == _OF)
_ALIVE = sa.select(worker.c.name).where(worker.c.lease_until > sa.bindparam("now"))
_WHOSE = sa.select(attempt.c.worker, attempt.c.closed_at).where(attempt.c.id == _OF)
_IDS: sa.BindParameter[list[str]] = sa.bindparam("ids", expanding=True)
_TAKE = sa.update(attempt).where(attempt.c.id.in_(_IDS)).values(worker=sa.bindparam("who"))
_SERVED = sa.select(campaign.c.id).where(campaign.c.simulated.is_(sa.false()), IS_HERE)
"""Campaigns whose calls are this account's: rehearsals are not, nor what was moved to another ledger."""
_AT: sa.BindParameter[float] = sa.bindparam("at", type_=sa.Float)
_IS_RUN = sa.exists(
    sa.select(worker.c.name).where(worker.c.name == campaign.c.run_by, worker.c.lease_until > _AT)
)
_LEFT_TO_ALL = _SERVED.where(sa.not_(_IS_RUN))
"""Those of them that no run has to itself, at that time of the ledger."""
_PLACED = sa.select(attempt.c.id).where(NOT_CLOSED, attempt.c.state == AttemptState.PLACED.value)
_IS_DUE = sa.text(
    """(
    WITH RECURSIVE step(priority) AS (
        SELECT max(job.priority) FROM job WHERE job.campaign_id = campaign.id AND job.state = 'open'
        UNION ALL
        SELECT (
            SELECT max(job.priority) FROM job
            WHERE job.campaign_id = campaign.id AND job.state = 'open' AND job.priority < step.priority
        ) FROM step WHERE step.priority IS NOT NULL
    )
    SELECT 1 FROM step WHERE EXISTS (
        SELECT 1 FROM job WHERE job.campaign_id = campaign.id AND job.state = 'open'
        AND job.priority = step.priority AND job.due_at <= :due_by
    ) LIMIT 1
) IS NOT NULL"""
)
"""A campaign has an open job that is due: it steps from one priority to the next lower one, as `claims` does,
so that a campaign that sleeps costs a few look-ups, however many jobs it has."""


def clock(conn: sa.Connection, at: float) -> float:
    """The time that workers share. `at`: the loop's, when this was asked for."""
    return ledger_time(conn) if conn.dialect.name == "postgresql" else at


class Places:
    """The places that the account has left, in one transaction."""

    def __init__(self, conn: sa.Connection, limits: Limits, now: float) -> None:
        """`now`: the wall clock's, as attempts have it."""
        self._conn = conn
        self._limits = limits
        at = limits.clock()  # before the ledger's is asked for: what is counted from it is never too long
        self.at = self._clock = clock(conn, at)
        self.leaves_by = at + limits.guard_s / 2
        """The loop's time by which a request has to leave in a place that is taken here."""
        row = _row(conn, CREATES)
        self._held_s = _held_s(row.held_until, self._clock)
        self._creates = _seen(conn, CREATES, _creates(limits, row.taken), self._clock)
        self.live = _moment(conn, now, self._clock, limits.call_max_s)
        self._free = limits.slots - _count_live(conn, self.live)
        self._kept = 0
        """Left to campaigns that wait and ask in another transaction."""
        self._refusals_wait_s = 0.0
        if limits.refused_max:
            self._look_at_refusals(now)

    @property
    def left(self) -> int:
        """Calls that may begin now."""
        return 0 if self._held_s > 0.0 else max(0, min(self._free - self._kept, self._creates.room))

    @property
    def wait_s(self) -> float:
        """Seconds until it is worth asking again, where none is left."""
        pace_s: float = max(self._held_s, self._creates.next_at(self._clock) - self._clock)
        pace_s = max(pace_s, self._refusals_wait_s)
        return pace_s if self._free > self._kept else max(pace_s, FULL_LOOK_S)

    def elsewhere(self, run_by: str | None) -> Hold | None:
        """Whether a campaign is another process's alone. `run_by`: the worker of the run that has it."""
        if run_by is None or run_by == self._limits.worker:
            return None
        lease_until = self._conn.execute(_LEASE, {"of": run_by}).scalar_one_or_none()
        return RUNS if lease_until is not None and lease_until > self._clock else WAS_RUN

    @property
    def why(self) -> str | None:
        """What there is none for, if it is neither pace nor slots."""
        if not self._refusals_wait_s:
            return None
        return "too many requests were refused within a minute, in all campaigns, and the API blocks at 60"

    def _look_at_refusals(self, now: float) -> None:
        """What was refused in the last minute, and what is under way and may be, leaves so much room."""
        now = clock(self._conn, now)
        refused = _refused(self._limits.refused_max, _row(self._conn, REFUSED).taken).seen_at(now)
        if not refused.taken:
            return
        if not refused.room:
            self._refusals_wait_s = refused.next_at(now) - now
        self._free = min(self._free, refused.room - self._conn.execute(_UNDER_WAY).scalar_one())

    def shares(self, wanted: Mapping[CampaignId, int]) -> dict[CampaignId, int]:
        """How many each campaign gets of what it wants.

        Where they are too few, each goes to the campaign with the fewest attempts under way, so that none
        waits until another has called everybody. One that waits in another process is left one, too.
        """
        left, all_wanted = self.left, sum(wanted.values())
        waiting = self._waiting(wanted) if 0 < left <= all_wanted else []
        if not waiting and (len(wanted) == 1 or left >= all_wanted):
            return {campaign_id: min(number, left) for campaign_id, number in wanted.items()}
        asked = {**wanted, **dict.fromkeys(waiting, 1)}
        under_way = dict.fromkeys(asked, 0)
        for campaign_id, number in self._conn.execute(_AT_WORK, {"ids": [*asked]}):
            under_way[campaign_id] = number
        shares = dict.fromkeys(asked, 0)
        for _ in range(left):
            unserved = [campaign_id for campaign_id in asked if shares[campaign_id] < asked[campaign_id]]
            shares[min(unserved, key=lambda each: under_way[each] + shares[each])] += 1
        self._kept = sum(shares[campaign_id] for campaign_id in waiting)
        return {campaign_id: shares[campaign_id] for campaign_id in wanted}

    def _waiting(self, wanted: Mapping[CampaignId, int]) -> list[CampaignId]:
        """Campaigns that found no slot free a moment ago. What waits for the pace comes by itself."""
        if self._free > self._creates.room:
            return []
        times = {"now": self._clock, "until": self._clock + WAITS_S}
        found = [CampaignId(int(row[0].removeprefix(WAITS))) for row in self._conn.execute(_WAITING, times)]
        return [campaign_id for campaign_id in found if campaign_id not in wanted]

    def waits(self, campaign_id: CampaignId) -> None:
        """It was left none. If that is for want of slots, others are to know."""
        if self._free > self._kept:
            return
        name = f"{WAITS}{campaign_id}"
        until = _row(self._conn, name).held_until
        if not self._clock + FULL_LOOK_S < until <= self._clock + WAITS_S:
            self._conn.execute(_HOLD, {"of": name, "until": self._clock + WAITS_S})

    def take(self, number: int) -> None:
        """So many of them are used."""
        if number:
            self._free -= number
            self._creates = self._creates.take(number, self._clock)
            self._conn.execute(_KEEP, {"of": CREATES, "t": self._creates.packed()})


def place(conn: sa.Connection, made: Attempt, limits: Limits) -> SendPermit:
    """See `sharing.Sharing`. Slots are not asked: the attempt has one."""
    whose, closed_at = conn.execute(_WHOSE, {"of": made.id}).one()
    if whose != made.worker or closed_at is not None:
        raise TakenOver(f"attempt {made.id} is another worker's by now")
    at = limits.clock()
    now = clock(conn, at)
    row = _row(conn, CREATES)
    creates = _seen(conn, CREATES, _creates(limits, row.taken), now)
    if made.place_at is not None:
        creates = creates.give_back(made.place_at)
    wait_s: float = max(_held_s(row.held_until, now), 0.0 if creates.room else creates.next_at(now) - now)
    if wait_s > 0.0:
        return SendPermit(None, wait_s)
    conn.execute(_KEEP, {"of": CREATES, "t": creates.take(1, now).packed()})
    return SendPermit(at + limits.guard_s / 2, at=now)


def note_refused(conn: sa.Connection, number: int, at: float) -> None:
    """So many requests were refused. `at`: Unix seconds; a server's own clock goes before it."""
    if number:
        now = clock(conn, at)
        known = _refused(REFUSED_KEPT, _row(conn, REFUSED).taken).seen_at(now).take(number, now)
        conn.execute(_KEEP, {"of": REFUSED, "t": known.packed()[-8 * REFUSED_KEPT :]})


def allow(conn: sa.Connection, name: str, per_period: int, period_s: float, at: float) -> float:
    """See `sharing.Sharing`."""
    now = clock(conn, at)
    known = _seen(conn, name, Allowance.unpacked(per_period, period_s, _row(conn, name).taken), now)
    if not known.room:
        return known.next_at(now) - now
    conn.execute(_KEEP, {"of": name, "t": known.take(1, now).packed()})
    return 0.0


def hold(conn: sa.Connection, wait_s: float, at: float) -> None:
    """See `sharing.Sharing`."""
    now = clock(conn, at)
    until = now + min(wait_s, HOLD_S_MAX)
    if until > now + _held_s(_row(conn, CREATES).held_until, now):
        conn.execute(_HOLD, {"of": CREATES, "until": until})


def lead(conn: sa.Connection, post: str, who: str, lease_s: float, at: float) -> bool:
    """See `sharing.Sharing`."""
    now, row = clock(conn, at), _row(conn, post)
    # from a file only one process dials: whoever held it is gone. And who holds it for longer than anybody
    # may does so by a clock that was set back since
    is_held = conn.dialect.name == "postgresql" and now < row.held_until <= now + lease_s
    if is_held and row.holder != who:
        return False
    conn.execute(_POST, {"of": post, "until": now + lease_s, "who": who})
    return True


def beat(conn: sa.Connection, who: str, lease_s: float, at: float, now: float) -> None:
    """See `sharing.Sharing`."""
    until = clock(conn, at) + lease_s
    if not conn.execute(_BEAT, {"of": who, "until": until, "seen": now}).rowcount:
        conn.execute(sa.delete(worker).where(worker.c.lease_until < until - FORGOTTEN_S))
        me = {"name": who, "host": gethostname(), "version": __version__}
        conn.execute(sa.insert(worker).values(**me, lease_until=until, since=now, seen_at=now))


def adopt(conn: sa.Connection, who: str, at: float, rows_max: int, like: CampaignId | None) -> list[Attempt]:
    """See `sharing.Sharing`. Placed attempts go with the others: whoever is told of their end closes them."""
    wanted = sa.select(attempt.c.id).where(
        NOT_CLOSED, attempt.c.worker.is_distinct_from(who), attempt.c.campaign_id.in_(_SERVED)
    )
    if like is not None:
        wanted = wanted.where(attempt.c.campaign_id == like)
    if conn.dialect.name == "postgresql":  # from a file only one process dials: any other is gone
        alive = [name for (name,) in conn.execute(_ALIVE, {"now": clock(conn, at)})]
        wanted = wanted.where(sa.or_(attempt.c.worker.is_(None), attempt.c.worker.not_in(alive)))
    ids = [row[0] for row in conn.execute(wanted.order_by(attempt.c.claimed_at).limit(rows_max))]
    if not ids:
        return []
    conn.execute(_TAKE, {"ids": ids, "who": who})
    return stored_attempts(conn, attempt.c.id.in_(ids))


def take_campaign(conn: sa.Connection, campaign_id: CampaignId, who: str, at: float) -> list[Attempt]:
    """See `sharing.Sharing`."""
    mine = campaign.c.id == campaign_id
    was: str | None = conn.execute(sa.select(campaign.c.run_by).where(mine)).scalar_one()
    conn.execute(sa.update(campaign).where(mine).values(run_by=who))
    if was is not None:
        conn.execute(sa.update(worker).where(worker.c.name == was).values(lease_until=clock(conn, at)))
    left = NOT_CLOSED & (attempt.c.campaign_id == campaign_id)
    wanted = sa.select(attempt.c.id).where(left, sa.or_(attempt.c.worker.is_(None), attempt.c.worker == was))
    ids = [row[0] for row in conn.execute(wanted)]
    if not ids:
        return []
    conn.execute(_TAKE, {"ids": ids, "who": who})
    return stored_attempts(conn, attempt.c.id.in_(ids))


def leave_campaign(conn: sa.Connection, campaign_id: CampaignId, who: str) -> None:
    """See `sharing.Sharing`."""
    states = [JobState.OPEN.value, JobState.BUSY.value]
    has_jobs = sa.exists(sa.select(job.c.id).where(job.c.campaign_id == campaign_id, job.c.state.in_(states)))
    mine = sa.and_(campaign.c.id == campaign_id, campaign.c.run_by == who, sa.not_(has_jobs))
    conn.execute(sa.update(campaign).where(mine).values(run_by=None))


def others_at_work(conn: sa.Connection, campaign_id: CampaignId, who: str) -> int:
    """See `sharing.Sharing`."""
    wanted = sa.select(sa.func.count()).select_from(attempt)
    others = attempt.c.worker.is_distinct_from(who)
    states = attempt.c.state.in_(sorted(state.value for state in OPEN_ATTEMPTS))
    wanted = wanted.where(NOT_CLOSED, states, others, attempt.c.campaign_id == campaign_id)
    count: int = conn.execute(wanted).scalar_one()
    return count


def release_campaign(conn: sa.Connection, campaign_id: CampaignId) -> bool:
    """Leave it to the service, unless the run that has it is alive; whether there was one that is not."""
    was = sa.select(campaign.c.run_by).where(campaign.c.id == campaign_id)
    run_by: str | None = conn.execute(was).scalar_one()
    if run_by is None:
        return False
    lease_until = conn.execute(_LEASE, {"of": run_by}).scalar_one_or_none()
    if lease_until is not None and lease_until > clock(conn, lease_until):
        return False
    conn.execute(sa.update(campaign).where(campaign.c.id == campaign_id).values(run_by=None))
    return True


def live_calls(conn: sa.Connection, call_max_s: float, now: float, at: float) -> int:
    """See `sharing.Sharing`. `at`: the loop's time."""
    return _count_live(conn, _moment(conn, now, clock(conn, at), call_max_s))


def placed_beside(
    conn: sa.Connection, known: Collection[AttemptId], like: CampaignId | None, at: float
) -> list[Attempt]:
    """See `sharing.Sharing`."""
    if like is None:
        wanted = _PLACED.where(attempt.c.campaign_id.in_(_LEFT_TO_ALL)).params(at=clock(conn, at))
    else:
        wanted = _PLACED.where(attempt.c.campaign_id == like)
    ids = [row[0] for row in conn.execute(wanted) if row[0] not in known]
    return stored_attempts(conn, attempt.c.id.in_(ids)) if ids else []


def placed_call(conn: sa.Connection, call_id: CallId, at: float) -> Attempt | None:
    """See `sharing.Sharing`."""
    wanted = _PLACED.where(attempt.c.call_id == call_id, attempt.c.campaign_id.in_(_LEFT_TO_ALL))
    ids = [row[0] for row in conn.execute(wanted, {"at": clock(conn, at)})]
    return next(iter(stored_attempts(conn, attempt.c.id.in_(ids))), None) if ids else None


def campaigns_at_work(conn: sa.Connection, due_by: float, at: float) -> dict[str, CampaignId]:
    """See `sharing.Sharing`."""
    mine = job.c.campaign_id == campaign.c.id
    has_jobs = sa.exists(sa.select(job.c.id).where(mine, IS_OPEN))
    has_attempts = sa.exists(
        sa.select(attempt.c.id).where(attempt.c.campaign_id == campaign.c.id, NOT_CLOSED)
    )
    is_cancelled = campaign.c.cancelled_at.is_not(None)
    known = sa.select(campaign.c.name, campaign.c.id).where(
        campaign.c.id.in_(_LEFT_TO_ALL),
        sa.or_(_IS_DUE, sa.and_(has_jobs, is_cancelled), sa.and_(has_attempts, sa.not_(is_cancelled))),
    )
    rows = conn.execute(known.order_by(campaign.c.id), {"due_by": due_by, "at": clock(conn, at)})
    return {row[0]: CampaignId(row[1]) for row in rows}


def open_jobs(conn: sa.Connection) -> int:
    """See `sharing.Sharing`."""
    count: int = conn.execute(sa.select(sa.func.count()).select_from(job).where(IS_OPEN)).scalar_one()
    return count


def campaign_name(conn: sa.Connection, campaign_id: CampaignId) -> str:
    """See `sharing.Sharing`."""
    name: str = conn.execute(sa.select(campaign.c.name).where(campaign.c.id == campaign_id)).scalar_one()
    return name


def _moment(conn: sa.Connection, now: float, at: float, call_max_s: float) -> Moment:
    time = at if conn.dialect.name == "postgresql" else ledger_time(conn)  # a server has one clock
    return moment(time, now, at, call_max_s)


def _count_live(conn: sa.Connection, live: Moment) -> int:
    count: int = conn.execute(_LIVE, live.values).scalar_one()
    return count


def _refused(most: int, taken: bytes) -> Allowance:
    return Allowance.unpacked(most, WINDOW_S + GUARD_S, taken)


def _creates(limits: Limits, taken: bytes) -> Allowance:
    per_period = max(1, -int(-limits.cps // 1))
    return Allowance.unpacked(per_period, per_period / limits.cps + limits.guard_s, taken)


def _seen(conn: sa.Connection, name: str, known: Allowance, now: float) -> Allowance:
    """What still counts. Where the clock was set back (a loop's begins anew with its machine) the log says so
    from now on, else nobody would be let through until it is as late again."""
    seen = known.seen_at(now)
    if known.taken and known.taken[-1] > now:
        conn.execute(_KEEP, {"of": name, "t": seen.packed()})
    return seen


def _held_s(held_until: float, now: float) -> float:
    left_s = held_until - now
    return left_s if 0.0 < left_s <= HOLD_S_MAX else 0.0


def _row(conn: sa.Connection, name: str) -> Any:
    """What is known of it; made if there is none yet."""
    row = conn.execute(_ALLOWANCE, {"of": name}).one_or_none()
    if row is None:
        conn.execute(_ADD, {"name": name, "taken": b"", "held_until": 0.0, "holder": None})
        row = conn.execute(_ALLOWANCE, {"of": name}).one()
    return row
