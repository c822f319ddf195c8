"""What the process tells systemd of itself: sd_notify(3), without a library.

Where nobody wants to hear of it (no `NOTIFY_SOCKET`) nothing is said and nothing fails. A message that cannot
be delivered is dropped: the service manager notices what it misses, and calls must not end because of it.
"""

import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

import anyio

SEND_S_MAX = 0.2
"""The loop waits no longer for a service manager whose queue is full."""
FEEDS_A_WATCHDOG = 3
"""Of them two may come late."""
STATUS_EVERY_S = 10.0
STATUS_CHARS_MAX = 500


@dataclass(frozen=True, slots=True)
class Supervisor:
    """Who started the process, if it wants to hear of it."""

    address: str | None
    """Of its socket, as `NOTIFY_SOCKET` has it: a path, or an abstract name behind an @."""
    watchdog_s: float | None
    """It kills a process that says nothing for so long; None: it does not."""

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Self:
        """As the environment has it. What is not understood is as if it were not there."""
        address = environ.get("NOTIFY_SOCKET")
        usec, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
        is_watched = usec.isdecimal() and int(usec) > 0 and pid in ("", str(os.getpid()))
        is_known = address is not None and address.startswith(("/", "@"))
        return cls(address if is_known else None, int(usec) / 1e6 if is_watched else None)

    def ready(self, status: str) -> None:
        """It has started, or taken its settings again, and works. `status`: for people."""
        self._tell("READY=1", _status(status))

    def status(self, status: str) -> None:
        """What it does now, for people: `systemctl status` shows it."""
        self._tell(_status(status))

    def reloading(self) -> None:
        """It takes its settings again; `ready` says when it has."""
        # not the loop's clock: uvloop's counts whole milliseconds of the past, and systemd takes no answer
        # from before the moment at which it asked
        now_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._tell("RELOADING=1", f"MONOTONIC_USEC={now_us}")

    def stopping(self, status: str) -> None:
        """It is on its way down. `status`: why, for people."""
        self._tell("STOPPING=1", _status(status))

    async def keep_fed(self, status: Callable[[], str] | None = None) -> None:
        """Feed the watchdog for ever from the loop that runs this, so that a stuck loop starves it.

        `status`: asked for a line for people each time. Ends at once if nobody wants to hear anything.
        """
        if self.address is None or (self.watchdog_s is None and status is None):
            return
        every_s = STATUS_EVERY_S if self.watchdog_s is None else self.watchdog_s / FEEDS_A_WATCHDOG
        while True:
            lines = [] if self.watchdog_s is None else ["WATCHDOG=1"]
            self._tell(*lines, *([] if status is None else [_status(status())]))
            await anyio.sleep(every_s)

    def _tell(self, *lines: str) -> None:
        if self.address is None:
            return
        name = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
            line.settimeout(SEND_S_MAX)
            try:
                line.sendto("\n".join(lines).encode(), name)
            except OSError:  # nobody there, or it does not keep up
                return


def _status(text: str) -> str:
    return f"STATUS={' '.join(text.split())[:STATUS_CHARS_MAX]}"
