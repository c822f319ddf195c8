"""What a campaign's rules go by, read inside a claim's transaction, and what the claim changes of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import sqlalchemy as sa

from dialer.adapters.ledger.drivers.statements import Statement, Values
from dialer.adapters.ledger.queue.decisions import Chain
from dialer.adapters.ledger.queue.facts import (
    ADD_LINE,
    CHANGE_LINE,
    Moment,
    keep_money,
    line_values,
    lines_facts,
    money_facts,
    numbers_facts,
    outcomes_of_first,
    under_way,
)
from dialer.adapters.ledger.schema.tables import campaign
from dialer.domain.breakers import CampaignBreaker, LineBreaker, no_line_left
from dialer.domain.budget import Reserve
from dialer.domain.calls import AttemptId, CampaignId, JobId, OpenJob
from dialer.domain.decisions import Decision, Ruling
from dialer.domain.gates import GO, Go, Hold, Stop, Trial
from dialer.domain.lines import Line, LineRule, LineUsage, pool_wait
from dialer.domain.screening import (
    UNHEARD_OF,
    CampaignFacts,
    CampaignPolicy,
    Dial,
    Drop,
    NumberFacts,
    Verdict,
    Wait,
)


class _Campaign(NamedTuple):
    """What a claim goes by, as the campaign's row has it; what comes first it may change, all together."""

    breaker: str | None
    canary_passed: bool
    canary_since: float
    held: str | None
    held_until: float | None
    decisions: int
    decisions_hash: bytes | None
    paused: str | None
    cancelled_at: float | None
    version: int
    run_by: str | None


_CHANGING = _Campaign._fields.index("paused")
_C: sa.BindParameter[int] = sa.bindparam("c")
_CAMPAIGN = Statement(
    sa.select(*(campaign.c[name] for name in _Campaign._fields)).where(campaign.c.id == _C), "c"
)
_KEEP = Statement(
    sa.update(campaign)
    .where(campaign.c.id == _C)
    .values(
        breaker=sa.bindparam("b"),
        canary_passed=sa.bindparam("p"),
        canary_since=sa.bindparam("s"),
        held=sa.bindparam("h"),
        held_until=sa.bindparam("u"),
        decisions=sa.bindparam("n"),
        decisions_hash=sa.bindparam("x"),
    ),
    *("b", "p", "s", "h", "u", "n", "x", "c"),
)
_OLD_RULES = Hold("the rules were just changed")
_AT_WORK = frozenset({LineRule.PACE, LineRule.SLOTS})


class ClaimContext:
    """One campaign's claim in one transaction."""

    def __init__(
        self, conn: sa.Connection, campaign_id: CampaignId, screen: CampaignPolicy, now: float, live: Moment
    ) -> None:
        """`live`: by which it is judged whether somebody is on the phone."""
        self._conn = conn
        self._id = campaign_id
        self._screen = screen
        self._now = now
        self._live = live
        self._was = row = _Campaign(*_CAMPAIGN.run(conn, campaign_id)[0])
        self._canary_passed = bool(row.canary_passed)
        self._chain = Chain(campaign_id, row.decisions, row.decisions_hash)
        self._facts = self._read_facts(row)
        self._numbers: Mapping[str, NumberFacts] = {}
        self._usage: dict[str, LineUsage] = {}
        self._breakers: dict[str, LineBreaker] = {}
        self._known_lines: set[str] = set()
        self._touched: set[str] = set()
        self._has_reserved = False
        self.is_busy = False
        """What holds is no rule but that all lines are at work: nothing that needs to be told."""
        self._is_final = False
        """The API takes calls from none of its lines: that stop stays until the campaign is run again."""
        self._always: Go | None = None
        self._bounds = {each.number: each for each in reversed(screen.pool)}  # of two alike the first
        self._load_lines(self._bounds)

    @property
    def run_by(self) -> str | None:
        """The worker of the run that has the campaign to itself."""
        return self._was.run_by

    def gate(self) -> Go | Trial | Reserve | Hold | Stop:
        """What holds for the next call of this campaign, whoever it goes to."""
        if self._always is None:
            verdict = self._ask()
            # what no call of this claim can change need not be asked again for each
            if isinstance(verdict, Go) and self._is_steady():
                self._always = verdict
            return verdict
        return self._always

    def _is_steady(self) -> bool:
        facts = self._facts
        return (
            facts.canary is None
            and facts.budget is None
            and not facts.breaker.refused_at
            and self._screen.is_unbounded
            and all(used.rest is GO for used in self._usage.values())
        )

    def _ask(self) -> Go | Trial | Reserve | Hold | Stop:
        if self._screen.version < self._was.version:
            return _OLD_RULES
        verdict = self._screen.gate(self._facts, self._now)
        if isinstance(verdict, Hold | Stop):
            return verdict
        breakers = [self._breakers.get(number) for number in self._bounds]
        refused = no_line_left(breakers, self._now) if breakers else None
        if refused is not None:
            self._is_final = True
            return refused
        wait = pool_wait(self._screen.pool, self._usage, self._screen.day(self._now), self._now)
        if wait is None:
            return verdict
        self.is_busy = wait.rule in _AT_WORK
        return Hold(wait.why, wait.until)

    def look_at(self, candidates: Sequence[OpenJob]) -> None:
        """Read what is known of these people, before they are judged."""
        numbers = [each.job.to_number for each in candidates if each.job.to_number is not None]
        self._numbers = numbers_facts(self._conn, numbers, self._live)
        own = {each.job.from_number for each in candidates if each.job.from_number is not None}
        self._load_lines([number for number in own if number not in self._usage])

    def rung_at(self, candidate: OpenJob) -> tuple[float, ...]:
        """When the number may have been rung before."""
        return self._numbers.get(candidate.job.to_number or "", UNHEARD_OF).rung_at

    def judge(self, candidate: OpenJob) -> Verdict:
        """The verdict for one of them; a Wait or a Drop is written into the record."""
        number = self._numbers.get(candidate.job.to_number or "", UNHEARD_OF)
        verdict = self._screen.judge(candidate, self._now, number, self._usage)
        if not isinstance(verdict, Dial):
            self._note(candidate, verdict, None)
        return verdict

    def dialled(
        self, candidate: OpenJob, dial: Dial, attempt_id: AttemptId, passed: Go | Trial | Reserve
    ) -> float | None:
        """It is written ahead: the next one sees it. Gives the cents that are reserved for it."""
        self._note(candidate, dial, attempt_id)
        facts, rules = self._facts, self._screen.breakers
        if isinstance(passed, Trial) or facts.breaker.refused_at or facts.canary or facts.budget:
            self._facts = self._after(attempt_id, passed)
        if dial.from_number is not None:
            used = self._usage.get(dial.from_number, LineUsage())
            bounds = self._bounds.get(dial.from_number) or Line(dial.from_number)
            self._usage[dial.from_number] = used.started(bounds, self._now)
            self._touched.add(dial.from_number)
            if dial.trial:
                breaker = self._breakers.get(dial.from_number, LineBreaker())
                self._breakers[dial.from_number] = breaker.try_with(rules, attempt_id, self._now)
        if not isinstance(passed, Reserve):
            return None
        self._has_reserved = True
        return passed.cents

    def keep(self, held: Hold | Stop | None) -> None:
        """Write down what changed. `held`: why nothing more could be claimed, whatever the job."""
        since = self._was.canary_since
        if isinstance(held, Stop) and self._is_final:
            self._facts = self._facts.stopped(held)
        if isinstance(held, Stop) and self._is_canarys(held):
            # it stays, and once the campaign is run again the next calls are its first
            self._facts, since = self._facts.stopped(held), self._now
        why = None if held is None or self.is_busy else held.why
        until = held.until if isinstance(held, Hold) and not self.is_busy else None
        if why is not None and why != self._was.held:
            self._chain.add(self._held(why, until))
        self._chain.write(self._conn)
        breaker = self._facts.breaker.to_text() if self._facts.breaker != CampaignBreaker() else None
        after = (breaker, self._canary_passed, since, why, until, self._chain.count, self._chain.hash)
        if after != self._was[:_CHANGING]:
            _KEEP.run(self._conn, *after, self._id)
        self._keep_lines()
        if self._has_reserved and self._facts.budget is not None:
            keep_money(self._conn, self._id, self._facts.budget, self._screen.day(self._now))

    def _is_canarys(self, stop: Stop) -> bool:
        canary = self._screen.canary
        return (
            canary is not None and self._facts.canary is not None and canary.judge(self._facts.canary) == stop
        )

    def _read_facts(self, row: _Campaign) -> CampaignFacts:
        screen, breaker = self._screen, CampaignBreaker()
        if row.breaker is not None:
            breaker = CampaignBreaker.from_text(row.breaker)
        canary = budget = None
        if screen.canary is not None and not self._canary_passed:
            canary = screen.canary.count(outcomes_of_first(self._conn, self._id, screen.canary.calls))
            self._canary_passed = isinstance(screen.canary.judge(canary), Go) and canary.ended >= (
                screen.canary.calls
            )
        if screen.budget is not None:
            budget = money_facts(self._conn, self._id, screen.day(self._now))
        return CampaignFacts(
            paused=row.paused,
            cancelled=row.cancelled_at is not None,
            breaker=breaker,
            under_way=under_way(self._conn, self._id) if breaker.refused_at else 0,
            canary=None if self._canary_passed else canary,
            budget=budget,
        )

    def _after(self, attempt_id: AttemptId, passed: Go | Trial | Reserve) -> CampaignFacts:
        facts = self._facts
        canary, budget, breaker = facts.canary, facts.budget, facts.breaker
        if canary is not None:
            canary = replace(canary, started=canary.started + 1)
        if budget is not None and isinstance(passed, Reserve):
            budget = replace(
                budget,
                reserved_cents=budget.reserved_cents + passed.cents,
                reserved_today_cents=budget.reserved_today_cents + passed.cents,
            )
        breaker = breaker.try_with(self._screen.breakers, attempt_id, self._now)
        return replace(facts, canary=canary, budget=budget, breaker=breaker, under_way=facts.under_way + 1)

    def _load_lines(self, numbers: Iterable[str]) -> None:
        for known in lines_facts(self._conn, numbers, self._screen, self._now, self._live):
            number = known.number
            self._usage[number], self._breakers[number] = known.usage, known.breaker
            self._known_lines.add(number)
            if known.is_stale:
                self._touched.add(number)

    def _note(self, candidate: OpenJob, verdict: Verdict, attempt_id: AttemptId | None) -> None:
        number = candidate.job.to_number
        match verdict:
            case Dial(why=why):
                ruling, rule, until = Ruling.DIAL, "line", None
                seen = {**verdict.input, "from_number": verdict.from_number}
            case Wait(until, rule, why, seen):
                ruling = Ruling.WAIT
            case Drop(_, why, rule, seen):
                ruling, until = Ruling.DROP, None
        self._chain.add(
            Decision(self._now, self._id, candidate.id, attempt_id, number, ruling, rule, why, seen, until)
        )

    def _held(self, why: str, until: float | None) -> Decision:
        return Decision(self._now, self._id, JobId(0), None, None, Ruling.WAIT, "campaign", why, {}, until)

    def _keep_lines(self) -> None:
        start = self._screen.day(self._now).start
        new: list[Values] = []
        known: list[Values] = []
        for number in sorted(self._touched):
            values = line_values(number, self._usage[number], self._breakers.get(number), start)
            (known if number in self._known_lines else new).append(values)
        ADD_LINE.run_many(self._conn, new)
        CHANGE_LINE.run_many(self._conn, known)
