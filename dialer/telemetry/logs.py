"""Logs: what is written, how it looks, and what must never be in it.

One canonical line per attempt (`attempt.closed`); other lines are for what an operator may have to act on.
Event names are `noun.past_verb`. Every value of every line, tracebacks and other libraries' lines included,
goes through one function that hides secrets and the end of phone numbers.
"""

import logging
import re
from collections.abc import Callable, Collection, Mapping, MutableMapping, Sequence
from typing import Any, TextIO, assert_never

import orjson
import structlog
from structlog.typing import FilteringBoundLogger, Processor

from dialer.domain.figures import believed_duration_s
from dialer.domain.results import rfc3339
from dialer.domain.texts import printable_lines
from dialer.engine.attempts.webhook_watch import REMEDIES
from dialer.engine.events import (
    ApiAnswered,
    AttemptClaimed,
    AttemptClosed,
    AttemptParked,
    AttemptTakenOver,
    AttemptUncertain,
    CallPlaced,
    CampaignChanged,
    CampaignFailing,
    CampaignHeld,
    CampaignStopping,
    Event,
    IntakeProgressed,
    LogWasShortened,
    MessageFailed,
    MessageRefused,
    QueueLost,
    QueueReached,
    RequestHeld,
    ServiceFailing,
    SlotsChanged,
    WebhookFault,
    WebhookRefused,
)
from dialer.ports.engine import Clock
from dialer.telemetry.metric_names import TALLIED
from dialer.telemetry.tally import Tally

INTAKE_ROWS_EACH = 10_000
HELD_EACH_S = 1.0
WEBHOOK_REFUSED_EACH_S = 60.0
SECRET_CHARS_MIN = 4
DIGITS_HIDDEN = 4

NUMBER = re.compile(
    r"(?:\+|%2[Bb])[0-9](?:[ ().\-/]{0,3}[0-9]){6,14}(?![0-9])"  # with a plus, however it is set apart
    r"|(?<![\w.:+-])[0-9]{10,15}(?![\w:-]|\.[0-9])"  # bare, but not part of an id or a time
)

SECRETS = re.compile(
    r"dialer_(?=[A-Za-z_]*[0-9A-Z-])[\w-]{12,}"  # a token of the HTTP API; metrics' names are small letters
    r"|\bkey_(?=[A-Za-z_]*[0-9])[\w-]{8,}"  # a key of Retell
    r"|(?<=[Bb]earer )[^\s'\"]+"
    r"|(?<=://)[^/@\s'\"]+:[^/@\s'\"]+(?=@)"  # a user and password in a URL
)
"""Secrets by their looks, whoever writes them: also a stranger's, or one that is in no settings any more."""

Log = FilteringBoundLogger
_json_logs: list[Log] = []
"""The one that was set up last, if it writes JSON: as with all logging, a process has one."""


def mask_numbers(text: str) -> str:
    """The text with the last four digits of everything that looks like a phone number hidden."""
    return NUMBER.sub(lambda found: _mask(found[0]), text)


def _mask(number: str) -> str:
    digits = [at for at, char in enumerate(number) if char.isdigit()]
    hidden = set(digits[-DIGITS_HIDDEN:])
    return "".join("*" if at in hidden else char for at, char in enumerate(number))


def cleaner(secrets: Sequence[str], *, show_numbers: bool) -> Callable[[str], str]:
    """What every text goes through; what would steer a terminal is escaped in it.

    A secret shorter than `SECRET_CHARS_MIN` is too common a text to hide.
    """
    hidden = sorted((secret for secret in secrets if len(secret) >= SECRET_CHARS_MIN), key=len, reverse=True)

    def clean(text: str) -> str:
        for secret in hidden:
            text = text.replace(secret, "***")
        text = printable_lines(SECRETS.sub("***", text))
        return text if show_numbers else mask_numbers(text)

    return clean


def _cleaned(value: Any, clean: Callable[[str], str]) -> Any:
    """Every text in a value cleaned. What is not plain data becomes text first: it may hold anything."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {clean(str(key)): _cleaned(inner, clean) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_cleaned(inner, clean) for inner in value]
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    return clean(str(value))


def _cleaning(clean: Callable[[str], str]) -> Processor:
    def process(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        inner = ("_record", "_from_structlog")  # structlog's own, taken out before anything is written
        return {key: value if key in inner else _cleaned(value, clean) for key, value in event.items()}

    return process


def _timestamps(clock: Clock) -> Processor:
    def process(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        first = {"timestamp": rfc3339(clock.now()), "level": event.get("level"), "event": event.get("event")}
        return {**first, **event}

    return process


def _json(value: Any, **_: Any) -> str:
    return orjson.dumps(value).decode()


def format_there(format: str, stream: TextIO) -> str:
    """json or console; `auto` is console on a terminal."""
    return ("console" if stream.isatty() else "json") if format == "auto" else format


def json_log() -> Log | None:
    """The log of this process if its lines are JSON, so that its last one can be, too.

    Where `auto` made it so, from its first line on: who only sees a command refused reads plain words.
    """
    return _json_logs[-1] if _json_logs else None


def configure(
    format: str,
    level: str,
    stream: TextIO,
    *,
    clock: Clock,
    secrets: Sequence[str] = (),
    show_numbers: bool = False,
    colors: bool = True,
) -> Log:
    """Set up all logging of the process, other libraries' warnings included, and give the log to write to.

    `format`: json, console, or auto, which is console on a terminal. `level`: debug, info, warning or error.
    `colors` matter on a terminal only. Calling it again replaces what was set up before.
    """
    is_terminal = stream.isatty()
    if format_there(format, stream) == "json":
        look: Processor = structlog.processors.JSONRenderer(serializer=_json)
    else:
        look = structlog.dev.ConsoleRenderer(
            colors=colors and is_terminal, exception_formatter=structlog.dev.plain_traceback
        )

    def begun(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        _json_logs[:] = [log] if format_there(format, stream) == "json" else []
        return event

    steps: list[Processor] = [
        structlog.processors.add_log_level,
        _timestamps(clock),
        structlog.processors.format_exc_info,
        _cleaning(cleaner(secrets, show_numbers=show_numbers)),
    ]
    _take_over_other_libraries(steps, look, stream)
    log: Log = structlog.wrap_logger(
        structlog.WriteLogger(stream),
        processors=[begun, *steps, look],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        context_class=dict,
    )
    _json_logs[:] = [log] if format == "json" else []
    return log.bind()


def _take_over_other_libraries(steps: Sequence[Processor], look: Processor, stream: TextIO) -> None:
    """Lines written with the standard library's logging come out like ours: warnings and worse."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *steps],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, look],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


class LogObserver:
    """Writes the engine's events; give its `observe` to the engine.

    `held_each_s`: seconds of `clock` between lines that say that the API holds us. `wanted_stops`: why the
    campaign stops when somebody asked for it, which is no error.
    """

    def __init__(
        self, log: Log, clock: Clock, *, held_each_s: float = HELD_EACH_S, wanted_stops: Collection[str] = ()
    ) -> None:
        self._wanted_stops = wanted_stops
        self._log = log
        self._clock = clock
        self._helds = _Seldom(held_each_s)
        self._failures = _Seldom(held_each_s)
        self._webhook_faults: dict[WebhookFault, _Seldom] = {}
        self._intake_logged = 0
        self._slots = float("inf")

    def observe(self, event: Event) -> None:
        """Write one event, if it is worth a line."""
        log = self._log
        match event:
            case IntakeProgressed():
                self._intake(event)
            case AttemptClaimed(attempt=attempt, resumed=resumed):
                log.debug("attempt.claimed", **_ids(event), from_number=attempt.from_number, resumed=resumed)
            case CallPlaced(call_id=call_id, adopted=adopted, answer_s=answer_s):
                fields = {**_ids(event), "call_id": call_id, "answer_s": round(answer_s, 3)}
                log.debug("call.placed", **fields, adopted=adopted)
            case AttemptUncertain(why=why):
                log.warning("attempt.uncertain", **_ids(event), why=why)
            case AttemptParked(why=why):
                log.error("attempt.parked", **_ids(event), why=why, way_out="dialer status")
            case AttemptTakenOver(closed=True):
                log.debug("attempt.closed_elsewhere", **_ids(event))
            case AttemptTakenOver(why=why):
                log.info("attempt.taken_over", **_ids(event), why=why)
            case AttemptClosed():
                log.info("attempt.closed", **_closed(event))
            case RequestHeld():
                self._held(event)
            case SlotsChanged():
                self._slots_changed(event)
            case CampaignHeld(why=None):
                log.info("campaign.released")
            case CampaignHeld(why=why):
                log.warning("campaign.held", why=why)
            case CampaignFailing(part=part, why=None):
                log.info("campaign.works_again", part=part.value)
            case CampaignFailing(part=part, why=why):
                log.error("campaign.failing", part=part.value, why=why)
            case ServiceFailing(part=part, why=None):
                log.info("service.works_again", part=part.value)
            case ServiceFailing(part=part, why=why, remedy=remedy):
                log.error("service.failing", part=part.value, why=why, remedy=remedy)
            case LogWasShortened(why=why):
                log.warning("results_log.shortened", why=why)
            case CampaignChanged(changes=changes):
                log.info("campaign.changed", **{name.replace(".", "_"): to for name, to in changes.items()})
            case CampaignStopping(why=why, way_out=way_out, account=account):
                write = log.info if why in self._wanted_stops else log.error
                write("campaign.stopping", why=why, way_out=way_out, account=account)
            case QueueReached(where=where):
                log.info("queue.reached", where=where)
            case QueueLost(why=why, wait_s=wait_s):
                log.warning("queue.lost", why=why, wait_s=round(wait_s, 3))
            case MessageRefused(code=code, reason=reason):
                log.warning("message.refused", code=code, reason=reason)
            case MessageFailed():
                self._failed(event)
            case ApiAnswered():
                pass  # as many as requests: they are counted
            case WebhookRefused(fault=fault):
                self._webhook_refused(fault)
            case _:
                assert_never(event)

    def _intake(self, event: IntakeProgressed) -> None:
        counts = event.counts
        if not event.complete and counts.rows - self._intake_logged < INTAKE_ROWS_EACH:
            return
        self._intake_logged = counts.rows
        self._log.info(
            "intake.progressed",
            complete=event.complete,
            rows=counts.rows,
            new=counts.new,
            same=counts.same,
            changed=counts.changed,
            finished=counts.finished,
            rejected=counts.rejected,
        )

    def _slots_changed(self, event: SlotsChanged) -> None:
        """Fewer slots are news; that they come back, one by one, is not."""
        write = self._log.info if event.slots < self._slots else self._log.debug
        write("slots.changed", slots=event.slots, why=event.why)
        self._slots = event.slots

    def _held(self, event: RequestHeld) -> None:
        unlogged = self._helds.count(self._clock.now())
        if unlogged is not None:
            self._log.warning("request.held", why=event.why, wait_s=round(event.wait_s, 3), unlogged=unlogged)

    def _failed(self, event: MessageFailed) -> None:
        unlogged = self._failures.count(self._clock.now())
        if unlogged is not None:
            self._log.warning(
                "message.failed", why=event.why, wait_s=round(event.wait_s, 3), unlogged=unlogged
            )

    def _webhook_refused(self, fault: WebhookFault) -> None:
        """The port is open to anybody: one line a minute for each fault."""
        seldom = self._webhook_faults.setdefault(fault, _Seldom(WEBHOOK_REFUSED_EACH_S))
        unlogged = seldom.count(self._clock.now())
        if unlogged is not None:
            remedy = REMEDIES[fault]
            self._log.warning("webhook.refused", fault=fault, unlogged=unlogged, way_out=remedy)


class _Seldom:
    """At most one line in `each_s`; it says how many came before it unwritten."""

    def __init__(self, each_s: float) -> None:
        self._each_s = each_s
        self._logged_at = float("-inf")
        self._unlogged = 0

    def count(self, now: float) -> int | None:
        """How many are unwritten, if a line is due; else one more is."""
        if now - self._logged_at < self._each_s:
            self._unlogged += 1
            return None
        unlogged, self._logged_at, self._unlogged = self._unlogged, now, 0
        return unlogged


def _ids(
    event: AttemptClaimed | CallPlaced | AttemptUncertain | AttemptParked | AttemptTakenOver | AttemptClosed,
) -> dict[str, Any]:
    """What says which attempt a line is about."""
    attempt = event.attempt
    job = attempt.job.job
    return {
        "job_id": job.job_id or job.key,
        "line": job.line,
        "to_number": job.to_number,
        "attempt_id": attempt.id,
        "attempt": attempt.number,
    }


def _closed(event: AttemptClosed) -> dict[str, Any]:
    """The canonical line: everything about one attempt."""
    attempt, news = event.attempt, event.news
    return {
        **_ids(event),
        "from_number": attempt.from_number,
        "call_id": news.call_id if news else attempt.call_id,
        "outcome": event.outcome,
        "state": event.state,
        "status": news.status if news else None,
        "reason": news.reason if news else None,
        "error": event.error,
        "talk_s": believed_duration_s(news.duration_s) if news else None,
        "seconds": round(event.at - attempt.claimed_at, 3),
        "job_state": event.job_state,
        "due_at": rfc3339(event.due_at),
    }


def counters_line(tally: Tally) -> dict[str, Any]:
    """The counts under the names they have as Prometheus metrics; a first label's values are keys of a table.

    To be written as `log.info("counters.counted", **counters_line(tally))`.
    """
    return {metric.name: read(tally) for metric, read in TALLIED.items()}
