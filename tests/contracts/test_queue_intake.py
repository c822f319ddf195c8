"""Whatever the broker: each message becomes one job, is told to be none, or comes again."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from queue_kit import Taker, run, until, until_async

from dialer.adapters.ledger.store import open_sqlite
from dialer.adapters.queues.intake import LEAVE_S_MAX, PULL_S_MAX
from dialer.adapters.sources.messages import read_message
from dialer.adapters.sources.options import JobOptions
from dialer.domain.errors import LedgerError
from dialer.engine.events import MessageFailed, MessageRefused, QueueLost, QueueReached
from dialer.engine.intake import add_up
from dialer.ports.engine import IntakeCounts
from tests.support.services import KINDS, Place, a_queue, a_wire

N = "+12125550100"
JOB = b'{"job_id": "j1", "to_number": "+12125550100"}'


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    with a_queue(request.param) as place:
        yield place


def bodies(count: int) -> list[bytes]:
    return [b'{"job_id": "j%d", "to_number": "+12125550100"}' % at for at in range(count)]


def test_ten_deliveries_are_one_job_in_the_ledger(place: Place, tmp_path: Path) -> None:
    async def main() -> None:
        await place.put(*[JOB] * 10)
        async with open_sqlite(tmp_path / "ledger.db", dispatches=True, on_thread=True) as ledger:
            campaign = await ledger.open_campaign("spring", 0.0, simulated=True)
            intake = await ledger.begin_intake(campaign, "queue", 0.0)
            how: list[str] = []

            async def handle(body: bytes) -> None:
                job = read_message(body, JobOptions()).job
                added = await ledger.add(
                    intake, campaign, [job], lambda added: add_up(IntakeCounts(), added, 0), 0.0
                )
                how.append(added[0].how)

            taker = Taker(handle)
            async with taker.open(place.config):
                await until(lambda: taker.done[JOB] == 10)
                await until_async(lambda: is_empty(place))
            assert how.count("new") == 1
            assert (await ledger.counts(campaign)).open_jobs == 1

    run(main)


async def is_empty(place: Place) -> bool:
    return await place.waiting() == 0


def test_what_was_there_before_the_first_worker_is_taken_and_several_at_once(place: Place) -> None:
    async def main() -> None:
        await place.put(*bodies(40))
        gate = anyio.Event()
        taker = Taker(lambda body: gate.wait())
        async with taker.open(replace(place.config, prefetch=16)):
            await until(lambda: taker.at_once == 16)
            gate.set()
            await until(lambda: len(taker.done) == 40)
            await until_async(lambda: is_empty(place))
        assert taker.at_once_max == 16
        assert set(taker.done.values()) == {1}

    run(main)


def test_poison_goes_to_the_dead_letters_with_its_reason_and_blocks_nobody(place: Place) -> None:
    poison = [
        b"no json \xff",
        b'{"to_number": "911"}',
        b"",
        b'{"kind": "fax", "to_number": "%s"}' % N.encode(),
    ]

    async def handle(body: bytes) -> None:
        read_message(body, JobOptions())

    async def main() -> None:
        await place.put(*poison, JOB)
        taker = Taker(handle)
        async with taker.open(replace(place.config, prefetch=1)):
            await until(lambda: taker.done[JOB])
            await until_async(lambda: is_empty(place))
        refused = [(event.code, event.reason) for event in taker.told(MessageRefused)]
        assert [code for code, _ in refused] == ["no_json", "emergency_or_short", "no_json", "unknown_kind"]
        dead = await place.dead()
        assert dead == [(body, *said) for body, said in zip(poison, refused, strict=True)]

    run(main)


def test_messages_whose_handler_fails_come_again_and_the_others_go_on(place: Place) -> None:
    errors = {JOB: LedgerError("no disk"), b"fault": RuntimeError("a fault of ours")}

    async def handle(body: bytes) -> None:
        if body in errors:
            raise errors.pop(body)

    async def main() -> None:
        await place.put(JOB, b"fault", b"other")
        taker = Taker(handle)
        async with taker.open(place.config):
            await until(lambda: taker.done[b"other"])
            assert not taker.done[JOB]
            await until(lambda: taker.done[JOB] and taker.done[b"fault"])
            await until_async(lambda: is_empty(place))
        assert (taker.begun[JOB], taker.begun[b"fault"]) == (2, 2)
        whys = sorted(event.why for event in taker.told(MessageFailed))
        assert whys == ["LedgerError: no disk", "RuntimeError: a fault of ours"]
        assert not await place.dead()

    run(main)


def test_a_handler_that_is_cancelled_leaves_its_message_unacknowledged(place: Place) -> None:
    async def main() -> None:
        await place.put(JOB)
        stuck = Taker(lambda body: anyio.sleep_forever())
        async with stuck.open(replace(place.config, grace_s=0.1)):
            await until(lambda: stuck.begun[JOB])
        assert await place.waiting() == 1
        taker = Taker()
        async with taker.open(place.config):
            await until(lambda: taker.done[JOB])
            await until_async(lambda: is_empty(place))

    run(main)


def test_at_the_end_what_is_under_way_is_done_and_acknowledged(place: Place) -> None:
    async def main() -> None:
        await place.put(JOB)
        taker = Taker(lambda body: anyio.sleep(0.4))
        async with taker.open(place.config):
            await until(lambda: taker.begun[JOB])
        assert taker.done[JOB] == 1
        assert await place.waiting() == 0

    run(main)


def test_pause_stops_pulling_until_resume(place: Place) -> None:
    async def main() -> None:
        taker = Taker()
        async with taker.open(place.config) as queue:
            await until(lambda: taker.told(QueueReached))
            queue.pause()
            await anyio.sleep(PULL_S_MAX * 1.4)  # the pull that was under way
            await place.put(*bodies(3))
            await anyio.sleep(PULL_S_MAX * 1.4)
            assert not taker.begun
            assert await place.waiting() == 3
            queue.resume()
            await until(lambda: len(taker.done) == 3)

    run(main)


def test_while_one_pauses_another_takes_everything(place: Place) -> None:
    async def main() -> None:
        first, second = Taker(), Taker()
        async with first.open(replace(place.config, consumer="one")) as queue:
            await until(lambda: first.told(QueueReached))
            queue.pause()
            async with second.open(replace(place.config, consumer="two")):
                await anyio.sleep(PULL_S_MAX * 1.4)
                await place.put(*bodies(30))
                await until(lambda: len(second.done) == 30)
        assert not first.begun

    run(main)


def test_two_workers_share_the_messages(place: Place) -> None:
    async def main() -> None:
        first, second = Taker(lambda body: anyio.sleep(0.02)), Taker(lambda body: anyio.sleep(0.02))
        async with (
            first.open(replace(place.config, prefetch=2, consumer="one")),
            second.open(replace(place.config, prefetch=2, consumer="two")),
        ):
            await until(lambda: first.told(QueueReached) and second.told(QueueReached))
            await place.put(*bodies(60))
            await until(lambda: len(first.done) + len(second.done) == 60)
        assert first.done.total() + second.done.total() == 60
        assert first.done
        assert second.done

    run(main)


@pytest.mark.parametrize("place", ["redis", "nats"], indirect=True)
def test_a_message_that_takes_longer_than_stale_is_not_given_to_another(place: Place) -> None:
    async def main() -> None:
        config = replace(place.config, stale_s=0.5)
        await place.put(JOB)
        slow, other = Taker(lambda body: anyio.sleep(1.3)), Taker()
        async with slow.open(replace(config, consumer="one")):
            await until(lambda: slow.begun[JOB])
            async with other.open(replace(config, consumer="two")):
                await until(lambda: slow.done[JOB])
        assert not other.begun
        assert await place.waiting() == 0

    run(main)


def test_a_broker_that_is_cut_off_is_waited_for_and_nothing_is_lost(place: Place) -> None:
    async def main() -> None:
        async with a_wire(place) as (wire, config):
            gate = anyio.Event()
            taker = Taker(lambda body: gate.wait())
            async with taker.open(config):
                await place.put(*bodies(5))
                await until(lambda: len(taker.begun) == 5)
                wire.cut()
                gate.set()  # handled, and not to be acknowledged any more
                await until(lambda: len(taker.told(QueueLost)) > 2)
                assert all(0 < event.wait_s <= config.backoff_max_s for event in taker.told(QueueLost))
                await place.put(*bodies(10))
                wire.mend()
                await until(lambda: len(taker.done) == 10)
                await until_async(lambda: is_empty(place))
                assert len(taker.told(QueueReached)) == 2

    run(main)


def test_a_broker_that_is_not_there_at_the_start_is_waited_for(place: Place) -> None:
    async def main() -> None:
        async with a_wire(place) as (wire, config):
            wire.cut()
            taker = Taker()
            async with taker.open(config) as queue:
                await until(lambda: taker.told(QueueLost))
                assert queue.lag() is None
                wire.mend()
                await place.put(JOB)
                await until(lambda: taker.done[JOB])
            assert "***" not in str(taker.events)
            assert "guest" not in str(taker.events)

    run(main)


def test_the_lag_is_what_waits(place: Place) -> None:
    async def main() -> None:
        await place.put(*bodies(7))
        taker = Taker(lambda body: anyio.sleep_forever())
        async with taker.open(replace(place.config, prefetch=1, grace_s=0.0)) as queue:
            await until(lambda: queue.lag() is not None)
            assert queue.lag() in (6, 7)

    run(main)


@pytest.mark.parametrize("place", ["redis"], indirect=True)
def test_the_end_is_soon_where_a_broker_does_not_answer_and_nothing_is_under_way(place: Place) -> None:
    async def main() -> None:
        async def say_nothing(client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
            await client.read()
            back.close()

        silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
        url = f"redis://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
        taker = Taker()
        with anyio.fail_after(LEAVE_S_MAX + 1.0):
            async with taker.open(replace(place.config, url=url, grace_s=30.0)):
                await anyio.sleep(0.1)
        assert not taker.events
        silent.close()
        await silent.wait_closed()

    run(main)
