"""The HTTP API as the settings want it, on each kind of ledger, and what is logged of it."""

import io
import logging
import socket
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import orjson
import pytest
import sqlalchemy as sa
from aiohttp import ClientSession
from api_kit import SetClock, number, submit_to

from dialer.adapters.ledger.postgres import open_shared_postgres
from dialer.adapters.ledger.shared import SharedLedger, open_shared_sqlite
from dialer.adapters.ledger.store import SqlLedger
from dialer.adapters.sources.messages import read_message
from dialer.adapters.sources.options import JobOptions
from dialer.adapters.system.clock import SystemClock
from dialer.app.api_backend import LedgerDesk
from dialer.app.http_api import api_served
from dialer.app.ledger import open_ledger
from dialer.domain.calls import Submitted
from dialer.domain.errors import BadInput
from dialer.domain.lifecycle import JobState
from dialer.domain.rights import Grant
from dialer.ports.engine import AddedAs
from dialer.settings import Settings, load
from dialer.telemetry.logs import configure
from dialer.telemetry.request_log import REFUSED_EACH_S, RequestLog
from dialer.web.api import Answered
from dialer.web.tokens import Role, fingerprint, new_token
from tests.support.cut import a_way
from tests.support.postgres import a_schema

SECRET = new_token()
ANSWER_S_MAX = 15.0


@pytest.fixture(autouse=True)
def _root_logger() -> Iterator[None]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    yield
    root.handlers[:], root.level = before


def settings(
    listen: str = "127.0.0.1:0", names: Sequence[str] = ("ana",), region: str | None = None
) -> Settings:
    tokens = [
        {"name": name, "role": Role.OPERATE, "sha256": fingerprint(SECRET if name == "ana" else name)}
        for name in names
    ]
    flags = {
        "api": {"listen": listen, "tokens": tokens},
        "intake": {"region": region},
        "from_numbers": ["+12125550199"],
    }
    return load(None, flags, {}, None).settings


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield str(tmp_path / "dialer.db")
        return
    with a_schema() as schema:
        yield schema


def open_dialling(url: str) -> AbstractAsyncContextManager[SharedLedger]:
    if url.startswith("postgresql://"):
        return open_shared_postgres(url, lambda _: None)
    return open_shared_sqlite(Path(url), on_thread=True)


def opening(url: str) -> Callable[[], AbstractAsyncContextManager[SqlLedger]]:
    return partial(open_ledger, Settings(ledger={"url": url}), dispatches=False)


def test_what_is_given_and_ordered_holds_for_whoever_dials(url: str) -> None:
    """The API has a connection of its own beside the dialling one."""

    async def main() -> None:
        in_force = settings()
        async with (
            open_dialling(url) as dials,
            api_served(lambda: in_force, opening(url), submit_to(dials), SystemClock()) as served,
            ClientSession(headers={"Authorization": f"Bearer {SECRET}"}) as session,
        ):

            async def ask(method: str, path: str, body: object = None) -> tuple[int, Any]:
                async with session.request(method, f"{served}{path}", json=body) as answer:
                    return answer.status, await answer.json(content_type=None)

            jobs = [
                {"campaign": "spring", "to_number": number(each), "job_id": f"row {each}"}
                for each in range(3)
            ]
            status, said = await ask("POST", "/v1/jobs", [*jobs, jobs[0], {"to_number": "abc"}])
            assert (status, said["taken"], said["refused"]) == (207, 4, 1)
            assert [each["how"] for each in said["jobs"]] == ["new"] * 3 + ["same", None]
            assert (await ask("GET", "/v1/jobs/row%201"))[1]["jobs"][0]["to_number"] == number(1)
            assert (await ask("GET", "/v1/jobs/a%00b"))[0] == 404
            for order, body in (("pause", {"reason": "é"}), ("set", {"changes": {"pace.slots": 3}})):
                assert (await ask("POST", f"/v1/campaigns/spring/{order}", body))[0] == 200
            control = await dials.control((await dials.campaigns())["spring"])
            assert (control.paused, control.changes) == ("paused by ana: é", {"pace.slots": 3})
            closed = (await ask("POST", "/v1/campaigns/spring/cancel"))[1]
            assert (closed["closed"], closed["campaign"]["cancelled"]["by"]) == (3, "ana")
            assert (await ask("GET", "/v1/jobs/row%201"))[1]["jobs"][0]["state"] == "cancelled"

    anyio.run(main)


@asynccontextmanager
async def served_by(in_force: Callable[[], Settings], path: Path) -> AsyncIterator[str | None]:
    async with (
        open_dialling(str(path)) as dials,
        api_served(in_force, opening(str(path)), submit_to(dials), SystemClock()) as url,
    ):
        yield url


def test_while_the_server_is_lost_everybody_is_told_to_ask_again() -> None:
    """Whoever dials waits for it; whoever asks need not."""

    async def main(schema: str) -> None:
        in_force = settings()
        async with (
            a_way(schema) as way,
            open_dialling(way.url) as dials,
            api_served(lambda: in_force, opening(way.url), submit_to(dials), SystemClock()) as served,
            ClientSession(headers={"Authorization": f"Bearer {SECRET}"}) as session,
        ):

            async def ask(method: str, path: str) -> tuple[int, bool]:
                body = {"campaign": "spring", "to_number": number(1)} if method == "POST" else None
                with anyio.fail_after(ANSWER_S_MAX):
                    async with session.request(method, f"{served}{path}", json=body) as answer:
                        return answer.status, "Retry-After" in answer.headers

            assert await ask("POST", "/v1/jobs") == (200, False)
            way.is_closed = True
            way.cut()
            for _ in range(2):
                assert await ask("POST", "/v1/jobs") == (503, True)
                assert await ask("GET", "/v1/campaigns") == (503, True)
            way.is_closed = False
            assert await ask("POST", "/v1/jobs") == (200, False)

    with a_schema() as schema:
        anyio.run(main, schema)


def test_a_long_question_holds_up_no_order_and_no_job(tmp_path: Path) -> None:
    """An order holds at once; only the answer, which says where the campaign stands, waits."""
    url = str(tmp_path / "dialer.db")
    asked, may_end = threading.Event(), threading.Event()

    def long(conn: sa.Connection) -> None:
        asked.set()
        conn.exec_driver_sql("SELECT 1")
        assert may_end.wait(ANSWER_S_MAX)

    async def main() -> None:
        in_force = settings()
        async with open_dialling(url) as dials, opening(url)() as questions, opening(url)() as orders:
            desk = LedgerDesk(questions, orders, lambda: in_force, read_job, submit_to(dials))
            await desk.submit([{"campaign": "spring", "to_number": number(1)}], Grant())
            spring = (await dials.campaigns())["spring"]
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(questions.ask, long)
                await anyio.to_thread.run_sync(asked.wait)
                with anyio.fail_after(ANSWER_S_MAX / 2):
                    await desk.submit([{"campaign": "spring", "to_number": number(2)}], Grant())
                    tasks.start_soon(desk.pause, "spring", "ana", "")
                    while (await dials.control(spring)).paused is None:
                        await anyio.lowlevel.checkpoint()
                may_end.set()

    anyio.run(main)


def read_job(item: Mapping[str, Any]) -> Submitted:
    return read_message(item, JobOptions())


def test_what_is_given_to_several_workers_at_once_is_one_job() -> None:
    jobs = [{"campaign": "spring", "job_id": f"row {n}", "to_number": number(n)} for n in range(40)]
    hows: list[object] = []

    async def main(schema: str) -> None:
        in_force = settings()

        async def give(ledger: SharedLedger) -> None:
            desk = LedgerDesk(ledger, ledger, lambda: in_force, read_job, submit_to(ledger))
            hows.extend(each.how for each in await desk.submit(jobs, Grant()))

        async with open_dialling(schema) as one, open_dialling(schema) as other:
            async with anyio.create_task_group() as tasks:
                for worker in (one, other) * 5:
                    tasks.start_soon(give, worker)
            counts = await one.counts((await one.campaigns())["spring"])
            assert counts.jobs[JobState.OPEN] == len(jobs)

    with a_schema() as schema:
        anyio.run(main, schema)
    assert Counter(hows) == {AddedAs.NEW: len(jobs), AddedAs.SAME: 9 * len(jobs)}


def test_nothing_listens_without_a_token(tmp_path: Path) -> None:
    async def main() -> None:
        async with served_by(Settings, tmp_path / "dialer.db") as url:
            assert url is None

    anyio.run(main)


def test_an_address_that_cannot_be_had_is_named_by_its_setting(tmp_path: Path) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            listen = f"127.0.0.1:{taken.getsockname()[1]}"
            async with served_by(lambda: settings(listen), tmp_path / "dialer.db"):
                pass

    with pytest.raises(BaseExceptionGroup) as caught:
        anyio.run(main)
    assert caught.group_contains(BadInput, match=r"api\.listen 127\.0\.0\.1:\d+: cannot listen there")


def test_settings_that_are_read_again_hold_at_once(tmp_path: Path) -> None:
    """Tokens that were taken back, and how jobs are read."""

    async def main() -> None:
        in_force = [settings()]
        async with (
            served_by(lambda: in_force[0], tmp_path / "dialer.db") as url,
            ClientSession(headers={"Authorization": f"Bearer {SECRET}"}) as session,
        ):

            async def give() -> int:
                async with session.post(f"{url}/v1/jobs", json={"to_number": number(1)[2:]}) as answer:
                    return answer.status

            statuses = []
            for names, region in ((["ana"], None), (["other"], "US"), (["other", "ana"], "US")):
                in_force[0] = settings(names=names, region=region)
                statuses.append(await give())
            assert statuses == [422, 401, 200]

    anyio.run(main)


def test_orders_refusals_and_faults_are_logged_without_a_number() -> None:
    clock, stream = SetClock(1_800_000_000.0), io.StringIO()
    log = RequestLog(configure("json", "info", stream, clock=clock), clock)

    def answered(status: int, method: str = "GET", error: Exception | None = None) -> None:
        log.observe(Answered("ana", "192.0.2.7", method, "/v1/jobs/{job_id}", status, 0.01234, error))

    answered(200)
    answered(207, "POST")
    for _ in range(3):
        answered(401)
    clock.at += REFUSED_EACH_S
    answered(429)
    answered(500, "GET", RuntimeError("nobody answers at +12125550100"))
    lines = [orjson.loads(line) for line in stream.getvalue().splitlines()]
    assert [(each["event"], each["status"], each.get("unlogged")) for each in lines] == [
        ("request.answered", 207, None),
        ("request.refused", 401, 0),
        ("request.refused", 429, 2),
        ("request.failed", 500, None),
    ]
    assert (lines[0]["who"], lines[0]["seconds"]) == ("ana", 0.012)
    assert {each["client"] for each in lines} == {"192.0.2.7"}
    assert "RuntimeError: nobody answers at +1212555****" in lines[-1]["exception"]
