"""The budget, never over, and the canary, exact: whatever becomes of the calls."""

from dataclasses import replace
from random import Random

import pytest
from ledger_contract import NOW, SCREEN, Desk, Store, a_job
from test_ledger_lines import MIDNIGHT, attempts, claim_all

from dialer.adapters.ledger.operators.resolve import resolve_called, resolve_not_called
from dialer.domain.breakers import BreakerRules
from dialer.domain.budget import BudgetRule
from dialer.domain.calls import Attempt, AttemptId, CallId, JobKind
from dialer.domain.canary import CanaryRule
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.domain.outcomes import Outcome
from dialer.domain.screening import CampaignPolicy
from dialer.ports.engine import NothingDue

# a prior so heavy that the estimate stays at 10 cents
RULE = BudgetRule(100.0, None, per_minute_cents=10.0, expected_s=60.0, prior_calls=10**12)
BUDGET = replace(SCREEN, budget=RULE)
CANARY = replace(SCREEN, canary=CanaryRule(4, 0.5))


async def money(desk: Desk) -> dict[str, float]:
    names = "spent_cents", "reserved_cents", "spent_today_cents", "reserved_today_cents", "seen_calls"
    (row,) = await desk.sql(f"SELECT {', '.join(names)} FROM money WHERE campaign_id = {desk.campaign_id}")  # noqa: S608
    return {name: value for name, value in zip(names, row, strict=True) if value}


def both(**amounts: float) -> dict[str, float]:
    """The same of the campaign and of today."""
    return {f"{name}{part}_cents": cents for part in ("", "_today") for name, cents in amounts.items()}


@pytest.mark.parametrize("at_once", [True, False])
def test_what_is_reserved_never_passes_the_ceiling(store: Store, at_once: bool) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(30)])
        if at_once:
            made = attempts(await claim_all(desk, BUDGET, 25))
        else:
            made = [each for _ in range(25) if isinstance(each := await desk.ask(BUDGET), Attempt)]
        assert [each.reserved_cents for each in made] == [pytest.approx(10.0)] * 10
        assert await money(desk) == pytest.approx(both(reserved=100.0))
        assert "is reserved for calls under way" in str(getattr(await desk.ask(BUDGET), "held", None))
        # the cost of a call instead of what was kept for it: room for the next one only when it is all there
        await desk.end(made[0], spent_cents=4.0)
        assert await money(desk) == pytest.approx({**both(reserved=90.0, spent=4.0), "seen_calls": 1})
        assert isinstance(await desk.ask(BUDGET), NothingDue)
        await desk.put_back(made[1])
        assert len(attempts(await claim_all(desk, BUDGET, 5))) == 1
        for each in made[2:]:
            await desk.end(each, spent_cents=10.0)
        (last,) = await desk.ledger.open_attempts(desk.campaign_id, frozenset({AttemptState.CLAIMED}))
        await desk.end(last, spent_cents=12.0)
        stop = getattr(await desk.ask(BUDGET), "stop", None)
        assert stop is not None
        assert "the campaign's budget is used up: $0.96 of $1.00" in stop.why

    store.work(case)


def test_a_call_that_nobody_knows_of_counts_as_spent_until_it_is_found(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(4)])
        made = [await desk.to_state(AttemptState.UNKNOWN, await desk.claim(BUDGET)) for _ in range(4)]
        assert await money(desk) == pytest.approx(both(spent=40.0))
        found, called, not_called, closed = made
        await desk.move(found, AttemptState.PLACED, job_state=JobState.BUSY)
        assert await money(desk) == pytest.approx(both(spent=30.0, reserved=10.0))
        await desk.end(found, spent_cents=3.0)
        await desk.operate(lambda conn: resolve_called(conn, called.id, CallId("c"), "ann", NOW))
        await desk.end(called, spent_cents=2.0)
        await desk.operate(lambda conn: resolve_not_called(conn, not_called.id, "ann", NOW))
        assert await money(desk) == pytest.approx({**both(spent=15.0), "seen_calls": 2})
        await desk.end(closed, spent_cents=1.0)  # settled when it was found, as a web call is
        assert await money(desk) == pytest.approx({**both(spent=6.0), "seen_calls": 3})
        assert await desk.sql("SELECT seen_cents FROM money") == [(pytest.approx(6.0),)]
        assert await desk.problems() == []

    store.work(case)


def test_a_web_call_found_after_it_was_given_up_frees_nothing_twice(store: Store) -> None:
    """The engine closes it as placed, whatever the ledger had of it."""

    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        made = await desk.to_state(AttemptState.UNKNOWN, await desk.claim(BUDGET))
        await desk.end(replace(made, state=AttemptState.PLACED), Outcome.CREATED, spent_cents=0.0)
        assert await money(desk) == {"seen_calls": 1}

    store.work(case)


def test_kinds_that_need_no_line_cost_too(store: Store) -> None:
    screen = CampaignPolicy(budget=RULE)

    async def case(desk: Desk) -> None:
        await desk.read([a_job(n, kind=JobKind.WEB_CALL, to_number=None) for n in range(20)])
        made = attempts(await claim_all(desk, screen, 15))
        assert (len(made), await money(desk)) == (10, pytest.approx(both(reserved=100.0)))
        await desk.end(made[0], Outcome.CREATED)
        assert (await money(desk))["reserved_cents"] == pytest.approx(90.0)

    store.work(case)


def test_a_trial_call_is_paid_for(store: Store) -> None:
    rules = BreakerRules(provider_is_shared=True)
    screen = replace(BUDGET, breakers=rules)

    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(9)])
        for _ in range(3):
            await desk.end(await desk.claim(screen), Outcome.PROVIDER_UNAVAILABLE, breakers=rules)
        desk.now = NOW + 30
        (trial,) = attempts(await claim_all(desk, screen, 3))
        assert trial.reserved_cents == pytest.approx(10.0)
        await desk.end(trial, spent_cents=7.0, breakers=rules)
        assert (await money(desk))["spent_cents"] == pytest.approx(7.0)

    store.work(case)


def test_a_days_ceiling_holds_until_midnight_and_yesterdays_calls_are_yesterdays(store: Store) -> None:
    screen = replace(SCREEN, budget=replace(RULE, per_campaign_cents=None, per_day_cents=30.5))

    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(20)])
        made = attempts(await claim_all(desk, screen, 9))
        assert len(made) == 3
        for each in made[:2]:
            await desk.end(each, spent_cents=15.0)
        held = await desk.ask(screen)
        assert isinstance(held, NothingDue)
        assert (held.next_due_at, held.stop) == (MIDNIGHT, None)
        assert "today's budget is used up" in str(held.held)
        desk.now = MIDNIGHT
        assert len(attempts(await claim_all(desk, screen, 9))) == 3
        await desk.end(made[2], spent_cents=9.0)  # claimed yesterday
        assert isinstance(await desk.ask(screen), NothingDue)
        wanted = {"spent_cents": 39.0, "reserved_cents": 30.0, "reserved_today_cents": 30.0, "seen_calls": 3}
        assert await money(desk) == pytest.approx(wanted)

    store.work(case)


@pytest.mark.parametrize("seed", range(8))
def test_the_books_add_up_whatever_becomes_of_the_calls(seed: int, file: Store) -> None:
    chance = Random(seed)
    rule = BudgetRule(400.0, 250.0, per_minute_cents=10.0, expected_s=60.0, prior_calls=5)
    screen = replace(SCREEN, budget=rule)
    unknown: list[Attempt] = []
    live: list[Attempt] = []
    costs: list[float] = []
    found: set[AttemptId] = set()

    async def step(desk: Desk) -> None:
        match chance.choice(("claim", "claim", "end", "back", "park", "find", "resolve")):
            case "claim":
                before = await money(desk) if costs or live else {}
                live.extend(made := attempts(await claim_all(desk, screen, 4)))
                booked = before.get("spent_cents", 0.0) + before.get("reserved_cents", 0.0)
                assert not made or booked + sum(each.reserved_cents or 0.0 for each in made) <= 400.0001
            case "end" if live:
                costs.append(chance.uniform(0.0, 20.0))
                await desk.end(live.pop(), spent_cents=costs[-1])
            case "back" if live:
                await desk.put_back(live.pop())
            case "park" if live:
                unknown.append(gone := live.pop())
                if gone.id not in found:
                    await desk.move(gone, AttemptState.UNCERTAIN)
                await desk.move(gone, AttemptState.UNKNOWN)
            case "find" if unknown:
                live.append(again := unknown.pop())
                found.add(again.id)
                await desk.move(again, AttemptState.PLACED, job_state=JobState.BUSY)
            case "resolve" if unknown:
                settled = unknown.pop().id
                await desk.operate(lambda conn: resolve_not_called(conn, settled, "ann", desk.now))
        desk.now += chance.choice((1.0, 60.0, 20_000.0))

    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(200)])
        for _ in range(120):
            await step(desk)
        for each in live:
            await desk.end(each, spent_cents=1.0)
        kept_back = sum(each.reserved_cents or 0.0 for each in unknown)
        booked = await money(desk)
        assert booked.get("reserved_cents", 0.0) == pytest.approx(0.0, abs=1e-6)
        assert booked["spent_cents"] == pytest.approx(sum(costs) + len(live) + kept_back)
        assert booked["seen_calls"] == len(costs) + len(live)

    file.work(case)


# --- canary ---------------------------------------------------------------------------------------------


async def held(desk: Desk, screen: CampaignPolicy = CANARY) -> str | None:
    answer = await desk.ask(screen)
    assert isinstance(answer, NothingDue)
    return answer.held or (answer.stop.why if answer.stop else None)


@pytest.mark.parametrize("put_back", [0, 1, 150])
def test_exactly_so_many_calls_go_first_however_many_are_put_back(store: Store, put_back: int) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(20)])
        for _ in range(put_back):
            await desk.put_back(await desk.claim(CANARY))
        made = attempts(await claim_all(desk, CANARY, 9))
        assert len(made) == 4
        assert await held(desk) == "canary: 0 of the first 4 calls have ended"
        await desk.put_back(made[0])
        assert len(attempts(await claim_all(desk, CANARY, 9))) == 1
        for each in made[1:]:
            await desk.end(each, Outcome.NO_ANSWER)
        assert await held(desk) == "canary: 3 of the first 4 calls have ended"
        (last,) = await desk.ledger.open_attempts(desk.campaign_id, frozenset({AttemptState.CLAIMED}))
        await desk.end(last)
        assert len(attempts(await claim_all(desk, CANARY, 9))) == 9

    store.work(case)


def test_a_call_that_nobody_knows_of_has_failed_and_holds_nobody(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(20)])
        made = attempts(await claim_all(desk, CANARY, 9))
        for each in made[:2]:
            await desk.to_state(AttemptState.UNKNOWN, each)
        for each in made[2:]:
            await desk.end(each)
        assert len(attempts(await claim_all(desk, CANARY, 9))) == 9

    store.work(case)


def test_once_run_again_a_campaign_that_the_canary_stopped_has_its_next_calls_first(kept: Store) -> None:
    async def before(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(40)])
        made = attempts(await claim_all(desk, CANARY, 9))
        for each in made[:3]:
            await desk.end(each, Outcome.PLATFORM_FAULT)
        for _ in range(2):  # it stays so, also for another lane and another claim
            assert await held(desk) == "3 of the first 4 calls failed, and no more than 50% may"
            desk.now += 60
        await desk.end(made[3])
        assert isinstance(await desk.ask(SCREEN), NothingDue), "nor without a canary in this run"

    async def after(desk: Desk) -> None:
        desk.now, desk.ids = NOW + 3600, 100
        made = attempts(await claim_all(desk, CANARY, 9))
        assert len(made) == 4
        for each in made:
            await desk.end(each)
        assert len(attempts(await claim_all(desk, CANARY, 9))) == 9

    async def then(desk: Desk) -> None:
        desk.now, desk.ids = NOW + 7200, 200
        assert len(attempts(await claim_all(desk, CANARY, 9))) == 9, "it was passed, once and for all"

    for case in (before, after, then):
        kept.work(case)
