"""What is measured of a worker: everything by its name, and nothing that is not known."""

from dataclasses import replace

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from dialer.engine.events import MessageFailed, MessageRefused, QueueLost, QueueReached
from dialer.telemetry.metric_names import METRICS, Kind
from dialer.telemetry.metrics import Metrics
from dialer.telemetry.worker_metric_names import WORKER_METRICS
from dialer.telemetry.worker_metrics import Readings, WorkerMetrics

ALONE = Readings(ledger_lost=lambda: False)


def scraped(metrics: WorkerMetrics) -> dict[str, float]:
    """By the samples' names, with the value of the label, if there is one."""
    registry = CollectorRegistry()
    registry.register(metrics)
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {
        " ".join((sample.name, *sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


def test_a_worker_without_a_queue_tells_of_its_ledger_alone() -> None:
    assert scraped(WorkerMetrics(ALONE)) == {
        "dialer_ledger_lost": 0,
        "dialer_attempts_taken_over_total": 0,
        "dialer_settings_reload_failed": 0,
    }


def test_what_the_http_api_answered_is_counted() -> None:
    metrics = WorkerMetrics(ALONE)
    for status, seconds in ((200, 0.25), (200, 0.75), (401, 0.0), (429, 0.0), (503, 1.0)):
        metrics.answered("/v1/jobs", status, seconds)
    shown = scraped(metrics)
    counted = [shown[f"dialer_http_requests_total /v1/jobs {each}"] for each in (200, 401, 429, 503)]
    assert counted == [2, 1, 1, 1]
    assert shown["dialer_http_seconds_total /v1/jobs"] == 2.0


def test_a_queue_is_told_of_once_it_was_tried() -> None:
    metrics = WorkerMetrics(replace(ALONE, queue_waiting=lambda: 12), codes=["no_json", "bad_field"])
    assert "dialer_queue_reached" not in scraped(metrics)
    metrics.observe(QueueReached("redis://127.0.0.1"))
    metrics.taken += 3
    assert {name: value for name, value in scraped(metrics).items() if value} == {
        "dialer_queue_reached": 1,
        "dialer_queue_waiting_messages": 12,
        "dialer_messages_taken_total": 3,
    }
    for event in (QueueLost("away", 1.0), MessageRefused("no_json", "?"), MessageFailed("full", 1.0)):
        metrics.observe(event)
    shown = scraped(metrics)
    assert (shown["dialer_queue_reached"], shown["dialer_queue_losses_total"]) == (0, 1)
    assert shown["dialer_messages_refused_total no_json"] == 1
    assert shown["dialer_messages_refused_total bad_field"] == 0
    assert shown["dialer_messages_failed_total"] == 1


def test_what_others_know_is_asked_at_each_scrape() -> None:
    now = {"lost": False, "heard": 5.0}
    metrics = WorkerMetrics(
        Readings(
            ledger_lost=lambda: bool(now["lost"]),
            heartbeat_at=lambda: now["heard"],
            intake_held=lambda: True,
            publishing_fails=lambda: True,
        )
    )
    before = scraped(metrics)
    now["lost"], now["heard"], metrics.reload_failed = True, 9.0, True
    after = scraped(metrics)
    assert (before["dialer_ledger_lost"], after["dialer_ledger_lost"]) == (0, 1)
    assert before["dialer_heartbeat_timestamp_seconds"] == 5
    assert after["dialer_heartbeat_timestamp_seconds"] == 9
    assert after["dialer_settings_reload_failed"] == 1
    assert (after["dialer_intake_held"], after["dialer_results_publishing_fails"]) == (1, 1)


def test_names_keep_to_the_conventions_and_to_themselves() -> None:
    for metric in WORKER_METRICS:
        assert (metric.kind is Kind.COUNTER) == metric.name.endswith("_total"), metric.name
        assert metric.help.endswith("."), metric.name
    names = [metric.name for metric in (*METRICS, *WORKER_METRICS)]
    assert len(set(names)) == len(names)


def test_one_scrape_shows_both_worker_and_campaigns() -> None:
    registry = CollectorRegistry()
    registry.register(Metrics("spring", 2))
    registry.register(WorkerMetrics(ALONE))
    text = generate_latest(registry).decode()
    assert 'dialer_slots{campaign="spring"} 2.0' in text
    assert "dialer_ledger_lost 0.0" in text
