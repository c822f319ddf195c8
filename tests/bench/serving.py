"""Processes of the bench: the bare server, and one worker for each measurement."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

WORKER_S_MAX = 900.0


@dataclass(frozen=True, slots=True)
class Server:
    """The bare server, seen from the bench."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def reset(self, latency_s: float = 0.0) -> None:
        """Forget the counts; answer after `latency_s` from now on."""
        self._get(f"/bench/reset?latency={latency_s}")

    def stats(self) -> dict[str, Any]:
        """`created_at` (seconds of `time.perf_counter`), `lists`, `others`."""
        return self._get("/bench/stats")

    def _get(self, path: str) -> dict[str, Any]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
            return answer
        finally:
            connection.close()


@contextmanager
def bare_server() -> Iterator[Server]:
    """A server in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Server(int(process.stdout.readline()))
    finally:
        process.stdin.close()
        process.stdout.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def start_worker(what: str, **given: Any) -> subprocess.Popen[str]:
    """A fresh process for one measurement, so that none inherits another's memory or garbage."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.bench.worker", what, json.dumps(given)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def measure(what: str, **given: Any) -> dict[str, Any]:
    """What the worker measured, and its peak memory as `peak_mib`."""
    process = start_worker(what, **given)
    try:
        out, err = process.communicate(timeout=WORKER_S_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        _, err = process.communicate()
        raise RuntimeError(f"worker {what} took more than {WORKER_S_MAX:g} s:\n{err[-4000:]}") from None
    if process.returncode != 0:
        raise RuntimeError(f"worker {what} failed:\n{err[-4000:]}")
    measured: dict[str, Any] = json.loads(out.splitlines()[-1])
    return measured
