"""Rules that protect a person, over all campaigns of a ledger: do-not-call, caps, one call at a time."""

from dataclasses import replace
from functools import partial

import pytest
from ledger_contract import FROM, NOW, SCREEN, WAIT_S_MAX, Desk, Store, a_job, number, together

from dialer.adapters.ledger.operators import campaigns
from dialer.adapters.ledger.queue.facts import moment, numbers_facts
from dialer.domain.calls import CALL_MAX_S
from dialer.domain.caps import LIVE_CALL_WAIT_S, Cap, CapsRule
from dialer.domain.decisions import Ruling
from dialer.domain.errors import BadInput
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.domain.lines import Line
from dialer.domain.outcomes import Outcome
from dialer.domain.screening import CampaignPolicy, DoNotCallFile
from dialer.domain.suppression import NumberSet, Suppressed
from dialer.ports.engine import NothingDue, Operation

ANN = Operation("ann", NOW, "they wrote a letter")
SAID = Suppressed(number(1), "operator", "they wrote a letter", NOW - 5)
GAP = replace(SCREEN, caps=CapsRule(gap_s=600.0))


async def skipped(desk: Desk) -> list[tuple[str, str, str]]:
    lines = [each for each in await desk.said() if each["kind"] == "job"]
    return [(each["job_id"], each["state"], each["error"]) for each in lines]


def test_a_number_that_an_operator_suppressed_is_never_claimed_again(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1), a_job(2)])
        assert await desk.operate(lambda conn: campaigns.suppress(conn, SAID, ANN)) is True
        assert await desk.claimed_keys() == ["job-2"]
        why = "on the do-not-call list: they wrote a letter (operator)"
        assert await skipped(desk) == [("job-1", "skipped", why)]
        assert (await desk.ledger.counts(desk.campaign_id)).jobs[JobState.SKIPPED] == 1
        assert await desk.problems() == []
        (made,) = await desk.made(Ruling.DROP)
        assert (made.number, made.rule, made.at, made.input["since"]) == (
            number(1),
            "do_not_call",
            NOW,
            NOW - 5,
        )

    store.work(case)


def test_the_first_word_on_a_number_stands(store: Store) -> None:
    later = replace(SAID, source="list.csv", reason="bought", at=NOW + 9)

    async def case(desk: Desk) -> None:
        assert await desk.operate(lambda conn: campaigns.suppress(conn, SAID, ANN)) is True
        assert await desk.operate(lambda conn: campaigns.suppress(conn, later, ANN)) is False
        await desk.read([a_job(1, to_number=number(3)), a_job(2, to_number=number(4))])
        first, second = await desk.claim(), await desk.claim()
        asked = Suppressed(number(1), "call", "asked in call_1", NOW + 20)
        await desk.end(first, Outcome.DO_NOT_CALL, suppress=asked)
        twice = [replace(asked, number=number(5), reason=reason) for reason in ("first", "second")]
        await desk.end(second, Outcome.DO_NOT_CALL, suppress=twice[0])
        assert await desk.ledger.suppressed(number(1)) == SAID
        assert await desk.ledger.suppressed(number(5)) == twice[0]
        assert await desk.ledger.suppressed(number(6)) is None
        known = await desk.operate(lambda conn: campaigns.suppressed_after(conn, "", 10))
        assert known == [SAID, twice[0]]

    store.work(case)


def test_who_asked_for_it_in_a_call_is_never_called_again_in_any_campaign(store: Store) -> None:
    async def case(desk: Desk) -> None:
        other = await desk.other()
        await desk.read([a_job(1)])
        await other.read([a_job(7, to_number=number(1)), a_job(8)])
        made = await desk.claim()
        asked = Suppressed(number(1), "call", "the person asked for it in call c", NOW)
        finish = replace(desk.finishing(made, outcome=Outcome.DO_NOT_CALL), suppress=asked)
        # the end and the claim in one group: who asked is heard first
        answers = await together(other.ask, lambda: desk.ledger.finish(finish), other.ask)
        assert [getattr(each, "job", None) and each.job.job.key for each in answers] == ["job-8", None, None]
        assert [(key, state) for key, state, _ in await skipped(other)] == [("job-7", "skipped")]
        assert await desk.problems() == []

    store.work(case)


def test_who_stands_in_a_file_is_not_called(store: Store) -> None:
    screen = replace(SCREEN, do_not_call=(DoNotCallFile("dnc.txt", NumberSet([number(2)])),))

    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in (1, 2, 3)])
        assert await desk.claimed_keys(screen) == ["job-1", "job-3"]
        assert await skipped(desk) == [("job-2", "skipped", "on the do-not-call list dnc.txt")]
        assert await desk.problems() == []

    store.work(case)


def test_taking_a_number_off_the_list_is_recorded(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.operate(lambda conn: campaigns.suppress(conn, SAID, ANN))
        by = Operation("bob", NOW + 60, "it was a wrong number")
        await desk.operate(lambda conn: campaigns.unsuppress(conn, number(1), by))
        with pytest.raises(BadInput, match="not on the ledger's"):
            await desk.operate(lambda conn: campaigns.unsuppress(conn, number(1), by))
        await desk.read([a_job(1)])
        assert await desk.claimed_keys() == ["job-1"]
        done = await desk.operate(lambda conn: campaigns.operations(conn, number=number(1)))
        assert done == [
            ("dnc add", ANN, "operator"),
            ("dnc remove", by, "operator: they wrote a letter"),
        ]

    store.work(case)


@pytest.mark.parametrize(
    ("caps", "waits_s"),
    [
        (CapsRule(gap_s=600.0), 600.0),
        (CapsRule((Cap(1, 3600.0),)), 3600.0),
        (CapsRule((Cap(2, 3600.0),)), None),
    ],
)
def test_caps_and_gap_count_the_calls_of_all_campaigns(
    store: Store, caps: CapsRule, waits_s: float | None
) -> None:
    screen = replace(SCREEN, caps=caps)

    async def case(desk: Desk) -> None:
        other = await desk.other()
        await desk.read([a_job(1)])
        await other.read([a_job(9, to_number=number(1))])
        made = await desk.claim()
        desk.now = other.now = NOW + 30
        await desk.end(made)
        if waits_s is not None:
            assert await other.ask(screen) == NothingDue(NOW + waits_s)
            other.now = NOW + waits_s - 0.001
            assert await other.ask(screen) == NothingDue(NOW + waits_s)
            other.now = NOW + waits_s
        assert (await other.claim(screen)).job.rung_at == (NOW,)

    store.work(case)


@pytest.mark.parametrize("state", [AttemptState.UNSPENT, AttemptState.REFUSED])
def test_what_rang_nobody_does_not_count(store: Store, state: AttemptState) -> None:
    screen = replace(GAP, caps=CapsRule((Cap(1, 9000.0),), gap_s=600.0))

    async def case(desk: Desk) -> None:
        other = await desk.other()
        await desk.read([a_job(1)])
        await other.read([a_job(9, to_number=number(1))])
        await desk.to_state(state)
        assert (await other.claim(screen)).job.rung_at == ()

    store.work(case)


@pytest.mark.parametrize("how", ["repeated", "placed late", "unknown"])
def test_the_gap_counts_from_when_the_phone_may_have_rung(store: Store, how: str) -> None:
    """A request that a 429 held, or that was repeated, leaves long after its claim."""

    async def case(desk: Desk) -> None:
        other = await desk.other()
        await desk.read([a_job(1)])
        await other.read([a_job(9, to_number=number(1))])
        made = await desk.claim()
        desk.now = other.now = rang = NOW + 500
        if how == "repeated":
            await desk.move(made, AttemptState.UNCERTAIN, last_sent_at=rang)
        elif how == "unknown":
            await desk.to_state(AttemptState.UNKNOWN, made)
            await desk.sql(f"UPDATE attempt SET last_sent_at = {rang}")  # noqa: S608
        await desk.move(made, AttemptState.PLACED, job_state=JobState.BUSY if how == "unknown" else None)
        await desk.end(made)
        other.now = NOW + 700
        assert await other.ask(GAP) == NothingDue(rang + 600)

    store.work(case)


@pytest.mark.parametrize(
    "state", [AttemptState.CLAIMED, AttemptState.UNCERTAIN, AttemptState.PLACED, AttemptState.UNKNOWN]
)
def test_a_number_has_one_live_call_at_a_time(store: Store, state: AttemptState) -> None:
    async def case(desk: Desk) -> None:
        other = await desk.other()
        await desk.read([a_job(1)])
        await other.read([a_job(9, to_number=number(1)), a_job(8)])
        await desk.to_state(state)
        assert await other.claimed_keys() == ["job-8"], "the next one does not wait behind it"
        assert await other.ask() == NothingDue(NOW + LIVE_CALL_WAIT_S)
        (made,) = await other.made(Ruling.WAIT)
        assert (made.rule, made.until) == ("caps", NOW + LIVE_CALL_WAIT_S)
        # a process that left it open may never be run again, but no call lasts longer than this
        await other.elapse(CALL_MAX_S - WAIT_S_MAX)
        assert await other.ask() == NothingDue(other.now + LIVE_CALL_WAIT_S)
        await other.elapse(WAIT_S_MAX + LIVE_CALL_WAIT_S)
        assert (await other.claim()).job.job.key == "job-9"

    store.work(case)


def test_a_person_is_called_from_the_line_that_called_before(store: Store) -> None:
    lines = tuple(Line(f"+1305555019{n}") for n in range(4))
    screen = CampaignPolicy(lines=lines)

    async def case(desk: Desk) -> None:
        other = await desk.other()
        jobs = [a_job(1, from_number=lines[2].number)]
        await desk.read(jobs)
        await desk.end(await desk.claim(screen))
        third = await desk.other("winter")
        await third.read([a_job(1, from_number=lines[3].number)])
        await third.put_back(await third.claim(screen))
        await other.read([a_job(9, to_number=number(1))])
        made = await other.claim(screen)
        assert made.from_number == lines[2].number, "and not from the one that never rang"
        (dial,) = await other.made(Ruling.DIAL)
        assert (dial.why, dial.input["from_number"]) == ("called from it before", lines[2].number)

    store.work(case)


def test_a_number_with_thousands_of_attempts_is_judged_all_the_same(file: Store) -> None:
    many = 3000

    async def case(desk: Desk) -> None:
        other = await desk.other()
        await desk.read([a_job(1)])
        await other.read([a_job(9, to_number=number(1))])
        await desk.end(await desk.claim())
        columns = "campaign_id, job_id, number, state, from_number, body, last_sent_at, closed_at, to_number"
        await desk.sql(
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {many})"  # noqa: S608
            f" INSERT INTO attempt (id, claimed_at, {columns})"
            f" SELECT 'old-' || i, claimed_at - 60.0 * i, {columns} FROM attempt, n"
        )
        other.now = NOW + 700
        made = await other.claim(GAP)
        assert (len(made.job.rung_at), made.job.rung_at[-1], made.from_number) == (many + 1, NOW, FROM)

    file.work(case)


def test_what_was_claimed_before_a_restart_knows_when_its_number_was_rung(kept: Store) -> None:
    """By which a redial finds a part of the day in which nobody has tried yet."""
    many = 600

    async def before(desk: Desk) -> None:
        other = await desk.other()
        jobs = [a_job(n) for n in range(many)]
        await desk.read(jobs)
        await other.read(jobs[:-1])
        for _ in range(2):
            claimed = await together(*[desk.claim] * (many // 2))
            await together(*(partial(desk.end, each) for each in claimed))
        other.now = NOW + 50
        for _ in range(2):
            await together(*[other.ask] * (many // 2))

    async def after(desk: Desk) -> None:
        other = await desk.other()
        open_ones = await desk.ledger.open_attempts(other.campaign_id, frozenset({AttemptState.CLAIMED}))
        assert [each.job.rung_at for each in open_ones] == [(NOW,)] * (many - 1)

    kept.work(before)
    kept.work(after)


OLD, NEW = "+551187654321", "+5511987654321"


@pytest.mark.parametrize(("listed", "called"), [(OLD, NEW), (NEW, OLD)])
def test_a_suppressed_number_protects_its_other_spelling(store: Store, listed: str, called: str) -> None:
    said = replace(SAID, number=listed)

    async def case(desk: Desk) -> None:
        assert await desk.operate(lambda conn: campaigns.suppress(conn, said, ANN)) is True
        assert await desk.operate(lambda conn: campaigns.suppressed_number(conn, called)) == said
        await desk.read([a_job(1, to_number=called), a_job(2)])
        assert await desk.claimed_keys() == ["job-2"]
        await desk.operate(lambda conn: campaigns.unsuppress(conn, called, ANN))
        assert await desk.operate(lambda conn: campaigns.suppressed_number(conn, listed)) is None

    store.work(case)


@pytest.mark.parametrize(("first", "second"), [(OLD, NEW), (NEW, OLD)])
def test_a_gap_holds_for_a_person_under_each_spelling(store: Store, first: str, second: str) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1, to_number=first)])
        await desk.end(await desk.claim(), Outcome.NO_ANSWER)
        facts = await desk.operate(lambda conn: numbers_facts(conn, [second, number(9)], moment(NOW, NOW)))
        assert list(facts) == [second]
        assert len(facts[second].rung_at) == 1

    store.work(case)
