"""Whose call it is that is heard of, how often is asked, and what becomes of those who wait."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace

import anyio
import pytest

from dialer.adapters.retell.client import open_api
from dialer.adapters.retell.config import RetellConfig
from dialer.domain.calls import AttemptId, CallId, CallUpdate
from dialer.domain.errors import AccountBlocked, CallError
from dialer.engine.attempts.tracking import GATHER_S, Tracker, TrackingConfig
from dialer.engine.events import WebhookFault
from tests.engine.test_placing_limits import relay_of, says
from tests.engine.test_tracking import CALL, STAGES, attempt, failures
from tests.support.campaigns import KEY, World, in_virtual_time, world
from tests.support.relay import Twist

ENDED = b'{"items": [{"call_id": "call_1", "call_status": "ended"}], "has_more": false}'
CONFIG = TrackingConfig(2.0, 15.0, 7500.0, 20.0)
NOT_KNOWN = says(422, b'{"message":"Cannot find requested asset"}')


@in_virtual_time
async def test_a_call_that_names_another_attempt_is_not_the_one_it_was_taken_for() -> None:
    async with open_api(RetellConfig(api_key=KEY), connections_max=1) as api:
        tracker = Tracker(api, CONFIG, failures())
        with tracker.follow(attempt(CALL)) as followed:
            assert not tracker.heard(CallUpdate(CALL, "ended", AttemptId("another"), reason="user_hangup"))
            assert followed.has_anothers_call
            assert followed.is_over
            assert followed.news is None
        with tracker.follow(attempt(CALL)) as followed:
            assert tracker.heard(CallUpdate(CallId("another"), "ongoing", followed.attempt_id))
            assert followed.call_id == CALL, "an id that is known stays"


@asynccontextmanager
async def sweeping(
    w: World, errors: list[CallError], lists: Callable[[], Awaitable[bool]] | None = None, **other: float
) -> AsyncIterator[Tracker]:
    """A tracker at work by itself, on the world's account."""
    retell = RetellConfig(api_key=KEY, base_url=w.base_url)

    def keep(error: CallError) -> None:
        errors.append(error)

    async with open_api(retell, connections_max=2) as api, anyio.create_task_group() as tasks:
        tracker = Tracker(api, replace(CONFIG, **other), failures(), lists)
        tasks.start_soon(tracker.run, keep)
        yield tracker
        tasks.cancel_scope.cancel()


def asked_at(w: World, part: str) -> list[float]:
    return [pytest.approx(seen.at, abs=0.01) for seen in relay_of(w).seen if part in seen.path]


@in_virtual_time
async def test_after_four_silent_sweeps_webhooks_are_not_relied_on() -> None:
    async with world(relayed=True) as w, sweeping(w, []) as tracker:
        with tracker.follow(attempt(CALL)):
            assert tracker.heard(STAGES[0], by_webhook=True)
            await anyio.sleep(65)
    assert asked_at(w, "list-calls") == [15, 30, 45, 60, 62, 64]


@in_virtual_time
async def test_after_one_end_that_no_webhook_told_of_they_are_not_relied_on() -> None:
    async with world(relayed=True) as w, sweeping(w, []) as tracker:
        relay_of(w).on("list-calls", says(200, ENDED))
        other = attempt(CallId("another"), AttemptId("attempt_2"))
        with tracker.follow(attempt(CALL)) as followed, tracker.follow(other):
            assert tracker.heard(STAGES[0], by_webhook=True)
            await anyio.sleep(20)
            assert followed.is_over
    assert asked_at(w, "list-calls") == [15, 17, 19]


@in_virtual_time
async def test_a_webhook_that_is_refused_has_the_listing_asked_at_once() -> None:
    async with world(relayed=True) as w, sweeping(w, []) as tracker:
        with tracker.follow(attempt(CALL)):
            assert tracker.heard(STAGES[0], by_webhook=True)
            await anyio.sleep(5)
            tracker.webhook_refused(WebhookFault.BAD_SIGNATURE)
            await anyio.sleep(5)
    assert asked_at(w, "list-calls") == [5 + GATHER_S, 7 + GATHER_S, 9 + GATHER_S]


@in_virtual_time
async def test_while_webhooks_come_the_listing_is_asked_seldom() -> None:
    async with world(relayed=True) as w, sweeping(w, []) as tracker:
        with tracker.follow(attempt(CALL)):
            for _ in range(8):
                assert tracker.heard(STAGES[0], by_webhook=True)
                await anyio.sleep(5)
    assert asked_at(w, "list-calls") == [15, 30]


@in_virtual_time
async def test_an_attempt_that_another_worker_has_closed_is_not_waited_for() -> None:
    async with open_api(RetellConfig(api_key=KEY), connections_max=1) as api:
        tracker = Tracker(api, CONFIG, failures())
        with tracker.follow(attempt(CALL)) as followed:
            assert list(tracker.known()) == [followed.attempt_id]
            tracker.closed(AttemptId("another"))
            assert (followed.is_over, followed.closed_elsewhere) == (False, False)
            tracker.closed(followed.attempt_id)
            await followed.until_over()
            assert followed.closed_elsewhere
            assert (followed.news, followed.lost) == (None, False)
        assert not tracker.known()


@in_virtual_time
async def test_only_the_worker_that_lists_asks_for_all_calls_and_each_looks_for_its_own() -> None:
    turns = [False, True, False]

    async def lists() -> bool:
        return turns.pop(0)

    async with world(relayed=True) as w, sweeping(w, [], lists) as tracker:
        with tracker.follow(attempt(CALL)), tracker.follow(replace(attempt(), id=AttemptId("b"))) as other:
            await anyio.sleep(5)
            assert asked_at(w, "list-calls") == [4]
            assert await tracker.look(other) is None
            assert asked_at(w, "list-calls") == [4, 5 + GATHER_S]
            assert b"attempt_id" in relay_of(w).seen[-1].body


@pytest.mark.parametrize("part", ["list-calls", "get-call"])
@in_virtual_time
async def test_a_sweep_that_the_account_refuses_is_told_and_the_next_goes_on(part: str) -> None:
    errors: list[CallError] = []
    async with world(relayed=True) as w, sweeping(w, errors, missing_s=1.0) as tracker:
        relay_of(w).on(part, says(401))
        with tracker.follow(attempt(CALL)):
            await anyio.sleep(5)
    assert [type(error) for error in errors] == [AccountBlocked]
    assert asked_at(w, "list-calls") == [2, 4]


@in_virtual_time
async def test_who_looks_hears_that_the_account_is_refused_and_the_next_look_asks_anew() -> None:
    errors: list[CallError] = []
    async with world(relayed=True) as w, sweeping(w, errors) as tracker:
        relay_of(w).on("list-calls", says(401))
        with tracker.follow(attempt()) as followed:
            with pytest.raises(AccountBlocked) as refused:
                await tracker.look(followed)
            assert errors == [refused.value]
            assert await tracker.look(followed) is None


@in_virtual_time
async def test_a_call_that_nobody_knows_is_lost_when_the_longest_call_is_over() -> None:
    async with world(relayed=True) as w, sweeping(w, [], call_max_s=100.0) as tracker:
        relay_of(w).always("get-call", NOT_KNOWN)
        await anyio.sleep(99)
        with tracker.follow(attempt(CALL)) as followed, anyio.fail_after(110):
            await followed.until_over()
            assert (followed.lost, followed.news) == (True, None)
            assert anyio.current_time() == pytest.approx(200, abs=1.0)


@in_virtual_time
async def test_a_call_that_is_not_listed_for_long_is_asked_for_by_its_id_from_then_on() -> None:
    async with world(relayed=True) as w, sweeping(w, []) as tracker:
        await anyio.sleep(50)
        with tracker.follow(attempt(CALL)):
            await anyio.sleep(25)
    assert asked_at(w, "get-call") == [72, 74]


@in_virtual_time
async def test_what_is_listed_twice_or_of_others_is_no_matter() -> None:
    one = b'{"call_id": "call_%d", "call_status": "ongoing", "agent_id": "agent_kit"}'
    body = b'{"items": [%b, %b, %b], "has_more": false}' % (one % 1, one % 2, one % 1)
    async with world(relayed=True) as w, sweeping(w, [], missing_s=1.0) as tracker:
        relay_of(w).always("list-calls", says(200, body))
        with tracker.follow(attempt(CALL)) as followed:
            await anyio.sleep(5)
        assert followed.news is not None
        assert followed.news.status == "ongoing"
    assert asked_at(w, "list-calls") == [2, 4]
    assert asked_at(w, "get-call") == []


@in_virtual_time
async def test_a_call_that_is_no_longer_followed_when_the_list_comes_is_not_asked_for() -> None:
    async with world(relayed=True) as w, sweeping(w, [], missing_s=1.0) as tracker:
        other = replace(attempt(CallId("call_2")), id=AttemptId("b"))
        with ExitStack() as first, tracker.follow(other):
            first.enter_context(tracker.follow(attempt(CALL)))
            relay_of(w).on("list-calls", Twist(first=first.close))
            await anyio.sleep(5)
    assert [seen.path.rpartition("/")[2] for seen in relay_of(w).seen if "get-call" in seen.path] == [
        "call_2"
    ] * 2
