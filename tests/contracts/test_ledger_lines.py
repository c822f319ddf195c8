"""The lines of a campaign: which of them calls, how often, and when none may."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from ledger_contract import NOW, Desk, Store, a_job, number, together

from dialer.domain.calls import CALL_MAX_S, Attempt
from dialer.domain.decisions import Ruling
from dialer.domain.lifecycle import AttemptState
from dialer.domain.lines import POOL_ASK_AGAIN_S, Line, WarmUp
from dialer.domain.screening import CampaignPolicy
from dialer.ports.engine import NothingDue

NUMBERS = tuple(f"+1305555019{n}" for n in range(4))
NEW_YORK = ZoneInfo("America/New_York")


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


MIDNIGHT = at("2027-01-16T00:00")
"""The next one in London; in New York it is five hours later."""


def lines(many: int = 1, **bounds: Any) -> CampaignPolicy:
    return CampaignPolicy(lines=tuple(Line(each, **bounds) for each in NUMBERS[:many]))


async def claim_all(desk: Desk, screen: CampaignPolicy, places: int) -> list[Attempt | NothingDue]:
    """So many places ask at once."""
    return await together(*(partial(desk.ask, screen) for _ in range(places)))


def attempts(answers: list[Any]) -> list[Attempt]:
    return [each for each in answers if isinstance(each, Attempt)]


async def due(desk: Desk) -> list[tuple[Any, ...]]:
    """What a wait would change of the jobs that are open."""
    return await desk.sql("SELECT key, due_at, claims, history FROM job WHERE state = 'open' ORDER BY id")


@pytest.mark.parametrize("at_once", [True, False])
def test_the_least_used_line_is_next(store: Store, at_once: bool) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(8)])
        if at_once:
            made = attempts(await claim_all(desk, lines(4), 8))
        else:
            made = [await desk.claim(lines(4)) for _ in range(8)]
        assert Counter(each.from_number for each in made) == dict.fromkeys(NUMBERS, 2)

    store.work(case)


def test_a_line_that_has_live_calls_comes_behind_one_that_called_more_but_is_free(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n, from_number=NUMBERS[0] if n < 3 else None) for n in range(5)])
        for _ in range(3):
            await desk.end(await desk.claim(lines(2)))
        assert (await desk.claim(lines(2))).from_number == NUMBERS[1]
        assert (await desk.claim(lines(2))).from_number == NUMBERS[0]

    store.work(case)


def test_the_calls_of_a_day_are_kept_exactly_and_no_job_is_moved(store: Store) -> None:
    screen = lines(2, per_day=3)

    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(12)])
        answers = await claim_all(desk, screen, 9)
        made = attempts(answers)
        assert Counter(each.from_number for each in made) == {NUMBERS[0]: 3, NUMBERS[1]: 3}
        why = "the line has made its 3 calls of today"
        assert answers[6:] == [NothingDue(MIDNIGHT, held=why)] * 3
        before = await due(desk)
        assert before == [(f"job-{n}", NOW, 0, "") for n in range(6, 12)]
        # put back and refused give their place back; what rang, or may have, does not
        await desk.put_back(made[0])
        await desk.to_state(AttemptState.REFUSED, made[1])
        await desk.end(made[2])
        await desk.to_state(AttemptState.UNKNOWN, made[3])
        assert len(attempts(await claim_all(desk, screen, 9))) == 2
        assert await desk.ask(screen) == NothingDue(MIDNIGHT, held=why)
        desk.now = MIDNIGHT - 0.001
        assert await desk.ask(screen) == NothingDue(MIDNIGHT, held=why)
        desk.now = MIDNIGHT
        assert len(attempts(await claim_all(desk, screen, 9))) == 5
        assert await desk.problems() == []

    store.work(case)


def test_what_is_put_back_after_midnight_gives_nothing_back_of_the_new_day(store: Store) -> None:
    screen = lines(per_day=2)

    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(9)])
        made = attempts(await claim_all(desk, screen, 9))
        desk.now = MIDNIGHT
        today = attempts(await claim_all(desk, screen, 9))
        assert (len(made), len(today)) == (2, 2)
        for each in made:
            await desk.put_back(each)
        assert isinstance(await desk.ask(screen), NothingDue)
        await desk.put_back(today[0])
        assert len(attempts(await claim_all(desk, screen, 9))) == 1

    store.work(case)


def test_two_campaigns_of_other_zones_do_not_pass_a_lines_calls_of_a_day(store: Store) -> None:
    london = lines(per_day=3)
    new_york = replace(london, zone=NEW_YORK)

    async def case(desk: Desk) -> None:
        other = await desk.other()
        await desk.read([a_job(n) for n in range(20)])
        await other.read([a_job(n, to_number=number(n + 50)) for n in range(20)])
        desk.now = MIDNIGHT - 3600
        assert len(attempts(await claim_all(desk, london, 2))) == 2
        desk.now = other.now = MIDNIGHT + 60
        assert len(attempts(await claim_all(desk, london, 1))) == 1
        # in New York it is still yesterday, with three calls
        nothing = await other.ask(new_york)
        assert isinstance(nothing, NothingDue)
        assert nothing.next_due_at == MIDNIGHT + 5 * 3600
        # and looking at it from there takes nothing from London's day, which has one
        assert len(attempts(await claim_all(desk, london, 9))) == 2
        other.now = MIDNIGHT + 5 * 3600
        assert len(attempts(await claim_all(other, new_york, 9))) == 3
        desk.now = other.now + 1
        assert isinstance(await desk.ask(london), NothingDue)

    store.work(case)


def test_a_day_ends_at_the_campaigns_own_midnight(store: Store) -> None:
    screen = replace(lines(per_day=1), zone=NEW_YORK)

    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(4)])
        await desk.claim(screen)
        for hour in (0, 24):
            midnight = MIDNIGHT + (5 + hour) * 3600
            desk.now = midnight - 0.001
            assert isinstance(await desk.ask(screen), NothingDue)
            desk.now = midnight
            await desk.claim(screen)

    store.work(case)


def test_a_new_line_begins_with_few_calls(store: Store) -> None:
    ramp = WarmUp(date(2027, 1, 15), ((0, 1), (1, 2), (3, 5)))

    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(40)])
        made = []
        for day in range(-1, 5):
            desk.now = NOW + day * 86_400
            made.append(len(attempts(await claim_all(desk, lines(warm_up=ramp), 9))))
        assert made == [0, 1, 2, 2, 5, 5]

    store.work(case)


def test_a_lines_pace_holds_nobody_for_longer_and_is_no_hold_to_be_told(store: Store) -> None:
    screen = lines(2, cps=2.0)

    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(12)])
        answers = await claim_all(desk, screen, 6)
        assert len(attempts(answers)) == 4
        assert answers[4:] == [NothingDue(NOW + 1.0, busy=True)] * 2
        assert {when for _, when, *_ in await due(desk)} == {NOW}
        assert await desk.sql("SELECT held, held_until FROM campaign") == [(None, None)]
        assert await desk.made(Ruling.WAIT) == []
        desk.now = NOW + 1.0
        assert len(attempts(await claim_all(desk, screen, 6))) == 4

    store.work(case)


@pytest.mark.parametrize("state", [AttemptState.CLAIMED, AttemptState.PLACED, AttemptState.UNKNOWN])
def test_a_lines_slots_are_free_when_its_calls_are_over(store: Store, state: AttemptState) -> None:
    screen = lines(slots=2)

    async def case(desk: Desk) -> None:
        other = await desk.other()
        await desk.read([a_job(n) for n in range(4)])
        await other.read([a_job(n, to_number=number(n + 50)) for n in range(4)])
        first, _ = await desk.claim(screen), await other.claim(screen)
        await desk.to_state(state, first)
        assert await desk.ask(screen) == NothingDue(NOW + POOL_ASK_AGAIN_S, busy=True)
        await desk.elapse(CALL_MAX_S - 1)
        assert isinstance(await desk.ask(screen), NothingDue)
        if state is AttemptState.UNKNOWN:
            await desk.elapse(2)
        elif state is AttemptState.PLACED:
            await desk.end(first)
        else:
            await desk.put_back(first)
        assert (await desk.claim(screen)).from_number == NUMBERS[0]

    store.work(case)


def test_a_row_that_names_a_busy_line_waits_and_the_others_do_not(store: Store) -> None:
    screen = lines(2, per_day=1)

    async def case(desk: Desk) -> None:
        mine = {"from_number": NUMBERS[0]}
        await desk.read([a_job(1, **mine), a_job(2, **mine), a_job(3)])
        made = await claim_all(desk, screen, 3)
        assert [(each.job.job.key, each.from_number) for each in attempts(made)] == [
            ("job-1", NUMBERS[0]),
            ("job-3", NUMBERS[1]),
        ]
        (wait,) = [each for each in await desk.made(Ruling.WAIT) if each.number is not None]
        assert (wait.number, wait.rule, wait.until) == (number(2), "line_cap", MIDNIGHT)

    store.work(case)


def test_what_a_line_did_is_known_after_a_restart(kept: Store) -> None:
    screen = lines(per_day=3, cps=1.0, slots=9)

    async def before(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(9)])
        await desk.claim(screen)

    async def after(desk: Desk) -> None:
        assert await desk.ask(screen) == NothingDue(NOW + 1.0, busy=True)
        for n in (1, 2):
            desk.now = NOW + n
            await desk.claim(screen)
        desk.now = NOW + 3
        assert isinstance(await desk.ask(screen), NothingDue)

    kept.work(before)
    kept.work(after)


def test_what_a_line_did_today_is_counted_once_a_day_and_for_itself(store: Store) -> None:
    london, new_york = lines(2, per_day=9), replace(lines(2, per_day=9), zone=NEW_YORK)

    async def rows(desk: Desk) -> list[tuple[Any, ...]]:
        return await desk.sql("SELECT from_number, day_start, calls FROM line ORDER BY 1")

    async def case(desk: Desk) -> None:
        other = await desk.other()
        await desk.read([a_job(n, from_number=NUMBERS[n > 1]) for n in range(3)])
        await other.read([a_job(9)])
        desk.now = MIDNIGHT - 60
        await claim_all(desk, london, 3)
        desk.now = other.now = MIDNIGHT + 60
        assert isinstance(await desk.ask(london), NothingDue)
        assert await rows(desk) == [(NUMBERS[0], MIDNIGHT, 0), (NUMBERS[1], MIDNIGHT, 0)]
        assert (await other.claim(new_york)).from_number == NUMBERS[1]
        yesterday = MIDNIGHT - 19 * 3600
        assert await rows(desk) == [(NUMBERS[0], yesterday, 2), (NUMBERS[1], yesterday, 2)]

    store.work(case)
