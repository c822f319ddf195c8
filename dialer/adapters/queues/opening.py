"""Which broker it is, by the scheme of its URL."""

from contextlib import AbstractAsyncContextManager
from urllib.parse import urlsplit

from dialer.adapters.queues.broker import Broker, QueueConfig, Sender, shown
from dialer.adapters.system.installed import needs_extra
from dialer.domain.errors import BadInput

SCHEMES = {
    "redis": "redis",
    "rediss": "redis",
    "amqp": "amqp",
    "amqps": "amqp",
    "nats": "nats",
    "tls": "nats",
}


def open_broker(config: QueueConfig) -> AbstractAsyncContextManager[Broker]:
    """A connection that takes messages. Raises `BadInput`, and when it is entered `BrokerLost`."""
    try:
        match kind_of(config.url):
            case "redis":
                from dialer.adapters.queues.redis_stream import open_redis

                return open_redis(config)
            case "amqp":
                from dialer.adapters.queues.rabbit import open_rabbit

                return open_rabbit(config)
            case _:
                from dialer.adapters.queues.jetstream import open_nats

                return open_nats(config)
    except ImportError as error:
        raise _missing(error) from error


def open_job_sender(config: QueueConfig) -> AbstractAsyncContextManager[Sender]:
    """A connection that publishes jobs to that queue. As `open_broker`."""
    try:
        match kind_of(config.url):
            case "redis":
                from dialer.adapters.queues.redis_stream import JOB_FIELD, open_redis_sender

                return open_redis_sender(config.url, config.name, JOB_FIELD)
            case "amqp":
                from dialer.adapters.queues.rabbit import open_rabbit_sender

                return open_rabbit_sender(config.url, config.name, config.dead_letter)
            case _:
                from dialer.adapters.queues.jetstream import open_nats_sender

                return open_nats_sender(config.url, config.name, is_work=True)
    except ImportError as error:
        raise _missing(error) from error


def open_result_sender(url: str, name: str) -> AbstractAsyncContextManager[Sender]:
    """A connection that publishes results. As `open_broker`."""
    try:
        match kind_of(url):
            case "redis":
                from dialer.adapters.queues.redis_stream import RESULT_FIELD, open_redis_sender

                return open_redis_sender(url, name, RESULT_FIELD)
            case "amqp":
                from dialer.adapters.queues.rabbit import open_rabbit_sender

                return open_rabbit_sender(url, name, None)
            case _:
                from dialer.adapters.queues.jetstream import open_nats_sender

                return open_nats_sender(url, name, is_work=False)
    except ImportError as error:
        raise _missing(error) from error


async def ping(url: str) -> None:
    """Reach the broker once, for those who only want to know: nothing is made there.

    Raises `BadInput`, `BrokerLost`.
    """
    try:
        match kind_of(url):
            case "redis":
                from dialer.adapters.queues.redis_stream import ping
            case "amqp":
                from dialer.adapters.queues.rabbit import ping
            case _:
                from dialer.adapters.queues.jetstream import ping
    except ImportError as error:
        raise _missing(error) from error
    await ping(url)


def kind_of(url: str) -> str:
    """redis, amqp or nats. Raises `BadInput`."""
    kind = SCHEMES.get(url.partition("://")[0].lower())
    if kind is None or not urlsplit(url).netloc:
        raise BadInput(
            f"queue {shown(url)!r} is no broker's URL: write redis://HOST, rediss://HOST, amqp://HOST, "
            "amqps://HOST, nats://HOST or tls://HOST, with USER:PASSWORD@ in front of HOST if it wants one"
        )
    return kind


def _missing(error: ImportError) -> BadInput:
    return needs_extra("a queue", "queue", error)
