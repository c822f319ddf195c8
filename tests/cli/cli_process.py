"""Runs the real command in a process of its own, with an environment of its own."""

import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

COMMAND = (sys.executable, "-m", "dialer")
TIMEOUT_S = 60
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
    """Without a terminal."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=cwd,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def dialer_on_terminal(
    *arguments: str, cwd: Path, env: Mapping[str, str] | None = None, typed: bytes = b""
) -> Ended:
    """With a terminal of 80 columns for stdin, stdout and stderr alike; everything is in `out`."""
    ours, theirs = pty.openpty()
    terminal = {"TERM": "xterm-256color", **(env or {})}
    with subprocess.Popen(
        [*COMMAND, *arguments], cwd=cwd, env=environment(terminal), stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        os.write(ours, typed)
        said = b""
        try:
            while part := os.read(ours, READ_BYTES):
                said += part
        except OSError:  # Linux says so when the other end is closed
            pass
        finally:
            os.close(ours)
        code = process.wait(TIMEOUT_S)
    return Ended(code, said.decode(), "")
