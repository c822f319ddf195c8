"""What goes on beside a running campaign: its log, its counters, and the progress that people see."""

import contextlib
import sys
from dataclasses import dataclass
from typing import TextIO, cast
from zoneinfo import ZoneInfo

import anyio
from rich.console import Console
from rich.constrain import Constrain
from rich.live import Live

from dialer.adapters.system.clock import SystemClock
from dialer.app.run import INTERRUPTED, Running
from dialer.cli.progress import ProgressView, snapshot_of
from dialer.domain.errors import LedgerError
from dialer.engine.events import Event, Observe
from dialer.ports.engine import Clock
from dialer.settings import Settings
from dialer.settings.contact import hours_notice
from dialer.settings.live import overridden
from dialer.telemetry import logs
from dialer.telemetry.tally import PACE_WINDOW_S, Tally

REDRAWN_EVERY_S = 0.25
ECHO_CHARS = 4
"""Kept free at the end of each line, so that a `^C` that the terminal echoes does not begin a new one."""
LINE_EVERY_S = 5.0
LOOKED_EVERY_S = 2.0
"""How often the ledger is asked whom nobody calls, and why; for people, on the real clock."""
VIRTUAL_REDRAWN_EVERY_S = 60.0
VIRTUAL_LINE_EVERY_S = 3600.0
VIRTUAL_COUNTERS_EVERY_S = 3600.0
VIRTUAL_HELD_EVERY_S = 60.0


@dataclass(slots=True)
class _CampaignClock:
    """The machine's clock until the campaign has one of its own."""

    source: Clock

    def now(self) -> float:
        return self.source.now()


class _Stderr:
    """Whatever stderr is at the moment: while progress is drawn, lines have to go above it.

    A reader that went away must not stop the campaign.
    """

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.flush()

    def isatty(self) -> bool:
        return sys.stderr.isatty()


class _Console(Console):
    """The same for what rich writes, which would end the program."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class Watch:
    """Observers and view of one run.

    On a terminal the progress is drawn on stderr; elsewhere lines of it go to stdout, unless stdout is
    wanted for JSON. `speed`: of the campaign's clock, None if it is virtual.
    """

    def __init__(self, settings: Settings, *, speed: float | None, stdout_is_free: bool) -> None:
        self.tally = Tally()
        self._settings = settings
        self._speed = speed
        self._lines_to = _Console(soft_wrap=True, highlight=False, markup=False) if stdout_is_free else None
        self._screen = _Console(stderr=True)
        self._clock = _CampaignClock(SystemClock())
        self._progress: ProgressView | None = None
        self._look_at = 0.0
        self.log = logs.configure(
            settings.logs.format,
            settings.logs.level,
            cast(TextIO, _Stderr()),
            clock=self._clock,
            secrets=settings.secrets,
            show_numbers=settings.logs.show_numbers,
            colors=not self._screen.no_color,
        )

    @property
    def observers(self) -> list[Observe]:
        """For the engine's events."""
        held_each_s = self._every(logs.HELD_EACH_S, VIRTUAL_HELD_EVERY_S)
        log = logs.LogObserver(self.log, self._clock, held_each_s=held_each_s, wanted_stops=[INTERRUPTED])
        return [self.tally.observe, log.observe, self._observe]

    def _every(self, real_s: float, virtual_s: float) -> float:
        """Seconds on the campaign's clock that are `real_s` for those who watch, however fast it goes."""
        return virtual_s if self._speed is None else real_s * max(self._speed, 1.0)

    @property
    def _redrawn_every_s(self) -> float:
        return self._every(REDRAWN_EVERY_S, VIRTUAL_REDRAWN_EVERY_S)

    def _observe(self, event: Event) -> None:
        if self._progress is not None:
            self._progress.observe(event)

    async def view(self, running: Running) -> None:
        """Write counters and show progress until cancelled."""
        self._clock.source = running.clock
        if notice := hours_notice(self._settings.rules):
            self.log.warning("rules.hours_off", why=notice)
        self._announce(running)
        snapshot = lambda: snapshot_of(  # noqa: E731
            self.tally, running.before, running.clock.now(), running.slots()
        )
        zone = ZoneInfo(self._settings.campaign.timezone)
        self._progress = ProgressView(
            running.campaign,
            self.tally,
            snapshot,
            zone,
            speed=self._speed,
            pace_window_s=max(PACE_WINDOW_S, self._redrawn_every_s),
        )
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._count)
                with contextlib.suppress(OSError):  # nobody reads any more: the campaign goes on
                    await self._show(self._progress, running)
        finally:
            self._counted()

    def _announce(self, running: Running) -> None:
        """Settings that hold although this run's file, environment or flags say otherwise."""
        for name, own in overridden(self._settings, running.changes).items():
            back = f"dialer set {running.campaign} --unset {name}"
            self.log.warning(
                "settings.overridden",
                setting=name,
                holds=running.changes[name],
                configured=own,
                why=f"changed with `dialer set`; `{back}` takes it back",
            )

    async def _count(self) -> None:
        counters_s = self._settings.logs.counters_s
        every_s = self._every(counters_s, max(counters_s, VIRTUAL_COUNTERS_EVERY_S))
        while True:
            await anyio.sleep(every_s)
            self._counted()

    def _counted(self) -> None:
        self.log.info("counters.counted", **logs.counters_line(self.tally))

    async def _look(self, progress: ProgressView, running: Running) -> None:
        """Ask the ledger for whom nobody is called now: only then, and not at each redraw."""
        if not progress.is_idle:
            progress.waiting, self._look_at = (), 0.0
        elif anyio.current_time() >= self._look_at:
            self._look_at = anyio.current_time() + self._every(LOOKED_EVERY_S, VIRTUAL_REDRAWN_EVERY_S)
            with contextlib.suppress(LedgerError):  # the campaign itself says so
                progress.waiting = await running.waiting()

    async def _show(self, progress: ProgressView, running: Running) -> None:
        if self._screen.is_terminal:
            with Live(console=self._screen, auto_refresh=False, transient=True) as live:
                while True:
                    await self._look(progress, running)
                    drawn = Constrain(progress.render(), self._screen.width - ECHO_CHARS)
                    live.update(drawn, refresh=True)
                    await anyio.sleep(self._redrawn_every_s)
        elif self._lines_to is not None:
            every_s = self._every(LINE_EVERY_S, VIRTUAL_LINE_EVERY_S)
            while True:
                await anyio.sleep(every_s)
                await self._look(progress, running)
                self._lines_to.print(progress.line())
