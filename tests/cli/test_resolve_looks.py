"""`dialer resolve` asks the API once before it believes the operator."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from random import Random

import anyio
import orjson
import pytest

from dialer.adapters.ledger.store import open_sqlite
from dialer.commands.resolve import list_unknown, named, resolve_called, resolve_not_called
from dialer.domain.calls import Attempt, AttemptId, CallId, CallJob
from dialer.domain.errors import BadInput
from dialer.domain.lifecycle import OPEN_ATTEMPTS, AttemptState, JobState
from dialer.domain.outcomes import Outcome
from dialer.domain.results import attempt_line
from dialer.domain.screening import CampaignPolicy
from dialer.ports.engine import AttemptUpdate, ClaimRequest, IntakeCounts
from dialer.settings import Loaded, load

NOW = 1_800_000_000.0


@contextmanager
def api_that_lists(calls: dict[str, str]) -> Iterator[str]:
    """An API whose listing has these calls, by their attempts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            items = [
                {"call_id": call_id, "call_status": "ended", "metadata": {"attempt_id": attempt_id}}
                for attempt_id, call_id in calls.items()
            ]
            body = orjson.dumps({"items": items, "has_more": False})
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            call_id = self.path.rpartition("/")[2]
            of = {call: attempt for attempt, call in calls.items()}.get(call_id)
            found = {"call_id": call_id, "call_status": "ended", "metadata": {"attempt_id": of}}
            body = orjson.dumps(found if of else {"message": "no such call"})
            self.send_response(200 if of else 422)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def park(path: Path) -> None:
    """A ledger with one unknown attempt."""
    async with open_sqlite(path, dispatches=True, on_thread=False) as ledger:
        campaign_id = await ledger.open_campaign("c", NOW, simulated=False)
        intake_id = await ledger.begin_intake(campaign_id, "test", NOW)
        counts = IntakeCounts(rows=1, new=1)
        job = CallJob(key="k", to_number="+12125550100", line=2)
        await ledger.add(intake_id, campaign_id, [job], lambda _: counts, NOW)
        await ledger.end_intake(intake_id, counts)
        new_id = AttemptId(f"{Random(1).getrandbits(64):x}")
        request = ClaimRequest(campaign_id, new_id, NOW, CampaignPolicy(("+12125550199",)), lambda *_: b"{}")
        attempt = await ledger.claim(request)
        assert isinstance(attempt, Attempt)
        await ledger.update(AttemptUpdate(attempt, AttemptState.UNCERTAIN, NOW))
        line = attempt_line(attempt, AttemptState.UNKNOWN, Outcome.UNKNOWN, NOW, None, "nobody knows")
        await ledger.update(
            AttemptUpdate(attempt, AttemptState.UNKNOWN, NOW, job_state=JobState.UNKNOWN, line=line)
        )


async def stands(path: Path) -> tuple[list[tuple[str, str | None]], list[str | None]]:
    """The attempts that are open, each with its call, and what the results say for errors."""
    async with open_sqlite(path, dispatches=False, on_thread=False) as ledger:
        (campaign_id,) = (await ledger.campaigns()).values()
        still = await ledger.open_attempts(campaign_id, OPEN_ATTEMPTS)
        lines = await ledger.results_after(campaign_id, 0, 100)
        said = [orjson.loads(each.line)["error"] for each in lines]
        return [(each.state, each.call_id) for each in still], said


def settings(path: Path, url: str) -> Loaded:
    environ = {"RETELL_API_KEY": "key_test", "NO_PROXY": "*"}
    return load(None, {"ledger": {"url": str(path)}, "retell": {"base_url": url}}, environ, None)


def test_a_call_that_the_api_lists_goes_before_the_operators_word(tmp_path: Path) -> None:
    path = tmp_path / "dialer.db"
    anyio.run(park, path)
    calls: dict[str, str] = {}
    with api_that_lists(calls) as url:
        loaded = settings(path, url)
        (unknown,) = list_unknown(loaded)
        calls[unknown.id] = "call_1"
        assert resolve_not_called(loaded, [unknown.id], "ana", force=False) == {unknown.id: "call_1"}
    still, _ = anyio.run(stands, path)
    assert still == [(AttemptState.PLACED, "call_1")], "nobody is called again by a wrong word"


def test_the_word_is_believed_where_the_api_lists_nothing(tmp_path: Path) -> None:
    path = tmp_path / "dialer.db"
    anyio.run(park, path)
    with api_that_lists({}) as url:
        loaded = settings(path, url)
        (unknown,) = list_unknown(loaded)
        assert resolve_not_called(loaded, [unknown.id], "ana", force=False) == {}
    assert anyio.run(stands, path)[1][-1] == "resolved by ana, and the API listed none: no call was made"


def test_an_api_that_cannot_be_asked_changes_nothing_but_by_force_which_is_on_record(tmp_path: Path) -> None:
    path = tmp_path / "dialer.db"
    anyio.run(park, path)
    loaded = settings(path, "http://127.0.0.1:1")
    (unknown,) = list_unknown(loaded)
    with pytest.raises(BadInput, match=r"could not be asked.*--force"):
        resolve_not_called(loaded, [unknown.id], "ana", force=False)
    assert len(list_unknown(loaded)) == 1
    resolve_not_called(loaded, [unknown.id], "ana", force=True)
    assert anyio.run(stands, path)[1][-1] == "resolved by ana, without a look (--force): no call was made"


def test_a_call_is_taken_only_if_the_api_knows_it_as_the_attempts_own(tmp_path: Path) -> None:
    path = tmp_path / "dialer.db"
    anyio.run(park, path)
    calls = {"another": "call_2"}
    with api_that_lists(calls) as url:
        loaded = settings(path, url)
        (unknown,) = list_unknown(loaded)
        for wrong, says in (("call_1", "knows no call call_1"), ("call_2", "is attempt another's")):
            with pytest.raises(BadInput, match=rf"{says}.*Nothing was changed.*--force"):
                resolve_called(loaded, unknown.id, CallId(wrong), "ana", force=False)
        assert len(list_unknown(loaded)) == 1
        calls[unknown.id] = "call_1"
        resolve_called(loaded, unknown.id, CallId("call_1"), "ana", force=False)
    assert anyio.run(stands, path)[0] == [(AttemptState.PLACED, "call_1")]


def test_a_call_that_nobody_can_look_up_is_taken_by_force_alone(tmp_path: Path) -> None:
    path = tmp_path / "dialer.db"
    anyio.run(park, path)
    loaded = settings(path, "http://127.0.0.1:1")
    (unknown,) = list_unknown(loaded)
    with pytest.raises(BadInput, match=r"could not be asked.*--force"):
        resolve_called(loaded, unknown.id, CallId("call_1"), "ana", force=False)
    assert len(list_unknown(loaded)) == 1
    resolve_called(loaded, unknown.id, CallId("call_1"), "ana", force=True)
    assert anyio.run(stands, path)[0] == [(AttemptState.PLACED, "call_1")]


def test_an_id_may_be_given_by_how_it_begins() -> None:
    ids = [AttemptId("3f0c11"), AttemptId("3f0c12"), AttemptId("3f0c1"), AttemptId("9abcde")]
    for text, means in (("9abcde", "9abcde"), ("9abc", "9abcde"), ("3f0c1", "3f0c1")):
        assert named(ids, text) == means
    for text in ("", "9ab", "nobody"):
        assert named(ids, text) == text, "too short, or none: nothing is guessed"
    with pytest.raises(BadInput, match="3 unknown attempts begin with 3f0c: write more of the id"):
        named(ids, "3f0c")
