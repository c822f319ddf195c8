"""The settings of queues: where jobs come from, and where results go."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from dialer.settings.grants import AgentIds, Campaigns, FromNumbers, JobRights
from dialer.settings.sections import Section

SCHEMES = ("redis", "rediss", "amqp", "amqps", "nats", "tls")


def _is_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", name):
        raise ValueError("is no name that every broker takes: 1 to 100 letters, digits, - and _")
    return name


Name = Annotated[str, AfterValidator(_is_name)]


def _broker_url(url: str | None) -> str | None:
    """Never says more of it than the scheme: there may be a password in it."""
    if url is not None and not re.match(rf"(?:{'|'.join(SCHEMES)})://[^/\s]", url):
        raise ValueError("is no broker's URL such as redis://HOST, amqp://USER:PASSWORD@HOST or nats://HOST")
    return url


class QueueSection(Section):
    """A message queue that `dialer serve` takes jobs from and `dialer enqueue` puts them into."""

    url: Annotated[str | None, Field(examples=["redis://127.0.0.1:6379"])] = None
    """redis://, rediss://, amqp://, amqps://, nats:// or tls://, with USER:PASSWORD@ if need be."""
    name: Name = "dialer-jobs"
    """The stream (Redis), queue (RabbitMQ) or subject (NATS JetStream)."""
    group: Name = "dialer"
    """Consumer group (Redis) or durable consumer (NATS); the workers of one ledger share one."""
    consumer: Annotated[str | None, Field(examples=["worker-1"])] = None
    """This process in the group (Redis); unset: the machine's name."""
    dead_letter: Name = "dialer-jobs-dead"
    """Where messages go that can never become jobs, each with its reason."""
    prefetch: Annotated[int, Field(ge=1, le=10_000)] = 64
    """Messages under way into the ledger at once."""
    stale_s: Annotated[float, Field(ge=1, le=86_400)] = 60.0
    """Seconds after which what a dead worker left goes to another (Redis, NATS)."""
    backoff_initial_s: Annotated[float, Field(ge=0.01, le=3600)] = 0.5
    """Seconds of the first wait for a lost broker; doubles each time."""
    backoff_max_s: Annotated[float, Field(ge=0.01, le=3600)] = 30.0
    """Seconds of the longest wait."""
    rights: JobRights = ()
    """What its messages may do besides: redirect_data, jobs that send the call's data elsewhere."""
    campaigns: Campaigns = ()
    """The only campaigns that its messages may be for; spring-* is a prefix; empty: any."""
    from_numbers: FromNumbers = ()
    """The only numbers that its jobs may be called from, E.164; empty: any."""
    agents: AgentIds = ()
    """The only agents that its jobs may get; empty: any."""

    _url = field_validator("url")(_broker_url)

    @model_validator(mode="after")
    def _has_a_place_for_the_dead(self) -> Self:
        if self.name == self.dead_letter:
            raise ValueError("has a dead_letter that is the queue itself: name another")
        return self


class Publish(Section):
    """Result lines into a queue, beside the results log: at least once, in order, each with its number."""

    url: Annotated[str | None, Field(examples=["redis://127.0.0.1:6379"])] = None
    """As the queue's url; unset: results are not published."""
    name: Name = "dialer-results"
    """The stream (Redis), queue (RabbitMQ) or subject (NATS JetStream)."""

    _url = field_validator("url")(_broker_url)
