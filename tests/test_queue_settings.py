"""What queues have to know, out of the settings."""

import sys

import pytest

from dialer.adapters.queues.broker import QueueConfig
from dialer.adapters.queues.opening import open_broker, open_job_sender, open_result_sender
from dialer.app.engine_config import publisher_config, queue_config
from dialer.domain.errors import BadInput
from dialer.domain.rights import Right
from dialer.settings import load

URL = "redis://127.0.0.1"


def test_without_a_url_there_is_no_queue() -> None:
    settings = load(None, {}, {}, None).settings
    assert queue_config(settings) is None
    assert publisher_config(settings) is None


def test_the_queue_is_the_settings_and_stops_within_the_grace() -> None:
    given = {"queue": {"url": URL, "prefetch": 8, "group": "g"}, "shutdown": {"grace_s": 3.0}}
    config = queue_config(load(None, given, {}, None).settings)
    assert config is not None
    assert (config.url, config.prefetch, config.group, config.grace_s) == (URL, 8, "g", 3.0)
    assert config.consumer
    assert URL not in repr(config)


def test_a_queue_has_no_right_that_it_cannot_use() -> None:
    assert load(None, {}, {}, None).settings.queue.rights == ()
    from_environ = {"DIALER_QUEUE__RIGHTS": "redirect_data"}
    assert load(None, {}, from_environ, None).settings.queue.rights == (Right.REDIRECT_DATA,)
    with pytest.raises(BadInput, match=r"queue\.rights .*of which a queue makes no use"):
        load(None, {"queue": {"rights": ["weaken_rules"]}}, {}, None)


@pytest.mark.parametrize("name", ["dialer-jobs", "dialer-jobs-dead"])
def test_results_do_not_go_where_jobs_come_from(name: str) -> None:
    given = {"queue": {"url": URL}, "publish": {"url": URL, "name": name}}
    with pytest.raises(BadInput, match=r"publish\.name"):
        publisher_config(load(None, given, {}, None).settings)


def test_dead_letters_do_not_go_where_jobs_come_from() -> None:
    with pytest.raises(BadInput, match="dead_letter that is the queue itself"):
        load(None, {"queue": {"name": "a", "dead_letter": "a"}}, {}, None)


@pytest.mark.parametrize(
    ("url", "adapter", "package"),
    [
        ("redis://h", "redis_stream", "redis.asyncio"),
        ("amqp://h", "rabbit", "aio_pika"),
        ("nats://h", "jetstream", "nats.errors"),
    ],
)
def test_without_the_extra_it_is_said_how_to_get_it(
    url: str, adapter: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, f"dialer.adapters.queues.{adapter}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    config = QueueConfig(url)
    for opening in (
        lambda: open_broker(config),
        lambda: open_job_sender(config),
        lambda: open_result_sender(url, "results"),
    ):
        with pytest.raises(BadInput, match=r"needs the extra `queue` .*install"):
            opening()
