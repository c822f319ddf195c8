"""What the intake and the publisher ask of a message broker, whichever it is."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import unquote, urlsplit

from dialer.domain.errors import DialerError

CODE_HEADER = "dialer-code"
REASON_HEADER = "dialer-reason"
"""What a dead letter says of itself, beside the message as it was."""
CONNECT_S_MAX = 10.0
ANSWER_S_MAX = 10.0
"""A broker that does not answer for so long is taken for lost."""


class BrokerLost(DialerError):
    """The broker cannot be reached, or does not do what it is asked. Says which and why, without secrets."""


class PublishFailed(DialerError):
    """It is not known that the broker has what was published; it may be published again."""


@dataclass(frozen=True, slots=True)
class QueueConfig:
    """Where jobs come from, and how."""

    url: str = field(repr=False)
    """redis://, rediss://, amqp://, amqps://, nats:// or tls://, with user and password if there are any."""
    name: str = "dialer-jobs"
    """The stream, queue or subject."""
    group: str = "dialer"
    """Consumer group (Redis) or durable consumer (NATS): its members share the messages."""
    consumer: str = "dialer"
    """This process among them (Redis)."""
    dead_letter: str = "dialer-jobs-dead"
    """Where messages go that can never become jobs."""
    prefetch: int = 64
    """Messages under way at once, at most."""
    stale_s: float = 60.0
    """A message that nobody has acknowledged for so long comes again to another (Redis, NATS)."""
    backoff_initial_s: float = 0.5
    backoff_max_s: float = 30.0
    grace_s: float = 10.0
    """How long messages under way are waited for at the end."""


@dataclass(frozen=True, slots=True, eq=False)
class Delivery:
    """One message on its way into the ledger."""

    body: bytes
    handle: object
    """The broker's own, by which it is acknowledged."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to be published."""

    body: bytes
    id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Broker(Protocol):
    """One connection that takes messages. Every method raises `BrokerLost`, and then it is of no more use."""

    async def pull(self, messages_max: int, wait_s: float) -> Sequence[Delivery]:
        """The next messages; none if none came for `wait_s` seconds."""
        ...

    async def rest(self) -> None:
        """Give back what is here and was not pulled; nothing comes until the next `pull`."""
        ...

    async def acknowledge(self, delivery: Delivery) -> None:
        """It is in the ledger: it need not come again."""
        ...

    async def give_back(self, delivery: Delivery) -> None:
        """It is to come again, here or to another."""
        ...

    async def bury(self, delivery: Delivery, code: str, reason: str) -> None:
        """To the dead letters, as it was and with its reason; then it does not come again."""
        ...

    async def keep(self, deliveries: Sequence[Delivery]) -> None:
        """They are still under way: they are not to go to another."""
        ...

    async def waiting(self) -> int | None:
        """Messages that are not acknowledged yet, as far as the broker tells."""
        ...


class Sender(Protocol):
    """One connection that publishes. Raises `BrokerLost`, and then it is of no more use."""

    async def send(self, messages: Sequence[Outgoing]) -> None:
        """Publish them in order; they are the broker's when it returns."""
        ...


def shown(url: str) -> str:
    """The URL without user, password and options."""
    try:
        parts = urlsplit(url)
        where = parts.netloc.rpartition("@")[2]
        return f"{parts.scheme}://{where}{parts.path}"
    except ValueError:
        return "the broker"


def lost(url: str, what: str, error: BaseException) -> BrokerLost:
    """The broker at `url` failed at `what`."""
    said = " ".join(str(error).split()) or type(error).__name__
    userinfo = urlsplit(url).netloc.rpartition("@")[0]
    for secret in {userinfo, unquote(userinfo), *userinfo.split(":")[1:], *unquote(userinfo).split(":")[1:]}:
        if secret:
            said = said.replace(secret, "***")
    return BrokerLost(f"queue {shown(url)}: {what}: {said}")


@contextmanager
def losses(kinds: tuple[type[BaseException], ...], url: str, what: str) -> Iterator[None]:
    """What a client raises of these kinds is a lost broker. Raises `BrokerLost`."""
    try:
        yield
    except kinds as error:
        raise lost(url, what, error) from error
