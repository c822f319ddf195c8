"""Campaigns, and what operators do to them; each act is recorded with who, when and why."""

import json
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from dialer.adapters.ledger.queue.account_limits import release_campaign
from dialer.adapters.ledger.queue.claim import close_jobs
from dialer.adapters.ledger.schema.moved import refuse_all_moved, refuse_moved
from dialer.adapters.ledger.schema.rows import JOB_COLUMNS, open_job
from dialer.adapters.ledger.schema.tables import IS_OPEN, campaign, job, line, operation, suppressed
from dialer.domain.breakers import CampaignBreaker, LineBreaker
from dialer.domain.calls import CampaignId
from dialer.domain.errors import BadInput
from dialer.domain.lifecycle import JobState
from dialer.domain.screening import Drop
from dialer.domain.spellings import spellings
from dialer.domain.suppression import Suppressed
from dialer.domain.texts import campaign_fault, printable
from dialer.ports.engine import Control, Operation

CANCEL_ROWS_MAX = 1000
"""Jobs that are cancelled in one transaction, so that nobody waits long for it."""

_C: sa.BindParameter[int] = sa.bindparam("c")
_IDS: sa.BindParameter[Collection[int]] = sa.bindparam("ids", expanding=True)
_CONTROLS = sa.select(
    campaign.c.id,
    campaign.c.version,
    campaign.c.changes,
    campaign.c.paused,
    campaign.c.cancelled_at,
    campaign.c.held,
    campaign.c.breaker,
    campaign.c.run_by,
).where(campaign.c.id.in_(_IDS))
_RESTING_LINES = sa.select(line.c.from_number, line.c.breaker).where(line.c.breaker.is_not(None))
_OPEN = sa.select(*JOB_COLUMNS).where(job.c.campaign_id == _C, IS_OPEN).limit(CANCEL_ROWS_MAX)


def open_campaign(conn: sa.Connection, name: str, now: float, *, simulated: bool) -> CampaignId:
    """The campaign of this name, created if there is none. What stopped it before is forgotten.

    Raises `BadInput` if no campaign can have this name, if it is there but simulated when this one is not, or
    the other way round, or if it or all that there was is in another ledger by now (`MovedAway`).
    """
    campaign_id = campaign_named(conn, name, now, simulated=simulated)
    _forget_stop(conn, campaign_id, now)
    return campaign_id


def campaign_named(conn: sa.Connection, name: str, now: float, *, simulated: bool) -> CampaignId:
    """As `open_campaign`, but nothing is forgotten: it is no start."""
    known = conn.execute(
        sa.select(campaign.c.id, campaign.c.simulated).where(campaign.c.name == name)
    ).one_or_none()
    if known is None:
        fault = campaign_fault(name)
        if fault is not None:
            raise BadInput(f"campaign {printable(name)!r} {fault}")
        refuse_all_moved(conn)
        values = {"name": name, "created_at": now, "simulated": simulated}
        insert = sa.insert(campaign).values(**values).returning(campaign.c.id)
        return CampaignId(conn.execute(insert).scalar_one())
    if known.simulated != simulated:
        was = "simulated" if known.simulated else "for real"
        raise BadInput(
            f"campaign {name} of this ledger was {was}: give this one another --campaign or --ledger"
        )
    refuse_moved(conn, known.id)
    return CampaignId(known.id)


def control(conn: sa.Connection, campaign_id: CampaignId) -> Control:
    """What operators want of the campaign now."""
    return controls(conn, [campaign_id])[campaign_id]


def controls(conn: sa.Connection, campaign_ids: Collection[CampaignId]) -> dict[CampaignId, Control]:
    """The same of many."""
    rows = conn.execute(_CONTROLS, {"ids": list(campaign_ids)})
    return {CampaignId(row.id): _control(row) for row in rows}


def _control(row: Any) -> Control:
    stopped = None if row.breaker is None else CampaignBreaker.from_text(row.breaker).stop
    changes = json.loads(row.changes)
    return Control(
        row.version, changes, row.paused, row.cancelled_at is not None, row.held, stopped, row.run_by
    )


def pause(conn: sa.Connection, campaign_id: CampaignId, by: Operation) -> None:
    """Claim nothing until `resume`; calls under way go on. What is paused stays as it is, with its reason."""
    _refuse_cancelled(conn, campaign_id)
    if control(conn, campaign_id).paused is not None:
        return
    _set(conn, campaign_id, paused=f"paused by {by.who}" + (f": {by.reason}" if by.reason else ""))
    _record(conn, "pause", by, campaign_id=campaign_id)


def resume(conn: sa.Connection, campaign_id: CampaignId, by: Operation) -> None:
    """Take `pause` back, and what a rule has stopped the campaign for: somebody has seen to it.

    What a run has left before its end is left to the service.
    """
    _refuse_cancelled(conn, campaign_id)
    release_campaign(conn, campaign_id)
    _set(conn, campaign_id, paused=None)
    _forget_stop(conn, campaign_id, by.at)
    _record(conn, "resume", by, campaign_id=campaign_id)


def cancel(conn: sa.Connection, campaign_id: CampaignId, by: Operation) -> None:
    """Never claim anything again. The jobs are closed by `cancel_some`."""
    refuse_moved(conn, campaign_id)
    if not control(conn, campaign_id).cancelled:
        _set(conn, campaign_id, cancelled_at=by.at)
        _record(conn, "cancel", by, campaign_id=campaign_id)


def cancel_some(conn: sa.Connection, campaign_id: CampaignId, now: float) -> int:
    """Close some open jobs of a cancelled campaign; how many that were. Of another one none."""
    if not control(conn, campaign_id).cancelled:
        return 0
    jobs = [open_job(row) for row in conn.execute(_OPEN, {"c": campaign_id})]
    drop = Drop(JobState.CANCELLED, "the campaign was cancelled")
    if jobs:
        close_jobs(conn, [(each, drop) for each in jobs], now)
    return len(jobs)


def change(
    conn: sa.Connection,
    campaign_id: CampaignId,
    changes: Mapping[str, Any],
    by: Operation,
    *,
    unset: Collection[str] = (),
) -> None:
    """Settings that hold from now on for this campaign, instead of the configured ones, but for `unset`."""
    _refuse_cancelled(conn, campaign_id)
    known = control(conn, campaign_id)
    kept = {name: value for name, value in known.changes.items() if name not in unset}
    text = json.dumps({**kept, **changes}, sort_keys=True)
    _set(conn, campaign_id, changes=text, version=known.version + 1)
    if unset:
        _record(conn, "unset", by, campaign_id=campaign_id, detail=", ".join(unset))
    if changes or not unset:
        detail = json.dumps(dict(changes), sort_keys=True)
        _record(conn, "set", by, campaign_id=campaign_id, detail=detail)


def suppress(conn: sa.Connection, said: Suppressed, by: Operation) -> bool:
    """Never call this number again, in any campaign. False: it was suppressed already."""
    if suppressed_number(conn, said.number) is not None:
        return False
    values = {"number": said.number, "source": said.source, "reason": said.reason, "at": said.at}
    conn.execute(sa.insert(suppressed).values(**values))
    _record(conn, "dnc add", by, number=said.number, detail=said.source)
    return True


def unsuppress(conn: sa.Connection, number: str, by: Operation) -> None:
    """It may be called again. Raises `BadInput` if it was not suppressed."""
    said = suppressed_number(conn, number)
    if said is None:
        raise BadInput("this number is not on the ledger's do-not-call list: `dialer dnc list` shows it")
    conn.execute(sa.delete(suppressed).where(suppressed.c.number.in_(spellings(number))))
    _record(conn, "dnc remove", by, number=number, detail=f"{said.source}: {said.reason}")


def suppressed_number(conn: sa.Connection, number: str) -> Suppressed | None:
    """What is known of a number on the list, or of what it was before its numbering plan changed."""
    row = conn.execute(sa.select(suppressed).where(suppressed.c.number.in_(spellings(number)))).first()
    return None if row is None else Suppressed(row.number, row.source, row.reason, row.at)


def suppressed_after(conn: sa.Connection, number: str, rows_max: int) -> list[Suppressed]:
    """The list, in the order of its numbers, from behind this one on."""
    wanted = sa.select(suppressed).where(suppressed.c.number > number).order_by(suppressed.c.number)
    rows = conn.execute(wanted.limit(rows_max))
    return [Suppressed(row.number, row.source, row.reason, row.at) for row in rows]


def operations(
    conn: sa.Connection, campaign_id: CampaignId | None = None, number: str | None = None
) -> list[tuple[str, Operation, str]]:
    """What was done to a campaign, or to a number, oldest first: command, by whom, detail."""
    wanted = sa.select(operation).order_by(operation.c.id)
    if campaign_id is not None:
        wanted = wanted.where(operation.c.campaign_id == campaign_id)
    if number is not None:
        wanted = wanted.where(operation.c.number == number)
    return [(row.command, Operation(row.who, row.at, row.reason), row.detail) for row in conn.execute(wanted)]


def _refuse_cancelled(conn: sa.Connection, campaign_id: CampaignId) -> None:
    refuse_moved(conn, campaign_id)
    if control(conn, campaign_id).cancelled:
        raise BadInput("the campaign was cancelled: begin another one")


def _forget_stop(conn: sa.Connection, campaign_id: CampaignId, now: float) -> None:
    """Somebody has seen to it; also to the lines that the API did not take, whichever campaign used them."""
    breaker = conn.execute(sa.select(campaign.c.breaker).where(campaign.c.id == campaign_id)).scalar_one()
    if breaker is None:
        return
    was = CampaignBreaker.from_text(breaker)
    _set(conn, campaign_id, breaker=was.resumed().to_text())
    if was.stop is None:
        return
    for number, text in conn.execute(_RESTING_LINES).all():
        anew = LineBreaker.from_text(text).tried_anew(now).to_text()
        if anew != text:
            conn.execute(sa.update(line).where(line.c.from_number == number).values(breaker=anew))


def _set(conn: sa.Connection, campaign_id: CampaignId, **values: Any) -> None:
    conn.execute(sa.update(campaign).where(campaign.c.id == campaign_id).values(**values))


def _record(
    conn: sa.Connection,
    command: str,
    by: Operation,
    *,
    campaign_id: CampaignId | None = None,
    number: str | None = None,
    detail: str = "",
) -> None:
    conn.execute(
        sa.insert(operation).values(
            at=by.at,
            who=by.who,
            command=command,
            campaign_id=campaign_id,
            number=number,
            detail=detail,
            reason=by.reason,
        )
    )
