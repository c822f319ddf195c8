"""Campaigns of one ledger are written into another, in transactions of the caller's.

The other one may have used their numbers already (of campaigns, readings and jobs), so each kind is shifted
by one amount. The record of decisions names campaigns and jobs, in what its hashes cover: where they are
shifted it is chained anew, and the chain's old head and the shifts are recorded beside it. Whoever shifts its
entries back gets the old chain, byte for byte; that is done here, too, before anything is committed.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa

from dialer.adapters.ledger.queue.decisions import chain_problems
from dialer.adapters.ledger.reports.audit import agreement
from dialer.adapters.ledger.reports.counts import balance
from dialer.adapters.ledger.schema.moved import paused_before
from dialer.adapters.ledger.schema.tables import (
    attempt,
    campaign,
    contradiction,
    decision,
    intake,
    job,
    money,
    published,
    result,
)
from dialer.domain.calls import CampaignId, JobId
from dialer.domain.decisions import FIRST_HASH, Decision, Head, append, chain, decode
from dialer.domain.errors import LedgerError

BATCH_ROWS = 1000

_OWN = (intake, job, attempt, result, money, published, contradiction)
"""The tables whose rows are one campaign's alone, in the order of their keys."""


@dataclass(frozen=True, slots=True)
class Shifts:
    """What is added to the numbers of campaigns, readings and jobs."""

    campaign: int
    intake: int
    job: int

    @property
    def keep_hashes(self) -> bool:
        return not (self.campaign or self.job)


@dataclass(frozen=True, slots=True)
class Copied:
    """One campaign, as it is in the other ledger."""

    name: str
    campaign_id: CampaignId
    """There."""
    jobs: int
    attempts: int
    lines: int
    decisions: int
    hashes_kept: bool


def problems_of(conn: sa.Connection, name: str, campaign_id: CampaignId) -> list[str]:
    """What does not add up in it, as `dialer verify` sees it."""
    told, _ = agreement(conn, campaign_id)
    return [*balance(conn, name, campaign_id).problems(), *chain_problems(conn, campaign_id), *told]


def copy_campaign(
    source: sa.Connection, target: sa.Connection, name: str, campaign_id: CampaignId, shifts: Shifts
) -> Copied:
    """Write it into the other ledger, and compare. Raises `LedgerError` if it is not the same there."""
    there = CampaignId(campaign_id + shifts.campaign)
    row = source.execute(sa.select(campaign).where(campaign.c.id == campaign_id)).one()
    values = {**row._mapping, "id": there, "paused": paused_before(source, campaign_id)}
    written = {table.name: 0 for table in _OWN}
    target.execute(sa.insert(campaign).values(values))
    for table in _OWN:
        for rows in _batches(source, table, campaign_id, shifts):
            target.execute(sa.insert(table), rows)
            written[table.name] += len(rows)
    head = _copy_decisions(source, target, campaign_id, shifts)
    kept = {"decisions": head.count, "decisions_hash": head.hash if head.count else None}
    target.execute(sa.update(campaign).where(campaign.c.id == there).values(kept))
    _compare(source, target, name, campaign_id, shifts)
    return Copied(
        name, there, written["job"], written["attempt"], written["result"], head.count, shifts.keep_hashes
    )


def told_of(path: str, source: sa.Connection, campaign_id: CampaignId, shifts: Shifts) -> str:
    """What is recorded beside the copy, as JSON: with it the old chain can be had back from the new one."""
    wanted = sa.select(campaign.c.decisions, campaign.c.decisions_hash).where(campaign.c.id == campaign_id)
    count, last = source.execute(wanted).one()
    head = {"decisions": count, "head": (last or FIRST_HASH).hex()}
    return json.dumps({"from": path, "campaign": campaign_id, "shifted_by": asdict(shifts), **head})


def _batches(
    conn: sa.Connection, table: sa.Table, campaign_id: CampaignId, shifts: Shifts
) -> Iterator[list[dict[str, Any]]]:
    """The campaign's rows of a table, as they are to be in the other ledger."""
    wanted = sa.select(table).where(table.c.campaign_id == campaign_id).order_by(*table.primary_key)
    found = conn.execute(wanted.execution_options(yield_per=BATCH_ROWS))
    for rows in found.partitions():
        yield [_shifted(table, dict(row._mapping), shifts) for row in rows]


def _shifted(table: sa.Table, row: dict[str, Any], shifts: Shifts) -> dict[str, Any]:
    row["campaign_id"] += shifts.campaign
    match table.name:
        case "intake":
            row["id"] += shifts.intake
        case "job":
            row["id"] += shifts.job
            row["intake_id"] += shifts.intake
        case "attempt":
            row["job_id"] += shifts.job
            row["worker"] = None  # of another ledger: whoever dials takes it over
        case "result":
            row["job_id"] += shifts.job
    return row


def _copy_decisions(
    source: sa.Connection, target: sa.Connection, campaign_id: CampaignId, shifts: Shifts
) -> Head:
    head = Head(0, FIRST_HASH)
    for rows in _decisions(source, campaign_id):
        entries = []
        for row in rows:
            if shifts.keep_hashes:
                head = Head(row.seq, row.hash)
                entries.append({**row._mapping})
                continue
            made = append(head, _of(decode(row.body), shifts.campaign, shifts.job))
            head = Head(made.seq, made.hash)
            entries.append({**row._mapping, "campaign_id": campaign_id + shifts.campaign, "body": made.body,
                            "hash": made.hash})  # fmt: skip
        target.execute(sa.insert(decision), entries)
    return head


def _decisions(conn: sa.Connection, campaign_id: CampaignId) -> Iterator[Sequence[Any]]:
    wanted = sa.select(decision).where(decision.c.campaign_id == campaign_id).order_by(decision.c.seq)
    yield from conn.execute(wanted.execution_options(yield_per=BATCH_ROWS)).partitions()


def _of(made: Decision, campaign: int, job: int) -> Decision:
    """The same decision, of another campaign and job; one of the campaign as a whole has no job."""
    job_id = JobId(made.job_id + job) if made.job_id else made.job_id
    return replace(made, campaign_id=CampaignId(made.campaign_id + campaign), job_id=job_id)


def _compare(
    source: sa.Connection, target: sa.Connection, name: str, campaign_id: CampaignId, shifts: Shifts
) -> None:
    there = CampaignId(campaign_id + shifts.campaign)
    problems = ["it does not add up there"] if problems_of(target, name, there) else []
    if balance(target, name, there) != balance(source, name, campaign_id):
        problems.append("the balances differ")
    if _chain_back(target, there, shifts) != _head(source, campaign_id):
        problems.append("its decisions, shifted back, are not those that were copied")
    none = Shifts(0, 0, 0)
    problems += [
        f"the rows of {table.name} are not those that were copied"
        for table in _OWN
        if _sum(_batches(source, table, campaign_id, shifts)) != _sum(_batches(target, table, there, none))
    ]
    if problems:
        raise LedgerError(f"campaign {name} is not the same in the other ledger: {'; '.join(problems)}")


def _head(conn: sa.Connection, campaign_id: CampaignId) -> bytes:
    wanted = sa.select(campaign.c.decisions_hash).where(campaign.c.id == campaign_id)
    return conn.execute(wanted).scalar_one() or FIRST_HASH


def _chain_back(conn: sa.Connection, campaign_id: CampaignId, shifts: Shifts) -> bytes:
    """The last hash that the decisions had where they came from."""
    last = FIRST_HASH
    for rows in _decisions(conn, campaign_id):
        for row in rows:
            last = chain(last, _of(decode(row.body), -shifts.campaign, -shifts.job))
    return last


def _sum(batches: Iterator[list[dict[str, Any]]]) -> tuple[int, int]:
    """The same for the same rows, in whatever order."""
    count = total = 0
    for rows in batches:
        for row in rows:
            count += 1
            digest = blake2b(repr(sorted(row.items())).encode(), digest_size=16).digest()
            total = (total + int.from_bytes(digest)) % (1 << 128)
    return count, total
