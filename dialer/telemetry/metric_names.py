"""Every metric: its name, what it counts, and what of it is known without a ledger.

One table for the scrape, the textfile and the log line with the counters, so that a number has one name.
Names go by the conventions of Prometheus: base units at the end, `_total` for what only grows. Every metric
also has the label `campaign`, so that the textfiles of several campaigns on one machine do not clash; it is
empty for what all campaigns of a service share (`service_metrics.SHARED`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dialer.telemetry.tally import Tally


class Kind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    """Besides `campaign`. Each has a bounded number of values, and none is a person's number."""


def _counter(name: str, help: str, *labels: str) -> Metric:
    return Metric(f"dialer_{name}_total", Kind.COUNTER, help, labels)


def _gauge(name: str, help: str, *labels: str) -> Metric:
    return Metric(f"dialer_{name}", Kind.GAUGE, help, labels)


def _seconds(name: str, help: str) -> Metric:
    return Metric(f"dialer_{name}_seconds", Kind.HISTOGRAM, help)


ROWS = _counter("rows", "Rows read from the leads by this process.")
REJECTED = _counter("rows_rejected", "Rows among them that became no job.")
ATTEMPTS = _counter("attempts", "Attempts written ahead by this process.")
RESUMED = _counter("attempts_resumed", "Attempts found open at the start.")
PLACED = _counter("calls_placed", "Calls that got their id.")
UNCERTAIN = _counter("attempts_uncertain", "Requests without a clear answer: a call may exist.")
UNKNOWN = _counter("attempts_unknown", "Attempts of which nobody could tell whether they made a call.")
CLOSED = _counter(
    "attempts_closed", "Attempts by how they ended and the number they were made from.", "outcome", "line"
)
FINAL = _counter("jobs_final", "Jobs that became final with an attempt, by state.", "state")
HELD = _counter(
    "requests_held", "Times that requests had to wait because the API said so or was not there.", "reason"
)
LIVE_NOW = _gauge("live_attempts", "Attempts under way: from the claim to the end of the call.")
UNCERTAIN_NOW = _gauge("uncertain_attempts", "Attempts whose call is being looked for now.")
UNKNOWN_NOW = _gauge("unknown_attempts", "Attempts of this process that are unknown now.")
SLOTS = _gauge("slots", "Calls at once that are allowed now.")
SLOTS_INFO = _gauge("slots_info", "Why so many slots are allowed; always 1.", "why")
JOBS = _gauge("jobs", "Jobs in the ledger, by state.", "state")
OLDEST_DUE = _gauge(
    "oldest_due_job_age_seconds", "For how long the oldest due job has been due; 0 if none is."
)
CAMPAIGN_HELD = _gauge("campaign_held", "1 while nobody may be called, whoever it is.")
CAMPAIGN_FAILING = _gauge(
    "campaign_failing",
    "1 while this part of one campaign fails and is tried again; the others go on.",
    "part",
)
CAMPAIGN_PAUSED = _gauge("campaign_paused", "1 while an operator has the campaign paused.")
CAMPAIGN_STOPPING = _gauge("campaign_stopping", "1 once no further job is claimed.")
ACCOUNT_REFUSED = _gauge("account_refused", "1 while the API refuses the account.")
SERVICE_FAILING = _gauge(
    "service_failing", "1 while this part, which all campaigns share, fails and is tried again.", "part"
)
BUDGET = _gauge("budget_limit_dollars", "What the campaign may cost, where it has a budget.")
SPENT = _gauge("budget_spent_dollars", "What calls have cost, where there is a budget.")
RESERVED = _gauge("budget_reserved_dollars", "What is reserved for calls under way.")
BREAKER = _gauge(
    "campaign_breaker_open", "1 while this breaker holds the campaign or tries a call.", "breaker"
)
LINE_BREAKER = _gauge(
    "line_breaker_open", "1 while this breaker holds the line or tries a call.", "line", "breaker"
)
SAMPLED = _gauge("ledger_sample_timestamp_seconds", "When jobs, budget and breakers were last asked for.")
DUE_TO_DIALLED = _seconds(
    "due_to_dialled", "From the moment a job was due until it was claimed to be dialled."
)
ANSWER = _seconds("create_answer", "From the claim until the API gave the call its id.")
REFILL = _seconds("slot_refill", "For how long a slot was empty while the job that took it was due.")
COMMIT = _seconds("ledger_commit", "One group commit that wrote, waiting for its thread included.")
LOOP_LAG = _seconds("loop_lag", "How late the event loop woke up, looked at once a second.")
WEBHOOKS = _counter("webhooks", "Webhooks received, by what came of them.", "result")
WEBHOOK_LAG = _seconds("webhook_lag", "From the end of a call, as the API dates it, to its webhook.")
API_REQUESTS = _counter(
    "api_requests",
    "Requests to the voice API by endpoint and status; none: no answer came.",
    "endpoint",
    "status",
)
API_ANSWERED = _gauge(
    "api_answered_timestamp_seconds", "When the endpoint of the voice API last answered with 2xx.", "endpoint"
)
BUILD = _gauge("build_info", "The program; always 1.", "version")

METRICS = tuple(each for each in globals().values() if isinstance(each, Metric))
"""All of them, in order."""

TALLIED: Mapping[Metric, Callable[[Tally], Any]] = {
    ROWS: lambda tally: tally.intake.rows,
    REJECTED: lambda tally: tally.intake.rejected,
    ATTEMPTS: lambda tally: tally.claimed,
    RESUMED: lambda tally: tally.resumed,
    PLACED: lambda tally: tally.placed,
    UNCERTAIN: lambda tally: tally.uncertain,
    UNKNOWN: lambda tally: tally.parked,
    CLOSED: lambda tally: {str(outcome): count for outcome, count in tally.closed.items()},
    FINAL: lambda tally: {str(state): count for state, count in tally.jobs.items()},
    HELD: lambda tally: tally.held,
    LIVE_NOW: lambda tally: tally.live,
    UNCERTAIN_NOW: lambda tally: len(tally.uncertain_ids),
    UNKNOWN_NOW: lambda tally: len(tally.unknown_ids),
    SLOTS: lambda tally: tally.slots,
}
"""What the counters say: a number, or numbers by the value of the first label; None: not known yet."""
