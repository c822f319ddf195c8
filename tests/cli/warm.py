"""A process that has the command's modules loaded and becomes the command, again and again, by forking.

To load them takes a second, and the tests start the command hundreds of times. What is forked is a process
of its own as any other: it has the folder, the environment and the files that it was given, and ends as a
command ends. A start from nothing is `cli_process.COMMAND`: all have it that need a signal or a terminal.

    python -m tests.cli.warm FD       serves on that socket until its other end is closed
"""

import importlib
import json
import os
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

MODULES = (
    "dialer.app.run",
    "dialer.commands.check",
    "dialer.cli.main",
    "dialer.commands.why",
    "dialer.commands.inspect",
    "dialer.commands.control",
    "dialer.commands.resolve",
    "dialer.app.simulation",
    "dialer.commands.dnc",
    "rich.console",
    "rich.table",
)
MESSAGE_BYTES_MAX = 100_000


def ask(
    server: socket.socket, arguments: Sequence[str], cwd: str, env: Mapping[str, str], files: Sequence[int]
) -> int:
    """Run the command to its end; its exit status. Raises `TimeoutError`. `files`: stdin, stdout, stderr."""
    asked = {"arguments": [*arguments], "cwd": cwd, "env": dict(env)}
    socket.send_fds(server, [json.dumps(asked).encode()], [*files])
    return int(server.recv(MESSAGE_BYTES_MAX))


def serve(listening: socket.socket) -> dict[str, Any] | None:
    """Gives in a new process what it is to become; None in this one, when nobody can ask any more."""
    while True:
        message, files, _, _ = socket.recv_fds(listening, MESSAGE_BYTES_MAX, 3)
        if not message:
            return None
        child = os.fork()
        if child == 0:
            listening.close()
            for number, file in enumerate(files):
                os.dup2(file, number)
                os.close(file)
            return dict(json.loads(message))
        for file in files:
            os.close(file)
        _, status = os.waitpid(child, 0)
        listening.send(str(os.waitstatus_to_exitcode(status)).encode())


def main() -> None:
    for name in MODULES:
        importlib.import_module(name)
    asked = serve(socket.socket(fileno=int(sys.argv[1])))
    if asked is not None:
        os.chdir(asked["cwd"])
        os.environ.clear()
        os.environ.update(asked["env"])
        time.tzset()
        sys.argv = ["dialer", *asked["arguments"]]
        from dialer.cli.main import main as become

        become()


if __name__ == "__main__":
    main()
