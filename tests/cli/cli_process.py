"""Runs the real command in a process of its own, with an environment of its own."""

import atexit
import json
import os
import pty
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from tests.cli.warm import ask

COMMAND = (sys.executable, "-m", "dialer")
TIMEOUT_S = 60
AGAIN_S = 5.0
"""A signal is sent again where nothing has come of it: whoever is asked may not be listening yet."""
READ_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return self.out + self.err


def environment(env: Mapping[str, str] | None = None) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "PYTHONWARNINGS": "error",
        "COLUMNS": "80",
        **(env or {}),
    }


def dialer(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> Ended:
    """Without a terminal; from a process that has the modules loaded, since there are hundreds of starts."""
    with open(os.devnull, "rb") as none, TemporaryFile() as out, TemporaryFile() as err:
        server, files = warm(), [none.fileno(), out.fileno(), err.fileno()]
        try:
            code = ask(server, arguments, str(cwd), environment(env), files)
        except TimeoutError:
            warm.cache_clear()
            raise
        said = [(file.seek(0), file.read().decode())[1] for file in (out, err)]
    return Ended(code, *said)


@cache
def warm() -> socket.socket:
    """Started once; it ends with the tests."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-m", "tests.cli.warm", str(theirs.fileno())]
    process = subprocess.Popen(
        command,
        env=environment(),
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    theirs.close()
    ours.settimeout(TIMEOUT_S)

    def end() -> None:
        ours.close()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    atexit.register(end)
    return ours


def dialer_on_terminal(
    *arguments: str,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    typed: bytes = b"",
    interrupt_at: bytes | None = None,
) -> Ended:
    """With a terminal of 80 columns for stdin, stdout and stderr alike; everything is in `out`.

    `interrupt_at`: once this was said, it is sent SIGINT, as by Ctrl-C.
    """
    ours, theirs = pty.openpty()
    terminal = {"TERM": "xterm-256color", **(env or {})}
    with subprocess.Popen(
        [*COMMAND, *arguments], cwd=cwd, env=environment(terminal), stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        os.write(ours, typed)
        interrupted = False
        said = b""
        try:
            while True:
                heard = bool(select.select([ours], [], [], AGAIN_S)[0])
                part = os.read(ours, READ_BYTES) if heard else b""
                if heard and not part:
                    break
                said += part
                if interrupt_at is not None and interrupt_at in said and (not heard or not interrupted):
                    process.send_signal(signal.SIGINT)
                    interrupted = True
        except OSError:  # Linux says so when the other end is closed
            pass
        finally:
            os.close(ours)
        code = process.wait(TIMEOUT_S)
    return Ended(code, said.decode(), "")


@dataclass(slots=True)
class Served:
    """A pretended Retell in a process of its own."""

    process: subprocess.Popen[str]
    url: str

    def settings(self, **more: str) -> dict[str, str]:
        """The environment of a command that is to call it."""
        return {
            "RETELL_API_KEY": "sim-key",
            "DIALER_RETELL__BASE_URL": self.url,
            "DIALER_TRACKING__POLL_S": "0.2",
            "DIALER_RULES__HOURS": "always",
            "DIALER_PLACING__SETTLE_S": "1",
            **more,
        }

    def report(self) -> dict[str, Any]:
        """Stop it; what it has seen."""
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=TIMEOUT_S)
        assert (self.process.returncode, err) == (0, "")
        report: dict[str, Any] = json.loads(out)
        return report


@contextmanager
def simulator(*arguments: str, cwd: Path) -> Iterator[Served]:
    """`dialer simulator`, at work."""
    with subprocess.Popen(
        [*COMMAND, "simulator", "--port", "0", *arguments],
        cwd=cwd,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield Served(process, process.stdout.readline().strip())
        finally:
            process.kill()
