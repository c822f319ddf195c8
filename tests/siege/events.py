"""What an operator is told of each event, where, and how soon: the table of deploy/README.md.

`python -m tests.siege.events` prints it; a test compares it with the guide. `caused_by` names what causes the
event with the real program: `siege` is `tests/siege/causes.py`, the others are tests.
"""

from collections.abc import Sequence
from dataclasses import dataclass

HEAD = ("event", "log", "metric and alert", "status", "readyz", "exit code", "within")
GOES_ON = "goes on"
READY = "200: other workers could do no better"


@dataclass(frozen=True, slots=True)
class Told:
    """One event. `log`: the line's event; `metric`, `alert`: names; `within_s`: until log and metric tell."""

    event: str
    log: str
    metric: str
    alert: str
    status: str
    within_s: float
    caused_by: str
    readyz: str = READY
    ends: str = GOES_ON

    @property
    def row(self) -> str:
        metric = f"`{self.metric}`, {self.alert}"
        cells = (self.event, f"`{self.log}`", metric, self.status, self.readyz, self.ends)
        return f"| {' | '.join(cells)} | {self.within_s:g} s |"


EVENTS: Sequence[Told] = (
    Told(
        "the API is down",
        "request.held",
        'dialer_requests_held_total{reason="unreachable"}',
        "DialerUnreachable",
        "`failing`: calls cannot be followed",
        30,
        "siege",
        readyz="503 while live calls cannot be followed",
    ),
    Told(
        "the API answers 5xx",
        "attempt.uncertain",
        "dialer_attempts_uncertain_total",
        "DialerUncertainAnswers",
        "`uncertain`: how many are looked for",
        30,
        "siege",
    ),
    Told(
        "the key is revoked (401)",
        "service.failing",
        'dialer_service_failing{part="account"}',
        "DialerAccountRefused",
        "`failing`: what the API says, and the remedy",
        45,
        "siege",
        "503: the API refuses the account",
        "goes on; a run ends with 3",
    ),
    Told(
        "no credit (402)",
        "service.failing",
        'dialer_service_failing{part="account"}',
        "DialerAccountRefused",
        "`failing`: what the API says, and the remedy",
        45,
        "siege",
        "503: the API refuses the account",
        "goes on; a run ends with 3",
    ),
    Told(
        "list-calls fails",
        "service.failing",
        'dialer_service_failing{part="list-calls"}',
        "DialerCallsNotFollowed",
        "`failing`: since when, and what it answers",
        75,
        "siege",
        "503: calls cannot be followed",
    ),
    Told(
        "get-concurrency fails",
        "service.failing",
        'dialer_service_failing{part="get-concurrency"}',
        "DialerConcurrencyUnknown",
        "`failing`: since when, and what it answers",
        120,
        "siege",
    ),
    Told(
        "the account leaves no slot",
        "service.failing",
        'dialer_service_failing{part="slots"}',
        "DialerNoSlots",
        "`failing`: the account's numbers",
        45,
        "siege",
    ),
    Told(
        "PostgreSQL is lost",
        "ledger.lost",
        "dialer_ledger_lost",
        "DialerLedgerLost",
        "exit 1: it cannot be read",
        20,
        "siege",
        "503: the ledger",
        "goes on; at the start 1, tried again",
    ),
    Told(
        "PostgreSQL hangs",
        "ledger.lost",
        "dialer_ledger_lost",
        "DialerLedgerLost",
        "exit 1: it does not answer",
        30,
        "siege",
        "503: the ledger",
        "goes on; at the start 1, tried again",
    ),
    Told(
        "the broker is down",
        "queue.lost",
        "dialer_queue_reached",
        "DialerQueueLost",
        "shows jobs of the ledger, not of the queue",
        20,
        "siege",
    ),
    Told(
        "the event loop is stuck",
        "loop.late",
        "dialer_loop_lag_seconds",
        "DialerDown",
        "the worker is `gone` after its lease",
        5,
        "siege",
        "no answer; /livez too",
        "systemd kills it after 30 s and starts it",
    ),
    Told(
        "a worker is gone",
        "process.failed",
        "up",
        "DialerDown",
        "the worker is `gone` after its lease",
        30,
        "siege",
        "no answer",
        "whatever ended it",
    ),
    Told(
        "no worker at all",
        "process.failed",
        "up",
        "DialerAbsent",
        "no worker is alive",
        30,
        "tests/processes/test_serve.py",
        "no answer",
        "whatever ended them",
    ),
    Told(
        "a crash loop",
        "process.failed",
        "dialer_started_timestamp_seconds",
        "DialerRestartLoop",
        "workers of one host that are `gone`",
        1,
        "tests/cli/test_cli_last_line.py",
        "no answer",
        "1; 2 is not started again",
    ),
    Told(
        "a do-not-call file is gone",
        "campaign.held",
        "dialer_campaign_held",
        "DialerHeld",
        "`held`: which file and why",
        20,
        "siege",
    ),
    Told(
        "a results log cannot be written: the disk is full",
        "campaign.failing",
        "dialer_campaign_failing",
        "DialerCampaignFailing",
        "`failing`: which part and why",
        30,
        "siege",
    ),
    Told(
        "a results log is moved away",
        "service.reloaded",
        "dialer_settings_reload_failed",
        "DialerReloadRefused",
        "`verify` says with which line the log begins",
        20,
        "siege",
    ),
    Told(
        "new settings are wrong",
        "service.reload_refused",
        "dialer_settings_reload_failed",
        "DialerReloadRefused",
        "asked without that file (`--ledger`): as before; the service goes by the old settings",
        20,
        "siege",
        ends="goes on; at the start 2",
    ),
    Told(
        "forged webhooks",
        "webhook.refused",
        'dialer_webhooks_total{result="bad_signature"}',
        "DialerBadSignatures",
        "calls are followed by polling",
        20,
        "siege",
    ),
    Told(
        "a message that can be no job",
        "message.refused",
        "dialer_messages_refused_total",
        "DialerDeadLetters",
        "it is no job",
        30,
        "siege",
    ),
    Told(
        "a line is flagged",
        "attempt.closed",
        'dialer_line_breaker_open{breaker="flagged"}',
        "DialerLineFlagged",
        "`line`: until when it rests",
        20,
        "tests/engine/test_rules.py",
    ),
    Told(
        "the budget is reached",
        "campaign.held",
        "dialer_budget_spent_dollars",
        "DialerBudgetNearlySpent",
        "`budget`: spent of how much",
        20,
        "tests/engine/test_rules.py",
    ),
    Told(
        "unknown attempts",
        "attempt.parked",
        "dialer_unknown_attempts",
        "DialerUnknownAttempts",
        "`unknown`, and `dialer resolve` lists them",
        1,
        "tests/engine/test_only_unknown.py",
    ),
    Told(
        "the clock is set",
        "clock.stepped",
        "dialer_clock_steps_total",
        "DialerClockStepped",
        "times are those of the new clock",
        2,
        "tests/test_self_watch.py",
    ),
)


def table() -> str:
    """As the guide has it."""
    lines = [f"| {' | '.join(HEAD)} |", f"| {' | '.join('---' for _ in HEAD)} |"]
    return "\n".join([*lines, *(each.row for each in EVENTS)])


if __name__ == "__main__":
    print(table())  # noqa: T201 - for the guide
