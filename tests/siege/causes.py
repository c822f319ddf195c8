"""What is done to the workers of a siege, and by what is seen that they told of it in time."""

import asyncio
import http.client
import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from threading import Event
from typing import TYPE_CHECKING

from dialer.adapters.queues.broker import Outgoing, QueueConfig
from dialer.adapters.queues.opening import open_job_sender
from tests.siege.events import EVENTS
from tests.support.relay import PLAIN, Twist

if TYPE_CHECKING:
    from tests.siege.siege import Siege

STUCK_S = 8.0
"""Longer than `/livez` allows, shorter than systemd's watchdog, longer than a lease."""
AGAIN_S_MAX = 120.0
"""What works again is believed to within this: a refused account is asked each minute."""
WITHIN_S: Mapping[str, float] = {told.event: told.within_s for told in EVENTS}
LOG: Mapping[str, str] = {told.event: told.log for told in EVENTS}


@contextmanager
def logged(siege: "Siege", event: str, *more: Callable[[], object]) -> Iterator[None]:
    """What is done within is told by one more line of the event's, and `more` becomes true, in time."""
    workers = siege.workers
    workers.look()
    before = workers.events[LOG[event]]
    yield
    workers.told(event, lambda: workers.events[LOG[event]] > before, WITHIN_S[event])
    for each in more:
        workers.told(f"{event}: metric or probe", each, WITHIN_S[event])


def api_down(siege: "Siege") -> None:
    siege.feed()
    with logged(siege, "the API is down", lambda: any(siege.workers.metric("dialer_requests_held_total"))):
        siege.wires.stop_api()
    siege.wires.start_api()


def api_5xx(siege: "Siege") -> None:
    siege.feed()
    with logged(siege, "the API answers 5xx"):
        siege.wires.answer("create-phone-call", Twist(passes=False, status=502))
    siege.wires.answer("create-phone-call", PLAIN)


def key_revoked(siege: "Siege") -> None:
    _part_fails(siege, "the key is revoked (401)", "account", "/", Twist(passes=False, status=401), "account")


def no_credit(siege: "Siege") -> None:
    siege.feed()
    _part_fails(siege, "no credit (402)", "account", "create-", Twist(passes=False, status=402), "account")


def list_calls_fails(siege: "Siege") -> None:
    twist = Twist(passes=False, status=500)
    _part_fails(siege, "list-calls fails", "list-calls", "list-calls", twist, "followed")


def get_concurrency_fails(siege: "Siege") -> None:
    twist = Twist(passes=False, status=500)
    _part_fails(siege, "get-concurrency fails", "get-concurrency", "get-concurrency", twist)


def no_slots(siege: "Siege") -> None:
    body = json.dumps({"current_concurrency": 0, "concurrency_limit": 0, "base_concurrency": 0}).encode()
    twist = Twist(passes=False, status=200, body=body, headers={"Content-Type": "application/json"})
    _part_fails(siege, "the account leaves no slot", "slots", "get-concurrency", twist)


def _part_fails(
    siege: "Siege", event: str, part: str, path: str, twist: Twist, not_ready: str | None = None
) -> None:
    """Requests whose path holds `path` get this, until the part is told of; then it works again."""
    workers = siege.workers

    def is_shown() -> bool:
        return any(workers.metric("dialer_service_failing", part=part))

    def is_said() -> bool:
        return not_ready is None or any(not_ready in each for each in workers.not_ready())

    with logged(siege, event, is_shown, is_said):
        siege.wires.answer(path, twist)
    siege.wires.answer(path, PLAIN)
    workers.told(f"{event}: it works again", lambda: not is_shown(), AGAIN_S_MAX)


def postgresql_lost(siege: "Siege") -> None:
    _ledger_gone(siege, "PostgreSQL is lost", siege.wires.ledger.close)


def postgresql_hangs(siege: "Siege") -> None:
    _ledger_gone(siege, "PostgreSQL hangs", siege.wires.ledger.hang)


def _ledger_gone(siege: "Siege", event: str, act: Callable[[], None]) -> None:
    workers = siege.workers
    with logged(
        siege,
        event,
        lambda: len(workers.metric("dialer_ledger_lost")) == sum(workers.metric("dialer_ledger_lost")) > 0,
        lambda: any("ledger" in each for each in workers.not_ready()),
    ):
        siege.wires.act(act)
    before = workers.events["ledger.reached"]
    siege.wires.act(siege.wires.ledger.open)
    workers.told("the ledger is back", lambda: workers.events["ledger.reached"] > before, 60.0)


def broker_down(siege: "Siege") -> None:
    with logged(siege, "the broker is down", lambda: 0.0 in siege.workers.metric("dialer_queue_reached")):
        siege.wires.act(siege.wires.broker.close)
    siege.wires.act(siege.wires.broker.open)
    siege.workers.told("the broker is back", lambda: all(siege.workers.metric("dialer_queue_reached")), 60.0)


def loop_stuck(siege: "Siege") -> None:
    number = siege.dice.choice([*siege.workers.alive])
    siege.workers.signal(signal.SIGSTOP, number)
    Event().wait(STUCK_S)
    assert siege.workers.scrape(number, "/livez") == "", "a stuck loop answers nobody"
    with logged(siege, "the event loop is stuck"):
        siege.workers.signal(signal.SIGCONT, number)


def worker_gone(siege: "Siege") -> None:
    """kill -9 says nothing in a log: the others and `status` do."""
    number = siege.dice.choice([*siege.workers.alive])
    siege.workers.kill(number)

    def is_shown() -> bool:
        mine = [each for each in siege.status() if each["worker"].startswith(f"w{number}-")]
        return bool(mine) and not any(each["alive"] for each in mine)

    siege.workers.told("the worker is gone", is_shown, WITHIN_S["a worker is gone"])
    siege.workers.start(number)
    siege.workers.wait()


def do_not_call_file_gone(siege: "Siege") -> None:
    siege.feed()
    there = siege.place / "dnc.txt"
    away = there.with_suffix(".away")
    event = "a do-not-call file is gone"
    with logged(siege, event, lambda: any(siege.workers.metric("dialer_campaign_held"))):
        there.rename(away)
    away.rename(there)


def results_disk_full(siege: "Siege") -> None:
    name = f"full-{siege.dice.getrandbits(32)}"
    log = siege.place / "results" / f"{name}.jsonl"
    event = "a results log cannot be written: the disk is full"
    with logged(siege, event, lambda: any(siege.workers.metric("dialer_campaign_failing"))):
        log.symlink_to("/dev/full")
        siege.feed(1, name)
    log.unlink()


def log_moved(siege: "Siege") -> None:
    log = max((siege.place / "results").glob("*.jsonl"), key=lambda each: each.stat().st_size)
    with logged(siege, "a results log is moved away"):
        log.rename(Path(f"{log}.{siege.dice.getrandbits(32)}"))
        siege.workers.signal(signal.SIGHUP)


def settings_wrong(siege: "Siege") -> None:
    settings = siege.place / "dialer.toml"
    right = settings.read_text()
    failed = "dialer_settings_reload_failed"
    with logged(siege, "new settings are wrong", lambda: all(siege.workers.metric(failed))):
        settings.write_text(right + "\n[nonsense]\nslots = 0\n")
        siege.workers.signal(signal.SIGHUP)
    settings.write_text(right)
    siege.workers.signal(signal.SIGHUP)
    siege.workers.told("the right ones hold", lambda: not any(siege.workers.metric(failed)), 20.0)


def webhooks_forged(siege: "Siege") -> None:
    """Its log line comes once a minute: the metric tells of each."""

    def count() -> float:
        return sum(siege.workers.metric("dialer_webhooks_total", result="bad_signature"))

    before = count()
    for number in siege.workers.alive:
        conn = http.client.HTTPConnection("127.0.0.1", siege.workers.ports[number][0], timeout=10.0)
        body, signature = b'{"event":"call_ended"}', f"v={siege.now_ms()},d={'0' * 64}"
        conn.request("POST", "/webhooks/retell", body, {"x-retell-signature": signature})
        conn.getresponse().read()
        conn.close()
    event = "forged webhooks"
    siege.workers.told(event, lambda: count() > before and siege.workers.events[LOG[event]], WITHIN_S[event])


def message_wrong(siege: "Siege") -> None:
    async def put() -> None:
        config = QueueConfig(**siege.queue)
        async with open_job_sender(config) as sender:
            await sender.send([Outgoing(os.urandom(40)), Outgoing(b'{"to_number": "\\u0000"}')])

    with logged(siege, "a message that can be no job"):
        asyncio.run(put())


CAUSES: Mapping[str, Callable[["Siege"], None]] = {
    "the API is down": api_down,
    "the API answers 5xx": api_5xx,
    "the key is revoked (401)": key_revoked,
    "no credit (402)": no_credit,
    "list-calls fails": list_calls_fails,
    "get-concurrency fails": get_concurrency_fails,
    "the account leaves no slot": no_slots,
    "PostgreSQL is lost": postgresql_lost,
    "PostgreSQL hangs": postgresql_hangs,
    "the broker is down": broker_down,
    "the event loop is stuck": loop_stuck,
    "a worker is gone": worker_gone,
    "a do-not-call file is gone": do_not_call_file_gone,
    "a results log cannot be written: the disk is full": results_disk_full,
    "a results log is moved away": log_moved,
    "new settings are wrong": settings_wrong,
    "forged webhooks": webhooks_forged,
    "a message that can be no job": message_wrong,
}


def in_turn(events: Sequence[str], dice: Random) -> Iterator[str]:
    """Each event in a random order, again and again."""
    while True:
        names = [*events]
        dice.shuffle(names)
        yield from names
