"""Asking a person on the terminal for a yes or a no."""

import select
import signal
import socket
import sys

import typer

from dialer.cli import formatting


def confirmed(question: str) -> bool:
    """Whether the person typed yes; the question goes to stderr. Raises `typer.Abort` on Ctrl-C and Ctrl-D.

    `input()` loses a Ctrl-C that arrives right before it blocks in `read`: the interpreter notes the signal
    and looks at it only after the next line. So this waits for the signal and for the line in one `select`.
    """
    try:
        while True:
            formatting.echo(f"{question} [y/N]: ", nl=False, err=True)
            _await_line()
            line = sys.stdin.readline()
            if not line:
                raise typer.Abort
            match line.strip().lower():
                case "y" | "yes":
                    return True
                case "" | "n" | "no":
                    return False
            formatting.echo("type y or n", err=True)
    except KeyboardInterrupt:
        raise typer.Abort from None


def _await_line() -> None:
    woken, wakes = socket.socketpair()
    with woken, wakes:
        wakes.setblocking(False)
        before = signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
        try:
            while sys.stdin not in select.select([sys.stdin, woken], [], [])[0]:
                woken.recv(1)  # a signal: what Python makes of it is raised here
        finally:
            signal.set_wakeup_fd(before)
