"""What is measured of a service: each campaign by its name, and once what they share."""

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from dialer.engine.events import CampaignChanged, CampaignStopping, RequestHeld, SlotsChanged
from dialer.telemetry.metric_names import METRICS
from dialer.telemetry.metrics import Sample
from dialer.telemetry.service_metrics import CAMPAIGNS_MAX, OTHER_CAMPAIGNS, SHARED, ServiceMetrics
from tests.web.test_web_metrics import NOW, claimed, closed, full

STOPPED = CampaignStopping("there is nothing to do", "", account=False)


def scraped(service: ServiceMetrics) -> dict[tuple[str, str], float]:
    """By the samples' names and campaigns, summed over what else they are told by."""
    registry = CollectorRegistry()
    registry.register(service)
    text = generate_latest(registry).decode()
    kinds = [line for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(set(kinds)) == len(kinds), "a metric is told once, whoever tells of it"
    found: dict[tuple[str, str], float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            at = sample.name, sample.labels["campaign"]
            found[at] = found.get(at, 0.0) + sample.value
    return found


def test_each_campaign_has_its_own_numbers() -> None:
    service = ServiceMetrics(20, 250.0)
    for campaign, event in (
        ("spring", claimed(1, at=NOW)),
        ("spring", closed(1)),
        ("autumn", claimed(2, at=NOW)),
        ("autumn", RequestHeld("HTTP 429: slow down", 1.0)),
        ("autumn", CampaignChanged({"budget.per_campaign_usd": 80.0})),
    ):
        service.observe(campaign, event)
    shown = scraped(service)
    assert (shown["dialer_attempts_total", "spring"], shown["dialer_attempts_total", "autumn"]) == (1, 1)
    assert (shown["dialer_live_attempts", "spring"], shown["dialer_live_attempts", "autumn"]) == (0, 1)
    assert shown["dialer_attempts_closed_total", "spring"] == 1
    assert shown["dialer_requests_held_total", "autumn"] == 1
    assert shown["dialer_budget_limit_dollars", "spring"] == 250
    assert shown["dialer_budget_limit_dollars", "autumn"] == 80
    assert ("dialer_attempts_total", "") not in shown


def test_what_they_share_is_told_once() -> None:
    service = ServiceMetrics(20, None)
    service.observe("spring", claimed(1, at=NOW))
    service.observe("autumn", claimed(2, at=NOW))
    service.account.observe(SlotsChanged(3, "the account is full"))
    shown = scraped(service)
    assert [campaign for name, campaign in shown if name == "dialer_slots"] == [""]
    assert shown["dialer_slots", ""] == 3
    assert {metric.name for metric in SHARED} <= {metric.name for metric in METRICS}
    assert [campaign for name, campaign in shown if name == "dialer_build_info"] == [""]


@pytest.mark.parametrize("refused", [False, True])
def test_a_campaign_that_stops_stops_no_other_unless_the_account_is_refused(refused: bool) -> None:
    service = ServiceMetrics(20, None)
    service.observe("spring", claimed(1, at=NOW))
    service.observe("autumn", CampaignStopping("no credit", "pay", account=True) if refused else STOPPED)
    shown = scraped(service)
    assert shown["dialer_campaign_stopping", "spring"] == 0
    assert shown["dialer_campaign_stopping", "autumn"] == 1
    assert shown["dialer_account_refused", ""] == refused
    assert (service.account.tally.stopping is not None) == refused


def test_what_the_ledger_said_stands_beside() -> None:
    service = ServiceMetrics(20, None)
    service.observe("spring", claimed(1, at=NOW))
    (sample,) = full().samples.values()
    service.account.samples = {"spring": sample, "autumn": Sample(sample.counts, sample.standing, NOW + 1)}
    shown = scraped(service)
    assert shown["dialer_ledger_sample_timestamp_seconds", "autumn"] == NOW + 1
    assert shown["dialer_jobs", "spring"] == shown["dialer_jobs", "autumn"] > 0


def test_campaigns_without_end_get_no_labels_without_end() -> None:
    service = ServiceMetrics(20, None)
    for number in range(CAMPAIGNS_MAX + 5):
        service.observe(f"campaign-{number}", claimed(number, at=NOW))
    shown = scraped(service)
    named = [campaign for name, campaign in shown if name == "dialer_attempts_total"]
    assert len(named) == CAMPAIGNS_MAX + 1
    assert shown["dialer_attempts_total", OTHER_CAMPAIGNS] == 5
