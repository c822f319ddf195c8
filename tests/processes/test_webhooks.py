"""Webhooks over real sockets: heard at once, never believed without a signature, never needed."""

import hashlib
import hmac
import json
import statistics
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from socket import create_server
from time import time_ns

import pytest

from tests.processes.places import INVALID, KEY, Place, SimulatedAccount, campaign, each_called_once, numbers
from tests.processes.programs import Program, wait_for
from tests.processes.proxy_process import ProxyProcess

PEOPLE = numbers(20)
PATH = "/webhooks/retell"
TOO_OLD_S = 301
BODY_BYTES_MAX = 5_000
SHORT = numbers(24, [INVALID])
SHORT_SPEED = 4.0
"""The simulator's clock dates its signatures: it must not get five minutes ahead of the dialer's."""
NEVER_POLLED = {"DIALER_TRACKING__POLL_S": "600", "DIALER_TRACKING__POLL_WITH_WEBHOOKS_S": "600"}
AT_ONCE_S = 0.1
SLOTS = 4


def free_port() -> int:
    with closing(create_server(("127.0.0.1", 0))) as listener:
        port: int = listener.getsockname()[1]
        return port


def url_of(port: int) -> str:
    return f"http://127.0.0.1:{port}{PATH}"


def post(port: int, body: bytes, *, key: str = KEY, age_s: float = 0.0, signature: str | None = None) -> int:
    """A webhook as the API signs it; the status of the answer."""
    at = str((time_ns() - round(age_s * 1e9)) // 1_000_000)
    digest = hmac.new(key.encode(), body + at.encode(), hashlib.sha256).hexdigest()
    headers = {"X-Retell-Signature": f"v={at},d={digest}" if signature is None else signature}
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("POST", PATH, body, {"Content-Type": "application/json", **headers})
        return connection.getresponse().status


def test_no_listener_at_all(tmp_path: Path) -> None:
    nobody = url_of(free_port())
    with campaign(tmp_path, PEOPLE, "--webhook-url", nobody) as (account, place):
        done = place.run_to_end()
        assert done.code == 0, done.said
        report = account.report()
        assert report["webhooks"]["sent"] == 0
        each_called_once(place, report, PEOPLE)


def test_heard_by_webhook_alone(tmp_path: Path) -> None:
    """The listing is not asked in all that time."""
    port = free_port()
    with campaign(tmp_path, SHORT, "--webhook-url", url_of(port), speed=SHORT_SPEED) as (account, place):
        done = place.run_to_end("--webhook-listen", f"127.0.0.1:{port}", env=NEVER_POLLED)
        assert done.code == 0, done.said
        report = account.report()
        assert report["requests"].get("POST /v3/list-calls", {}) == {}
        assert report["webhooks"]["sent"] == len(SHORT)
        each_called_once(place, report, SHORT, "failed")


@pytest.mark.slow
@pytest.mark.parametrize(
    "faults",
    ["webhook_doubled=0.5,webhook_late=0.5,webhook_late_s=100,webhook_reordered=0.3", "webhook_lost=1"],
    ids=["doubled, late and out of order", "all lost"],
)
def test_unreliable_webhooks_change_nothing(faults: str, tmp_path: Path) -> None:
    port = free_port()
    options = ("--webhook-url", url_of(port), "--faults", faults)
    with campaign(tmp_path, PEOPLE, *options) as (account, place):
        env = {"DIALER_TRACKING__POLL_WITH_WEBHOOKS_S": "1"}
        done = place.run_to_end("--webhook-listen", f"127.0.0.1:{port}", env=env)
        assert done.code == 0, done.said
        report = account.report()
        assert report["faults"].get("webhook_lost" if "lost" in faults else "webhook_doubled", 0) > 0
        each_called_once(place, report, PEOPLE)


def test_what_is_not_signed_by_the_api_is_refused(tmp_path: Path) -> None:
    port, people = free_port(), PEOPLE[:6]
    with campaign(tmp_path, people) as (account, place):
        env = {"DIALER_WEBHOOKS__BODY_BYTES_MAX": str(BODY_BYTES_MAX), "DIALER_TRACKING__POLL_S": "5"}
        with place.run("--webhook-listen", f"127.0.0.1:{port}", env=env) as program:
            call_id = program.until("call.placed", 3)[0]["call_id"]
            body = ended(call_id)
            assert post(port, body, key="another key") == 401
            assert post(port, body, signature="") == 401
            assert post(port, body, age_s=TOO_OLD_S) == 401
            assert post(port, body, age_s=-TOO_OLD_S) == 401
            assert post(port, b" " * (BODY_BYTES_MAX + 1)) == 413
            assert {line["fault"] for line in program.logged("webhook.refused")} == {
                "bad_signature",
                "too_large",
            }
            assert post(port, ended("call_of_somebody_else")) == 204
            assert post(port, b"no json") == 204
            assert [line for line in program.logged("attempt.closed") if line["call_id"] == call_id] == []
            believed(program, port, call_id)
            assert post(port, ended(call_id, "agent_hangup")) == 204, "late"
            done = program.ended()
            assert done.code == 0, done.said
        assert [line["reason"] for line in ends(program, call_id)] == ["manual_stopped"]
        each_called_once(place, account.report(), people)


def test_another_key_of_the_workspace_may_sign(tmp_path: Path) -> None:
    port, people = free_port(), PEOPLE[:3]
    with campaign(tmp_path, people) as (_, place):
        env = {"DIALER_WEBHOOKS__KEYS": "the badge's key, its successor", "DIALER_TRACKING__POLL_S": "5"}
        with place.run("--webhook-listen", f"127.0.0.1:{port}", env=env) as program:
            call_id = program.until("call.placed", 1)[0]["call_id"]
            assert post(port, ended(call_id)) == 401, "the dialling key is not among them"
            assert post(port, ended(call_id), key="its successor") == 204
            assert post(port, ended(call_id), key="the badge's key") == 204
            done = program.ended()
            assert done.code == 0, done.said
        assert [line["reason"] for line in ends(program, call_id)] == ["manual_stopped"]
        assert "successor" not in done.said


def test_the_webhook_of_the_longest_call_is_taken(tmp_path: Path) -> None:
    """Two hours, word by word, twice: `transcript_object` and `transcript_with_tool_calls`."""
    port, people = free_port(), PEOPLE[:2]
    words = [{"word": "example", "start": at / 2, "end": at / 2 + 0.31} for at in range(2 * 7200)]
    with campaign(tmp_path, people) as (_, place):
        env = {"DIALER_TRACKING__POLL_S": "5"}
        with place.run("--webhook-listen", f"127.0.0.1:{port}", env=env) as program:
            call_id = program.until("call.placed", 1)[0]["call_id"]
            call = {"call_id": call_id, "call_status": "ended", "disconnection_reason": "manual_stopped"}
            told = {**call, "transcript_object": words, "transcript_with_tool_calls": words}
            body = json.dumps({"event": "call_ended", "call": told}).encode()
            assert len(body) > 1_500_000
            assert post(port, body) == 204
            done = program.ended()
            assert done.code == 0, done.said
        assert [line["reason"] for line in ends(program, call_id)] == ["manual_stopped"]


def ended(call_id: str, reason: str = "manual_stopped") -> bytes:
    call = {"call_id": call_id, "call_status": "ended", "disconnection_reason": reason}
    return json.dumps({"event": "call_ended", "call": call}).encode()


def ends(program: Program, call_id: str) -> list[dict[str, object]]:
    return [line for line in program.logged("attempt.closed") if line["call_id"] == call_id]


def believed(program: Program, port: int, call_id: str) -> None:
    """Twice the same, both taken; it ends the call once."""
    assert post(port, ended(call_id)) == post(port, ended(call_id)) == 204
    wait_for(lambda: ends(program, call_id), "the call's end is heard")


@pytest.mark.slow
def test_a_freed_slot_is_used_at_once(tmp_path: Path) -> None:
    """At speed 1 and with all slots taken: from a call's end, as we are told of it, to the next request."""
    port = free_port()
    with ProxyProcess(tmp_path / "ends", port) as ears:
        options = ("--webhook-url", ears.urls[0] + PATH, "--concurrency", str(SLOTS))
        with (
            SimulatedAccount(tmp_path / "account", *options, speed=1.0) as account,
            ProxyProcess(tmp_path / "api", account.port) as api,
        ):
            place = Place(tmp_path / "place", api.urls[0], 1.0, NEVER_POLLED)
            place.leads(SHORT)
            done = place.run_to_end("--webhook-listen", f"127.0.0.1:{port}")
            assert done.code == 0, done.said
            waits = after_each_end(ears, api)
            assert account.report()["doubled_calls"] == 0
    median_ms = statistics.median(waits) * 1000
    print(f"from a call's end to the next request: median {median_ms:.1f} ms of {len(waits)}")  # noqa: T201
    assert len(waits) >= len(SHORT) // 2
    assert median_ms < AT_ONCE_S * 1000


def after_each_end(ears: ProxyProcess, api: ProxyProcess) -> list[float]:
    """For each end but the last few: seconds until the next create, each create counted once."""
    heard = [at for at, event in ears.seen()[0].others if event == "call_ended"]
    creates = api.seen()[0].creates[SLOTS:]
    return [create - end for end, create in zip(heard, creates, strict=False)]
