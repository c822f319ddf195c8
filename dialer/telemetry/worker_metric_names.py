"""Every metric of a worker as a whole, beside those of its campaigns: they have no label `campaign`."""

from dialer.telemetry.metric_names import Kind, Metric

QUEUE_REACHED = Metric(
    "dialer_queue_reached", Kind.GAUGE, "1 while the queue's broker answers; absent without a queue."
)
QUEUE_LOSSES = Metric(
    "dialer_queue_losses_total",
    Kind.COUNTER,
    "Times that the queue's broker was lost or could not be reached.",
)
QUEUE_WAITING = Metric(
    "dialer_queue_waiting_messages",
    Kind.GAUGE,
    "Messages that wait in the queue; the same for all workers that share it.",
)
TAKEN = Metric("dialer_messages_taken_total", Kind.COUNTER, "Messages that are jobs in the ledger by now.")
REFUSED = Metric(
    "dialer_messages_refused_total",
    Kind.COUNTER,
    "Messages that went to the dead letters, by the reason's code.",
    ("code",),
)
FAILED = Metric(
    "dialer_messages_failed_total",
    Kind.COUNTER,
    "Messages that could not be taken, and went back to the queue.",
)
INTAKE_HELD = Metric(
    "dialer_intake_held", Kind.GAUGE, "1 while nothing is taken in, since the ledger has open jobs enough."
)
PUBLISHING_FAILS = Metric(
    "dialer_results_publishing_fails", Kind.GAUGE, "1 while results cannot be published; absent if none are."
)
LEDGER_LOST = Metric(
    "dialer_ledger_lost", Kind.GAUGE, "1 while the ledger cannot be used: nobody is dialled."
)
HEARTBEAT = Metric(
    "dialer_heartbeat_timestamp_seconds", Kind.GAUGE, "When the ledger last heard that this worker is alive."
)
TAKEN_OVER = Metric(
    "dialer_attempts_taken_over_total",
    Kind.COUNTER,
    "Attempts that another worker has by now, since this one had not been heard of.",
)
RELOAD_FAILED = Metric(
    "dialer_settings_reload_failed",
    Kind.GAUGE,
    "1 if the last reload was refused: the settings before it hold.",
)
STARTED = Metric("dialer_started_timestamp_seconds", Kind.GAUGE, "When this worker was started.")
CLOCK_STEPS = Metric(
    "dialer_clock_steps_total",
    Kind.COUNTER,
    "Times that this machine's clock was set by more than two seconds.",
)
HTTP_REQUESTS = Metric(
    "dialer_http_requests_total",
    Kind.COUNTER,
    "Requests to the HTTP API by endpoint and status; endpoint is empty where there is none.",
    ("endpoint", "status"),
)
HTTP_SECONDS = Metric(
    "dialer_http_seconds_total",
    Kind.COUNTER,
    "Seconds that the answers of the HTTP API took, by endpoint; divided by the requests: the latency.",
    ("endpoint",),
)

WORKER_METRICS = tuple(each for each in globals().values() if isinstance(each, Metric))
"""All of them, in order."""
