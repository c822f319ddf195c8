"""Results to a broker: all of them, in order, each under its number, whatever is cut in between."""

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager

import pytest
from queue_kit import run

from dialer.adapters.queues.broker import PublishFailed
from dialer.adapters.queues.publisher import Publisher, PublisherConfig, open_publisher
from dialer.domain.errors import BadInput
from dialer.domain.results import ResultLine
from tests.support.services import KINDS, Place, a_queue, a_wire

CAMPAIGN = "Frühling 2026"


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    with a_queue(request.param) as place:
        yield place


def lines(first: int, last: int) -> list[ResultLine]:
    return [ResultLine(seq, b'{"seq":%d}' % seq) for seq in range(first, last + 1)]


def config(place: Place) -> PublisherConfig:
    return PublisherConfig(place.config.url, f"{place.config.name}-results")


def by(url: str, place: Place) -> AbstractAsyncContextManager[Publisher]:
    return open_publisher(PublisherConfig(url, config(place).name))


def test_lines_are_published_in_order_with_their_campaign_and_number(place: Place) -> None:
    async def main() -> None:
        async with open_publisher(config(place)) as publisher:
            await publisher.publish(CAMPAIGN, lines(1, 700))
            await publisher.publish(CAMPAIGN, lines(701, 702))
            await publisher.publish(CAMPAIGN, [])
        found = await place.read(config(place).name, "result")
        assert [body for body, _ in found] == [line.line for line in lines(1, 702)]
        assert [fields["id"] for _, fields in found] == [f"{CAMPAIGN}:{seq}" for seq in range(1, 703)]
        assert {fields["dialer-campaign"] for _, fields in found} == {CAMPAIGN}
        assert [int(fields["dialer-seq"]) for _, fields in found] == list(range(1, 703))

    run(main)


def test_what_was_not_confirmed_is_published_again_on_a_new_connection(place: Place) -> None:
    async def main() -> None:
        async with a_wire(place) as (wire, by_wire), by(by_wire.url, place) as publisher:
            await publisher.publish("spring", lines(1, 3))
            wire.cut()
            for _ in range(2):
                with pytest.raises(PublishFailed) as error:
                    await publisher.publish("spring", lines(4, 6))
            assert "results were not published: queue " in str(error.value)
            assert "guest:guest" not in str(error.value)
            wire.mend()
            await publisher.publish("spring", lines(4, 6))
        numbers = [int(fields["dialer-seq"]) for _, fields in await place.read(config(place).name, "result")]
        assert list(dict.fromkeys(numbers)) == [1, 2, 3, 4, 5, 6]

    run(main)


@pytest.mark.parametrize("url", ["kafka://h", "redis:", "127.0.0.1:6379", "http://u:secret@h/"])
def test_a_url_of_no_broker_is_refused_without_its_secret(url: str) -> None:
    async def main() -> None:
        with pytest.raises(BadInput, match="no broker's URL") as error:
            async with open_publisher(PublisherConfig(url)):
                pass
        assert "secret" not in str(error.value)

    run(main)
