"""Claims per second of several workers on one PostgreSQL: the ledger alone, without requests or an engine.

Each worker is a process with a connection of its own. It claims, writes that the call was placed, and closes
the attempt, many at a time, as the engine does: so each commit holds what has gathered meanwhile.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from typing import Any

import anyio

from dialer.adapters.ledger.postgres import open_shared_postgres
from dialer.adapters.ledger.shared import SharedLedger
from dialer.adapters.system.clock import SystemClock
from dialer.domain.calls import Attempt, AttemptId, CallId, CallJob, CampaignId
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.domain.outcomes import Outcome
from dialer.domain.results import attempt_line, job_line
from dialer.domain.screening import CampaignPolicy
from dialer.engine.submissions import Submissions
from dialer.ports.engine import AttemptUpdate, ClaimRequest, Finish
from dialer.ports.sharing import Limits
from tests.bench.report import Report, shown
from tests.bench.serving import Server
from tests.support.postgres import a_schema, sql

FROM = "+12125550199"
CREWS = (1, 2, 4, 8)
LANES = 16
JOBS = 20_000
WARM_S = 1.0
BATCH = 2000
UNBOUNDED = 100_000


def measure_workers(report: Report, server: Server, quick: bool) -> None:
    """Claims per second for 1, 2, 4 and 8 workers, in turn."""
    del server
    seconds, rounds = (2.0, 1) if quick else (5.0, 3)
    report.begin("workers", f"workers on one PostgreSQL, {LANES} lanes each, {seconds:g} s, {rounds} rounds")
    rates: dict[int, list[float]] = {workers: [] for workers in CREWS}
    for _ in range(rounds):
        for workers in CREWS:
            rates[workers].append(_together(workers, seconds))
    one = sorted(rates[1])[len(rates[1]) // 2]
    rows = [
        (str(workers), shown(found), f"{sorted(found)[len(found) // 2] / one:.2f}")
        for workers, found in rates.items()
    ]
    report.table(("workers", "jobs/s", "of one"), rows)
    report.figures["workers"] = {str(workers): found for workers, found in rates.items()}


def _together(workers: int, seconds: float) -> float:
    """Jobs that all of them closed in a second."""
    with a_schema() as url:
        anyio.run(_fill, url)
        _work_together(url, ["warm"], WARM_S)
        sql(url, "ANALYZE")  # as the server does by itself after a minute: it has to know what there is
        return _work_together(url, [f"w{number}" for number in range(workers)], seconds) / seconds


def _work_together(url: str, workers: list[str], seconds: float) -> int:
    argv = [sys.executable, "-m", "tests.bench.worker", "claims"]
    processes = [
        subprocess.Popen([*argv, json.dumps({"url": url, "seconds": seconds, "worker": worker})], stdout=-1)
        for worker in workers
    ]
    answers = [json.loads(process.communicate()[0]) for process in processes]
    return sum(answer["closed"] for answer in answers)


async def _fill(url: str) -> None:
    async with open_shared_postgres(url, lambda _: None) as ledger:
        submissions = Submissions(ledger, ledger, SystemClock(), "bench")
        for start in range(0, JOBS, BATCH):
            jobs = [CallJob(f"job-{n}", None, job_id=f"job-{n}") for n in range(start, start + BATCH)]
            await submissions.submit("bench", jobs)


def claim_and_close(asked: Mapping[str, Any]) -> dict[str, Any]:
    """One worker."""
    return anyio.run(_work, asked["url"], asked["seconds"], asked["worker"])


async def _work(url: str, seconds: float, worker: str) -> dict[str, Any]:
    closed = 0
    async with open_shared_postgres(url, lambda _: None) as ledger:
        campaign_id = (await ledger.campaigns_at_work(2**31))["bench"]
        limits = Limits(worker, anyio.current_time, UNBOUNDED, UNBOUNDED, 0.1, 7500.0)
        numbers = count()

        async def lane() -> None:
            nonlocal closed
            while anyio.current_time() < ends_at:
                attempt_id = AttemptId(f"{worker}-{next(numbers)}")
                was_closed = await _one(ledger, campaign_id, attempt_id, limits)
                closed += was_closed  # after the wait: the other lanes count, too

        ends_at = anyio.current_time() + seconds
        async with anyio.create_task_group() as tasks:
            for _ in range(LANES):
                tasks.start_soon(lane)
    return {"closed": closed}


async def _one(ledger: SharedLedger, campaign_id: CampaignId, attempt_id: AttemptId, limits: Limits) -> bool:
    now = SystemClock().now()
    claimed = await ledger.claim(
        ClaimRequest(campaign_id, attempt_id, now, CampaignPolicy((FROM,)), _encode, limits)
    )
    if not isinstance(claimed, Attempt):
        return False
    call_id = CallId(f"call-{attempt_id}")
    await ledger.update(AttemptUpdate(claimed, AttemptState.PLACED, now, call_id=call_id))
    placed = replace(claimed, state=AttemptState.PLACED, call_id=call_id, placed_at=now)
    lines = [
        attempt_line(placed, AttemptState.ENDED, Outcome.REACHED, now, None, None),
        job_line(placed.job, JobState.DONE, Outcome.REACHED, 1, call_id, now, None),
    ]
    history = (Outcome.REACHED,)
    done = Finish(placed, AttemptState.ENDED, Outcome.REACHED, now, JobState.DONE, None, history, lines)
    await ledger.finish(done)
    return True


def _encode(job: CallJob, attempt_id: AttemptId, from_number: str | None) -> bytes:
    return f'{{"to_number":"{job.to_number}","from_number":"{from_number}","id":"{attempt_id}"}}'.encode()
