"""Processes of our own that are watched while they run: what they say is an event that can be waited for."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import IO, Any, Self

from tests.cli.cli_process import environment

EVENT_S_MAX = 30.0
"""How long an event is waited for, before the test fails."""
END_S_MAX = 60.0
TAIL_LINES = 25
LOOK_EVERY_S = 0.02


@dataclass(frozen=True, slots=True)
class Done:
    """How a process ended."""

    code: int
    out: str
    err: str
    seconds: float
    """From the moment it was waited for."""

    @property
    def said(self) -> str:
        return self.out + self.err

    @property
    def errors(self) -> list[str]:
        """Why it failed: in plain words before its log has a line, else in the log's last one."""
        plain = [line.removeprefix("error: ") for line in self.err.splitlines() if line.startswith("error: ")]
        logged = [
            line for line in map(_log_line, self.err.splitlines()) if line.get("event") == "process.failed"
        ]
        assert all(line["exit_code"] == self.code for line in logged), self.err
        return plain + [each for line in logged for each in line["why"].splitlines()]

    @property
    def summary(self) -> dict[str, Any]:
        """What `--json` printed."""
        shown: dict[str, Any] = json.loads(self.out)
        return shown


class Program:
    """One process from its start to its end. A context: a process that is left running is killed with -9."""

    def __init__(self, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None) -> None:
        self.began = perf_counter()
        self._process = subprocess.Popen(
            argv,
            cwd=cwd,
            env=environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._news = threading.Condition()
        self.out: list[str] = []
        self.err: list[str] = []
        self._readers = [
            self._reading(self._process.stdout, self.out),
            self._reading(self._process.stderr, self.err),
        ]

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def _reading(self, stream: IO[str] | None, into: list[str]) -> threading.Thread:
        assert stream is not None

        def read(stream: IO[str] = stream) -> None:
            for line in stream:
                with self._news:
                    into.append(line)
                    self._news.notify_all()
            stream.close()

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        return thread

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The log lines of that event so far."""
        with self._news:
            return [line for line in map(_log_line, self.err) if line.get("event") == event]

    def printed(self, within_s: float = EVENT_S_MAX) -> str:
        """The first line on stdout."""
        wait_for(lambda: self.out or self._process.poll() is not None, "something is printed", within_s)
        if not self.out:
            raise AssertionError(f"it ended without a word; {self._tail()}")
        return self.out[0].strip()

    def until(self, event: str, count: int = 1, within_s: float = EVENT_S_MAX) -> list[dict[str, Any]]:
        """Wait until the log has so many lines of that event; fails if the process ends before."""
        found = self.reached(event, count, within_s)
        if found is None:
            raise AssertionError(
                f"it ended (or {within_s:g} s passed) before {count} {event}; {self._tail()}"
            )
        return found

    def reached(self, event: str, count: int, within_s: float = EVENT_S_MAX) -> list[dict[str, Any]] | None:
        """As `until`, but None if it never came to that."""

        def over() -> bool:
            return not any(reader.is_alive() for reader in self._readers)

        wanted, read, found = f'"event":"{event}"', 0, 0
        deadline = perf_counter() + within_s
        with self._news:
            while True:
                found += sum(wanted in line for line in self.err[read:])
                read = len(self.err)
                if found >= count:
                    return [line for line in map(_log_line, self.err) if line.get("event") == event]
                if over() or perf_counter() > deadline:
                    return None
                self._news.wait(LOOK_EVERY_S)  # a process that ends tells nobody

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def ended(self, within_s: float = END_S_MAX) -> Done:
        """Wait for its end, however it comes."""
        began = perf_counter()
        try:
            code = self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end in {within_s:g} s; {self._tail()}") from None
        seconds = perf_counter() - began
        for reader in self._readers:
            reader.join(END_S_MAX)
        return Done(code, "".join(self.out), "".join(self.err), seconds)

    def killed(self) -> Done:
        """kill -9, and its end."""
        self._process.kill()
        return self.ended()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            os.kill(self.pid, signal.SIGCONT)
            self.killed()
        for reader in self._readers:
            reader.join(END_S_MAX)

    def _tail(self) -> str:
        return f"code {self._process.poll()}, it said: {''.join(self.out)}{''.join(self.err[-TAIL_LINES:])}"


def wait_for(true: Callable[[], object], what: str, within_s: float = EVENT_S_MAX) -> None:
    """Look again and again until it is true."""
    deadline, pause = perf_counter() + within_s, threading.Event()
    while not true():
        if perf_counter() > deadline:
            raise AssertionError(f"after {within_s:g} s still not: {what}")
        pause.wait(LOOK_EVERY_S)


def _log_line(line: str) -> dict[str, Any]:
    if not line.startswith("{"):
        return {}
    try:
        found: dict[str, Any] = json.loads(line)
    except json.JSONDecodeError:  # the last line of a killed process may be half of one
        return {}
    return found
