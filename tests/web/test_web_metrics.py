"""What is measured: from events to numbers, under names that keep to the conventions."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.parser import text_string_to_metric_families

from dialer.domain.calls import Attempt, AttemptId, CallId, CallJob, CampaignId, JobId, OpenJob
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.domain.outcomes import Outcome
from dialer.domain.standing import Standing
from dialer.engine.events import (
    ApiAnswered,
    AttemptClaimed,
    AttemptClosed,
    CallPlaced,
    CampaignChanged,
    CampaignStopping,
    Event,
    RequestHeld,
    SlotsChanged,
)
from dialer.ports.engine import CampaignCounts
from dialer.telemetry.metric_names import METRICS, TALLIED, Kind
from dialer.telemetry.metrics import LINES_MAX, OTHER_LINES, QUICK_S, Buckets, Metrics, Sample

NOW = 1_800_000_000.0
PERSON, LINE = "+12125550101", "+12125550199"


def attempt(n: int, *, claimed_at: float = NOW, due_at: float = NOW, line: str | None = LINE) -> Attempt:
    job = CallJob(key=f"job-{n}", job_id=f"job-{n}", to_number=PERSON)
    opened = OpenJob(JobId(n), CampaignId(1), job, due_at, 1)
    ids = AttemptId(f"a-{n}")
    return Attempt(ids, opened, 1, AttemptState.CLAIMED, line, b"", claimed_at, claimed_at)


def claimed(n: int, *, at: float, due_at: float = NOW) -> AttemptClaimed:
    return AttemptClaimed(attempt(n, claimed_at=at, due_at=due_at), resumed=False)


def closed(n: int, *, at: float = NOW, line: str | None = LINE) -> AttemptClosed:
    ended, done = AttemptState.ENDED, JobState.DONE
    return AttemptClosed(attempt(n, line=line), ended, Outcome.REACHED, done, None, None, None, at)


def measured(*events: Event, slots: int = 2) -> Metrics:
    metrics = Metrics("spring", slots)
    for event in events:
        metrics.observe(event)
    return metrics


def scraped(metrics: Metrics) -> dict[str, Family]:
    registry = CollectorRegistry()
    registry.register(metrics)
    text = generate_latest(registry).decode()
    assert PERSON not in text
    return {family.name: family for family in text_string_to_metric_families(text)}


def values(families: dict[str, Family], name: str) -> dict[tuple[str, ...], float]:
    """By the labels' values, without the campaign's, in the order of the labels' names."""
    return {
        tuple(value for label, value in sorted(sample.labels.items()) if label != "campaign"): sample.value
        for sample in families[name].samples
        if sample.name in (name, f"{name}_total")
    }


def seen(families: dict[str, Family], name: str) -> tuple[float, float]:
    """How many, and their sum."""
    ends = {sample.name.removeprefix(name): sample.value for sample in families[name].samples}
    return ends["_count"], ends["_sum"]


def full() -> Metrics:
    """Every metric has something to say."""
    metrics = measured(claimed(1, at=NOW), closed(1), SlotsChanged(1, "the account is full"))
    metrics.observe(RequestHeld("HTTP 429: slow down", 1.0))
    metrics.observe(ApiAnswered("list-calls", 200, NOW))
    metrics.budget_usd = 250.0
    counts = CampaignCounts(dict.fromkeys(JobState, 1), {}, 0, 0, 1, 1, NOW - 90)
    stands = Standing(True, False, 1234.0, 50.0, {"stop": False}, {(LINE, "flagged"): True})
    metrics.samples = {metrics.campaign: Sample(counts, stands, NOW)}
    return metrics


def test_names_keep_to_the_conventions() -> None:
    families = scraped(full())
    for metric in METRICS:
        assert metric.name.startswith("dialer_")
        assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
        assert metric.kind is not Kind.HISTOGRAM or metric.name.endswith("_seconds")
        assert metric.help.endswith(".")
        family = families[metric.name.removesuffix("_total")]
        assert (family.type, family.documentation) == (metric.kind, metric.help)
        assert family.samples, metric.name
        for sample in family.samples:
            assert sample.labels.keys() - {"le"} == {"campaign", *metric.labels}
    assert len({each.name.removesuffix("_total") for each in METRICS}) == len(METRICS) == len(families)
    assert set(TALLIED) <= set(METRICS)


def test_attempts_by_outcome_and_line() -> None:
    families = scraped(measured(closed(1), closed(2), closed(3, line=None)))
    assert values(families, "dialer_attempts_closed") == {(LINE, "reached"): 2, ("", "reached"): 1}


def test_lines_that_leads_name_are_bounded() -> None:
    metrics = measured(*(closed(n, line=f"+1212{n:07}") for n in range(LINES_MAX + 3)))
    found = values(scraped(metrics), "dialer_attempts_closed")
    assert len(found) == LINES_MAX + 1
    assert found[OTHER_LINES, "reached"] == 3


def test_a_job_waits_from_its_due_time_to_its_claim() -> None:
    families = scraped(measured(claimed(1, at=NOW + 3.0), claimed(2, at=NOW - 1.0)))
    assert seen(families, "dialer_due_to_dialled_seconds") == (2, 3.0)


def test_what_is_resumed_was_dialled_before() -> None:
    resumed = AttemptClaimed(attempt(1, claimed_at=NOW + 3), resumed=True)
    families = scraped(measured(resumed))
    assert seen(families, "dialer_due_to_dialled_seconds") == (0, 0)
    assert values(families, "dialer_live_attempts") == {(): 1}


def test_an_adopted_call_says_nothing_of_the_answer() -> None:
    placed = CallPlaced(attempt(1), CallId("c"), adopted=False, answer_s=0.25)
    families = scraped(measured(placed, replace(placed, adopted=True)))
    assert seen(families, "dialer_create_answer_seconds") == (1, 0.25)


@pytest.mark.parametrize(
    ("due_at", "refill_s"),
    [(NOW, 2.0), (NOW + 11.5, 0.5)],  # a slot that is empty because nobody is due waits for nothing
)
def test_a_slot_is_empty_from_an_end_to_the_next_claim(due_at: float, refill_s: float) -> None:
    events = (claimed(1, at=NOW), closed(1, at=NOW + 10), claimed(2, at=NOW + 12, due_at=due_at))
    assert seen(scraped(measured(*events)), "dialer_slot_refill_seconds") == (1, refill_s)


def test_a_slot_that_was_taken_away_is_not_waited_for() -> None:
    ends = (closed(1, at=NOW + 1), closed(2, at=NOW + 5))
    families = scraped(
        measured(
            claimed(1, at=NOW),
            claimed(2, at=NOW),
            *ends,
            SlotsChanged(1, "the account is full"),
            claimed(3, at=NOW + 6),
        )
    )
    assert seen(families, "dialer_slot_refill_seconds") == (1, 1.0)
    assert values(families, "dialer_slots_info") == {("the account is full",): 1}
    assert values(families, "dialer_slots") == {(): 1}


def test_holds_are_told_apart() -> None:
    holds = (RequestHeld("HTTP 429: slow down", 1.0), RequestHeld("ClientConnectorError: refused", 1.0))
    found = values(scraped(measured(*holds)), "dialer_requests_held")
    assert found == {("rate_limited",): 1, ("unreachable",): 1}


def test_what_only_the_ledger_knows_comes_with_a_sample() -> None:
    assert "dialer_jobs" not in scraped(measured())
    families = scraped(full())
    assert values(families, "dialer_oldest_due_job_age_seconds") == {(): 90}
    assert values(families, "dialer_budget_spent_dollars") == {(): 12.34}
    assert values(families, "dialer_campaign_held") == {(): 1}
    assert values(families, "dialer_line_breaker_open") == {("flagged", LINE): 1}


def test_a_stop_and_a_changed_budget_show() -> None:
    changes = {"budget.per_campaign_usd": 99.5}
    families = scraped(measured(CampaignStopping("402", "pay", account=True), CampaignChanged(changes)))
    assert values(families, "dialer_account_refused") == {(): 1}
    assert values(families, "dialer_campaign_stopping") == {(): 1}
    assert values(families, "dialer_budget_limit_dollars") == {(): 99.5}


def test_a_budget_that_was_changed_back_is_the_configured_one() -> None:
    metrics = measured(CampaignChanged({"budget.per_campaign_usd": 99.5}), CampaignChanged({}))
    metrics.budget_usd = 250.0
    assert values(scraped(metrics), "dialer_budget_limit_dollars") == {(): 250.0}


def cumulated(observed: Iterable[float]) -> dict[str, float]:
    buckets = Buckets(QUICK_S)
    for seconds in observed:
        buckets.observe(seconds)
    return dict(buckets.cumulated())


def test_a_bucket_holds_its_upper_bound() -> None:
    found = cumulated([0.001, 0.0011, 10.0, 11.0, -5.0])
    assert (found["0.001"], found["0.0025"], found["10.0"], found["+Inf"]) == (2, 3, 4, 5)
