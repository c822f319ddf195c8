"""What operators do to a campaign takes hold with the next claim; and each decision is on record, once."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import pytest
from ledger_contract import (
    FROM,
    NOW,
    SCREEN,
    Desk,
    Store,
    a_job,
    judging,
    number,
    raw,
    together,
)
from test_ledger_lines import attempts, claim_all, due

from dialer.adapters.ledger.operators import campaigns
from dialer.adapters.ledger.queue.claim import CLAIM_ROWS_MAX, HELD_LOOK_S, WAIT_MIN_S
from dialer.domain.budget import Reserve
from dialer.domain.calls import Attempt, CampaignId, OpenJob
from dialer.domain.decisions import Ruling
from dialer.domain.errors import BadInput, LedgerError
from dialer.domain.gates import Go, Hold, Stop, Trial
from dialer.domain.hours import HoursRule
from dialer.domain.lifecycle import JobState
from dialer.domain.local_hours import Hours
from dialer.domain.screening import CampaignFacts, CampaignPolicy, Dial, Drop, Verdict, Wait
from dialer.domain.windows import parse_week
from dialer.ports.engine import Control, NothingDue, Operation

ANN = Operation("ann", NOW, "lunch")


@dataclass(frozen=True, slots=True)
class Gated(CampaignPolicy):
    """A screen with a gate of the test's own."""

    answer: Hold | Stop = field(kw_only=True)

    def gate(self, facts: CampaignFacts, now: float) -> Go | Hold | Trial | Stop | Reserve:
        return self.answer


def act(what: Callable[..., object], campaign_id: CampaignId, *more: object) -> Callable[..., object]:
    return lambda conn: what(conn, campaign_id, *more)


# --- operators ------------------------------------------------------------------------------------------


def test_a_paused_campaign_claims_nothing_until_it_is_resumed(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(3)])
        other = await desk.other()
        await other.read([a_job(9)])
        live = await desk.claim()
        before = await due(desk)
        await desk.operate(act(campaigns.pause, desk.campaign_id, ANN))
        await desk.operate(act(campaigns.pause, desk.campaign_id, Operation("bob", NOW + 1, "fire")))
        assert await desk.ask() == NothingDue(NOW + HELD_LOOK_S, held="paused by ann: lunch")
        assert await due(desk) == before
        assert (await other.claim()).job.job.key == "job-9", "only this one is paused"
        await desk.end(live)
        control = await desk.ledger.control(desk.campaign_id)
        assert (control.paused, control.held) == ("paused by ann: lunch",) * 2
        await desk.operate(act(campaigns.resume, desk.campaign_id, Operation("bob", NOW + 5)))
        assert await desk.claimed_keys() == ["job-1", "job-2"]
        done = await desk.operate(lambda conn: campaigns.operations(conn, desk.campaign_id))
        assert [(command, by.who) for command, by, _ in done] == [("pause", "ann"), ("resume", "bob")]

    store.work(case)


def test_a_cancelled_campaign_closes_what_is_open_and_takes_no_more_orders(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(campaigns.CANCEL_ROWS_MAX + 5)])
        other = await desk.other()
        await other.read([a_job(9)])
        live = await desk.claim()
        await desk.ledger.cancel_open(desk.campaign_id, NOW)
        assert isinstance(await desk.ask(), Attempt), "nobody has cancelled it"
        for _ in range(2):
            await desk.operate(act(campaigns.cancel, desk.campaign_id, ANN))
        stop = getattr(await desk.ask(), "stop", None)
        assert stop is not None
        assert stop.why == "the campaign was cancelled"
        await desk.ledger.cancel_open(desk.campaign_id, NOW)
        await desk.put_back(live)
        await desk.ledger.cancel_open(desk.campaign_id, NOW + 9)
        jobs = (await desk.ledger.counts(desk.campaign_id)).jobs
        assert (jobs[JobState.OPEN], jobs[JobState.BUSY]) == (0, 1)
        assert jobs[JobState.CANCELLED] == campaigns.CANCEL_ROWS_MAX + 4
        assert await desk.problems() == []
        assert len([each for each in await desk.said() if each["state"] == "cancelled"]) == 1004
        for order in (campaigns.pause, campaigns.resume):
            with pytest.raises(BadInput, match="cancelled"):
                await desk.operate(act(order, desk.campaign_id, ANN))
        with pytest.raises(BadInput, match="cancelled"):
            await desk.operate(act(campaigns.change, desk.campaign_id, {"pace.cps": 1}, ANN))
        done = await desk.operate(lambda conn: campaigns.operations(conn, desk.campaign_id))
        assert [command for command, _, _ in done] == ["cancel"]
        assert await other.claimed_keys() == ["job-9"]

    store.work(case)


def test_under_older_rules_nobody_is_claimed_and_nobody_spins(store: Store) -> None:
    newer = replace(SCREEN, version=1)

    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(3)])
        await desk.operate(act(campaigns.change, desk.campaign_id, {"pace.cps": 1.0}, ANN))
        control = await desk.ledger.control(desk.campaign_id)
        assert control == Control(1, {"pace.cps": 1.0}, None, False, None)
        before = await due(desk)
        assert await desk.ask() == NothingDue(NOW + HELD_LOOK_S, held="the rules were just changed")
        assert await due(desk) == before
        # of one group none is judged by rules that another of it knows to be old
        answers = await together(desk.ask, partial(desk.ask, newer))
        assert len(attempts(answers)) == 2
        await desk.operate(act(campaigns.change, desk.campaign_id, {"pace.slots": 2}, ANN))
        control = await desk.ledger.control(desk.campaign_id)
        assert (control.version, control.changes) == (2, {"pace.cps": 1.0, "pace.slots": 2})
        assert isinstance(await desk.ask(newer), NothingDue)

    store.work(case)


@pytest.mark.parametrize("until", [NOW - 5, NOW, None, NOW + 0.25])
def test_a_hold_is_not_asked_about_in_a_circle(store: Store, until: float | None) -> None:
    later = {None: NOW + HELD_LOOK_S, NOW + 0.25: NOW + 0.25}.get(until, NOW + WAIT_MIN_S)

    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        assert await desk.ask(Gated((FROM,), answer=Hold("no", until))) == NothingDue(later, held="no")
        desk.now -= 9
        await desk.read([a_job(2, not_before=NOW + 500)])
        assert await desk.claimed_keys() == []

    store.work(case)


def test_another_process_pauses_a_running_one_and_looks_at_it(kept: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(3)])
        await desk.claim()
        async with kept.open(dispatches=False) as beside:
            await beside.operate(act(campaigns.pause, desk.campaign_id, ANN))
            assert isinstance(await desk.ask(), NothingDue)
            assert (await beside.control(desk.campaign_id)).held == "paused by ann: lunch"
            assert len(await beside.decisions_of(number(0))) == 1
            assert await beside.decision_problems(desk.campaign_id) == []
            await beside.operate(act(campaigns.resume, desk.campaign_id, ANN))
            assert isinstance(await desk.ask(), Attempt)

    kept.work(case)


def test_nothing_holds_a_campaign_that_is_done(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        await desk.end(await desk.claim())
        assert await desk.ask(Gated((FROM,), answer=Hold("no"))) == NothingDue(None)
        assert await desk.sql("SELECT held FROM campaign") == [(None,)]
        assert await desk.made(Ruling.WAIT) == []

    store.work(case)


# --- decisions ------------------------------------------------------------------------------------------


def some_of_each(job: OpenJob) -> Verdict:
    n = int(job.job.key.removeprefix("job-"))
    return (Dial(FROM), Wait(NOW + 60, "hours", "closed"), Drop(JobState.SKIPPED, "no", "dnc"))[n % 3]


def test_each_claim_wait_and_drop_is_on_record_once(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(30)])
        made = attempts(await claim_all(desk, judging(some_of_each), 40))
        dials = await desk.made(Ruling.DIAL)
        assert [each.attempt_id for each in dials] == [each.id for each in made]
        assert [each.job_id for each in dials] == [each.job.id for each in made]
        for ruling, rule in ((Ruling.WAIT, "hours"), (Ruling.DROP, "dnc")):
            found = await desk.made(ruling)
            assert Counter(each.number for each in found) == dict.fromkeys({each.number for each in found}, 1)
            assert (len(found), {(each.rule, each.at) for each in found}) == (10, {(rule, NOW)})
        desk.now += 60
        await claim_all(desk, SCREEN, 40)
        assert len(await desk.made(Ruling.DIAL)) == 20
        assert (await desk.sql("SELECT decisions FROM campaign"))[0] == (40,)
        assert await desk.ledger.decision_problems(desk.campaign_id) == []
        assert [each.verdict for each in await desk.ledger.decisions_of(number(1))] == ["wait", "dial"]

    store.work(case)


def test_what_was_rolled_back_is_not_on_record(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(4)])
        used = await desk.claim()
        again = desk.request(attempt_id=used.id)
        answers = await together(desk.ask, lambda: desk.ledger.claim(again), desk.ask)
        assert [type(each) for each in answers] == [Attempt, LedgerError, Attempt]
        assert len(await desk.made(Ruling.DIAL)) == 3
        assert await desk.ledger.decision_problems(desk.campaign_id) == []

    store.work(case)


def test_the_chain_goes_on_over_restarts_and_campaigns_have_their_own(kept: Store) -> None:
    async def case(desk: Desk) -> None:
        other = await desk.other()
        await desk.read([a_job(n) for n in range(9)])
        await other.read([a_job(n, to_number=number(n + 50)) for n in range(9)])
        desk.ids = other.ids = len(await desk.made(Ruling.DIAL)) * 10
        await together(desk.ask, other.ask, desk.ask)
        for each in (desk, other):
            assert await each.ledger.decision_problems(each.campaign_id) == []

    for _ in range(3):
        kept.work(case)
    kept.work(lambda desk: check(desk, 6))


async def check(desk: Desk, dials: int) -> None:
    assert len(await desk.made(Ruling.DIAL)) == dials


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("UPDATE decision SET body = replace(body, 'dial', 'wait') WHERE seq = 2", "decision 2 was changed"),
        ("DELETE FROM decision WHERE seq = 2", "decision 2 is missing"),
        ("DELETE FROM decision WHERE seq = 3", "has 2 decisions and should have 3"),
        ("UPDATE decision SET seq = 4 WHERE seq = 3", "decision 3 is missing or moved"),
    ],
)
def test_what_is_done_to_the_record_is_found(file: Store, damage: str, said: str) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(3)])
        await desk.claimed_keys()

    file.work(case)
    assert file.path is not None
    conn = raw(file.path)
    conn.execute(damage)
    conn.close()

    async def after(desk: Desk) -> None:
        assert said in " ".join(await desk.ledger.decision_problems(desk.campaign_id))

    file.work(after)


# --- hours ----------------------------------------------------------------------------------------------


def test_who_waits_for_the_hours_is_due_to_the_second_and_holds_nobody_up(store: Store) -> None:
    """In New York it is three in the night; in London it is eight."""
    screen = replace(SCREEN, hours=HoursRule((Hours("campaign", parse_week({"mon-sun": "08:00-20:00"})),)))
    opens = NOW + 5 * 3600

    async def case(desk: Desk) -> None:
        sleeping = [a_job(n, priority=9, timezone="America/New_York") for n in range(CLAIM_ROWS_MAX + 50)]
        await desk.read([*sleeping, a_job(900, timezone="Europe/London")])
        asked, made = 0, None
        while not isinstance(made, Attempt):
            made, asked = await desk.ask(screen), asked + 1
        assert (made.job.job.key, asked) == ("job-900", 2), "and each was looked at once"
        assert await desk.ask(screen) == NothingDue(opens)
        waits = await desk.made(Ruling.WAIT)
        assert {(each.rule, each.until) for each in waits} == {("hours", opens)}
        assert len({each.job_id for each in waits}) == len(waits) == CLAIM_ROWS_MAX + 50
        assert {when for _, when, *_ in await due(desk)} == {opens}
        desk.now = opens - 0.001
        assert await desk.ask(screen) == NothingDue(opens)
        desk.now = opens
        first = await desk.claim(screen)
        (dial,) = [each for each in await desk.made(Ruling.DIAL) if each.attempt_id == first.id]
        assert dial.input["hours_until"] == opens + 12 * 3600 - 45
        assert await desk.problems() == []

    store.work(case)
