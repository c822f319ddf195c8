"""Why a job was dialled, held or dropped: the record behind `dialer why`, as a chain of hashes.

Each entry's hash covers its bytes and the hash of the entry before, so an entry that was changed, taken out,
put in or moved is found. Two things a chain alone cannot show: that its tail was cut off, for which the head
(count and last hash) has to be kept elsewhere, and that all of it was written anew, for which somebody else
has to keep a head.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any

from dialer.domain.calls import AttemptId, CampaignId, JobId

FIRST_HASH = bytes(32)
"""What stands before the first entry."""
PROBLEMS_MAX = 100
"""`check_chain` names so many problems and then stops."""


class Ruling(StrEnum):
    DIAL = "dial"
    WAIT = "wait"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Decision:
    """One answer to "may this job be dialled now?", with everything that it was made of."""

    at: float
    """The clock that the rules were asked with."""
    campaign_id: CampaignId
    job_id: JobId
    attempt_id: AttemptId | None
    """The attempt that was written ahead, for `DIAL`."""
    number: str | None
    verdict: Ruling
    rule: str
    """The rule that decided: `hours`, `cap`, `suppressed`, ...; for `DIAL` the last that was asked."""
    why: str
    input: Mapping[str, Any]
    """What the rule was given, as JSON values: local time, zone, counts, ..."""
    until: float | None = None
    """For `WAIT`: when it is asked again."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One link, as it is kept."""

    seq: int
    """Counts from 1, without gaps."""
    previous: bytes
    """The hash of the entry before; `FIRST_HASH` for the first."""
    body: bytes
    """`encode` of the decision."""
    hash: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ended when it was last written to."""

    count: int
    hash: bytes


_to_json = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode


def encode(decision: Decision) -> bytes:
    """The decision's canonical bytes: a JSON array in ASCII. Equal decisions give equal bytes."""
    return _to_json(fields_of(decision)).encode()


def fields_of(decision: Decision) -> tuple[Any, ...]:
    """What `encode` writes, in order."""
    return (
        decision.at,
        decision.campaign_id,
        decision.job_id,
        decision.attempt_id,
        decision.number,
        decision.verdict,
        decision.rule,
        decision.why,
        decision.until,
        decision.input,
    )


def decode(body: bytes) -> Decision:
    """What `encode` was given. Raises `ValueError` if these bytes are no decision."""
    match json.loads(body):
        case [at, campaign_id, job_id, attempt_id, number, verdict, rule, why, until, dict(facts)]:
            return Decision(
                at,
                CampaignId(campaign_id),
                JobId(job_id),
                None if attempt_id is None else AttemptId(attempt_id),
                number,
                Ruling(verdict),
                rule,
                why,
                facts,
                until,
            )
    raise ValueError("these bytes are no decision")


def chain(previous_hash: bytes, decision: Decision) -> bytes:
    """The hash of the entry that holds `decision` behind the one with `previous_hash`."""
    return link(previous_hash, encode(decision))


def append(head: Head, decision: Decision) -> Entry:
    """The entry that comes next."""
    body = encode(decision)
    return Entry(head.count + 1, head.hash, body, link(head.hash, body))


def link(previous_hash: bytes, body: bytes) -> bytes:
    """The hash of the entry with these bytes behind the one with `previous_hash`."""
    # unambiguous: the hash before has a fixed length
    return sha256(previous_hash + body).digest()


def check_chain(entries: Iterable[Entry], head: Head | None = None) -> list[str]:
    """What is wrong with a whole chain, in plain words; nothing if it is as it was written.

    `head`: as it was kept elsewhere; without one a cut tail is not seen. Reads the entries once, in order.
    """
    problems: list[str] = []
    count, due, last = 0, 1, FIRST_HASH
    for entry in entries:
        if entry.seq != due:
            problems.append(f"decision {due} is missing or moved: number {entry.seq} stands in its place")
        if entry.previous != last:
            problems.append(
                f"decision {entry.seq} does not follow the one before: one was taken out or moved"
            )
        if entry.hash != link(entry.previous, entry.body):
            problems.append(f"decision {entry.seq} was changed after it was written")
        if len(problems) >= PROBLEMS_MAX:
            return [*problems, "the rest is not looked at"]
        count, due, last = count + 1, entry.seq + 1, entry.hash
    if head is not None and (head.count, head.hash) != (count, last):
        problems.append(
            f"the chain has {count} decisions and should have {head.count}"
            if head.count != count
            else f"decision {count} is not the last one that was written"
        )
    return problems
