"""Why a number was called, held or left alone: the record of its decisions beside all that happened."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import assert_never

from dialer.adapters.ledger.reports.number_history import (
    AttemptHistory,
    JobHistory,
    NumberHistory,
    history_of,
)
from dialer.adapters.system.clock import SystemClock
from dialer.app.event_loop import run_on_loop
from dialer.app.ledger import open_ledger
from dialer.commands.dnc import find_in_files, parse_number
from dialer.domain.calls import CampaignId
from dialer.domain.decisions import Decision, Ruling
from dialer.domain.errors import BadInput
from dialer.domain.lifecycle import FINAL_JOBS
from dialer.domain.places import Place
from dialer.domain.screening import CampaignPolicy
from dialer.domain.suppression import Suppressed
from dialer.ports.engine import Operation
from dialer.settings import Loaded

PAUSE = "pause"


@dataclass(frozen=True, slots=True)
class TakenIn:
    """The row was read: for the first time, or again when its first reading is no longer on record."""

    at: float
    job: JobHistory
    again: bool


@dataclass(frozen=True, slots=True)
class Decided:
    """The rules were asked about the number; of equal answers in a row, the first."""

    at: float
    job: JobHistory | None
    decision: Decision
    attempt: AttemptHistory | None
    """What came of a `DIAL`."""
    times: int = 1
    last_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Held:
    """Nobody of the campaign could be called; of equal reasons in a row, the first."""

    at: float
    campaign: str
    decision: Decision
    times: int = 1
    last_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Acted:
    """An operator did something, to the number or (with `campaign`) to a campaign that it is in."""

    at: float
    campaign: str | None
    command: str
    by: Operation
    detail: str


@dataclass(frozen=True, slots=True)
class Closed:
    at: float
    job: JobHistory


@dataclass(frozen=True, slots=True)
class Listed:
    """It came onto the do-not-call list, by a file or by the person's own word."""

    at: float
    said: Suppressed


Entry = TakenIn | Decided | Held | Acted | Listed | Closed


@dataclass(frozen=True, slots=True)
class Story:
    """All of it, in the order of time."""

    number: str
    history: NumberHistory
    entries: Sequence[Entry]
    place: Place
    """Where the callee may be, as the rules saw it last."""
    campaigns: Sequence[str]
    """All of the ledger."""
    files: Sequence[str]
    """What the do-not-call files of the settings say, one sentence each."""
    now: float
    """When it was asked for; a simulation's own clock may be ahead of it."""


def explain(loaded: Loaded, text: str) -> Story:
    """What is known of a number. Raises `BadInput` if it is none, `LedgerError`."""
    number = parse_number(loaded.settings, text)

    async def main() -> Story:
        async with open_ledger(loaded.settings, dispatches=False) as ledger:
            history = await ledger.ask(lambda conn: history_of(conn, number))
            campaigns = tuple(await ledger.campaigns())
        entries = tuple(_entries(history))
        files, now = _files(loaded, number), SystemClock().now()
        return Story(number, history, entries, _place(history), campaigns, files, now)

    return run_on_loop(main)


def _files(loaded: Loaded, number: str) -> list[str]:
    try:
        return [f"in {said.source}" for said in find_in_files(loaded.settings, number)]
    except BadInput as error:  # the rest has to be told all the same
        return [f"not known: {error}"]


def decided_at(story: Story, at: float) -> tuple[list[Entry], Entry | None]:
    """What held at that time: the last word on each job, what held the campaigns, and what came next."""
    last: dict[tuple[str, object], Entry] = {}
    for entry in story.entries:
        if entry.at > at:
            return sorted(last.values(), key=lambda entry: entry.at), entry
        _put(last, entry)
    return sorted(last.values(), key=lambda entry: entry.at), None


def _put(last: dict[tuple[str, object], Entry], entry: Entry) -> None:
    match entry:
        case TakenIn(job=job):
            last.setdefault(("job", job.open_job.id), entry)  # read again, it is what was decided of it
        case Closed(job=job):
            last["closed", job.open_job.id] = entry
        case Decided(decision=made, job=job):
            last["job", made.job_id] = entry
            last.pop(("held", None if job is None else job.campaign), None)  # it was asked: nothing held all
        case Held(campaign=campaign):
            last["held", campaign] = entry
        case Acted(command="resume"):
            last.pop(("act", entry.campaign), None)
        case Acted():
            last["act", entry.campaign] = entry
        case Listed():
            last["act", None] = entry
        case _:
            assert_never(entry)


def _entries(history: NumberHistory) -> Iterator[Entry]:
    """Sorted; of equal ones that follow each other the first, with their count."""
    jobs = {each.open_job.id: each for each in history.jobs}
    attempts = {each.id: each for each in history.attempts}
    found: list[Entry] = [Acted(by.at, None, command, by, detail) for command, by, detail in history.acts]
    for made in history.decisions:
        attempt = None if made.attempt_id is None else attempts.get(made.attempt_id)
        found.append(Decided(made.at, jobs.get(made.job_id), made, attempt, 1, made.at))
    said = history.suppressed
    if said is not None and not any(by.at == said.at for _, by, _ in history.acts):
        found.append(Listed(said.at, said))
    for job in history.jobs:
        if job.taken_in_at is not None:
            again = any(
                each.job_id == job.open_job.id and each.at < job.taken_in_at for each in history.decisions
            )
            found.append(TakenIn(job.taken_in_at, job, again))
        if job.closed_at is not None and job.state in FINAL_JOBS:
            found.append(Closed(job.closed_at, job))
    for campaign_id in history.holds:
        found += _of_campaign(history, campaign_id)
    order = (TakenIn, Acted, Listed, Held, Decided, Closed)
    return _grouped(sorted(found, key=lambda entry: (entry.at, order.index(type(entry)))))


def _of_campaign(history: NumberHistory, campaign_id: CampaignId) -> Iterator[Entry]:
    """What held the campaign, or was done to it, while a job of the number was open."""
    jobs = [each for each in history.jobs if each.open_job.campaign_id == campaign_id]
    name = jobs[0].campaign
    ids = {each.open_job.id for each in jobs}
    decided = [each.at for each in history.decisions if each.job_id in ids]
    begin = min([each.taken_in_at or 0.0 for each in jobs] + decided)  # it may have been read again since
    end = max(inf if each.closed_at is None else each.closed_at for each in jobs)
    for made in history.holds[campaign_id]:
        if begin <= made.at <= end:
            yield Held(made.at, name, made, 1, made.at)
    acts = history.campaign_acts[campaign_id]
    before = [each for each in acts if each[1].at < begin][-1:]
    is_simulated = jobs[0].simulated  # then its clock is another one
    for command, by, detail in acts:
        is_in_force = command == PAUSE and (command, by, detail) in before
        if is_simulated or begin <= by.at <= end or is_in_force:
            yield Acted(by.at, name, command, by, detail)


def _grouped(entries: Iterable[Entry]) -> Iterator[Entry]:
    last: Entry | None = None
    for entry in entries:
        if last is not None and _is_same(last, entry):
            assert isinstance(last, Decided | Held)  # noqa: S101 - as `_is_same` says
            last = replace(last, times=last.times + 1, last_at=entry.at)
            continue
        if last is not None:
            yield last
        last = entry
    if last is not None:
        yield last


def _is_same(one: Entry, other: Entry) -> bool:
    if isinstance(one, Held) and isinstance(other, Held):
        return (one.campaign, one.decision.why) == (other.campaign, other.decision.why)
    if isinstance(one, Decided) and isinstance(other, Decided):
        a, b = one.decision, other.decision
        same = (a.job_id, a.rule, a.why) == (b.job_id, b.rule, b.why)
        return same and a.verdict is b.verdict is Ruling.WAIT
    return False


def _place(history: NumberHistory) -> Place:
    for made in reversed(history.decisions):
        if isinstance(text := made.input.get("place"), str):
            return Place.from_text(text)
    for job in history.jobs:
        try:
            return CampaignPolicy().place_of(job.open_job.job)
        except ValueError:
            continue
    return Place()
